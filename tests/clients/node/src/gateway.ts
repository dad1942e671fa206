// A gateway with a sandbox, and what the tests ask of both.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { Client, credentials, Metadata, ServiceError } from "@grpc/grpc-js";

export interface Gateway {
  /** Where it serves gRPC. */
  address: string;
  /** The control API of its sandbox. */
  control: string;
  stop(): Promise<void>;
}

/** Starts the binary that the environment names; the log says where it listens. */
export function start(): Promise<Gateway> {
  const flags = ["--listen=127.0.0.1:0", "--admin-listen=off", "--drain-pause=0s", "--log-format=json"];
  const server = spawn(process.env.GATEWAY!, ["serve", "--sandbox", ...flags], { stdio: ["ignore", "ignore", "pipe"] });
  const ended = once(server, "exit");
  const stop = async () => {
    server.kill();
    await ended;
  };
  return new Promise((resolve, reject) => {
    ended.then(() => reject(new Error("the gateway did not serve")), reject);
    let control = "";
    createInterface(server.stderr).on("line", (line) => {
      const event = JSON.parse(line);
      if (event.control) control = `http://${event.control}/_sandbox`;
      if (event.message === "serving") resolve({ address: event.address, control, stop });
    });
  });
}

/** Makes the sandbox's answers to a command late, while `work` goes on. */
export async function slowly<T>(gateway: Gateway, command: string, ms: number, work: () => Promise<T>): Promise<T> {
  const rule = JSON.stringify({ command, action: { type: "latency", ms } });
  const headers = { "content-type": "application/json" };
  const made = await fetch(`${gateway.control}/faults`, { method: "POST", headers, body: rule });
  if (!made.ok) throw new Error(await made.text());
  try {
    return await work();
  } finally {
    await fetch(`${gateway.control}/faults`, { method: "DELETE" });
  }
}

/** How often the sandbox was called with a command for a group. */
export async function calls(gateway: Gateway, command: string, groupId: string): Promise<number> {
  const answer = await fetch(`${gateway.control}/journal?command=${command}&key=GroupId&value=${groupId}`);
  const { entries } = (await answer.json()) as { entries: unknown[] };
  return entries.length;
}

type Constructor<C> = new (address: string, transport: ReturnType<typeof credentials.createInsecure>) => C;

/** A client for one service. */
export function connect<C extends Client>(service: Constructor<C>, gateway: Gateway): C {
  return new service(gateway.address, credentials.createInsecure());
}

type Unary<Q, A> = (
  request: Q,
  metadata: Metadata,
  options: { deadline: number },
  done: (error: ServiceError | null, answer: A) => void,
) => unknown;

/** Makes one call with a deadline. */
export function call<Q, A>(client: Client, method: Unary<Q, A>, request: Q, ms = 30_000): Promise<A> {
  return new Promise((resolve, reject) => {
    const options = { deadline: Date.now() + ms };
    method.call(client, request, new Metadata(), options, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
}

/** The error that a call must end with. */
export async function failure(result: Promise<unknown>): Promise<ServiceError> {
  try {
    await result;
  } catch (error) {
    return error as ServiceError;
  }
  throw new Error("the call succeeded");
}
