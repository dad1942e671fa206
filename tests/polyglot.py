"""What the scripts share that run other languages: commands that end together with all that they started, Debian's packages,
the toolchains that the examples pin, and languages in parallel."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
# Debian's packages that have a program.
PACKAGES = {
    "protoc": "protobuf-compiler libprotobuf-dev",
    "grpc_cpp_plugin": "protobuf-compiler-grpc libgrpc++-dev",
    "grpc_java_plugin": "protobuf-compiler-grpc-java-plugin",
    "g++-12": "g++-12",
    "cmake": "cmake",
    "pkg-config": "pkg-config",
    "javac": "openjdk-17-jdk-headless",
    "mvn": "maven",
    "mcs": "mono-mcs",
    "openssl": "openssl",
    "chromium": "chromium",
}
# For each language: the file that pins its toolchain and where there, what tells the version that runs, and where to get it.
PINS = {
    "Go": [("go/go.mod", r"^toolchain go(\d+\.\d+)", "cd go && go env GOVERSION", r"go(\d+\.\d+)", "https://go.dev/dl")],
    "Java": [("java/.java-version", r"^(\d+)", "mvn -v", r"Java version: (\d+)", "Debian's openjdk-17-jdk-headless, and JAVA_HOME")],
    "Python": [("python/.python-version", r"^(\d+\.\d+)", "python3 -V", r"Python (\d+\.\d+)", "https://www.python.org")],
    "Node": [("node/.nvmrc", r"^(\d+)", "node -v", r"v(\d+)", "https://nodejs.org or nvm")],
    "Rust": [("rust/Cargo.toml", r'^rust-version = "(\d+\.\d+)"', "rustc --version", r"^rustc (\d+\.\d+)", "https://rustup.rs")],
    "C++": [
        ("cpp/toolchain.cmake", r"CXX_COMPILER g\+\+-(\d+)", "g++-12 -dumpversion", r"^(\d+)", "Debian 12's g++"),
        ("cpp/toolchain.cmake", r"protobuf (\d+\.\d+)", "pkg-config --modversion protobuf", r"^(\d+\.\d+)", "Debian 12's libprotobuf-dev"),
        ("cpp/toolchain.cmake", r"gRPC (\d+\.\d+)", "pkg-config --modversion grpc++", r"^(\d+\.\d+)", "Debian 12's libgrpc++-dev"),
        ("cpp/CMakeLists.txt", r"minimum_required\(VERSION (\d+)", "cmake --version", r"version (\d+)", "Debian 12's cmake"),
    ],
}
# Short-lived JVMs: compiling them well costs more than it saves.
os.environ.setdefault("MAVEN_OPTS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
running = set()
lock = threading.Lock()


def start(command, **options):
    """Starts a command at the head of a process group, which `end` ends."""
    process = subprocess.Popen(command, text=True, start_new_session=True, **options)
    with lock:
        running.add(process)
    return process


def end(process):
    """Ends a command with all that it started and left behind."""
    with lock:
        running.discard(process)
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def interrupted(number, _):
    """Ends everything when the script itself is told to end."""
    for process in list(running):
        end(process)
    os._exit(128 + number)


signal.signal(signal.SIGINT, interrupted)
signal.signal(signal.SIGTERM, interrupted)


def sh(commands, folder, environment=None, limit=600, merge=False):
    """Runs commands by bash: what they printed, whether they ended well, and what they complained of unless that is merged."""
    errors = subprocess.STDOUT if merge else subprocess.PIPE
    process = start(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=folder, env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
    )
    try:
        printed, complained = process.communicate(timeout=limit)
        fine = process.returncode == 0
    except subprocess.TimeoutExpired:
        end(process)
        printed, complained = process.communicate()
        fine, complained = False, f"{complained or ''}\nended after {limit} s"
        printed += complained if merge else ""
    finally:
        end(process)
    # Maven resets its colours even where it has none.
    return re.sub(r"\x1b\[[0-9;]*m", "", printed), fine, complained or ""


def install(*programs):
    """Installs Debian's packages whose programs are missing."""
    missing = " ".join(PACKAGES[program] for program in programs if shutil.which(program) is None)
    if missing:
        output, fine, _ = sh(f"apt-get update -qq && apt-get install -y -qq --no-install-recommends {missing}", ".", merge=True)
        if not fine:
            sys.exit(f"cannot install {missing}:\n{output}")


def unpinned(language):
    """What is wrong with a language's toolchain; nothing when it is the one that its example pins."""
    for file, pin, command, version, source in PINS.get(language, []):
        pinned = re.search(pin, (EXAMPLES / file).read_text(), re.M)[1]
        output, fine, errors = sh(command, EXAMPLES)
        found = re.search(version, output, re.M)
        if not fine or not found:
            return f"examples/{file} pins {pinned}, and `{command}` fails; install it from {source}\n{output}{errors}"
        if found[1] != pinned:
            return f"examples/{file} pins {pinned}, and {found[1]} is what runs; install it from {source}"
    return ""


def run(languages, work, not_run=None):
    """Works on the languages, two at a time, and prints a line for each, then ends the script: `work` returns what is wrong, and
    else what ran. `not_run` says why nothing ran of a language that is only prepared."""
    passed = failed = skipped = 0
    not_run = not_run or {}

    def timed(language):
        began = time.monotonic()
        try:
            wrong, ran = work(language)
        except Exception as error:  # the other languages go on
            wrong, ran = repr(error), ""
        return wrong, ran, f"{time.monotonic() - began:.0f} s"

    with ThreadPoolExecutor(2) as pool:
        futures = {pool.submit(timed, language): language for language in languages}
        for future in as_completed(futures):
            language, (wrong, ran, took) = futures[future], future.result()
            if wrong:
                failed, line = failed + 1, f"{language}: FAILED"
            elif language in not_run:
                skipped, line = skipped + 1, f"{language}: NOT RUN, {not_run[language]} ({took})"
            else:
                passed, line = passed + 1, f"{language}: {ran} ({took})"
            print(f"{line}\n{wrong}" if wrong else line, flush=True)
            if "SUMMARY" in os.environ:
                with open(os.environ["SUMMARY"], "a", encoding="utf-8") as summary:
                    summary.write(f"  {line}\n")
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    sys.exit(1 if failed else 0)
