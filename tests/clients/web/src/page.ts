// What runs in the page: calls by gRPC-Web, with answers that can leave it as JSON.
import { Code, ConnectError, createClient, Transport } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { BadRequestSchema, ErrorInfoSchema } from "../gen/google/rpc/error_details_pb";
import { GroupType } from "../gen/tencentim/group/v1/group_pb";
import { GroupService } from "../gen/tencentim/group/v1/group_service_pb";
import { MemberService } from "../gen/tencentim/group/v1/member_service_pb";
import { MessageService } from "../gen/tencentim/group/v1/message_service_pb";

function connect(address: string, key: string): Transport {
  return createGrpcWebTransport({
    baseUrl: `http://${address}`,
    interceptors: [
      (next) => (request) => {
        request.header.set("authorization", `Bearer ${key}`);
        return next(request);
      },
    ],
  });
}

/** What a page sees of a refused call. */
function seen(error: unknown) {
  const refused = ConnectError.from(error);
  const [info] = refused.findDetails(ErrorInfoSchema);
  const fields = refused.findDetails(BadRequestSchema).flatMap((bad) => bad.fieldViolations.map(({ field }) => field));
  return { code: Code[refused.code], reason: info?.reason, fields, requestId: refused.metadata.get("x-request-id") };
}

/** Makes a group with members; its id and the gateway's id of the call. */
export async function createGroup(address: string, key: string, groupId: string, userIds: string[]) {
  const transport = connect(address, key);
  let requestId: string | null = null;
  const group = { groupId, type: GroupType.PUBLIC, name: "Browser", ownerUserId: "alice" };
  try {
    const made = await createClient(GroupService, transport).createGroup(group, {
      onHeader: (headers) => (requestId = headers.get("x-request-id")),
    });
    await createClient(MemberService, transport).batchAddMembers({ groupId, userIds, silent: true });
    return { groupId: made.groupId, requestId };
  } catch (error) {
    return seen(error);
  }
}

/** Sends a message that breaks the contract. */
export async function sendNothing(address: string, key: string) {
  try {
    const elements = [{ element: { case: "text" as const, value: { text: "" } } }];
    return await createClient(MessageService, connect(address, key)).sendMessage({ elements });
  } catch (error) {
    return seen(error);
  }
}

/** Reads the members of a group, or as many pages as `pages` says; then it cancels the call. */
export async function readMembers(address: string, key: string, groupId: string, pages = Infinity) {
  const cancelled = new AbortController();
  const userIds: string[] = [];
  try {
    const members = createClient(MemberService, connect(address, key));
    let read = 0;
    for await (const page of members.streamMembers({ groupId }, { signal: cancelled.signal, timeoutMs: 30_000 })) {
      userIds.push(...page.members.map(({ userId }) => userId));
      if (++read === pages) cancelled.abort();
    }
    return { userIds };
  } catch (error) {
    return { userIds, ...seen(error) };
  }
}
