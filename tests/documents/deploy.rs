//! The files under `deploy/` and the compose file: they parse, fit each other, and name settings and metrics that exist.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use contract::codes;
use contract::command::methods::METHODS;
use contract::pb::{self, ErrorReason};
use contract::wire::{DriftEntry, DriftKind};
use serde_json::Value;
use tencent_im_grpc::config::print;
use tencent_im_grpc::config::table::{SETTINGS, find};
use tencent_im_grpc::telemetry::metrics::Metrics;
use tencent_im_grpc::upstream::Observer;
use yaml_rust2::{Yaml, YamlLoader};

use crate::support::sandboxed::Sandboxed;
use crate::support::settings;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap()
}

fn yaml(file: &str) -> Vec<Yaml> {
    YamlLoader::load_from_str(&read(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The table in `docs/operations.md` is written from the settings themselves.
#[test]
fn the_operations_page_lists_every_setting() {
    const START: &str = "<!-- settings: UPDATE_DOCS=1 cargo test deploy -->\n";
    const END: &str = "<!-- end of settings -->";
    let page = read("docs/operations.md");
    let (before, rest) = page.split_once(START).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let fresh = format!("{before}{START}\n{}\n{END}{after}", print::reference());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(root().join("docs/operations.md"), &fresh).unwrap();
    }
    assert!(read("docs/operations.md") == fresh, "docs/operations.md is stale: UPDATE_DOCS=1 cargo test deploy");
}

/// All files of a folder and its folders.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn container() -> Yaml {
    yaml("deploy/kubernetes/deployment.yaml")[0]["spec"]["template"]["spec"]["containers"][0].clone()
}

fn variable(container: &Yaml, name: &str) -> String {
    let all = container["env"].as_vec().unwrap();
    let found = all.iter().find(|entry| entry["name"].as_str() == Some(name)).unwrap_or_else(|| panic!("no {name}"));
    found["value"].as_str().unwrap().to_owned()
}

#[test]
fn every_file_parses() {
    let mut seen = 0;
    for path in files(&root().join("deploy")) {
        let text = std::fs::read_to_string(&path).unwrap();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("yaml") => drop(YamlLoader::load_from_str(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"))),
            Some("json") => {
                drop(serde_json::from_str::<Value>(&text).unwrap_or_else(|error| panic!("{path:?}: {error}")))
            }
            _ => continue,
        }
        seen += 1;
    }
    assert!(seen > 10, "{seen}");
}

#[test]
fn the_kustomization_names_every_manifest() {
    let listed = yaml("deploy/kubernetes/kustomization.yaml")[0]["resources"].as_vec().unwrap().clone();
    let listed: BTreeSet<String> = listed.iter().map(|name| name.as_str().unwrap().to_owned()).collect();
    let present: BTreeSet<String> = files(&root().join("deploy/kubernetes"))
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .filter(|name| !["kustomization.yaml", "secrets.example.yaml"].contains(&name.as_str()))
        .collect();
    assert_eq!(listed, present);
}

/// The labels of namespaces that a network policy selects by.
fn namespace_labels(policy: &Yaml) -> BTreeSet<(String, String)> {
    let text = |yaml: &Yaml| yaml.as_str().unwrap().to_owned();
    let rules = ["ingress", "egress"].into_iter().filter_map(|direction| policy["spec"][direction].as_vec()).flatten();
    let peers = rules.flat_map(|rule| ["from", "to"].map(|peers| rule[peers].as_vec())).flatten().flatten();
    let selectors = peers.filter_map(|peer| peer["namespaceSelector"]["matchLabels"].as_hash());
    selectors.flatten().map(|(label, value)| (text(label), text(value))).collect()
}

/// What must be true of a cluster before the policy fits it is said where the pack is applied.
#[test]
fn the_namespaces_of_the_network_policy_are_told() {
    let labels = namespace_labels(&yaml("deploy/kubernetes/networkpolicy.yaml")[0]);
    assert!(labels.len() > 2, "{labels:?}");
    for page in ["deploy/kubernetes/kustomization.yaml", "docs/operations.md"] {
        for (label, value) in &labels {
            let told = match label.as_str() {
                "kubernetes.io/metadata.name" => format!("`{value}`"),
                _ => format!("kubectl label namespace NAME {label}={value}"),
            };
            assert!(read(page).contains(&told), "{page} does not say {told}");
        }
    }
}

/// They stand in texts, because each cluster has one mesh at most.
#[test]
fn the_policies_for_meshes_are_for_the_pods_of_the_pack() {
    let pack = &yaml("deploy/kubernetes/networkpolicy.yaml")[0];
    for (page, control_plane) in [("docs/operations.md", "istio-system"), ("deploy/linkerd.md", "linkerd")] {
        let text = read(page);
        let snippets: Vec<&str> =
            text.split("\n```yaml\n").skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect();
        assert_eq!(snippets.len(), 1, "{page}");
        let policy = &YamlLoader::load_from_str(snippets[0]).unwrap()[0];
        assert_eq!(policy["kind"], pack["kind"]);
        assert_eq!(policy["spec"]["podSelector"], pack["spec"]["podSelector"]);
        assert_eq!(policy["metadata"]["namespace"], yaml("deploy/kubernetes/namespace.yaml")[0]["metadata"]["name"]);
        let label = ("kubernetes.io/metadata.name".to_owned(), control_plane.to_owned());
        assert!(namespace_labels(policy).contains(&label), "{page}");
    }
}

#[test]
fn the_variables_are_settings() {
    let known: BTreeSet<String> = SETTINGS.iter().map(tencent_im_grpc::config::table::Setting::env).collect();
    let container = container();
    let pods = container["env"].as_vec().unwrap().iter().map(|entry| entry["name"].as_str().unwrap().to_owned());
    let compose = yaml("docker-compose.yml");
    let environment = compose[0]["services"]["gateway"]["environment"].as_hash().unwrap().clone();
    let composed = environment.keys().map(|name| name.as_str().unwrap().to_owned());
    for name in pods.chain(composed).filter(|name| name.starts_with("TIM_")) {
        assert!(known.contains(&name), "{name} is no setting");
    }
}

/// A pod may drain to its end, and the quota is divided by as many as there may be.
#[test]
fn the_manifests_fit_the_settings() {
    let defaults = settings(&[("drain.pause", "5s"), ("base_urls", "http://127.0.0.1:1")]).server.drain;
    let pod = yaml("deploy/kubernetes/deployment.yaml")[0]["spec"]["template"]["spec"].clone();
    let grace = Duration::from_secs(u64::try_from(pod["terminationGracePeriodSeconds"].as_i64().unwrap()).unwrap());
    assert!(grace > defaults.pause + defaults.timeout);

    let most = yaml("deploy/kubernetes/hpa.yaml")[0]["spec"]["maxReplicas"].as_i64().unwrap();
    assert_eq!(variable(&container(), "TIM_UPSTREAM_REPLICAS"), most.to_string());

    let port = container()["ports"][0]["containerPort"].as_i64().unwrap();
    assert!(variable(&container(), "TIM_LISTEN").ends_with(&format!(":{port}")));
    let service = &yaml("deploy/kubernetes/service.yaml")[0]["spec"]["ports"][0];
    assert_eq!((service["port"].as_i64(), service["appProtocol"].as_str()), (Some(port), Some("grpc")));
    for probe in ["startupProbe", "readinessProbe"] {
        assert_eq!(container()[probe]["grpc"]["port"].as_i64(), Some(port), "{probe}");
    }
}

/// What callers can make a pod hold, by the formula of the operations page, fits its memory.
#[test]
fn the_limits_fit_the_memory_of_a_pod() {
    const REPLY: u64 = 1 << 20;
    const SEND_BUFFER: u64 = 256 << 10;
    const KEYS: [&str; 5] = [
        "limits.max_in_flight",
        "limits.max_in_flight_per_caller",
        "limits.max_request_bytes",
        "limits.max_request_memory",
        "limits.max_request_memory_per_caller",
    ];
    let container = container();
    let values = KEYS.map(|key| variable(&container, &find(key).unwrap().env()));
    let flags: Vec<_> = KEYS.into_iter().zip(values.iter().map(String::as_str)).collect();
    let limits = settings(&[&[("base_urls", "http://127.0.0.1:1")], &flags[..]].concat()).server.limits;
    let memory = |kind: &str| {
        let text = container["resources"][kind]["memory"].as_str().unwrap();
        text.strip_suffix("Mi").unwrap().parse::<u64>().unwrap() << 20
    };
    let each = REPLY + SEND_BUFFER;
    let held = limits.max_request_memory as u64 + limits.max_in_flight as u64 * each;
    assert!(memory("requests") + held <= memory("limits"), "{held} bytes of callers do not fit");
    assert!(limits.max_in_flight_per_caller < limits.max_in_flight, "one caller can fill a pod");
    let (one, all) = (limits.max_request_memory_per_caller, limits.max_request_memory);
    assert!(one < all, "one caller can fill a pod");
}

/// The names in an expression that look like metrics of the gateway.
fn metrics(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words
        .filter(|word| {
            ["tim_", "grpc_server_", "rpc_", "http_", "process_"].iter().any(|prefix| word.starts_with(prefix))
        })
        .map(str::to_owned)
        .collect()
}

/// What a gateway shows that has been through everything.
async fn all_metrics() -> String {
    let sandboxed = Sandboxed::start().await;
    sandboxed.groups().list_group_ids(pb::ListGroupIdsRequest::default()).await.unwrap();
    let text = sandboxed.gateway().ask("/metrics").await.text().await.unwrap();
    // Waits for the quota and drift are not shown before the first.
    let eventful = Metrics::new();
    eventful.upstream.queued("c", Duration::ZERO);
    let odd = DriftEntry { path: "Key".into(), json: "1".into(), cut: false, kind: DriftKind::Unknown };
    eventful.upstream.drifted("c", &odd);
    text + &eventful.encode().unwrap()
}

/// The table of metrics and the metrics themselves name each other, suffixes included.
#[tokio::test]
async fn the_operations_page_lists_every_metric() {
    let page = read("docs/operations.md");
    let table = page.split("\n## Metrics\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let cells = table.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let listed: BTreeSet<String> = cells.flat_map(metrics).collect();
    let text = all_metrics().await;
    let families = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let shown: BTreeSet<String> = families
        .map(|(name, kind)| match kind {
            "counter" => format!("{name}_total"),
            _ => name.to_owned(),
        })
        .collect();
    assert_eq!(listed, shown);
}

#[tokio::test]
async fn dashboard_and_alerts_ask_for_metrics_that_are_there() {
    let dashboard: Value = serde_json::from_str(&read("deploy/grafana/dashboards/gateway.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let mut expressions: Vec<String> = targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect();
    let alerts = yaml("deploy/prometheus/alerts.yaml");
    for rule in alerts[0]["groups"][0]["rules"].as_vec().unwrap() {
        expressions.push(rule["expr"].as_str().unwrap().to_owned());
        assert!(read("docs/operations.md").contains(rule["alert"].as_str().unwrap()), "{rule:?} is not explained");
    }
    assert!(expressions.len() > 30);

    let text = all_metrics().await;
    let typed: BTreeSet<(&str, &str)> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    for metric in expressions.iter().flat_map(|expression| metrics(expression)) {
        // Label values that only look like one.
        if metric == "http_" {
            continue;
        }
        let base = |suffix: &str| metric.strip_suffix(suffix).unwrap_or_default().to_owned();
        let there = typed.contains(&(metric.as_str(), "gauge"))
            || typed.contains(&(base("_total").as_str(), "counter"))
            || typed.contains(&(base("_bucket").as_str(), "histogram"));
        assert!(there, "no metric {metric}");
    }
}

/// The expression of an alert.
fn alert(name: &str) -> String {
    let alerts = yaml("deploy/prometheus/alerts.yaml");
    let rules = alerts[0]["groups"][0]["rules"].as_vec().unwrap();
    let rule = rules.iter().find(|rule| rule["alert"].as_str() == Some(name)).unwrap_or_else(|| panic!("no {name}"));
    rule["expr"].as_str().unwrap().to_owned()
}

/// The alternatives of a matcher such as `code=~"1|2"`, which stands in an expression once.
fn alternatives(expression: &str, matcher: &str) -> Vec<String> {
    let parts: Vec<&str> = expression.split(&format!("{matcher}\"")).collect();
    assert_eq!(parts.len(), 2, "{matcher} in {expression}");
    parts[1].split('"').next().unwrap().split('|').map(str::to_owned).collect()
}

/// Alerts fire only for what an operator can repair: no code that callers cause, and every code that the gateway causes.
#[test]
fn the_page_for_a_wrong_setting_names_the_codes_that_mean_one() {
    let listed: Vec<i64> = alternatives(&alert("TencentImMisconfigured"), "code=~")
        .iter()
        .map(|code| code.parse().unwrap_or_else(|_| panic!("{code} is a pattern, not a code")))
        .collect();
    let meant: Vec<i64> = codes::TABLE
        .iter()
        .filter(|entry| entry.reason == ErrorReason::GatewayMisconfigured)
        .flat_map(|entry| entry.first..=entry.last)
        .collect();
    assert!(meant.contains(&70001) && !meant.contains(&70107));
    assert_eq!(listed, meant);
}

/// A call that is many calls of Tencent may take long.
#[test]
fn only_single_calls_can_be_slow() {
    // They are not mapped to a command, but are one call of Tencent.
    const SINGLE: [&str; 4] = ["GetGroup", "RecallMessage", "UnmuteMembers", "Call"];
    let excluded = alternatives(&alert("TencentImSlow"), "grpc_method!~");
    for method in METHODS.iter().filter(|method| !method.streaming) {
        let name = method.path.split_once('/').unwrap().1;
        let is_excluded = excluded.iter().any(|pattern| match pattern.strip_suffix(".*") {
            Some(start) => name.starts_with(start),
            None => name == pattern,
        });
        let is_single = method.command.is_some() || SINGLE.contains(&name);
        assert_eq!(is_excluded, !is_single, "{}", method.path);
    }
}
