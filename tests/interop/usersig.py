"""Checks that the sandbox accepts UserSigs of the vendor's package `tls-sig-api-v2`, and no tampered ones.

    python3 -m venv venv && venv/bin/pip install tls-sig-api-v2
    venv/bin/python tests/interop/usersig.py target/debug/tencent-im-grpc
"""

import base64
import json
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
import zlib

import TLSSigAPIv2

APP = 1400000001
ADMIN = "administrator"
KEY = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"


def code(base, usersig, app=APP, identifier=ADMIN):
    query = {"sdkappid": app, "identifier": identifier, "usersig": usersig, "random": 1, "contenttype": "json"}
    url = f"{base}/v4/group_open_http_svc/get_joined_group_list?{urllib.parse.urlencode(query)}"
    request = urllib.request.Request(url, b'{"Member_Account": "administrator"}', method="POST")
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)["ErrorCode"]


def repacked(usersig, **changes):
    text = usersig.replace("*", "+").replace("-", "/").replace("_", "=")
    claims = json.loads(zlib.decompress(base64.b64decode(text)))
    claims.update({f"TLS.{name}": value for name, value in changes.items()})
    packed = base64.b64encode(zlib.compress(json.dumps(claims).encode())).decode()
    return packed.replace("+", "*").replace("/", "-").replace("=", "_")


def expired(api):
    clock = time.time
    time.time = lambda: clock() - 3600
    try:
        return api.gen_sig(ADMIN, 60)
    finally:
        time.time = clock


def check(base):
    api = TLSSigAPIv2.TLSSigAPIv2(APP, KEY)
    good = api.gen_sig(ADMIN, 3600)
    cases = [
        ("as the package makes it", code(base, good), 0),
        ("empty", code(base, ""), 70002),
        ("cut short", code(base, good[:40]), 70003),
        ("no base64", code(base, "???"), 70003),
        ("longer validity", code(base, repacked(good, expire=999999)), 70009),
        ("another identifier inside", code(base, repacked(good, identifier="x"), identifier="x"), 70009),
        ("another key", code(base, TLSSigAPIv2.TLSSigAPIv2(APP, "other").gen_sig(ADMIN, 60)), 70009),
        ("expired", code(base, expired(api)), 70001),
        ("made for another identifier", code(base, api.gen_sig("x", 60)), 70013),
        ("made for another app", code(base, TLSSigAPIv2.TLSSigAPIv2(7, KEY).gen_sig(ADMIN, 60)), 70014),
        ("of an unknown app", code(base, TLSSigAPIv2.TLSSigAPIv2(7, KEY).gen_sig(ADMIN, 60), app=7), 70020),
        ("of no administrator", code(base, api.gen_sig("x", 60), identifier="x"), 60010),
    ]
    wrong = [f"{name}: {got} instead of {wanted}" for name, got, wanted in cases if got != wanted]
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{len(cases)} UserSigs judged rightly")


def main(binary):
    flags = ["--listen", "127.0.0.1:0", "--control-listen", "127.0.0.1:0"]
    with subprocess.Popen([binary, "sandbox", *flags], stderr=subprocess.PIPE, text=True) as sandbox:
        try:
            # The banner says where it listens.
            base = next(line.split()[-1] for line in sandbox.stderr if line.startswith(" API "))
            threading.Thread(target=sandbox.stderr.read, daemon=True).start()
            check(base)
        finally:
            sandbox.terminate()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
