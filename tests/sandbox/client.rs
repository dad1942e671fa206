//! A sandbox in this process and a signing client for it, written apart from the product's own.

use std::io::Write as _;
use std::sync::Once;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sandbox::{DEFAULT_APP, Running, Settings};
use serde_json::{Value, json};
use sha2::Sha256;

/// The moment at which every test's clock stands.
pub const NOW: i64 = 1_700_000_000;

/// How long a test waits for what must happen at all.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A client for plain HTTP.
pub fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Reading the machine's certificates takes longer than most tests.
    reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap()
}

pub struct Sandbox {
    pub running: Running,
    pub http: reqwest::Client,
}

/// The UserSig of the given claims.
pub fn usersig(sdkappid: u64, identifier: &str, time: i64, expire: i64, key: &str) -> String {
    let text = format!("TLS.identifier:{identifier}\nTLS.sdkappid:{sdkappid}\nTLS.time:{time}\nTLS.expire:{expire}\n");
    let sig = hmac(key, &text);
    pack(&json!({
        "TLS.ver": "2.0", "TLS.identifier": identifier, "TLS.sdkappid": sdkappid,
        "TLS.expire": expire, "TLS.time": time, "TLS.sig": sig,
    }))
}

/// The signature of a text.
pub fn hmac(key: &str, text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// The JSON of a UserSig.
pub fn unpack(usersig: &str) -> Value {
    let packed = STANDARD.decode(usersig.replace('*', "+").replace('-', "/").replace('_', "=")).unwrap();
    serde_json::from_reader(ZlibDecoder::new(packed.as_slice())).unwrap()
}

/// The transport encoding of a UserSig's JSON.
pub fn pack(claims: &Value) -> String {
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(claims.to_string().as_bytes()).unwrap();
    STANDARD.encode(zlib.finish().unwrap()).replace('+', "*").replace('/', "-").replace('=', "_")
}

/// The settings of most tests: no pacing, and custom fields that need no declaration.
pub fn unpaced() -> Settings {
    Settings { rate_scale: 0.0, open_fields: true, ..Settings::default() }
}

impl Sandbox {
    /// With a clock that stands at `NOW`, and accounts alice, bob, carol, dave and zoe.
    pub async fn start() -> Self {
        let sandbox = Self::start_with(unpaced()).await;
        sandbox.freeze(NOW).await;
        let users = json!({"Accounts": ["alice", "bob", "carol", "dave", "zoe"]});
        sandbox.ok_at("im_open_login_svc", "multiaccount_import", users).await;
        sandbox
    }

    pub async fn start_with(settings: Settings) -> Self {
        static PROVIDER: Once = Once::new();
        // Another test of this binary may have been first.
        PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        let running = sandbox::start(settings).await.unwrap();
        Self { running, http: http() }
    }

    /// The URL of a command with a valid query of the default app.
    pub fn url(&self, service: &str, command: &str) -> String {
        let sig = usersig(DEFAULT_APP.sdkappid, DEFAULT_APP.admin, NOW, 86_400 * 36_500, DEFAULT_APP.key);
        self.url_with(service, command, &self.query(DEFAULT_APP.sdkappid, DEFAULT_APP.admin, &sig))
    }

    pub fn query(&self, sdkappid: u64, identifier: &str, sig: &str) -> String {
        format!("sdkappid={sdkappid}&identifier={identifier}&usersig={sig}&random=99&contenttype=json")
    }

    pub fn url_with(&self, service: &str, command: &str, query: &str) -> String {
        format!("http://{}/v4/{service}/{command}?{query}", self.running.api_addr())
    }

    pub async fn post(&self, url: &str, body: impl Into<reqwest::Body>) -> Value {
        let response = self.http.post(url).body(body).send().await.unwrap();
        assert_eq!(response.status(), 200);
        serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
    }

    pub async fn call_at(&self, service: &str, command: &str, body: Value) -> Value {
        let reply = self.post(&self.url(service, command), body.to_string()).await;
        let status = if reply["ErrorCode"] == 0 { "OK" } else { "FAIL" };
        assert_eq!(reply["ActionStatus"], status, "{reply}");
        reply
    }

    pub async fn call(&self, command: &str, body: Value) -> Value {
        self.call_at("group_open_http_svc", command, body).await
    }

    pub async fn ok_at(&self, service: &str, command: &str, body: Value) -> Value {
        let reply = self.call_at(service, command, body).await;
        assert_eq!(reply["ErrorCode"], 0, "{command}: {reply}");
        reply
    }

    /// A call that must succeed.
    pub async fn ok(&self, command: &str, body: Value) -> Value {
        self.ok_at("group_open_http_svc", command, body).await
    }

    /// A call that must fail with the code; returns its ErrorInfo.
    pub async fn fails(&self, command: &str, body: Value, code: i64) -> String {
        let reply = self.call(command, body).await;
        assert_eq!(reply["ErrorCode"], code, "{command}: {reply}");
        reply["ErrorInfo"].as_str().unwrap().to_owned()
    }

    /// Creates a group of the type with alice as owner and bob and carol as members (an AVChatRoom without members).
    pub async fn group(&self, id: &str, kind: &str) {
        let mut body = json!({"Owner_Account": "alice", "Type": kind, "GroupId": id, "Name": "Name"});
        if kind != "AVChatRoom" {
            body["MemberList"] = json!([{"Member_Account": "bob"}, {"Member_Account": "carol"}]);
        }
        self.ok("create_group", body).await;
    }

    /// Sends a text; returns the reply.
    pub async fn send(&self, group: &str, from: &str, random: u32) -> Value {
        self.ok("send_group_msg", message(group, from, random)).await
    }

    /// The profile and members of one group.
    pub async fn info(&self, group: &str) -> Value {
        self.ok("get_group_info", json!({"GroupIdList": [group]})).await["GroupInfo"][0].clone()
    }

    /// The record of one member.
    pub async fn member(&self, group: &str, user: &str) -> Value {
        let info = self.info(group).await;
        let members = info["MemberList"].as_array().unwrap();
        members.iter().find(|member| member["Member_Account"] == user).cloned().unwrap_or(Value::Null)
    }

    /// UnreadMsgNum of a user in the only group that the user is in.
    pub async fn unread(&self, user: &str) -> Value {
        let body = json!({"Member_Account": user, "ResponseFilter": {"SelfInfoFilter": ["UnreadMsgNum"]}});
        self.ok("get_joined_group_list", body).await["GroupIdList"][0]["SelfInfo"]["UnreadMsgNum"].clone()
    }

    pub async fn history(&self, group: &str) -> Vec<Value> {
        let body = json!({"GroupId": group, "ReqMsgNumber": 20, "WithRecalledMsg": 1});
        self.ok("group_msg_get_simple", body).await["RspMsgList"].as_array().unwrap().clone()
    }

    pub fn control_url(&self, path: &str) -> String {
        format!("http://{}/_sandbox/{path}", self.running.control_addr())
    }

    pub async fn control(&self, path: &str, body: Value) -> Value {
        let response = self.http.post(self.control_url(path)).json(&body).send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    pub async fn look(&self, path: &str) -> Value {
        self.http.get(self.control_url(path)).send().await.unwrap().json().await.unwrap()
    }

    pub async fn freeze(&self, at: i64) {
        self.control("clock", json!({"op": "freeze", "at": at})).await;
    }

    pub async fn advance(&self, seconds: i64) {
        self.control("clock", json!({"op": "advance", "seconds": seconds})).await;
    }
}

pub fn text(text: &str) -> Value {
    json!([{"MsgType": "TIMTextElem", "MsgContent": {"Text": text}}])
}

pub fn message(group: &str, from: &str, random: u32) -> Value {
    json!({"GroupId": group, "From_Account": from, "Random": random, "MsgBody": text("hello")})
}
