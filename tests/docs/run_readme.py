"""Runs a README as a newcomer would: its first `sh` block starts the gateway; then every `console` block is executed
and what it prints is compared with what the README shows. Times and drawn numbers may differ. The ports are the README's own, so
nobody else may have them.

    python3 tests/docs/run_readme.py README.md
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

FENCE = re.compile(r"^```(sh|console)\n(.*?)^```$", re.M | re.S)
# Where a gateway listens by default: gRPC, then metrics and probes.
PORTS = [50051, 9090]
VARIES = [
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "<time>"),
    (re.compile(r'("random": )\d+'), r"\1<number>"),
    (re.compile(r'("messageId": )"[0-9-]+"'), r"\1<id>"),
    (re.compile(r'("messageKey": "\d+)_\d+_\d+"'), r'\1_<id>"'),
    (re.compile(r"[0-9a-f]{32}"), "<id>"),
]


def same(text):
    """The text without what differs from run to run."""
    for pattern, word in VARIES:
        text = pattern.sub(word, text)
    return [line.rstrip() for line in text.strip().splitlines()]


def steps(block):
    """The commands of a console block, each with what it must print."""
    command, output = None, []
    for line in block.splitlines():
        if line.startswith("$ "):
            if command is not None:
                yield command, "\n".join(output)
            command, output = line[2:], []
        elif command is not None and command.endswith("\\"):
            command += "\n" + line
        else:
            output.append(line)
    if command is not None:
        yield command, "\n".join(output)


def prepared():
    """Ends the script where it could not run, or where a stranger would answer in place of the gateway."""
    if shutil.which("grpcurl") is None:
        sys.exit("grpcurl is missing")
    for port in PORTS:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                sys.exit(f"port {port}, which the README uses, is taken: {error}")


def wait(process):
    """Until the gateway says SERVING; a first build may take minutes."""
    probe = ["grpcurl", "-plaintext", "127.0.0.1:50051", "grpc.health.v1.Health/Check"]
    for _ in range(900):
        if process.poll() is not None:
            sys.exit("the gateway ended before it served")
        answer = subprocess.run(probe, capture_output=True, text=True)
        if '"SERVING"' in answer.stdout:
            return
        time.sleep(1)
    sys.exit("the gateway did not serve within 15 minutes")


def end(gateway):
    """Ends the gateway in good order, and then whatever is left of its process group."""
    gateway.send_signal(signal.SIGTERM)
    try:
        gateway.wait(60)
    finally:
        try:
            os.killpg(gateway.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def main(path):
    blocks = FENCE.findall(open(path, encoding="utf-8").read())
    start = next(text for kind, text in blocks if kind == "sh").strip()
    prepared()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    # Its own process group, so that everything it started ends with it, however this script ends.
    environment = {**os.environ, "TIM_DRAIN_PAUSE": "0s"}
    gateway = subprocess.Popen(["bash", "-c", f"exec {start}"], env=environment, start_new_session=True)
    passed = failed = 0
    try:
        wait(gateway)
        for command, expected in (step for kind, text in blocks if kind == "console" for step in steps(text)):
            run = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
            printed = run.stdout + run.stderr
            if same(printed) == same(expected):
                passed += 1
            else:
                failed += 1
                print(f"$ {command}\nprinted:\n{printed}\nbut {path} shows:\n{expected}\n")
    finally:
        end(gateway)
    print(f"{path}: {passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main(sys.argv[1])
