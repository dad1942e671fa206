// What a client of grpc-js sees: streams to their end, cancelled and out of time, and the details of errors.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Metadata, ServiceError, status } from "@grpc/grpc-js";
import { BadRequest, ErrorInfo } from "../gen/google/rpc/error_details.js";
import { Status } from "../gen/google/rpc/status.js";
import { GroupType } from "../gen/tencentim/group/v1/group.js";
import { CreateGroupRequest, GetGroupRequest, GroupServiceClient } from "../gen/tencentim/group/v1/group_service.js";
import {
  MemberServiceClient,
  StreamMembersRequest,
  StreamMembersResponse,
} from "../gen/tencentim/group/v1/member_service.js";
import {
  MessageServiceClient,
  SendMessageRequest,
  StreamMessagesRequest,
  StreamMessagesResponse,
} from "../gen/tencentim/group/v1/message_service.js";
import { call, calls, connect, failure, Gateway, slowly, start } from "./gateway.js";

const MEMBERS = 1200;
const PAGES = 6; // at 200 members in one call
const MESSAGES = 45; // at 20 in one call

let gateway: Gateway;
let groups: GroupServiceClient;
let members: MemberServiceClient;
let messages: MessageServiceClient;
let userIds: string[];

before(async () => {
  gateway = await start();
  groups = connect(GroupServiceClient, gateway);
  members = connect(MemberServiceClient, gateway);
  messages = connect(MessageServiceClient, gateway);
  userIds = Array.from({ length: MEMBERS - 1 }, (_, i) => `user-${i}`);
});

after(async () => {
  [groups, members, messages].forEach((client) => client.close());
  await gateway.stop();
});

/** A group of its own for one test, with all members. */
async function group(groupId: string): Promise<string> {
  const request = { groupId, type: GroupType.GROUP_TYPE_PUBLIC, name: "Streams", ownerUserId: "alice" };
  await call(groups, groups.createGroup, CreateGroupRequest.fromPartial(request));
  await call(members, members.batchAddMembers, { groupId, userIds, silent: true });
  return groupId;
}

function streamMembers(groupId: string, ms = 30_000) {
  return members.streamMembers(StreamMembersRequest.fromPartial({ groupId }), new Metadata(), { deadline: Date.now() + ms });
}

/** Reads a stream of members to its end; `onPage` sees each page as it comes. */
async function read(stream: ReturnType<typeof streamMembers>, onPage = (_pages: number) => {}): Promise<string[]> {
  const seen: string[] = [];
  let pages = 0;
  for await (const page of stream) {
    seen.push(...(page as StreamMembersResponse).members.map((member) => member.userId));
    onPage(++pages);
  }
  return seen;
}

test("a stream of members is complete", async () => {
  const seen = await read(streamMembers(await group("members")));
  assert.deepEqual(seen.sort(), [...userIds, "alice"].sort());
});

test("a stream of messages goes down to the first", async () => {
  const groupId = await group("messages");
  for (let i = 1; i <= MESSAGES; i++) {
    const elements = [{ text: { text: `message ${i}` } }];
    await call(messages, messages.sendMessage, SendMessageRequest.fromPartial({ groupId, senderUserId: "alice", elements }));
  }
  const seen: string[] = [];
  for await (const page of messages.streamMessages(StreamMessagesRequest.fromPartial({ groupId }))) {
    seen.push(...(page as StreamMessagesResponse).messages.map((m) => `${m.seq}: ${m.elements[0]?.text?.text}`));
  }
  assert.deepEqual(seen, Array.from({ length: MESSAGES }, (_, i) => `${MESSAGES - i}: message ${MESSAGES - i}`));
});

test("a cancelled stream ends with CANCELLED, and nothing more is asked of Tencent", async () => {
  const groupId = await group("cancelled");
  const other = await group("read-on");
  await slowly(gateway, "get_group_member_info", 100, async () => {
    const stream = streamMembers(groupId);
    const error = await failure(read(stream, () => stream.cancel()));
    assert.equal(error.code, status.CANCELLED);
    // As long as another stream takes for all its pages, this one would have gone on.
    assert.equal((await read(streamMembers(other))).length, MEMBERS);
  });
  const whole = await calls(gateway, "get_group_member_info", other);
  assert.ok(whole >= PAGES, `${whole} pages were asked for, not ${PAGES}`);
  // The page that arrived, and the one that is fetched ahead.
  const asked = await calls(gateway, "get_group_member_info", groupId);
  assert.ok(asked <= 3, `${asked} pages were asked for`);
});

test("a stream whose time is over ends with DEADLINE_EXCEEDED after its first pages", async () => {
  const groupId = await group("late-stream");
  await slowly(gateway, "get_group_member_info", 300, async () => {
    let pages = 0;
    const error = await failure(read(streamMembers(groupId, 1200), (count) => (pages = count)));
    assert.equal(error.code, status.DEADLINE_EXCEEDED);
    assert.ok(pages >= 1 && pages < PAGES, `${pages} pages arrived`);
  });
});

test("a call whose time is over ends with DEADLINE_EXCEEDED in time", async () => {
  const groupId = await group("late-call");
  await slowly(gateway, "get_group_info", 3000, async () => {
    const began = performance.now();
    const error = await failure(call(groups, groups.getGroup, GetGroupRequest.fromPartial({ groupId }), 300));
    assert.equal(error.code, status.DEADLINE_EXCEEDED);
    assert.ok(performance.now() - began < 2000);
  });
});

/** The details of an error by the last part of their type's name. */
function details(error: ServiceError): Map<string, Uint8Array> {
  const [bytes] = error.metadata.get("grpc-status-details-bin");
  assert.ok(bytes instanceof Uint8Array, "the error has details");
  return new Map(Status.decode(bytes).details.map(({ typeUrl, value }) => [typeUrl.split(".").at(-1)!, value]));
}

test("a broken request is told field by field", async () => {
  const wrong = SendMessageRequest.fromPartial({ elements: [{ text: { text: "" } }] });
  const error = await failure(call(messages, messages.sendMessage, wrong));
  assert.equal(error.code, status.INVALID_ARGUMENT);
  const found = details(error);
  assert.equal(ErrorInfo.decode(found.get("ErrorInfo")!).reason, "INVALID_ARGUMENT");
  const fields = BadRequest.decode(found.get("BadRequest")!).fieldViolations.map(({ field }) => field);
  assert.deepEqual(fields, ["group_id", "elements[0].text.text"]);
});

test("a refusal of Tencent's has its reason and its code", async () => {
  const error = await failure(call(groups, groups.getGroup, GetGroupRequest.fromPartial({ groupId: "gone" })));
  assert.equal(error.code, status.NOT_FOUND);
  const { reason, domain, metadata } = ErrorInfo.decode(details(error).get("ErrorInfo")!);
  assert.deepEqual([reason, domain, metadata.upstream_code], ["GROUP_NOT_FOUND", "tencent-im-grpc", "10010"]);
});
