"""What Python's asyncio client and its reflection client see of a gateway with the sandbox. `run` prepares what this needs.

    venv/bin/python client.py ../../../target/debug/tencent-im-grpc
"""

import asyncio
import json
import subprocess
import sys
import threading
import urllib.parse
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

sys.path.insert(0, str(Path(__file__).parent / "gen"))
from tencentim.group.v1 import group_pb2, group_service_pb2, group_service_pb2_grpc
from tencentim.group.v1 import member_service_pb2, member_service_pb2_grpc


COMMAND = "get_group_member_info"
USERS = {f"u{i:04}" for i in range(1200)}
PAGES = 7  # of 1200 users and alice, at 200 members in one call


class Sandbox:
    """The control API of the sandbox."""

    def __init__(self, address):
        self.base = f"http://{address}/_sandbox"

    def ask(self, method, path, body=None):
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(f"{self.base}/{path}", data, {"content-type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def calls(self, group_id):
        """How often Tencent was asked for members of a group."""
        query = urllib.parse.urlencode({"command": COMMAND, "key": "GroupId", "value": group_id})
        return self.ask("GET", f"journal/count?{query}")["count"]


@contextmanager
def serving(binary):
    """A gateway with a sandbox; the addresses of both, which it logs."""
    flags = ["--listen", "127.0.0.1:0", "--admin-listen", "off", "--drain-pause", "0s", "--log-format", "json"]
    with subprocess.Popen([binary, "serve", "--sandbox", *flags], stderr=subprocess.PIPE, text=True) as gateway:
        try:
            events = map(json.loads, gateway.stderr)
            control = next(event["control"] for event in events if "control" in event)
            address = next(event["address"] for event in events if event["message"] == "serving")
            threading.Thread(target=gateway.stderr.read, daemon=True).start()
            yield address, Sandbox(control)
        finally:
            gateway.terminate()


def reflection(address):
    """The contract can be read without any proto file."""
    with grpc.insecure_channel(address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        assert "tencentim.group.v1.GroupService" in database.get_services()
        service = DescriptorPool(database).FindServiceByName("tencentim.group.v1.GroupService")
        assert service.FindMethodByName("CreateGroup").input_type.fields_by_name["owner_user_id"].number == 4


async def grown(channel, group_id):
    """Makes a group of alice's with all users; what asks for the stream of its members."""
    group = group_service_pb2.CreateGroupRequest(
        type=group_pb2.GROUP_TYPE_PUBLIC, group_id=group_id, name="Streams", owner_user_id="alice"
    )
    await group_service_pb2_grpc.GroupServiceStub(channel).CreateGroup(group, timeout=30)
    add = member_service_pb2.BatchAddMembersRequest(group_id=group_id, user_ids=sorted(USERS), silent=True)
    await member_service_pb2_grpc.MemberServiceStub(channel).BatchAddMembers(add, timeout=30)
    return member_service_pb2.StreamMembersRequest(group_id=group_id)


async def read(call):
    """The users of a stream that is read to its end."""
    return sorted([member.user_id async for page in call for member in page.members])


async def streaming(address, sandbox):
    """A stream is complete; one that is cancelled ends so, nothing more is asked of Tencent, and the channel goes on serving."""
    async with grpc.aio.insecure_channel(address) as channel:
        members = member_service_pb2_grpc.MemberServiceStub(channel)
        whole, cancelled = await grown(channel, "whole"), await grown(channel, "cancelled")
        assert await read(members.StreamMembers(whole, timeout=30)) == sorted(USERS | {"alice"})
        asked = sandbox.calls("whole")
        assert asked >= PAGES, f"{asked} pages were asked for, not {PAGES}"

        sandbox.ask("POST", "faults", {"command": COMMAND, "action": {"type": "latency", "ms": 100}})
        call = members.StreamMembers(cancelled, timeout=30)
        assert (await call.read()).members
        assert call.cancel()
        try:
            while await call.read() is not grpc.aio.EOF:
                pass
            raise AssertionError("a cancelled stream ended as if it were complete")
        except asyncio.CancelledError:
            pass
        assert await call.code() == grpc.StatusCode.CANCELLED
        # As long as another stream takes for all its pages, this one would have gone on.
        assert len(await read(members.StreamMembers(whole, timeout=30))) == len(USERS) + 1
        # The page that arrived, and the one that is fetched ahead.
        asked = sandbox.calls("cancelled")
        assert 1 <= asked <= 3, f"{asked} pages were asked for after a cancellation"


if __name__ == "__main__":
    with serving(sys.argv[1]) as (served, emulated):
        reflection(served)
        asyncio.run(streaming(served, emulated))
    print("grpcio: the contract read by reflection; streams of asyncio read to the end and cancelled, which ends the calls upstream")
