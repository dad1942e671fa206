//! Several Tencent applications behind one gateway: which caller may choose which one, for every kind of credential.

use std::io::Write;

use contract::pb;
use contract::pb::group_service_client::GroupServiceClient;
use sandbox::{Running, Settings};
use serde_json::{Value, json};
use tonic::transport::Channel;
use tonic::{Code, Request};

use crate::support::callers::{Callers, reason, with};
use crate::support::process::KEY;
use crate::support::tokens::{AUDIENCE, ISSUER, Signer, claims, file};
use crate::support::{Gateway, settings_with};

/// A gateway with the applications `shop`, which is the default one, and `bank`. Each has its own sandbox, which holds
/// one group: the one that is named like the application.
struct Two {
    channel: Channel,
    _gateway: Gateway,
    _sandboxes: [Running; 2],
}

const APPS: [&str; 2] = ["shop", "bank"];

impl Two {
    async fn start(more: &[(&str, &str)]) -> Self {
        let settings = || Settings { auto_import: true, rate_scale: 0.0, ..Settings::default() };
        let sandboxes = [sandbox::start(settings()).await.unwrap(), sandbox::start(settings()).await.unwrap()];
        let mut file = tempfile::NamedTempFile::new().unwrap();
        for (app, sandbox) in APPS.iter().zip(&sandboxes) {
            let url = format!("http://{}", sandbox.api_addr());
            let table = "sdk_app_id = 1400000001\nidentifier = \"administrator\"";
            writeln!(file, "[apps.{app}]\n{table}\nsecret_key = \"{KEY}\"\nbase_urls = \"{url}\"").unwrap();
        }
        let all = [&[("default_app", "shop"), ("upstream.pacing", "false")], more].concat();
        let gateway = Gateway::serve(settings_with(&all, Some(file.path()))).await;
        Self { channel: gateway.channel().await, _gateway: gateway, _sandboxes: sandboxes }
    }

    async fn create_groups(&self, credential: &str) {
        for app in APPS {
            let request = pb::CreateGroupRequest {
                r#type: pb::GroupType::Public.into(),
                group_id: app.to_owned(),
                name: "Demo".to_owned(),
                owner_user_id: "alice".to_owned(),
                ..Default::default()
            };
            let metadata = with(&[("authorization", credential), ("x-tim-app", app)]);
            let request = Request::from_parts(metadata, Default::default(), request);
            GroupServiceClient::new(self.channel.clone()).create_group(request).await.unwrap();
        }
    }

    /// Which application serves a call with this metadata, or why none does.
    async fn serves(&self, metadata: &[(&'static str, &str)]) -> Result<&'static str, String> {
        let mut there = Vec::new();
        for app in APPS {
            let message = pb::GetGroupRequest { group_id: app.to_owned(), filter: None };
            let request = Request::from_parts(with(metadata), Default::default(), message);
            match GroupServiceClient::new(self.channel.clone()).get_group(request).await {
                Ok(_) => there.push(app),
                Err(status) if status.code() == Code::NotFound => {}
                Err(status) => return Err(reason(&status)),
            }
        }
        assert_eq!(there.len(), 1, "{there:?}");
        Ok(there[0])
    }

    /// What becomes of a caller that names no application, each of them, and one that is not there.
    async fn all(&self, credential: (&'static str, &str)) -> [Result<&'static str, String>; 4] {
        let named = |app: &'static str| async move { self.serves(&[credential, ("x-tim-app", app)]).await };
        [self.serves(&[credential]).await, named("shop").await, named("bank").await, named("gone").await]
    }
}

fn refused() -> Result<&'static str, String> {
    Err("APP_NOT_ALLOWED".to_owned())
}

/// What a caller sees that may choose among no, both, or one of the applications.
fn of_default() -> [Result<&'static str, String>; 4] {
    [Ok("shop"), Ok("shop"), refused(), refused()]
}

fn of_both() -> [Result<&'static str, String>; 4] {
    [Ok("shop"), Ok("shop"), Ok("bank"), refused()]
}

fn of_bank() -> [Result<&'static str, String>; 4] {
    [Ok("bank"), refused(), Ok("bank"), refused()]
}

fn of_none() -> [Result<&'static str, String>; 4] {
    [refused(), refused(), refused(), refused()]
}

const SCOPES: &[&str] = &["read", "admin"];

#[tokio::test]
async fn keys_open_the_applications_of_their_entry() {
    let mut callers = Callers::new();
    let cases = [
        (callers.key("plain", SCOPES, &[]), of_default()),
        (callers.key("both", SCOPES, &["bank", "shop"]), of_both()),
        (callers.key("all", SCOPES, &["*"]), of_both()),
        (callers.key("bank", SCOPES, &["bank"]), of_bank()),
        (callers.key("stray", SCOPES, &["elsewhere", "bank"]), of_bank()),
    ];
    let two = Two::start(&[("auth.callers_file", callers.path())]).await;
    two.create_groups(&cases[1].0).await;
    for (n, (key, expected)) in cases.iter().enumerate() {
        assert_eq!(&two.all(("authorization", key)).await, expected, "key {n}");
    }
}

#[tokio::test]
async fn identities_open_the_applications_of_their_entry() {
    let mut callers = Callers::new();
    let key = callers.key("both", SCOPES, &["*"]);
    for (name, apps) in [("plain", ""), ("both", "apps = [\"shop\", \"bank\"]"), ("bank", "apps = [\"bank\"]")] {
        let uri = format!("uri = \"spiffe://mesh.example/{name}\"");
        callers.write(&format!("[[identity]]\n{uri}\ncaller = \"{name}\"\nscopes = [\"read\"]\n{apps}\n"));
    }
    let two = Two::start(&[("auth.callers_file", callers.path()), ("auth.xfcc_peers", "127.0.0.1")]).await;
    two.create_groups(&key).await;
    for (name, expected) in [("plain", of_default()), ("both", of_both()), ("bank", of_bank())] {
        let identity = format!("URI=spiffe://mesh.example/{name}");
        assert_eq!(two.all(("x-forwarded-client-cert", &identity)).await, expected, "{name}");
    }
}

fn token(signer: &Signer, name: &str, value: Option<Value>) -> String {
    let mut claims = claims();
    claims["scope"] = "read admin".into();
    if let Some(value) = value {
        claims[name] = value;
    }
    signer.token("a", &claims)
}

#[tokio::test]
async fn tokens_open_the_applications_of_their_claim() {
    let signer = Signer::ec();
    let jwks = file(&[signer.jwk("a")]);
    let base = [("jwt.issuer", ISSUER), ("jwt.audiences", AUDIENCE), ("jwt.jwks_file", jwks.path().to_str().unwrap())];

    let two = Two::start(&[&base[..], &[("jwt.app_claim", "tim_apps")]].concat()).await;
    two.create_groups(&token(&signer, "tim_apps", Some(json!("*")))).await;
    for (claim, expected) in [
        (None, of_default()),
        (Some(json!("bank shop")), of_both()),
        (Some(json!(["shop", "bank"])), of_both()),
        (Some(json!(["*"])), of_both()),
        (Some(json!(["elsewhere", "bank"])), of_bank()),
        (Some(json!("elsewhere")), of_none()),
        (Some(json!([])), of_none()),
        (Some(json!(7)), of_none()),
        (Some(Value::Null), of_none()),
    ] {
        let token = token(&signer, "tim_apps", claim.clone());
        assert_eq!(two.all(("authorization", &token)).await, expected, "{claim:?}");
    }

    // Without the setting the claim means nothing here.
    let two = Two::start(&base).await;
    let token_ = token(&signer, "tim_apps", Some(json!("bank")));
    assert_eq!(two.serves(&[("authorization", &token_), ("x-tim-app", "bank")]).await, refused());
}
