"""What Python's asyncio client and its reflection client see of a gateway that already serves with the sandbox.

    python tests/clients/python_client.py 127.0.0.1:50051

Needs grpcio-reflection beside examples/python/requirements.txt, and the stubs that examples/README.md makes.
"""

import asyncio
import sys
import uuid
from pathlib import Path

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

sys.path.insert(0, str(Path(__file__).parents[2] / "examples/python/gen"))
from tencentim.group.v1 import group_pb2, group_service_pb2, group_service_pb2_grpc
from tencentim.group.v1 import member_service_pb2, member_service_pb2_grpc


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
    reflection(sys.argv[1])
    asyncio.run(streaming(sys.argv[1]))
    print("Python's reflection and asyncio clients: 2 passed, 0 failed")
