//! Every method against every kind of credential in every state. The methods come from the descriptors, so that a new one
//! is in it by itself.

use prost_reflect::{DynamicMessage, MethodDescriptor};
use serde_json::json;
use tencent_im_grpc::command::methods::METHODS;
use tencent_im_grpc::command::{Method, Scope};
use tencent_im_grpc::serve;
use tencent_im_grpc::server::Application;
use tencent_im_grpc::telemetry::metrics::Metrics;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::support::callers::{Callers, NOWHERE, reason, with};
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
async fn call(channel: &Channel, method: &MethodDescriptor, credential: Option<&str>) -> Result<(), Status> {
    let metadata = credential.map(|credential| ("authorization", credential));
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
    let (mut callers, signer) = (Callers::new(), Signer::ec());
    let jwks = file(&[signer.jwk("a")]);
    let kinds = [keys(&mut callers), tokens(&signer)];
    let settings =
        [("jwt.issuer", ISSUER), ("jwt.audiences", AUDIENCE), ("jwt.jwks_file", jwks.path().to_str().unwrap())];
    let gateway = callers.gateway(&settings).await;
    let channel = gateway.channel().await;
    let methods = contract();
    assert_eq!(methods.len(), METHODS.len());
    assert!(methods.len() > 70);

    for method in &methods {
        let path = path(method);
        let rule = METHODS.iter().find(|rule| rule.path == path).unwrap_or_else(|| panic!("{path} has no scope"));
        let place = Scope::ALL.iter().position(|scope| *scope == rule.scope).unwrap();
        let status = call(&channel, method, None).await.unwrap_err();
        assert_eq!((status.code(), reason(&status)), unauthenticated(), "{path} without a credential");
        for kind in &kinds {
            for (state, credential) in [("wrong", &kind.wrong), ("expired", &kind.expired)] {
                let status = call(&channel, method, Some(credential)).await.unwrap_err();
                assert_eq!((status.code(), reason(&status)), unauthenticated(), "{path} with a {state} {}", kind.name);
            }
            let status = call(&channel, method, Some(&kind.all_but[place])).await.unwrap_err();
            let expected = (Code::PermissionDenied, "SCOPE_MISSING".to_owned());
            assert_eq!((status.code(), reason(&status)), expected, "{path} with a {} out of scope", kind.name);
            if let Err(status) = call(&channel, method, Some(&kind.only[place])).await {
                let refused = matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied);
                assert!(!refused || reason(&status) == "COMMAND_DISABLED", "{path} refuses the right {}", kind.name);
            }
        }
    }
}

fn unauthenticated() -> (Code, String) {
    (Code::Unauthenticated, "UNAUTHENTICATED".to_owned())
}

/// Should the table of scopes ever lack a method, the method is closed.
#[tokio::test]
async fn a_method_without_a_scope_is_closed() {
    const NONE: &[Method] = &[];
    let mut callers = Callers::new();
    let key = callers.key("everything", &names(|_| true), &[]);
    let config = settings(&[("base_urls", NOWHERE), ("auth.callers_file", callers.path())]);
    let metrics = Metrics::new();
    let apps = serve::clients(&config, &metrics).unwrap();
    let application = serve::application(&config, apps, std::sync::Arc::new(metrics));
    let gateway = Gateway::serve_application(config, Application { methods: NONE, ..application }).await;
    let channel = gateway.channel().await;
    for method in contract() {
        let code = call(&channel, &method, Some(&key)).await.unwrap_err().code();
        assert_eq!(code, Code::PermissionDenied, "{}", path(&method));
    }
}
