//! As little HTTP as a client needs that must not cost more than the sandbox.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sandbox::DEFAULT_APP;
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A query with a UserSig that is valid for a day.
pub fn query() -> String {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let (id, admin) = (DEFAULT_APP.sdkappid, DEFAULT_APP.admin);
    let text = format!("TLS.identifier:{admin}\nTLS.sdkappid:{id}\nTLS.time:{now}\nTLS.expire:86400\n");
    let mut mac = Hmac::<Sha256>::new_from_slice(DEFAULT_APP.key.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    let sig = STANDARD.encode(mac.finalize().into_bytes());
    let claims = format!(
        r#"{{"TLS.ver":"2.0","TLS.identifier":"{admin}","TLS.sdkappid":{id},"TLS.expire":86400,"TLS.time":{now},"TLS.sig":"{sig}"}}"#
    );
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    zlib.write_all(claims.as_bytes()).unwrap();
    let packed = STANDARD.encode(zlib.finish().unwrap());
    let usersig = packed.replace('+', "*").replace('/', "-").replace('=', "_");
    format!("sdkappid={id}&identifier={admin}&usersig={usersig}&random=1&contenttype=json")
}

pub fn request(command: &str, query: &str, body: &str) -> Vec<u8> {
    let head = format!(
        "POST /v4/group_open_http_svc/{command}?{query} HTTP/1.1\r\nhost: sandbox\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

/// Sends a request and reads its whole answer, which must be a success.
pub async fn exchange(stream: &mut TcpStream, request: &[u8]) -> String {
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
            return body.to_owned();
        }
    }
}
