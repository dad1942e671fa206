//! A sandbox in a separate process, filled through its API: its memory, and pages at both ends of the long lists.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, Command};

use crate::client::{exchange, query, request};

const GROUPS: usize = 10_000;
const MEMBERS: usize = 100_000;
const MESSAGES: usize = 1_000_000;
const LIMIT_MIB: u64 = 1_024;
/// What one call may import.
const MEMBERS_PER_CALL: usize = 20;
const MESSAGES_PER_CALL: usize = 7;
/// The longest pages.
const MEMBERS_PER_PAGE: usize = 100;
const MESSAGES_PER_PAGE: usize = 20;
/// How often a page is read.
const READS: usize = 500;

const GROUP: &str = "@TGS#_large";

/// The process ends with its owner. Its banner must stay readable while it runs.
struct Sandbox {
    process: Child,
    _banner: Lines<BufReader<ChildStderr>>,
}

struct Filler {
    stream: TcpStream,
    query: String,
    calls: usize,
}

impl Filler {
    async fn call(&mut self, command: &str, body: &Value) -> Value {
        self.calls += 1;
        let answer = exchange(&mut self.stream, &request(command, &self.query, &body.to_string())).await;
        serde_json::from_str(&answer).unwrap()
    }

    async fn groups(&mut self, groups: usize) {
        for group in 1..groups {
            let body = json!({
                "Type": "Public", "GroupId": format!("group-{group}"), "Name": format!("Group {group}"),
                "Owner_Account": user(group),
            });
            self.call("create_group", &body).await;
        }
        let body = json!({"Type": "Community", "GroupId": GROUP, "Name": "Large", "CreateTime": 1});
        self.call("import_group", &body).await;
    }

    async fn members(&mut self, members: usize) {
        for first in (0..members).step_by(MEMBERS_PER_CALL) {
            let users = first..(first + MEMBERS_PER_CALL).min(members);
            let list: Vec<Value> = users.map(|number| json!({"Member_Account": user(number)})).collect();
            let answer = self.call("import_group_member", &json!({"GroupId": GROUP, "MemberList": list})).await;
            assert!(list_of(&answer, "MemberList").iter().all(|member| member["Result"] == 1), "{answer}");
        }
    }

    async fn messages(&mut self, messages: usize, members: usize) {
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let start = now - messages as u64 - 1;
        for first in (0..messages).step_by(MESSAGES_PER_CALL) {
            let numbers = first..(first + MESSAGES_PER_CALL).min(messages);
            let list: Vec<Value> = numbers.map(|number| message(number, start, members)).collect();
            let answer = self.call("import_group_msg", &json!({"GroupId": GROUP, "MsgList": list})).await;
            assert!(list_of(&answer, "ImportMsgResult").iter().all(|message| message["Result"] == 0), "{answer}");
        }
    }

    /// The fastest of many reads is the one that nothing disturbed.
    async fn page(&mut self, command: &str, body: Value, list: &str, expected: usize) -> Duration {
        let request = request(command, &self.query, &body.to_string());
        let mut best = Duration::MAX;
        for _ in 0..READS {
            let started = Instant::now();
            let answer = exchange(&mut self.stream, &request).await;
            best = best.min(started.elapsed());
            let answer: Value = serde_json::from_str(&answer).unwrap();
            assert_eq!(list_of(&answer, list).len(), expected);
        }
        best
    }
}

fn user(number: usize) -> String {
    format!("user-{number}")
}

/// A message of a hundred bytes, as people write; its sender is not that of the message before.
fn message(number: usize, start: u64, members: usize) -> Value {
    let text =
        format!("{number:07}: shall we meet at the usual place at half past seven, or is Thursday better for you all?");
    json!({
        "From_Account": user(number * 7_919 % members),
        "SendTime": start + number as u64,
        "Random": number,
        "MsgBody": [{"MsgType": "TIMTextElem", "MsgContent": {"Text": text}}],
    })
}

fn list_of<'a>(answer: &'a Value, key: &str) -> &'a Vec<Value> {
    answer[key].as_array().unwrap()
}

/// Fills a sandbox, prints what it costs, and fails where it costs too much.
pub async fn measure(divisor: usize) {
    let (groups, members, messages) = (GROUPS / divisor, MEMBERS / divisor, MESSAGES / divisor);
    let (sandbox, address) = start().await;
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut filler = Filler { stream, query: query(), calls: 0 };

    let started = Instant::now();
    filler.groups(groups).await;
    filler.members(members).await;
    filler.messages(messages, members).await;
    let (calls, seconds) = (filler.calls, started.elapsed().as_secs_f64());
    println!("{groups} groups, {members} members and {messages} messages: {calls} commands in {seconds:.0} s");

    let mut pages = async |name: &str, command: &str, start: Value, end: Value, list: &str, items: usize| {
        let start = filler.page(command, start, list, items).await;
        let end = filler.page(command, end, list, items).await;
        println!("a page of {name}: {start:?} at the start, {end:?} at the end");
        assert!(end < start * 4 && start < end * 4, "a page costs more where it is");
    };
    let from = |next: usize| json!({"GroupId": GROUP, "Limit": MEMBERS_PER_PAGE, "Next": next.to_string()});
    let (first, last) = (from(1), from(members + 1 - MEMBERS_PER_PAGE));
    pages("members", "get_group_member_info", first, last, "MemberList", MEMBERS_PER_PAGE).await;
    let up_to = |seq: usize| json!({"GroupId": GROUP, "ReqMsgNumber": MESSAGES_PER_PAGE, "ReqMsgSeq": seq});
    let (first, last) = (up_to(MESSAGES_PER_PAGE), up_to(messages));
    pages("history", "group_msg_get_simple", first, last, "RspMsgList", MESSAGES_PER_PAGE).await;

    let [now, peak] = ["VmRSS:", "VmHWM:"].map(|key| memory_mib(&sandbox.process, key));
    println!("memory: {now} MiB, at most {peak} MiB");
    assert!(peak < LIMIT_MIB, "more than {LIMIT_MIB} MiB");
}

/// A sandbox as it comes, but for the pacing of calls.
async fn start() -> (Sandbox, SocketAddr) {
    let mut process = Command::new(env!("CARGO_BIN_EXE_tencent-im-grpc"))
        .args(["sandbox", "--listen", "127.0.0.1:0", "--control-listen", "127.0.0.1:0"])
        .args(["--auto-import", "--rate-scale", "0"])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut banner = BufReader::new(process.stderr.take().unwrap()).lines();
    while let Some(line) = banner.next_line().await.unwrap() {
        if let Some((_, address)) = line.split_once(" API      http://") {
            return (Sandbox { process, _banner: banner }, address.parse().unwrap());
        }
    }
    unreachable!("the sandbox ended");
}

/// What Linux says of the memory of a process.
fn memory_mib(process: &Child, key: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id().unwrap())).unwrap();
    let kib: u64 =
        status.lines().find_map(|line| line.strip_prefix(key)?.strip_suffix(" kB")?.trim().parse().ok()).unwrap();
    kib / 1_024
}
