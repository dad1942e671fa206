"""What Python's asyncio client and its reflection client see of a gateway with the sandbox. `run` prepares what this needs.

    venv/bin/python client.py ../../../target/debug/tencent-im-grpc
"""

import asyncio
import json
import subprocess
import sys
import threading
import uuid
from contextlib import contextmanager
from pathlib import Path

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

sys.path.insert(0, str(Path(__file__).parent / "gen"))
from tencentim.group.v1 import group_pb2, group_service_pb2, group_service_pb2_grpc
from tencentim.group.v1 import member_service_pb2, member_service_pb2_grpc


@contextmanager
def serving(binary):
    """A gateway with a sandbox; the address that it logs."""
    flags = ["--listen", "127.0.0.1:0", "--admin-listen", "off", "--drain-pause", "0s", "--log-format", "json"]
    with subprocess.Popen([binary, "serve", "--sandbox", *flags], stderr=subprocess.PIPE, text=True) as gateway:
        try:
            event = next(event for event in map(json.loads, gateway.stderr) if event["message"] == "serving")
            threading.Thread(target=gateway.stderr.read, daemon=True).start()
            yield event["address"]
        finally:
            gateway.terminate()


def reflection(address):
    """The contract can be read without any proto file."""
    with grpc.insecure_channel(address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        assert "tencentim.group.v1.GroupService" in database.get_services()
        service = DescriptorPool(database).FindServiceByName("tencentim.group.v1.GroupService")
        assert service.FindMethodByName("CreateGroup").input_type.fields_by_name["owner_user_id"].number == 4


async def streaming(address):
    """A stream of 450 members is complete; one that is cancelled ends so, and the channel goes on serving."""
    async with grpc.aio.insecure_channel(address) as channel:
        groups = group_service_pb2_grpc.GroupServiceStub(channel)
        members = member_service_pb2_grpc.MemberServiceStub(channel)
        group_id = f"aio-{uuid.uuid4().hex[:12]}"
        create = group_service_pb2.CreateGroupRequest(
            type=group_pb2.GROUP_TYPE_PUBLIC, group_id=group_id, name="Streams", owner_user_id="alice"
        )
        await groups.CreateGroup(create, timeout=30)
        users = {f"u{i:03}" for i in range(450)}
        add = member_service_pb2.BatchAddMembersRequest(group_id=group_id, user_ids=sorted(users), silent=True)
        await members.BatchAddMembers(add, timeout=30)

        request = member_service_pb2.StreamMembersRequest(group_id=group_id)
        seen = [m.user_id async for page in members.StreamMembers(request, timeout=30) for m in page.members]
        assert sorted(seen) == sorted(users | {"alice"}), len(seen)

        call = members.StreamMembers(request, timeout=30)
        assert (await call.read()).members
        assert call.cancel()
        try:
            while await call.read() is not grpc.aio.EOF:
                pass
            raise AssertionError("a cancelled stream ended as if it were complete")
        except asyncio.CancelledError:
            pass
        assert await call.code() == grpc.StatusCode.CANCELLED
        await groups.DestroyGroup(group_service_pb2.DestroyGroupRequest(group_id=group_id), timeout=30)


if __name__ == "__main__":
    with serving(sys.argv[1]) as served:
        reflection(served)
        asyncio.run(streaming(served))
    print("grpcio: the contract read by reflection; streams of asyncio read to the end and cancelled")
