// gRPC-Web from a page in a real browser: what it can do, and what the browser keeps it from doing.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

const MEMBERS = 1200;
const PAGES = 6; // at 200 members in one call
const HTML = '<!doctype html><meta charset="utf-8"><title>A page</title><script src="/page.js"></script>';
const userIds = Array.from({ length: MEMBERS - 1 }, (_, i) => `user-${i}`);

const folder = mkdtempSync(join(tmpdir(), "browser-"));
const closing = [() => rmSync(folder, { recursive: true })];
let gateway, key, browser, page, stranger;

/** Serves the page from an origin of its own. */
async function origin() {
  const script = readFileSync(new URL("../dist/page.js", import.meta.url), "utf8");
  const server = createServer(({ url }, response) => {
    const [type, body] = url === "/page.js" ? ["text/javascript", script] : ["text/html", HTML];
    response.setHeader("content-type", type).end(body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closing.push(() => server.close());
  return `http://127.0.0.1:${server.address().port}`;
}

/** A gateway with a sandbox, one caller and one origin; its log says where both listen. */
async function serve(allowed) {
  const scopes = "read,message,member,admin";
  const made = spawnSync(process.env.GATEWAY, ["keys", "new", "--caller", "page", "--scopes", scopes], { encoding: "utf8" });
  writeFileSync(join(folder, "callers.toml"), made.stdout);
  const flags = ["--listen=127.0.0.1:0", "--admin-listen=off", "--drain-pause=0s", "--log-format=json"];
  const more = [`--cors-origins=${allowed}`, `--auth-callers-file=${join(folder, "callers.toml")}`];
  const server = spawn(process.env.GATEWAY, ["serve", "--sandbox", ...flags, ...more], { stdio: ["ignore", "ignore", "pipe"] });
  const ended = once(server, "exit");
  closing.push(() => (server.kill(), ended));
  const found = await new Promise((resolve, reject) => {
    ended.then(() => reject(new Error("the gateway did not serve")), reject);
    let control;
    createInterface(server.stderr).on("line", (line) => {
      const event = JSON.parse(line);
      if (event.control) control = `http://${event.control}/_sandbox`;
      if (event.message === "serving") resolve({ address: event.address, control });
    });
  });
  return [found, made.stderr.trim()];
}

/** How often the sandbox was called with a command for a group. */
async function calls(command, groupId) {
  const answer = await fetch(`${gateway.control}/journal?command=${command}&key=GroupId&value=${groupId}`);
  return (await answer.json()).entries.length;
}

/** Calls a function of the page. */
const client = (where, name, ...given) =>
  where.evaluate(([name, given]) => window.client[name](...given), [name, given]);

before(async () => {
  const [allowed, other] = [await origin(), await origin()];
  [gateway, key] = await serve(allowed);
  // Chromium refuses to run as root with its sandbox.
  const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"];
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args });
  closing.push(() => browser.close());
  page = await browser.newPage();
  await page.goto(allowed);
  stranger = await browser.newPage();
  await stranger.goto(other);
});

after(async () => {
  for (const close of closing.reverse()) await close();
});

test("a page makes calls with a key, and reads the id of a call", async () => {
  const made = await client(page, "createGroup", gateway.address, key, "web", userIds);
  assert.equal(made.groupId, "web");
  assert.match(made.requestId, /^[0-9a-f]{32}$/);
});

test("a page reads the reason and the fields of a refused call", async () => {
  const { code, reason, fields, requestId } = await client(page, "sendNothing", gateway.address, key);
  assert.deepEqual([code, reason, fields], ["InvalidArgument", "INVALID_ARGUMENT", ["group_id", "elements[0].text.text"]]);
  assert.match(requestId, /^[0-9a-f]{32}$/);
});

test("a page with a wrong key reads that it is not authenticated", async () => {
  const { code, reason } = await client(page, "sendNothing", gateway.address, "tim_000000000000_wrong");
  assert.deepEqual([code, reason], ["Unauthenticated", "UNAUTHENTICATED"]);
});

test("a page reads a stream to its end", async () => {
  const read = await client(page, "readMembers", gateway.address, key, "web");
  assert.deepEqual(read.userIds.sort(), [...userIds, "alice"].sort());
  assert.equal(read.code, undefined);
});

test("a page cancels a stream, and nothing more is asked of Tencent", async () => {
  const headers = { "content-type": "application/json" };
  const rule = { command: "get_group_member_info", action: { type: "latency", ms: 100 } };
  await client(page, "createGroup", gateway.address, key, "cancelled", userIds);
  await fetch(`${gateway.control}/faults`, { method: "POST", headers, body: JSON.stringify(rule) });
  const read = await client(page, "readMembers", gateway.address, key, "cancelled", 1);
  assert.equal(read.code, "Canceled");
  // As long as another stream takes for all its pages, this one would have gone on.
  const whole = await client(page, "readMembers", gateway.address, key, "web");
  assert.equal(whole.userIds.length, MEMBERS);
  await fetch(`${gateway.control}/faults`, { method: "DELETE" });
  // The page that arrived, and the one that is fetched ahead.
  const asked = await calls("get_group_member_info", "cancelled");
  assert.ok(asked >= 1 && asked <= 3 && asked < PAGES, `${asked} pages were asked for`);
});

test("a page of another origin gets nothing, and nothing is done for it", async () => {
  const console_ = once(stranger, "console");
  const refused = await client(stranger, "createGroup", gateway.address, key, "strange", []);
  assert.equal(refused.groupId, undefined);
  assert.equal(refused.reason, undefined);
  assert.match((await console_)[0].text(), /blocked by CORS policy/);
  assert.equal(await calls("create_group", "strange"), 0);
});
