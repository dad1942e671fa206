//! `deploy/service_config.json` and `deploy/istio.yaml`: what clients and meshes may repeat, from the contract. Written again
//! with `UPDATE_DOCS=1 cargo test mesh`; otherwise checked.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use contract::command::methods::METHODS;
use contract::command::{Method, Safety};
use serde_json::{Value, json};
use yaml_rust2::{Yaml, YamlLoader};

const PACKAGE: &str = "tencentim.group.v1";
const RETRIES: u32 = 2;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn of(safety: Safety) -> impl Iterator<Item = &'static Method> {
    METHODS.iter().filter(move |method| method.safety == safety)
}

/// The client's half: https://github.com/grpc/grpc/blob/master/doc/service_config.md.
fn service_config() -> String {
    // Only UNAVAILABLE: the gateway itself repeats what is worth it, so this is for a gateway that is restarted or cut off.
    // No `timeout`: it would cut the longer deadlines of callers, and the gateway has its own default.
    let policy = json!({
        "maxAttempts": RETRIES + 1,
        "initialBackoff": "0.1s",
        "maxBackoff": "2s",
        "backoffMultiplier": 2.0,
        "retryableStatusCodes": ["UNAVAILABLE"],
    });
    let mut configs = Vec::new();
    for safety in [Safety::Read, Safety::Idempotent, Safety::Unsafe] {
        let names: Vec<Value> = of(safety)
            .map(|method| {
                let (service, method) = method.path.split_once('/').unwrap();
                json!({"service": service, "method": method})
            })
            .collect();
        let mut config = json!({ "name": names });
        if safety != Safety::Unsafe {
            config["retryPolicy"] = policy.clone();
        }
        configs.push(config);
    }
    let config = json!({
        "loadBalancingConfig": [{"round_robin": {}}],
        "healthCheckConfig": {"serviceName": ""},
        "retryThrottling": {"maxTokens": 100, "tokenRatio": 0.1},
        "methodConfig": configs,
    });
    serde_json::to_string_pretty(&config).unwrap() + "\n"
}

/// The mesh's half.
fn istio() -> String {
    let mut page = String::from(
        "# Istio: which calls the mesh may repeat. Written by a test from the contract (tests/documents/mesh.rs).\n\
         # By default Istio repeats every call twice, also on UNAVAILABLE and CANCELLED. A write of a class that must\n\
         # not be repeated is therefore named here with `attempts: 0`, and so is whatever this file does not know.\n\
         # What the sidecars need of the Kubernetes pack: docs/operations.md, \"Behind a mesh\".\n\
         apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata:\n  name: tencent-im-grpc\nspec:\n  \
         hosts:\n    - tencent-im-grpc\n  http:\n",
    );
    let safe = format!("attempts: {RETRIES}\n        retryOn: connect-failure,refused-stream,unavailable");
    let routes = [
        ("reads", Safety::Read, &safe),
        ("idempotent-writes", Safety::Idempotent, &safe),
        ("unsafe-writes", Safety::Unsafe, &"attempts: 0".to_owned()),
    ];
    for (name, safety, retries) in routes {
        let _ = writeln!(page, "    - name: {name}\n      match:");
        for method in of(safety) {
            let _ = writeln!(page, "        - uri:\n            exact: /{}", method.path);
        }
        let _ = writeln!(page, "      retries:\n        {retries}\n{ROUTE}");
    }
    let _ = writeln!(page, "    - name: everything-else\n      retries:\n        attempts: 0\n{ROUTE}");
    page.push_str(DESTINATION);
    page
}

const ROUTE: &str = "      route:\n        - destination:\n            host: tencent-im-grpc\n            port:\n              number: 50051";
const DESTINATION: &str = "---
# Calls, not connections, are spread. An error that Tencent causes comes from every replica alike, so none is put out for it.
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: tencent-im-grpc
spec:
  host: tencent-im-grpc
  trafficPolicy:
    loadBalancer:
      simple: LEAST_REQUEST
    outlierDetection:
      consecutive5xxErrors: 0
      consecutiveGatewayErrors: 0
      splitExternalLocalOriginErrors: true
      consecutiveLocalOriginFailures: 5
";

fn fresh(file: &str, text: &str) {
    let path = root().join(file);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == text, "{file} is stale: UPDATE_DOCS=1 cargo test mesh");
}

/// What the contract itself says of every method, read from the descriptors: the command table is not asked.
fn idempotency() -> BTreeMap<String, &'static str> {
    let pool = prost_reflect::DescriptorPool::decode(contract::FILE_DESCRIPTOR_SET).unwrap();
    let services = pool.services().filter(|service| service.package_name() == PACKAGE).collect::<Vec<_>>();
    let methods = services.iter().flat_map(|service| service.methods().collect::<Vec<_>>());
    methods
        .map(|method| {
            let options = method.method_descriptor_proto().options.as_ref();
            let level = options.and_then(|options| options.idempotency_level).unwrap_or_default();
            let level = ["IDEMPOTENCY_UNKNOWN", "NO_SIDE_EFFECTS", "IDEMPOTENT"][usize::try_from(level).unwrap()];
            (format!("{}/{}", method.parent_service().full_name(), method.name()), level)
        })
        .collect()
}

#[test]
fn the_service_config_is_fresh() {
    fresh("deploy/service_config.json", &service_config());
}

#[test]
fn the_istio_example_is_fresh() {
    fresh("deploy/istio.yaml", &istio());
}

#[test]
fn the_service_config_repeats_no_unsafe_write() {
    let text = std::fs::read_to_string(root().join("deploy/service_config.json")).unwrap();
    let config: Value = serde_json::from_str(&text).unwrap();
    let mut seen = BTreeMap::new();
    for config in config["methodConfig"].as_array().unwrap() {
        for name in config["name"].as_array().unwrap() {
            let method = format!("{}/{}", name["service"].as_str().unwrap(), name["method"].as_str().unwrap());
            let repeated = config.get("retryPolicy").is_some();
            assert_eq!(seen.insert(method.clone(), repeated), None, "{method} is there twice");
        }
    }
    let expected: BTreeMap<String, bool> =
        idempotency().into_iter().map(|(method, level)| (method, level != "IDEMPOTENCY_UNKNOWN")).collect();
    assert!(expected.values().any(|repeated| *repeated) && expected.values().any(|repeated| !*repeated));
    assert_eq!(seen, expected);
}

#[test]
fn the_mesh_repeats_no_unsafe_write() {
    let text = std::fs::read_to_string(root().join("deploy/istio.yaml")).unwrap();
    let documents = YamlLoader::load_from_str(&text).unwrap();
    let mut seen = BTreeMap::new();
    let routes = documents[0]["spec"]["http"].as_vec().unwrap();
    for route in routes {
        let attempts = route["retries"]["attempts"].as_i64().unwrap();
        let Some(matches) = route["match"].as_vec() else { continue };
        for path in matches {
            let path = path["uri"]["exact"].as_str().unwrap().trim_start_matches('/').to_owned();
            assert_eq!(seen.insert(path.clone(), attempts > 0), None, "{path} is there twice");
        }
    }
    let expected: BTreeMap<String, bool> =
        idempotency().into_iter().map(|(method, level)| (method, level != "IDEMPOTENCY_UNKNOWN")).collect();
    assert_eq!(seen, expected);
    // What no route names is not repeated either.
    let last = routes.last().unwrap();
    assert!(matches!(last["match"], Yaml::BadValue));
    assert_eq!(last["retries"]["attempts"].as_i64(), Some(0));
}
