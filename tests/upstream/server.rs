//! A server that misbehaves by script, on a real port.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What the server does with one request.
#[derive(Debug, Clone)]
pub enum Act {
    /// Replies with this JSON.
    Json(String),
    /// Replies with this HTTP status and body.
    Status(u16, &'static str),
    /// Replies with this HTTP status and these header lines.
    StatusWith(u16, String),
    /// Replies with this content coding and body.
    Coded(&'static str, Vec<u8>),
    /// Promises more than it sends, then closes the connection.
    Truncated,
    /// Closes the connection instead of replying.
    Lost,
    /// Never replies; notes when the client gives up.
    Stall,
    /// Replies with this many bytes, with their length stated or in chunks.
    Huge { bytes: usize, chunked: bool },
}

/// A request as it came in.
#[derive(Debug, Clone)]
pub struct Seen {
    pub line: String,
    pub headers: String,
    pub body: Vec<u8>,
}

#[derive(Debug, Default)]
struct Shared {
    script: Mutex<VecDeque<Act>>,
    seen: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
    arrived: Notify,
    given_up: Notify,
}

/// A running server. It replies with success when its script is at its end.
pub struct Server {
    pub url: String,
    shared: Arc<Shared>,
}

pub fn code(code: i64) -> Act {
    Act::Json(format!(r#"{{"ActionStatus":"FAIL","ErrorCode":{code},"ErrorInfo":"said the script"}}"#))
}

pub fn success() -> Act {
    Act::Json(r#"{"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"","GroupId":"@TGS#1"}"#.to_owned())
}

impl Server {
    pub async fn start(script: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared { script: Mutex::new(script.into_iter().collect()), ..Shared::default() });
        let server = Self { url, shared: shared.clone() };
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                shared.connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(stream, shared.clone()));
            }
        });
        server
    }

    /// Adds to the script.
    pub fn then(&self, act: Act) {
        self.shared.script.lock().unwrap().push_back(act);
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Waits until a request has arrived.
    pub async fn arrived(&self) {
        self.shared.arrived.notified().await;
    }

    /// Waits until a client gave up on a stalled request.
    pub async fn given_up(&self) {
        self.shared.given_up.notified().await;
    }
}

/// A port on which no process listens.
pub async fn dead_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let mut stream = BufReader::new(stream);
    while let Some(seen) = receive(&mut stream).await {
        shared.seen.lock().unwrap().push(seen);
        shared.arrived.notify_one();
        let act = shared.script.lock().unwrap().pop_front().unwrap_or_else(success);
        if respond(&mut stream, act, &shared).await.is_none() {
            return;
        }
    }
}

async fn receive(stream: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut line = String::new();
    if stream.read_line(&mut line).await.ok()? == 0 {
        return None;
    }
    let mut headers = String::new();
    while !headers.ends_with("\r\n\r\n") && headers != "\r\n" {
        stream.read_line(&mut headers).await.ok()?;
    }
    let headers = headers.to_ascii_lowercase();
    let length = headers.lines().find_map(|header| header.strip_prefix("content-length: ")).unwrap_or("0");
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).await.ok()?;
    Some(Seen { line, headers, body })
}

async fn respond(stream: &mut BufReader<TcpStream>, act: Act, shared: &Shared) -> Option<()> {
    match act {
        Act::Json(body) => send(stream, 200, body.as_bytes()).await,
        Act::Status(status, body) => send(stream, status, body.as_bytes()).await,
        Act::StatusWith(status, headers) => {
            let head = format!("HTTP/1.1 {status} Status\r\n{headers}content-length: 0\r\n\r\n");
            stream.write_all(head.as_bytes()).await.ok()
        }
        Act::Coded(coding, body) => {
            let length = body.len();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\ncontent-length: {length}\r\n\r\n");
            stream.write_all(head.as_bytes()).await.ok()?;
            stream.write_all(&body).await.ok()
        }
        Act::Huge { bytes, chunked: false } => send(stream, 200, &vec![b' '; bytes]).await,
        Act::Huge { bytes, chunked: true } => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.ok()?;
            for _ in 0..bytes / 1024 {
                stream.write_all(format!("400\r\n{:1024}\r\n", "").as_bytes()).await.ok()?;
            }
            stream.write_all(b"0\r\n\r\n").await.ok()
        }
        Act::Truncated => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"ErrorCode\":0,").await.ok()?;
            None
        }
        Act::Lost => None,
        Act::Stall => {
            let _ = stream.read_u8().await;
            shared.given_up.notify_one();
            None
        }
    }
}

async fn send(stream: &mut BufReader<TcpStream>, status: u16, body: &[u8]) -> Option<()> {
    let head = format!("HTTP/1.1 {status} Status\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(body).await.ok()
}
