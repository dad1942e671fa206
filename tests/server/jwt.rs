//! JSON Web Tokens as credentials, through the real server.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contract::pb;
use futures::StreamExt;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tencent_im_grpc::config::Config;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::support::callers::{Callers, NOWHERE, ask, reason};
use crate::support::http2::Connection;
use crate::support::process::PATIENCE;
use crate::support::servers;
use crate::support::tokens::{AUDIENCE, ISSUER, Signer, b64, claims, file, now, set};
use crate::support::{Gateway, settings};

fn changed(key: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[key] = value;
    claims
}

fn without(key: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(key);
    claims
}

async fn gateway(more: &[(&str, &str)]) -> Gateway {
    gateway_with_pause(Duration::from_secs(10), more).await
}

/// One that waits so long between two readings of the key set that tokens cause.
async fn gateway_with_pause(pause: Duration, more: &[(&str, &str)]) -> Gateway {
    let mut all = vec![("jwt.issuer", ISSUER), ("jwt.audiences", "other, tim-gateway"), ("upstream.max_attempts", "1")];
    all.extend([("base_urls", NOWHERE), ("upstream.pacing", "false"), ("deadline.default", "60s")]);
    all.extend_from_slice(more);
    let mut config = settings(&all);
    config.server.auth.jwt.as_mut().unwrap().refresh_pause = pause;
    Gateway::serve(config).await
}

/// Shorter than anything that happens in a test.
const EAGER: Duration = Duration::from_millis(1);

async fn code(channel: &Channel, token: &str) -> Code {
    ask(channel, &[("authorization", token)]).await.code()
}

/// What a call gets that passes all layers: no upstream answers behind them.
const PASSED: Code = Code::Unavailable;

#[tokio::test]
async fn tokens_of_every_algorithm_count_with_their_scopes() {
    let signers = [Signer::rsa(), Signer::ec(), Signer::ed()];
    let keys: Vec<_> = signers.iter().map(|signer| signer.jwk(signer.algorithm())).collect();
    let file = file(&keys);
    let gateway = gateway(&[("jwt.jwks_file", file.path().to_str().unwrap())]).await;
    let channel = gateway.channel().await;
    for signer in &signers {
        let kid = signer.algorithm();
        assert_eq!(code(&channel, &signer.token(kid, &claims())).await, PASSED, "{kid}");
        // One key of this algorithm: the token need not name it.
        let nameless = signer.raw(&json!({"alg": kid}), &claims());
        assert_eq!(code(&channel, &nameless).await, PASSED, "{kid}");
        let list = changed("scope", json!(["read", "unknown"]));
        assert_eq!(code(&channel, &signer.token(kid, &list)).await, PASSED, "{kid}");
        let audiences = changed("aud", json!(["somebody", AUDIENCE]));
        assert_eq!(code(&channel, &signer.token(kid, &audiences)).await, PASSED, "{kid}");
        for scope in [json!("openid reads message member admin"), json!(""), json!(["message"]), json!(7)] {
            let token = signer.token(kid, &changed("scope", scope.clone()));
            let status = ask(&channel, &[("authorization", &token)]).await;
            let seen = (status.code(), reason(&status));
            assert_eq!(seen, (Code::PermissionDenied, "SCOPE_MISSING".to_owned()), "{kid} {scope}");
        }
        let token = signer.token(kid, &claims());
        let status = ask(&channel, &[("authorization", &token), ("x-tim-app", "other")]).await;
        assert_eq!(reason(&status), "APP_NOT_ALLOWED");
    }
}

#[tokio::test]
async fn a_token_with_anything_wrong_is_refused() {
    let (signer, stranger, ed) = (Signer::ec(), Signer::ec(), Signer::ed());
    let jwk = signer.jwk("a");
    // A set may also hold what is not for signatures, and shared secrets.
    let secret = json!({"kty": "oct", "k": b64("secret"), "kid": "shared", "alg": "HS256"});
    let mut sealing = Signer::ec().jwk("sealing");
    sealing["use"] = "enc".into();
    let file = file(&[jwk.clone(), ed.jwk("e"), secret, sealing, json!({"kty": "new"})]);
    let gateway = gateway(&[("jwt.jwks_file", file.path().to_str().unwrap()), ("jwt.algorithms", "ES256")]).await;
    let channel = gateway.channel().await;
    let good = signer.token("a", &claims());
    assert_eq!(code(&channel, &good).await, PASSED);

    let parts: Vec<&str> = good.split('.').collect();
    let more = b64(changed("scope", json!("read admin")).to_string());
    let shared = |key: &[u8], kid: &str| {
        let header = b64(json!({"alg": "HS256", "kid": kid}).to_string());
        let message = format!("{header}.{}", b64(claims().to_string()));
        let mac = Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(&message).finalize().into_bytes();
        format!("Bearer {message}.{}", b64(mac))
    };
    let point =
        [jwk["x"].as_str().unwrap(), jwk["y"].as_str().unwrap()].map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
    let unsigned = |alg: &str| {
        format!("Bearer {}.{}.", b64(json!({"alg": alg, "kid": "a"}).to_string()), b64(claims().to_string()))
    };
    let cases = [
        ("another issuer", signer.token("a", &changed("iss", json!("https://issuer.example.evil")))),
        (
            "a list of issuers",
            signer.token("a", &changed("iss", json!([claims()["iss"], "https://issuer.example.evil"]))),
        ),
        ("a list of one issuer", signer.token("a", &changed("iss", json!([claims()["iss"]])))),
        ("an issuer that is not a text", signer.token("a", &changed("iss", json!({"a": claims()["iss"]})))),
        ("no issuer", signer.token("a", &without("iss"))),
        ("another audience", signer.token("a", &changed("aud", json!("tim-gateway-2")))),
        ("no audience", signer.token("a", &without("aud"))),
        ("an audience of no kind", signer.token("a", &changed("aud", json!(1)))),
        ("no end", signer.token("a", &without("exp"))),
        ("an end that is a text", signer.token("a", &changed("exp", json!("tomorrow")))),
        ("expired", signer.token("a", &changed("exp", json!(now() - 60)))),
        ("not yet", signer.token("a", &changed("nbf", json!(now() + 600)))),
        ("nobody", signer.token("a", &without("sub"))),
        ("an empty name", signer.token("a", &changed("sub", json!("")))),
        ("a name with a line break", signer.token("a", &changed("sub", json!("a\nb")))),
        ("a long name", signer.token("a", &changed("sub", json!("a".repeat(300))))),
        ("another's signature", stranger.token("a", &claims())),
        ("another key's name", signer.token("e", &claims())),
        ("an unknown key's name", signer.token("b", &claims())),
        ("a key for sealing", signer.token("sealing", &claims())),
        ("an algorithm off the list", ed.token("e", &claims())),
        ("an algorithm that is not the key's", ed.raw(&json!({"alg": "ES256", "kid": "e"}), &claims())),
        ("something critical", signer.raw(&json!({"alg": "ES256", "kid": "a", "crit": ["x"]}), &claims())),
        ("changed claims", format!("{}.{more}.{}", parts[0], parts[2])),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("the algorithm none", unsigned("none")),
        ("the algorithm None", unsigned("None")),
        ("a shared secret", shared(b"secret", "shared")),
        ("the public key as a shared secret", shared(&[&[4][..], &point[0], &point[1]].concat(), "a")),
        ("no JSON", "Bearer a.b.c".to_owned()),
        ("nothing", "Bearer ..".to_owned()),
        ("twice the dots", format!("{good}.{good}")),
    ];
    for (what, token) in cases {
        let status = ask(&channel, &[("authorization", &token)]).await;
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unauthenticated, "UNAUTHENTICATED"), "{what}");
    }
    let late = signer.token("a", &changed("exp", json!(now() - 60)));
    assert_eq!(ask(&channel, &[("authorization", &late)]).await.message(), "the token has expired");
    // Clocks may be apart by less than the leeway.
    assert_eq!(code(&channel, &signer.token("a", &changed("exp", json!(now() - 5)))).await, PASSED);
}

#[tokio::test]
async fn a_claim_and_a_prefix_of_ones_own() {
    let (signer, mut callers) = (Signer::ec(), Callers::new());
    let key = callers.key("batch", &["read"], &[]);
    let file = file(&[signer.jwk("a")]);
    let gateway = gateway(&[
        ("jwt.jwks_file", file.path().to_str().unwrap()),
        ("jwt.scope_claim", "permissions"),
        ("jwt.scope_prefix", "tim:"),
        ("auth.callers_file", callers.path()),
    ])
    .await;
    let channel = gateway.channel().await;
    let token = |permissions| signer.token("a", &changed("permissions", permissions));
    assert_eq!(code(&channel, &token(json!(["tim:read"]))).await, PASSED);
    assert_eq!(code(&channel, &token(json!(["read", "tim:message"]))).await, Code::PermissionDenied);
    // Keys count beside tokens.
    assert_eq!(code(&channel, &key).await, PASSED);
    assert_eq!(code(&channel, "").await, Code::Unauthenticated);
}

/// A key server that counts.
struct KeyServer {
    keys: watch::Sender<Option<String>>,
    asked: Arc<AtomicUsize>,
    url: String,
}

impl KeyServer {
    async fn start(first: Option<String>) -> Self {
        let (keys, current) = watch::channel(first);
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = asked.clone();
        let answer = move || {
            counter.fetch_add(1, Ordering::SeqCst);
            let keys = current.borrow().clone();
            async move { keys.ok_or(axum::http::StatusCode::SERVICE_UNAVAILABLE) }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/jwks", get(answer))).await });
        Self { keys, asked, url }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

const FAILURES: &str = r#"tim_reload_failures_total{file="jwks"}"#;

#[tokio::test]
async fn a_new_key_counts_at_once_and_made_up_ones_cause_no_flood() {
    let (old, new) = (Signer::ec(), Signer::ed());
    let server = KeyServer::start(Some(set(&[old.jwk("old")]))).await;
    // The pause is longer than any test: what is read again is read for a reason.
    let hourly = [("jwt.jwks_url", server.url.as_str()), ("jwt.refresh_interval", "1h")];
    let gateway_ = gateway_with_pause(Duration::from_secs(3600), &hourly).await;
    let channel = gateway_.channel().await;
    assert_eq!(code(&channel, &old.token("old", &claims())).await, PASSED);
    let before = server.asked();
    for n in 0..20 {
        assert_eq!(code(&channel, &old.token(&format!("made-up-{n}"), &claims())).await, Code::Unauthenticated);
    }
    assert_eq!(server.asked(), before);

    let gateway = gateway_with_pause(EAGER, &hourly).await;
    let channel = gateway.channel().await;
    assert_eq!(code(&channel, &old.token("old", &claims())).await, PASSED);
    server.keys.send(Some(set(&[new.jwk("new")]))).unwrap();
    assert_eq!(code(&channel, &new.token("new", &claims())).await, PASSED);
    assert_eq!(code(&channel, &old.token("old", &claims())).await, Code::Unauthenticated);
}

#[tokio::test]
async fn a_key_server_that_is_away_keeps_nobody_else_out() {
    let (signer, mut callers) = (Signer::ec(), Callers::new());
    let key = callers.key("batch", &["read"], &[]);
    let server = KeyServer::start(None).await;
    let more = [
        ("jwt.jwks_url", server.url.as_str()),
        ("jwt.refresh_interval", "20ms"),
        ("auth.callers_file", callers.path()),
    ];
    let gateway = gateway_with_pause(EAGER, &more).await;
    let channel = gateway.channel().await;
    assert_eq!(code(&channel, &key).await, PASSED);
    let token = signer.token("a", &claims());
    assert_eq!(code(&channel, &token).await, Code::Unauthenticated);
    assert!(gateway.metric(FAILURES).await.unwrap() >= 1.0);

    server.keys.send(Some(set(&[signer.jwk("a")]))).unwrap();
    assert_eq!(code(&channel, &token).await, PASSED);

    // What was good stays good when the server breaks.
    server.keys.send(Some("<html>".to_owned())).unwrap();
    let failures = gateway.metric(FAILURES).await.unwrap();
    while gateway.metric(FAILURES).await.unwrap() < failures + 2.0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(code(&channel, &token).await, PASSED);
}

/// A key server that gives these keys once, and afterwards takes questions and never answers. Tells how many came.
async fn falls_silent(keys: String) -> (String, watch::Receiver<usize>) {
    let keys = Arc::new(Mutex::new(Some(keys)));
    let (count, asked) = watch::channel(0);
    let answer = move || {
        count.send_modify(|count| *count += 1);
        let keys = keys.lock().unwrap().take();
        async move {
            match keys {
                Some(keys) => keys,
                None => std::future::pending().await,
            }
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/jwks", get(answer))).await });
    (url, asked)
}

/// Asks with a token; the deadline is in the header alone, and only the server watches it.
async fn raw(connection: &Connection, token: &str, deadline: &str) -> Status {
    let message = pb::GetGroupRequest { group_id: "g".into(), filter: None };
    let headers = [("authorization", token), ("grpc-timeout", deadline)];
    connection.call("/tencentim.group.v1.GroupService/GetGroup", &headers, &message).await
}

#[tokio::test]
async fn who_waits_for_a_key_waits_within_the_deadline_and_a_bounded_room() {
    let signer = Signer::ec();
    let (url, _asked) = falls_silent(set(&[signer.jwk("known")])).await;
    let gateway = gateway_with_pause(EAGER, &[("jwt.refresh_interval", "1h"), ("jwt.jwks_url", &url)]).await;
    let connection = Connection::open(&gateway.address.to_string()).await;
    let (known, unknown) = (signer.token("known", &claims()), signer.token("made-up", &claims()));
    assert_eq!(raw(&connection, &known, "60S").await.code(), PASSED);

    let late = async {
        loop {
            let status = raw(&connection, &unknown, "300m").await;
            // Just after the first reading there is nothing to wait for yet.
            if status.code() != Code::Unauthenticated {
                return status;
            }
        }
    };
    let status = timeout(PATIENCE, late).await.expect("the deadline ends it");
    assert_eq!((status.code(), reason(&status)), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED".to_owned()));
    assert_eq!(status.get_details_error_info().unwrap().metadata["outcome"], "not_executed");
    let untimely = raw(&connection, &unknown, "300x").await;
    assert_eq!(untimely.code(), Code::InvalidArgument);

    let address = gateway.address.to_string();
    let connections = futures::future::join_all((0..16).map(|_| Connection::open(&address))).await;
    let crowd = futures::stream::iter(connections.iter().cycle());
    let crowd = crowd.map(|connection| raw(connection, &unknown, "2S")).buffer_unordered(1200);
    let refused = crowd.filter(|status| {
        let code = status.code();
        // The key server has its own time-out: calls that waited for it longer have no key.
        let waited = matches!(code, Code::DeadlineExceeded | Code::Unauthenticated);
        assert!(waited || code == Code::ResourceExhausted, "{status:?}");
        std::future::ready(!waited)
    });
    let mut refused = std::pin::pin!(refused);
    let status = timeout(PATIENCE, refused.next()).await.expect("not all can wait").unwrap();
    assert!(status.get_details_retry_info().is_some_and(|info| info.retry_delay.is_some()), "{status:?}");
    assert_eq!(raw(&connection, &known, "60S").await.code(), PASSED, "a known key needs no place");
}

/// Strangers make names of keys up while the key server is slow; a caller with a key that is really new is still served.
#[tokio::test]
async fn slow_look_ups_of_made_up_keys_refuse_no_new_key() {
    let (old, new) = (Signer::ec(), Signer::ed());
    let both = set(&[old.jwk("old"), new.jwk("new")]);
    let (release, released) = watch::channel(false);
    let first = Arc::new(Mutex::new(Some(set(&[old.jwk("old")]))));
    let answer = move || {
        let (first, both, mut released) = (first.lock().unwrap().take(), both.clone(), released.clone());
        async move {
            if first.is_none() {
                released.wait_for(|released| *released).await.unwrap();
            }
            first.unwrap_or(both)
        }
    };
    let url = servers::serve(Router::new().route("/jwks", get(answer))).await + "/jwks";
    let gateway = gateway_with_pause(EAGER, &[("jwt.refresh_interval", "1h"), ("jwt.jwks_url", &url)]).await;
    let connection = Connection::open(&gateway.address.to_string()).await;
    assert_eq!(raw(&connection, &old.token("old", &claims()), "60S").await.code(), PASSED);

    let stranger = Connection::open(&gateway.address.to_string()).await;
    // The pause after a reading, in which there is nothing to wait for.
    tokio::time::sleep(EAGER * 10).await;
    let made_up: Vec<_> = (0..100).map(|n| old.token(&format!("made-up-{n}"), &claims())).collect();
    let strangers = futures::future::join_all(made_up.iter().map(|token| raw(&stranger, token, "60S")));
    let token = new.token("new", &claims());
    let caller = async {
        gateway.wait_for_metric("tim_server_in_flight", 100.0).await;
        let call = raw(&connection, &token, "60S");
        let release = async {
            gateway.wait_for_metric("tim_server_in_flight", 101.0).await;
            release.send(true).unwrap();
        };
        futures::future::join(call, release).await.0
    };
    let (_, status) = futures::future::join(strangers, caller).await;
    assert_eq!(status.code(), PASSED, "{status:?}");
}

/// A call that waits for a key gets an error when its connection is about to be closed by force.
#[tokio::test]
async fn who_waits_for_a_key_is_told_that_the_connection_ends() {
    let signer = Signer::ec();
    let (url, mut asked) = falls_silent(set(&[signer.jwk("known")])).await;
    let gateway =
        gateway_with_pause(EAGER, &[("jwt.refresh_interval", "1h"), ("jwt.jwks_url", &url), ("drain.timeout", "1h")])
            .await;
    let connection = Connection::open(&gateway.address.to_string()).await;
    let unknown = signer.token("made-up", &claims());
    let waiting = async {
        loop {
            let status = raw(&connection, &unknown, "60S").await;
            // Just after the first reading there is nothing to wait for yet.
            if status.code() != Code::Unauthenticated {
                return status;
            }
        }
    };
    let end = async {
        asked.wait_for(|asked| *asked == 2).await.unwrap();
        // The second signal ends what still runs now.
        gateway.shutdown.hurry();
    };
    let (status, ()) = timeout(PATIENCE, futures::future::join(waiting, end)).await.expect("it ends");
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "SHUTTING_DOWN"), "{status:?}");
    assert_eq!(status.get_details_error_info().unwrap().metadata["outcome"], "not_executed");
}

#[test]
fn settings_that_would_let_strangers_in_are_refused() {
    let complete = [
        ("sandbox", "true"),
        ("listen", "0.0.0.0:0"),
        ("jwt.issuer", ISSUER),
        ("jwt.audiences", AUDIENCE),
        ("jwt.jwks_url", "https://issuer.example/keys"),
    ];
    let load = |settings: &[(&str, &str)]| {
        let flags = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Config::load(&flags, &Default::default(), None).map(drop).map_err(|problems| problems.to_string())
    };
    let changed = |key: &str, value: &'static str| {
        let changed = complete.map(|(each, old)| (each, if each == key { value } else { old }));
        load(&changed).unwrap_err()
    };
    assert_eq!(load(&complete), Ok(()));
    assert!(changed("jwt.audiences", "").contains("jwt.audiences"));
    assert!(changed("jwt.jwks_url", "").contains("jwt.issuer"));
    assert!(changed("jwt.issuer", "").contains("jwt.issuer"));
    for url in
        ["http://issuer.example/keys", "ftp://127.0.0.1/keys", "https://user:pass-word@issuer.example/keys", "keys"]
    {
        let problems = changed("jwt.jwks_url", url);
        assert!(problems.contains("jwt.jwks_url") && !problems.contains("pass-word"), "{problems}");
    }
    assert!(
        load(&[complete.as_slice(), &[("jwt.algorithms", "HS256")]].concat()).unwrap_err().contains("jwt.algorithms")
    );
    assert!(load(&complete[..2]).unwrap_err().contains("not authenticated"));
}

/// Who issues tokens knows nothing of the callers file: a token's name is not that of a key, and not held up by it.
#[tokio::test]
async fn a_token_does_not_share_the_limits_of_a_key_with_its_name() {
    let mut callers = Callers::new();
    let (key, path) = (callers.key("orders", &["read"], &[]), callers.path().to_owned());
    let signer = Signer::ec();
    let jwks = file(&[signer.jwk("a")]);
    // It accepts and never answers, so that calls stay.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = format!("http://{}", silent.local_addr().unwrap());
    let settings = [
        ("jwt.issuer", ISSUER),
        ("jwt.audiences", AUDIENCE),
        ("jwt.jwks_file", jwks.path().to_str().unwrap()),
        ("auth.callers_file", &path),
        ("limits.max_in_flight_per_caller", "1"),
    ];
    let gateway = Gateway::start(&upstream, &settings).await;
    let token = signer.token("a", &claims());
    let held = [&key, &token].map(|credential| {
        let (address, credential) = (gateway.address, credential.clone());
        tokio::spawn(async move {
            let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
            ask(&channel, &[("authorization", &credential)]).await
        })
    });
    gateway.wait_for_metric("tim_upstream_in_flight", 2.0).await;
    let status = ask(&gateway.channel().await, &[("authorization", &token)]).await;
    assert_eq!(status.get_details_quota_failure().unwrap().violations[0].subject, "caller:jwt:orders");
    held.iter().for_each(tokio::task::JoinHandle::abort);

    // Nor can an entry of the file take such a name.
    callers.key("jwt:orders", &["read"], &[]);
    let flags = settings
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .chain([("sandbox".to_owned(), "true".to_owned())]);
    let config = Config::load(&flags.collect(), &Default::default(), None).unwrap();
    let problems = tencent_im_grpc::server::Credentials::check(&config, &[]).await;
    assert!(problems.iter().any(|problem| problem.what.contains("`jwt:`")), "{problems:?}");
}
