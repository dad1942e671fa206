//! How many simple commands a second the sandbox answers over loopback: `cargo bench --bench sandbox`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::Write as _;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tencent_im_grpc::sandbox::{self, DEFAULT_APP, Settings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const CONNECTIONS: usize = 16;
const DURATION: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() {
    let settings = Settings { auto_import: true, rate_scale: 0.0, journal: 0, ..Settings::default() };
    let running = sandbox::start(settings).await.unwrap();
    let address = running.api_addr();
    let query = query();
    let create = r#"{"Type":"Public","GroupId":"g","Name":"n","MemberList":[{"Member_Account":"bob"}]}"#;
    let mut stream = TcpStream::connect(address).await.unwrap();
    exchange(&mut stream, &request("create_group", &query, create)).await;

    let body = r#"{"GroupId":"g","User_Account":["bob"]}"#;
    let request = request("get_role_in_group", &query, body);
    let started = Instant::now();
    let workers: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let request = request.clone();
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                let mut done = 0_u64;
                while started.elapsed() < DURATION {
                    exchange(&mut stream, &request).await;
                    done += 1;
                }
                done
            })
        })
        .collect();
    let mut done = 0;
    for worker in workers {
        done += worker.await.unwrap();
    }
    let rate = done as f64 / started.elapsed().as_secs_f64();
    println!("get_role_in_group: {rate:.0} commands/s over {CONNECTIONS} connections");
    running.shutdown().await;
}

/// A query with a UserSig that is valid for an hour.
fn query() -> String {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let (id, admin) = (DEFAULT_APP.sdkappid, DEFAULT_APP.admin);
    let text = format!("TLS.identifier:{admin}\nTLS.sdkappid:{id}\nTLS.time:{now}\nTLS.expire:3600\n");
    let mut mac = Hmac::<Sha256>::new_from_slice(DEFAULT_APP.key.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    let sig = STANDARD.encode(mac.finalize().into_bytes());
    let claims = format!(
        r#"{{"TLS.ver":"2.0","TLS.identifier":"{admin}","TLS.sdkappid":{id},"TLS.expire":3600,"TLS.time":{now},"TLS.sig":"{sig}"}}"#
    );
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    zlib.write_all(claims.as_bytes()).unwrap();
    let packed = STANDARD.encode(zlib.finish().unwrap());
    let usersig = packed.replace('+', "*").replace('/', "-").replace('=', "_");
    format!("sdkappid={id}&identifier={admin}&usersig={usersig}&random=1&contenttype=json")
}

fn request(command: &str, query: &str, body: &str) -> Vec<u8> {
    let head = format!(
        "POST /v4/group_open_http_svc/{command}?{query} HTTP/1.1\r\nhost: sandbox\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

/// Sends a request and reads its whole answer, which must be a success.
async fn exchange(stream: &mut TcpStream, request: &[u8]) {
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::with_capacity(1024);
    loop {
        assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "closed");
        let text = std::str::from_utf8(&answer).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() >= length.parse().unwrap() {
            assert!(body.contains(r#""ErrorCode":0"#), "{body}");
            return;
        }
    }
}
