// A client of the gateway: a group, its members, a message, and what a refused call says.
import { readFileSync } from "node:fs";
import { credentials, Metadata, ServiceError } from "@grpc/grpc-js";
import { BadRequest, ErrorInfo, RetryInfo } from "../gen/google/rpc/error_details.js";
import { Status } from "../gen/google/rpc/status.js";
import { GroupType } from "../gen/tencentim/group/v1/group.js";
import { CreateGroupRequest, GroupServiceClient, ListGroupIdsRequest } from "../gen/tencentim/group/v1/group_service.js";
import { AddMemberOutcome, MemberServiceClient } from "../gen/tencentim/group/v1/member_service.js";
import { MessageElement } from "../gen/tencentim/group/v1/message.js";
import {
  MessageServiceClient,
  SendMessageRequest,
  StreamMessagesRequest,
  StreamMessagesResponse,
} from "../gen/tencentim/group/v1/message_service.js";

const { TENCENT_IM_ADDR: address = "127.0.0.1:50051", TENCENT_IM_CA: ca, TENCENT_IM_TOKEN: token } = process.env;

// TLS when TENCENT_IM_CA names the certificate to trust, plain text otherwise.
const transport = ca ? credentials.createSsl(readFileSync(ca)) : credentials.createInsecure();
const groups = new GroupServiceClient(address, transport);
const members = new MemberServiceClient(address, transport);
const messages = new MessageServiceClient(address, transport);

// The key of TENCENT_IM_TOKEN goes with every call.
const metadata = new Metadata();
if (token) metadata.set("authorization", `Bearer ${token}`);

type Unary<Q, A> = (
  request: Q,
  metadata: Metadata,
  options: { deadline: Date },
  done: (error: ServiceError | null, answer: A) => void,
) => unknown;

/** Makes one call with a deadline. */
function call<Q, A>(client: object, method: Unary<Q, A>, request: Q, seconds = 30): Promise<A> {
  return new Promise((resolve, reject) => {
    const deadline = new Date(Date.now() + seconds * 1000);
    method.call(client, request, metadata, { deadline }, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
}

const text = (words: string): MessageElement => MessageElement.fromPartial({ text: { text: words } });

async function addMembers(groupId: string): Promise<void> {
  const userIds = Array.from({ length: 120 }, (_, i) => `user-${String(i + 1).padStart(3, "0")}`);
  const { results } = await call(members, members.batchAddMembers, { groupId, userIds, silent: true });
  const added = results.filter((result) => result.outcome === AddMemberOutcome.ADD_MEMBER_OUTCOME_ADDED).length;
  console.log(`added ${added} of ${results.length} members`);
}

async function talk(groupId: string): Promise<void> {
  const request = SendMessageRequest.fromPartial({
    groupId,
    requestId: "hello-1", // the same id within five minutes never makes two messages
    senderUserId: "alice",
    elements: [text("hello")],
  });
  for (const words of ["sent message", "sent it again: still message"]) {
    const sent = await call(messages, messages.sendMessage, request, 5);
    console.log(words, String(sent.seq));
  }

  const deadline = new Date(Date.now() + 30_000);
  const history = StreamMessagesRequest.fromPartial({ groupId });
  for await (const page of messages.streamMessages(history, metadata, { deadline })) {
    for (const message of (page as StreamMessagesResponse).messages) {
      console.log(`history: message ${message.seq} by ${message.senderUserId}: ${message.elements[0]?.text?.text}`);
    }
  }
}

/** Makes two calls that are refused: one is wrong, one comes too soon after another. */
async function provoke(): Promise<void> {
  const wrong = SendMessageRequest.fromPartial({ elements: [text("")] });
  await call(messages, messages.sendMessage, wrong).catch(explain);

  const request = ListGroupIdsRequest.fromPartial({});
  await call(groups, groups.listGroupIds, request);
  // One call a second is allowed; the gateway waits for the next turn, unless the deadline comes first.
  await call(groups, groups.listGroupIds, request, 0.5).catch(explain);
}

/** Prints what the details of a refused call say: the reason, then what is wrong or when to come again. */
function explain(error: ServiceError): void {
  const [bytes] = error.metadata.get("grpc-status-details-bin");
  if (!(bytes instanceof Uint8Array)) throw error;
  let reason = "";
  const lines: string[] = [];
  for (const { typeUrl, value } of Status.decode(bytes).details) {
    if (typeUrl.endsWith("/google.rpc.ErrorInfo")) {
      reason = ErrorInfo.decode(value).reason;
    } else if (typeUrl.endsWith("/google.rpc.BadRequest")) {
      for (const { field, description } of BadRequest.decode(value).fieldViolations) {
        lines.push(`  ${field}: ${description}`);
      }
    } else if (typeUrl.endsWith("/google.rpc.RetryInfo")) {
      const { seconds = 0, nanos = 0 } = RetryInfo.decode(value).retryDelay ?? {};
      lines.push(`  try again in ${Math.round(Number(seconds) + nanos / 1e9)} s`);
    }
  }
  console.log("refused:", reason);
  lines.forEach((line) => console.log(line));
}

const create = CreateGroupRequest.fromPartial({
  type: GroupType.GROUP_TYPE_PUBLIC,
  name: "Example",
  ownerUserId: "alice",
});
const { groupId } = await call(groups, groups.createGroup, create);
console.log("created a group");
await addMembers(groupId);
await talk(groupId);
await provoke();
await call(groups, groups.destroyGroup, { groupId });
console.log("destroyed the group");
[groups, members, messages].forEach((client) => client.close());
