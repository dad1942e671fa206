"""Compares UserSigs of ours with those of the vendor's package `tls-sig-api-v2`.

Arguments, five for each vector: SDKAppID, key, identifier, seconds of validity, a UserSig of ours. The package signs the
same at the same time; both must say the same. Then one UserSig of the package's own is printed for each vector, for the
other direction. Run by the test `the_vendors_package_agrees`:

    python3 -m venv venv && venv/bin/pip install tls-sig-api-v2
    INTEROP_PYTHON=venv/bin/python cargo test --test main usersig
"""

import base64
import json
import sys
import time
import zlib

import TLSSigAPIv2


def unpack(usersig):
    text = usersig.replace("*", "+").replace("-", "/").replace("_", "=")
    return json.loads(zlib.decompress(base64.b64decode(text, validate=True)))


def main(arguments):
    clock = time.time
    for app, key, identifier, expire, ours in zip(*[iter(arguments)] * 5):
        api = TLSSigAPIv2.TLSSigAPIv2(int(app), key)
        ours = unpack(ours)
        time.time = lambda: ours["TLS.time"]
        theirs = unpack(api.gen_sig(identifier, int(expire)))
        time.time = clock
        if ours != theirs:
            sys.exit(f"ours {ours}, theirs {theirs}")
        print(api.gen_sig(identifier, int(expire)))


main(sys.argv[1:])
