//! What the translation costs: CPU per RPC of the gateway beside that of a floor, which is tonic in, one POST by reqwest
//! and a constant answer out. Both are separate processes and take turns against one upstream in this process:
//! `cargo bench --bench translation`. The ratio is the figure; the times are those of the machine.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use bytes::Bytes;
use contract::{pb, wire};
use futures::future::BoxFuture;
use prost::Message as _;
use tonic::Status;
use tonic::client::Grpc;
use tonic::server::{Grpc as Serving, UnaryService};
use tonic::transport::{Channel, Endpoint};

#[path = "../tests/support/raw.rs"]
mod raw;

use raw::Raw;

const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const CONCURRENCY: usize = 16;
const CALLS: usize = 20_000;
const ROUNDS: usize = 3;
/// Linux counts a process's CPU time in hundredths of a second.
const TICK: f64 = 10_000.0;

/// One kind of call: its method, its request, and Tencent's reply.
struct Workload {
    name: &'static str,
    path: &'static str,
    request: Bytes,
    answer: Bytes,
    upstream: &'static str,
}

fn upstream_reply(command: &str) -> String {
    let member = |n: usize| {
        format!(
            r#"{{"Member_Account":"user_{n:06}","Role":"Member","JoinTime":{n},"MsgSeq":{n},"MsgFlag":"AcceptAndNotify","LastSendMsgTime":{n},"NameCard":"card of {n}","MuteUntil":0,"AppMemberDefinedData":[{{"Key":"badge","Value":"value {n}"}}]}}"#
        )
    };
    let members = (1..=100).map(member).collect::<Vec<_>>().join(",");
    let envelope = r#""ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"""#;
    match command {
        "create_group" => format!(r#"{{{envelope},"GroupId":"@TGS#1"}}"#),
        _ => format!(r#"{{{envelope},"MemberNum":100,"MemberList":[{members}]}}"#),
    }
}

fn workloads() -> [Workload; 2] {
    let create = pb::CreateGroupRequest {
        r#type: pb::GroupType::Public.into(),
        name: "Club".to_owned(),
        owner_user_id: "alice".to_owned(),
        members: vec![pb::NewGroupMember { user_id: "bob".to_owned(), ..Default::default() }],
        ..Default::default()
    };
    let created = pb::CreateGroupResponse { group_id: "@TGS#1".to_owned(), ..Default::default() };
    let list = pb::ListMembersRequest { group_id: "@TGS#1".to_owned(), page_size: 200, ..Default::default() };
    let listed: pb::ListMembersResponse = wire::decode(upstream_reply("get_group_member_info").as_bytes()).unwrap();
    [
        Workload {
            name: "create a group",
            path: "/tencentim.group.v1.GroupService/CreateGroup",
            request: create.encode_to_vec().into(),
            answer: created.encode_to_vec().into(),
            upstream: "create_group",
        },
        Workload {
            name: "list 100 members",
            path: "/tencentim.group.v1.MemberService/ListMembers",
            request: list.encode_to_vec().into(),
            answer: listed.encode_to_vec().into(),
            upstream: "get_group_member_info",
        },
    ]
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut args = std::env::args().skip_while(|arg| arg != "--floor").skip(1);
    match (args.next(), args.next()) {
        (Some(listen), Some(upstream)) => runtime.block_on(floor(listen.parse().unwrap(), upstream)),
        _ => runtime.block_on(compare()),
    }
}

async fn compare() {
    let router = Router::new().route(
        "/v4/{service}/{command}",
        axum::routing::post(|Path((_, command)): Path<(String, String)>| async move { upstream_reply(&command) }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });

    let floor = Target::start(|listen| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--floor", listen, &upstream]);
        command
    })
    .await;
    let gateway = Target::start(|listen| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tencent-im-grpc"));
        command
            .args(["serve", "--listen", listen, "--admin-listen", "127.0.0.1:0"])
            .args(["--base-urls", &upstream, "--sdk-app-id", "1400000001"])
            .args(["--worker-threads", "1", "--upstream-pacing=false", "--log-level", "warn"])
            .env("TIM_SECRET_KEY", KEY);
        command
    })
    .await;
    for workload in &workloads() {
        let mut cost = [0.0; 2];
        for _ in 0..ROUNDS {
            for (target, cost) in [&floor, &gateway].into_iter().zip(&mut cost) {
                let before = target.cpu();
                target.run(workload).await;
                *cost += (target.cpu() - before) / (CALLS * ROUNDS) as f64;
            }
        }
        let [floor, gateway] = cost;
        println!("{}: {gateway:.0} µs of CPU, floor {floor:.0} µs, ratio {:.2}", workload.name, gateway / floor);
    }
}

/// A process under measurement.
struct Target {
    child: Child,
    channel: Channel,
}

impl Target {
    async fn start(command: impl FnOnce(&str) -> Command) -> Self {
        let listen = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let mut child = command(&listen).stdout(Stdio::null()).spawn().unwrap();
        let endpoint = Endpoint::from_shared(format!("http://{listen}")).unwrap();
        loop {
            match endpoint.connect().await {
                Ok(channel) => return Self { child, channel },
                Err(_) if child.try_wait().unwrap().is_none() => tokio::time::sleep(Duration::from_millis(20)).await,
                Err(error) => panic!("it ended before it listened: {error}"),
            }
        }
    }

    /// Its CPU time so far, in microseconds.
    fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields = stat.rsplit(')').next().unwrap().split_whitespace();
        fields.skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() * TICK
    }

    async fn run(&self, workload: &Workload) {
        let next = AtomicUsize::new(0);
        let callers = (0..CONCURRENCY).map(|_| async {
            let mut grpc = Grpc::new(self.channel.clone());
            while next.fetch_add(1, Ordering::Relaxed) < CALLS {
                grpc.ready().await.unwrap();
                let request = tonic::Request::new(workload.request.clone());
                let answer = grpc.unary(request, workload.path.parse().unwrap(), Raw).await.unwrap().into_inner();
                assert_eq!(answer.len(), workload.answer.len(), "both give the same answer");
            }
        });
        futures::future::join_all(callers).await;
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Tonic in, a POST, a constant answer.
async fn floor(listen: SocketAddr, upstream: String) {
    drop(rustls::crypto::ring::default_provider().install_default());
    let http = reqwest::Client::new();
    let mut router = Router::new();
    for Workload { path, answer, upstream: command, .. } in workloads() {
        let url = format!("{upstream}/v4/group_open_http_svc/{command}");
        let constant = Constant { http: http.clone(), url, answer };
        let call = |request: axum::extract::Request| async move { Serving::new(Raw).unary(constant, request).await };
        router = router.route(path, axum::routing::post(call));
    }
    tonic::transport::Server::builder().add_routes(router.into()).serve(listen).await.unwrap();
}

#[derive(Clone)]
struct Constant {
    http: reqwest::Client,
    url: String,
    answer: Bytes,
}

impl UnaryService<Bytes> for Constant {
    type Response = Bytes;
    type Future = BoxFuture<'static, Result<tonic::Response<Bytes>, Status>>;

    fn call(&mut self, _: tonic::Request<Bytes>) -> Self::Future {
        let Self { http, url, answer } = self.clone();
        Box::pin(async move {
            let reply = http.post(url).body(r#"{"GroupId":"@TGS#1","Limit":100}"#).send().await.unwrap();
            reply.bytes().await.unwrap();
            Ok(tonic::Response::new(answer))
        })
    }
}
