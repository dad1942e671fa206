//! Every method against every kind of credential in every state. The methods come from the descriptors, so that a new one
//! is in it by itself.

use contract::command::methods::METHODS;
use contract::command::{Method, Scope};
use prost_reflect::{DynamicMessage, MethodDescriptor};
use sandbox::{Running, Settings};
use serde_json::json;
use tencent_im_grpc::app;
use tencent_im_grpc::server::Application;
use tencent_im_grpc::telemetry::metrics::Metrics;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::support::callers::{Callers, NOWHERE, healthy, reason, with};
use crate::support::pki::{Pair, Pki};
use crate::support::tokens::{AUDIENCE, ISSUER, Signer, claims, file, now};
use crate::support::{Gateway, dynamic, settings};

/// All methods of the contract.
fn contract() -> Vec<MethodDescriptor> {
    let services = dynamic::pool();
    let services = services.services().filter(|service| service.full_name().starts_with("tencentim."));
    services.flat_map(|service| service.methods().collect::<Vec<_>>()).collect()
}

fn path(method: &MethodDescriptor) -> String {
    format!("{}/{}", method.parent_service().full_name(), method.name())
}

/// Calls a method with an empty request.
async fn call(
    channel: &Channel,
    method: &MethodDescriptor,
    metadata: Option<(&'static str, &str)>,
) -> Result<(), Status> {
    let message = DynamicMessage::new(method.input());
    let request = Request::from_parts(with(metadata.as_slice()), Default::default(), message);
    dynamic::call_request(channel.clone(), method, request).await.map(drop)
}

/// One kind of credential in its states, by the scope in its place of [`Scope::ALL`].
struct Kind {
    name: &'static str,
    wrong: String,
    expired: String,
    only: Vec<String>,
    all_but: Vec<String>,
}

fn names(keep: impl Fn(Scope) -> bool) -> Vec<&'static str> {
    Scope::ALL.into_iter().filter(|scope| keep(*scope)).map(Scope::name).collect()
}

fn keys(callers: &mut Callers) -> Kind {
    let only: Vec<_> = Scope::ALL.iter().map(|scope| callers.key("only", &[scope.name()], &[])).collect();
    let all_but =
        Scope::ALL.iter().map(|left_out| callers.key("all-but", &names(|scope| scope != *left_out), &[])).collect();
    let (start, last) = only[0].split_at(only[0].len() - 1);
    let wrong = format!("{start}{}", if last == "0" { '1' } else { '0' });
    Kind { name: "key", wrong, expired: callers.expired("late", &names(|_| true)), only, all_but }
}

fn tokens(signer: &Signer) -> Kind {
    let token = |signer: &Signer, scopes: &[&str], exp: u64| {
        let mut claims = claims();
        claims["scope"] = json!(scopes);
        claims["exp"] = exp.into();
        signer.token("a", &claims)
    };
    let (soon, past) = (now() + 300, now() - 300);
    Kind {
        name: "token",
        wrong: token(&Signer::ec(), &names(|_| true), soon),
        expired: token(signer, &names(|_| true), past),
        only: Scope::ALL.iter().map(|scope| token(signer, &[scope.name()], soon)).collect(),
        all_but: Scope::ALL.iter().map(|out| token(signer, &names(|scope| scope != *out), soon)).collect(),
    }
}

#[tokio::test]
async fn every_method_asks_for_a_live_credential_of_its_own_scope() {
    let (mut callers, signer, tencent) = (Callers::new(), Signer::ec(), tencent().await);
    let jwks = file(&[signer.jwk("a")]);
    let kinds = [keys(&mut callers), tokens(&signer)];
    let settings = [
        ("base_urls", tencent.1.as_str()),
        ("jwt.issuer", ISSUER),
        ("jwt.audiences", AUDIENCE),
        ("jwt.jwks_file", jwks.path().to_str().unwrap()),
    ];
    let gateway = callers.gateway(&settings).await;
    let channel = gateway.channel().await;
    let methods = contract();
    assert_eq!(methods.len(), METHODS.len());
    assert!(methods.len() > 70);

    for method in &methods {
        let place = place(method);
        expect(Stranger, &channel, method, None, "without a credential").await;
        for kind in &kinds {
            for (expected, state, credential) in [
                (Stranger, "wrong", &kind.wrong),
                (Stranger, "expired", &kind.expired),
                (OutOfScope, "too narrow", &kind.all_but[place]),
                (LetIn, "right", &kind.only[place]),
            ] {
                let what = format!("with a {state} {}", kind.name);
                expect(expected, &channel, method, Some(("authorization", credential)), &what).await;
            }
        }
    }
}

/// The identities of each scope alone, and of all but it.
fn identities() -> String {
    let entry = |uri: String, scopes: Vec<&str>| {
        format!("[[identity]]\nuri = \"{uri}\"\ncaller = \"somebody\"\nscopes = {scopes:?}\n")
    };
    let all = Scope::ALL.iter();
    all.flat_map(|scope| {
        [entry(only(*scope), vec![scope.name()]), entry(all_but(*scope), names(|other| other != *scope))]
    })
    .collect()
}

fn only(scope: Scope) -> String {
    format!("spiffe://mesh.example/only/{}", scope.name())
}

fn all_but(scope: Scope) -> String {
    format!("spiffe://mesh.example/all-but/{}", scope.name())
}

const NOBODY: &str = "spiffe://mesh.example/nobody";

#[tokio::test]
async fn every_method_asks_for_a_known_certificate_of_its_own_scope() {
    let (pki, mut callers, tencent) = (Pki::new(), Callers::new(), tencent().await);
    callers.write(&identities());
    pki.install(&pki.server());
    let ca = pki.path("ca.pem");
    std::fs::write(&ca, pki.ca.pem()).unwrap();
    let settings = [
        ("base_urls", tencent.1.as_str()),
        ("tls.client_ca_file", ca.as_str()),
        ("auth.callers_file", callers.path()),
        ("tls.client_auth", "optional"),
    ];
    let gateway = pki.gateway(&settings).await;
    let connect = async |pair: Option<Pair>| pki.connect(&gateway, pair.as_ref()).await.unwrap().0;
    let (without, nobody) = (connect(None).await, connect(Some(pki.client(NOBODY))).await);
    let (mut right, mut narrow) = (Vec::new(), Vec::new());
    for scope in Scope::ALL {
        right.push(connect(Some(pki.client(&only(scope)))).await);
        narrow.push(connect(Some(pki.client(&all_but(scope)))).await);
    }
    // With a certificate whose time is over there is no connection to call any method on.
    assert!(healthy(&right[0]).await);
    if let Ok((channel, _)) = pki.connect(&gateway, Some(&pki.expired(&only(Scope::ALL[0])))).await {
        assert!(!healthy(&channel).await);
    }
    for method in contract() {
        let place = place(&method);
        expect(Stranger, &without, &method, None, "without a certificate").await;
        expect(Stranger, &nobody, &method, None, "with an unlisted certificate").await;
        expect(OutOfScope, &narrow[place], &method, None, "with too narrow a certificate").await;
        expect(LetIn, &right[place], &method, None, "with the right certificate").await;
    }
}

#[tokio::test]
async fn every_method_asks_for_a_known_forwarded_identity_of_its_own_scope() {
    let (mut callers, tencent) = (Callers::new(), tencent().await);
    callers.write(&identities());
    let gateway = async |peers| callers.gateway(&[("base_urls", &tencent.1), ("auth.xfcc_peers", peers)]).await;
    let (trusting, distrusting) = (gateway("127.0.0.0/8").await, gateway("10.0.0.0/8").await);
    let (trusted, untrusted) = (trusting.channel().await, distrusting.channel().await);
    let element = |uri: &str| format!("By=spiffe://mesh.example/proxy;Hash=1f;URI={uri}");
    for method in contract() {
        let scope = Scope::ALL[place(&method)];
        let right = element(&only(scope));
        for (expected, channel, uri, what) in [
            (Stranger, &untrusted, &right, "with an identity of an untrusted peer"),
            (Stranger, &trusted, &element(NOBODY), "with an unlisted identity"),
            (OutOfScope, &trusted, &element(&all_but(scope)), "with too narrow an identity"),
            (LetIn, &trusted, &right, "with the right identity"),
        ] {
            expect(expected, channel, &method, Some(("x-forwarded-client-cert", uri)), what).await;
        }
        expect(Stranger, &trusted, &method, None, "without an identity").await;
    }
}

/// An upstream that answers at once.
async fn tencent() -> (Running, String) {
    let sandbox = sandbox::start(Settings { rate_scale: 0.0, ..Settings::default() }).await.unwrap();
    let url = format!("http://{}", sandbox.api_addr());
    (sandbox, url)
}

/// The place of the method's scope in [`Scope::ALL`].
fn place(method: &MethodDescriptor) -> usize {
    let path = path(method);
    let rule = METHODS.iter().find(|rule| rule.path == path).unwrap_or_else(|| panic!("{path} has no scope"));
    Scope::ALL.iter().position(|scope| *scope == rule.scope).unwrap()
}

/// What becomes of a call.
#[derive(Clone, Copy)]
enum Expected {
    Stranger,
    OutOfScope,
    LetIn,
}

use Expected::{LetIn, OutOfScope, Stranger};

async fn expect(
    expected: Expected,
    channel: &Channel,
    method: &MethodDescriptor,
    metadata: Option<(&'static str, &str)>,
    what: &str,
) {
    let status = call(channel, method, metadata).await.err().unwrap_or_else(|| Status::ok(""));
    let seen = (status.code(), reason(&status));
    let path = path(method);
    match expected {
        Stranger => assert_eq!(seen, (Code::Unauthenticated, "UNAUTHENTICATED".to_owned()), "{path} {what}"),
        OutOfScope => assert_eq!(seen, (Code::PermissionDenied, "SCOPE_MISSING".to_owned()), "{path} {what}"),
        LetIn => {
            let refused = ["UNAUTHENTICATED", "SCOPE_MISSING", "APP_NOT_ALLOWED"].contains(&seen.1.as_str());
            assert!(!refused, "{path} refused {what}: {status:?}");
        }
    }
}

/// Should the table of scopes ever lack a method, the method is closed.
#[tokio::test]
async fn a_method_without_a_scope_is_closed() {
    const NONE: &[Method] = &[];
    let mut callers = Callers::new();
    let key = callers.key("everything", &names(|_| true), &[]);
    let config = settings(&[("base_urls", NOWHERE), ("auth.callers_file", callers.path())]);
    let metrics = Metrics::new();
    let apps = app::clients(&config, &metrics).unwrap();
    let application = app::application(&config, apps, std::sync::Arc::new(metrics));
    let gateway = Gateway::serve_application(config, Application { methods: NONE, ..application }).await;
    let channel = gateway.channel().await;
    for method in contract() {
        let code = call(&channel, &method, Some(("authorization", &key))).await.unwrap_err().code();
        assert_eq!(code, Code::PermissionDenied, "{}", path(&method));
    }
}
