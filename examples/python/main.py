"""A client of the gateway: a group, its members, a message, and what a refused call says."""

import os
import sys
from pathlib import Path

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

sys.path.insert(0, str(Path(__file__).parent / "gen"))
from tencentim.group.v1 import group_pb2, group_service_pb2, group_service_pb2_grpc
from tencentim.group.v1 import member_service_pb2, member_service_pb2_grpc
from tencentim.group.v1 import message_pb2, message_service_pb2, message_service_pb2_grpc

# The key of TENCENT_IM_TOKEN, sent with every call.
TOKEN = os.environ.get("TENCENT_IM_TOKEN")
METADATA = [("authorization", f"Bearer {TOKEN}")] if TOKEN else []


def connect() -> grpc.Channel:
    """TLS when TENCENT_IM_CA names the certificate to trust, plain text otherwise."""
    address = os.environ.get("TENCENT_IM_ADDR", "127.0.0.1:50051")
    if ca := os.environ.get("TENCENT_IM_CA"):
        return grpc.secure_channel(address, grpc.ssl_channel_credentials(Path(ca).read_bytes()))
    return grpc.insecure_channel(address)


def text(words: str) -> message_pb2.MessageElement:
    return message_pb2.MessageElement(text=message_pb2.TextElement(text=words))


def add_members(channel: grpc.Channel, group_id: str) -> None:
    request = member_service_pb2.BatchAddMembersRequest(
        group_id=group_id, user_ids=[f"user-{i:03}" for i in range(1, 121)], silent=True
    )
    members = member_service_pb2_grpc.MemberServiceStub(channel)
    results = members.BatchAddMembers(request, timeout=30, metadata=METADATA).results
    added = sum(result.outcome == member_service_pb2.ADD_MEMBER_OUTCOME_ADDED for result in results)
    print(f"added {added} of {len(results)} members")


def talk(channel: grpc.Channel, group_id: str) -> None:
    messages = message_service_pb2_grpc.MessageServiceStub(channel)
    request = message_service_pb2.SendMessageRequest(
        group_id=group_id,
        request_id="hello-1",  # the same id within five minutes never makes two messages
        sender_user_id="alice",
        elements=[text("hello")],
    )
    for words in ("sent message", "sent it again: still message"):
        sent = messages.SendMessage(request, timeout=5, metadata=METADATA)
        print(words, sent.seq)

    history = message_service_pb2.StreamMessagesRequest(group_id=group_id)
    for page in messages.StreamMessages(history, timeout=30, metadata=METADATA):
        for message in page.messages:
            print(f"history: message {message.seq} by {message.sender_user_id}: {message.elements[0].text.text}")


def provoke(channel: grpc.Channel) -> None:
    """Makes two calls that are refused: one is wrong, one comes too soon after another."""
    wrong = message_service_pb2.SendMessageRequest(elements=[text("")])
    try:
        message_service_pb2_grpc.MessageServiceStub(channel).SendMessage(wrong, timeout=5, metadata=METADATA)
    except grpc.RpcError as error:
        explain(error)

    groups = group_service_pb2_grpc.GroupServiceStub(channel)
    groups.ListGroupIds(group_service_pb2.ListGroupIdsRequest(), timeout=30, metadata=METADATA)
    # One call a second is allowed; the gateway waits for the next turn, unless the deadline comes first.
    try:
        groups.ListGroupIds(group_service_pb2.ListGroupIdsRequest(), timeout=0.5, metadata=METADATA)
    except grpc.RpcError as error:
        explain(error)


def explain(error: grpc.RpcError) -> None:
    """Prints what the details of a refused call say: the reason, then what is wrong or when to come again."""
    status = rpc_status.from_call(error)
    if status is None:
        raise error
    reason, lines = "", []
    info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
    for detail in status.details:
        if detail.Unpack(info):
            reason = info.reason
        elif detail.Unpack(bad):
            lines += [f"  {violation.field}: {violation.description}" for violation in bad.field_violations]
        elif detail.Unpack(retry):
            lines.append(f"  try again in {retry.retry_delay.ToTimedelta().total_seconds():.0f} s")
    print("refused:", reason)
    for line in lines:
        print(line)


def main() -> None:
    with connect() as channel:
        groups = group_service_pb2_grpc.GroupServiceStub(channel)
        request = group_service_pb2.CreateGroupRequest(
            type=group_pb2.GROUP_TYPE_PUBLIC, name="Example", owner_user_id="alice"
        )
        group_id = groups.CreateGroup(request, timeout=30, metadata=METADATA).group_id
        print("created a group")
        add_members(channel, group_id)
        talk(channel, group_id)
        provoke(channel)
        destroy = group_service_pb2.DestroyGroupRequest(group_id=group_id)
        groups.DestroyGroup(destroy, timeout=30, metadata=METADATA)
        print("destroyed the group")


if __name__ == "__main__":
    main()
