//! Settings: where they come from, what is said when they are wrong, and what is shown of them.

use std::collections::BTreeMap;
use std::process::{Command, Output};
use std::time::Duration;

use contract::batches::Batch;
use tencent_im_grpc::config::table::{SETTINGS, Shape};
use tencent_im_grpc::config::{Config, ConfigErrors, GONE};

use crate::support::process::KEY;

fn run(args: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tencent-im-grpc"));
    command.args(args).env_clear().envs(environment.iter().copied()).output().unwrap()
}

/// What is said of these flags, in a configuration that is right without them.
fn load(flags: &[(&str, &str)], file: &str) -> Result<Config, ConfigErrors> {
    let path = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(path.path(), file).unwrap();
    let flags = flags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let sandbox = BTreeMap::from([("TIM_SANDBOX".to_owned(), "true".to_owned())]);
    Config::load(&flags, &sandbox, Some(path.path()))
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn bad_settings_are_all_told_and_exit_with_64() {
    let output = run(&["config", "check", "--listen=nowhere", "--region=atlantis"], &[]);
    assert_eq!(output.status.code(), Some(64));
    let told = text(output.stderr);
    for setting in ["listen", "region", "sdk_app_id", "secret_key"] {
        assert!(told.contains(setting), "{setting} in {told}");
    }
}

/// The settings, the callers file, the key set and the certificates: one run reports all errors.
#[test]
fn all_files_are_checked_at_once() {
    let callers = tempfile::NamedTempFile::new().unwrap();
    let entry = |rest: &str| format!("[[identity]]\ncaller = \"shop\"\nscopes = [\"read\"]\n{rest}\n");
    let wrong = [entry("uri = \"https://a/b\""), entry("uri = \"spiffe://a/b\"").replace("read", "reads")].concat();
    std::fs::write(callers.path(), wrong).unwrap();
    let check = |more: &[&str]| {
        let file = ["config", "check", "--sandbox", "--auth-callers-file", callers.path().to_str().unwrap()];
        let output = run(&[&file, more].concat(), &[]);
        (output.status.code(), text(output.stderr))
    };
    let jwt = ["--jwt-issuer", "https://issuer.example", "--jwt-audiences", "a", "--jwt-jwks-file", "/nowhere/jwks"];
    let tls = ["--tls-cert-file", "/nowhere/cert", "--tls-key-file", "/nowhere/key"];
    let (code, told) = check(&[&jwt[..], &tls, &["--limits-max-in-flight", "none"]].concat());
    assert_eq!(code, Some(64));
    for what in [
        "6 errors",
        "identity `https://a/b`",
        "`reads` is not a scope",
        "jwt.jwks_file: ",
        "tls.cert_file: /nowhere/cert",
        "tls.key_file: /nowhere/key",
        "limits.max_in_flight: ",
    ] {
        assert!(told.contains(what), "{what} in {told}");
    }

    std::fs::write(callers.path(), entry("uri = \"spiffe://a/b\"\napps = [\"default\", \"typo\"]")).unwrap();
    let (code, told) = check(&[]);
    assert_eq!(code, Some(64));
    assert!(told.contains("1 error ") && told.contains("identity `spiffe://a/b`: there is no application `typo`"));
    std::fs::write(callers.path(), entry("uri = \"spiffe://a/b\"\napps = [\"*\", \"default\"]")).unwrap();
    assert_eq!(check(&[]), (Some(0), String::new()));
}

/// A key that was pasted where its file belongs does not appear in a log.
#[test]
fn a_secret_in_place_of_its_file_is_not_repeated() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("[apps.shop]\nsecret_key_file = \"{KEY}\"\n")).unwrap();
    let file = ["--config", file.path().to_str().unwrap()];
    for command in [&["config", "check"][..], &["config", "print"], &["serve"]] {
        for more in [&[][..], &file] {
            let variables = [("TIM_SECRET_KEY_FILE", KEY), ("TIM_UPSTREAM_REDIS_URL_FILE", KEY)];
            let output = run(&[command, more].concat(), &variables);
            assert_eq!(output.status.code(), Some(64));
            let (shown, told) = (text(output.stdout), text(output.stderr));
            assert!(told.contains("secret_key_file: cannot read the file: "), "{told}");
            assert!(!shown.contains(KEY) && !told.contains(KEY), "{shown}{told}");
        }
    }
    // What is a file is named.
    let output = run(&["config", "print"], &[("TIM_SECRET_KEY_FILE", "/dev")]);
    let (shown, told) = (text(output.stdout), text(output.stderr));
    assert!(shown.contains("secret_key_file = \"/dev\"") && told.contains("cannot read /dev: "), "{shown}{told}");
}

/// The admin's signatures open the whole application: they must not be readable on the network.
#[test]
fn upstreams_in_clear_text_are_warned_of() {
    let check = |url: &str| {
        let app = ["config", "check", "--sdk-app-id", "1400000001", "--base-urls", url];
        let output = run(&app, &[("TIM_SECRET_KEY", KEY)]);
        assert_eq!((output.status.code(), text(output.stdout)), (Some(0), "the settings are fine\n".to_owned()));
        text(output.stderr)
    };
    let told = check("https://a.example,http://b.example:80");
    assert!(told.starts_with("warning: `base_urls`: ") && told.contains("b.example") && !told.contains("a.example"));
    for safe in ["https://a.example", "http://127.0.0.1:8600", "http://localhost:8600", "http://[::1]:8600"] {
        assert_eq!(check(safe), "", "{safe}");
    }
}

/// The wrong one of two files is named.
#[test]
fn what_is_wrong_with_a_pair_is_told_of_its_file() {
    let pair = rcgen::generate_simple_self_signed(["gateway.test".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (cert, key) = (file("cert", &pair.cert.pem()), file("key", &pair.signing_key.serialize_pem()));
    let other = file("other", &rcgen::KeyPair::generate().unwrap().serialize_pem());
    let check = |cert: &str, key: &str| {
        let output = run(&["config", "check", "--sandbox", "--tls-cert-file", cert, "--tls-key-file", key], &[]);
        text(output.stderr)
    };
    assert_eq!(check(&cert, &key), "");
    assert!(check(&key, &key).contains("tls.cert_file: the certificate file holds no certificate"));
    assert!(check(&cert, &cert).contains("tls.key_file: the key file holds no private key"));
    assert!(check(&cert, &other).contains("tls.key_file: certificate and key do not make a pair"));
}

#[test]
fn an_admin_port_that_others_reach_is_warned_of() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    // It warns, and then ends because of the other port.
    let said = |admin: &str| {
        let flags = ["serve", "--sandbox", "--log-format", "json", "--listen", &taken, "--admin-listen", admin];
        text(run(&flags, &[]).stderr)
    };
    assert!(said("0.0.0.0:0").contains("has no authentication"));
    assert!(!said("127.0.0.1:0").contains("has no authentication"));
}

#[test]
fn flags_beat_the_environment_and_the_environment_beats_the_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "sdk_app_id = 1\nidentifier = \"file\"\nregion = \"tokyo\"\n").unwrap();
    let env = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>()
    };
    let environment = env(&[("TIM_SECRET_KEY", "k"), ("TIM_SDK_APP_ID", "2"), ("TIM_IDENTIFIER", "env")]);
    let flags = env(&[("identifier", "flag")]);
    let config = Config::load(&flags, &environment, Some(file.path())).unwrap();
    let app = &config.apps.by_name["default"].upstream;
    assert_eq!((app.sdk_app_id, app.identifier.as_str()), (2, "flag"));
    assert_eq!(app.base_urls[0].as_str(), "https://adminapijpn.im.qcloud.com");

    std::fs::write(file.path(), "sdk_app_idd = 1\n").unwrap();
    let errors = Config::load(&flags, &environment, Some(file.path())).unwrap_err().to_string();
    assert!(errors.contains("sdk_app_idd: is not a setting; did you mean `sdk_app_id`?"), "{errors}");
}

/// Settings that do not work are printed as well, and then what is wrong.
#[test]
fn wrong_settings_are_shown_with_their_errors() {
    let environment = [
        ("TIM_SECRET_KEY", KEY),
        ("TIM_LIMITS_MAX_IN_FLIGHT", "12"),
        ("TIM_BASE_URLS", "https://user:open-sesame@example.com"),
        ("TIM_JWT_JWKS_URL", "https://open-sesame@example.com/keys"),
    ];
    let output = run(&["config", "print", "--listen", "127.0.0.1:7"], &environment);
    assert_eq!(output.status.code(), Some(64));
    let (shown, told) = (text(output.stdout), text(output.stderr));
    let parsed: toml::Table = shown.parse().unwrap();
    let of = |key: &str| {
        let section = key.split_once('.').map_or(Some(&parsed), |(section, _)| parsed.get(section)?.as_table());
        section?.get(key.rsplit('.').next().unwrap())?.as_str()
    };
    for setting in SETTINGS {
        assert!(of(setting.key).is_some(), "{} is not shown", setting.key);
    }
    assert_eq!((of("listen"), of("limits.max_in_flight")), (Some("127.0.0.1:7"), Some("12")));
    assert_eq!((of("secret_key"), of("base_urls")), (Some("<redacted>"), Some("<redacted>")));
    assert!(told.contains("sdk_app_id: is missing") && told.contains("base_urls: "), "{told}");
    for said in [shown, told] {
        assert!(!said.contains(KEY) && !said.contains("open-sesame"), "{said}");
    }
}

#[test]
fn a_number_that_is_none_is_called_so() {
    for (key, value, what) in [
        ("sdk_app_id", "abc", "`abc` is not a number"),
        ("sdk_app_id", "1.5", "`1.5` is not a whole number"),
        ("sdk_app_id", "0", "`0` is out of range"),
        ("sdk_app_id", "-1", "`-1` is out of range"),
        ("sdk_app_id", "99999999999999999999", "`99999999999999999999` is out of range"),
        ("limits.max_in_flight", "", "`` is not a number"),
        ("upstream.retry_budget", "1.5", "`1.5` is out of range"),
        ("upstream.retry_budget", "half", "`half` is not a number"),
    ] {
        let flags = BTreeMap::from([(key.to_owned(), value.to_owned())]);
        let errors = Config::load(&flags, &BTreeMap::new(), None).unwrap_err();
        // An SDKAppID that is not there is another error.
        assert!(errors.0.iter().any(|error| error.setting == key && error.what == what), "{errors}");
    }
}

#[test]
fn an_address_that_is_taken_is_told_with_its_setting() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (listen, admin, told) in [
        (taken.as_str(), "off", "`listen` (--listen, TIM_LISTEN)"),
        ("127.0.0.1:0", &taken, "`admin_listen` (--admin-listen, TIM_ADMIN_LISTEN)"),
    ] {
        let output = run(&["serve", "--sandbox", "--listen", listen, "--admin-listen", admin], &[]);
        assert_eq!(output.status.code(), Some(1));
        let said = text(output.stderr);
        assert!(said.contains(&taken) && said.contains(told), "{said}");
    }
}

/// After an upgrade, a setting that is gone is reported with its replacement, wherever it is set.
#[test]
fn a_setting_that_is_gone_is_refused_with_what_replaces_it() {
    for gone in GONE {
        let (flag, variable) = (gone.key.replace(['.', '_'], "-"), gone.key.replace('.', "_").to_uppercase());
        let (section, name) = gone.key.split_once('.').unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("[{section}]\n{name} = 1\n")).unwrap();
        let check = ["config", "check", "--sandbox"];
        let by_flag = run(&[&check[..], &[&format!("--{flag}"), "1"]].concat(), &[]);
        let by_variable = run(&check, &[(&format!("TIM_{variable}"), "1")]);
        let by_file = run(&[&check[..], &["--config", file.path().to_str().unwrap()]].concat(), &[]);
        for (name, output) in
            [(format!("--{flag}"), by_flag), (format!("TIM_{variable}"), by_variable), (gone.key.to_owned(), by_file)]
        {
            assert_eq!(output.status.code(), Some(64), "{name}");
            let said = text(output.stderr);
            let line = said.lines().find_map(|line| line.strip_prefix(&format!("  {name}: ")));
            let line = line.unwrap_or_else(|| panic!("{name} in {said}"));
            let fix = line.strip_prefix("is not a setting any more; ").unwrap();
            let replaced = fix.strip_prefix("set `").and_then(|rest| rest.split('`').next());
            match replaced.map(|key| SETTINGS.iter().find(|setting| setting.key == key).unwrap()) {
                Some(by) => assert!(fix.contains(&format!("(--{}, {})", by.flag(), by.env())), "{fix}"),
                None => assert!(fix.starts_with("remove it: "), "{fix}"),
            }
        }
        // It is not shown to those who never had it.
        let help = text(run(&["serve", "--help"], &[]).stdout);
        assert!(!help.contains(&format!("--{flag} ")) && !help.contains(&format!("--{flag}\n")), "{flag}");
    }
}

#[test]
fn every_default_can_be_read() {
    let config = load(&[], "").unwrap();
    assert_eq!(config.server.deadline.default, Duration::from_secs(15));
    for setting in SETTINGS {
        let key = setting.key;
        if setting.default.is_empty() || setting.is_secret() || key == "sandbox" {
            continue;
        }
        load(&[(key, setting.default)], "").unwrap_or_else(|errors| panic!("{key}: {errors}"));
    }
}

#[test]
fn caps_and_rates_are_tables_of_the_file_and_pairs_elsewhere() {
    let file = "[batch.caps]\nBatchAddMembers = 300\n[upstream.rates]\nsend_group_msg = 400\n\"im_open/x\" = 0.5\n";
    let flags = [("batch.caps", "BatchAddMembers=300"), ("upstream.rates", "send_group_msg = 400, im_open/x=0.5")];
    for config in [load(&[], file).unwrap(), load(&flags, "").unwrap()] {
        assert_eq!((config.batch.cap(Batch::AddMembers), config.batch.cap(Batch::GetRoles)), (300, 500));
        let rates = &config.apps.by_name["default"].upstream.rates;
        assert_eq!((rates["send_group_msg"], rates["im_open/x"]), (400.0, 0.5));
    }
    for (key, value, said) in [
        ("batch.caps", "BatchAddMember=300", "`BatchAddMember` is not a batch; did you mean `BatchAddMembers`?"),
        ("batch.caps", "BatchAddMembers=0", "BatchAddMembers: `0` is out of range; write a number from 1 to 10000"),
        ("batch.caps", "BatchAddMembers", "`BatchAddMembers` is not a name and a number"),
        ("batch.caps", "BatchGetRoles=1,BatchGetRoles=2", "`BatchGetRoles` is there twice"),
        ("upstream.rates", "send_group_mgs=1", "not a command of the contract; did you mean `send_group_msg`?"),
        ("upstream.rates", "/x=1", "is not a command of the contract"),
    ] {
        let errors = load(&[(key, value)], "").unwrap_err().to_string();
        assert!(errors.contains(said), "{errors}");
    }
}

/// A word that is nearly right is answered with the right one, for an application's table too.
#[test]
fn unknown_keys_are_answered_with_what_was_probably_meant() {
    for (file, said) in [
        ("[deadlin]\ndefault = \"1s\"\n", "deadlin.default: is not a setting; did you mean `deadline.default`?"),
        ("[log]\nlevle = \"info\"\n", "log.levle: is not a setting; did you mean `log.level`?"),
        ("[apps.shop]\nsecretkeyfile = \"x\"\n", "did you mean `apps.shop.secret_key_file`?"),
        ("limits = 5\n", "limits: is a table; write [limits] above its settings"),
        ("nonsense = 1\n", "nonsense: is not a setting; remove it"),
        ("\"a\\nb\" = 1\n", "a\\nb: is not a setting"),
    ] {
        let errors = load(&[], file).unwrap_err().to_string();
        assert!(errors.contains(said), "{said} in {errors}");
    }
}

#[test]
fn a_variable_is_answered_with_the_variable_that_was_probably_meant() {
    let said = text(run(&["config", "check", "--sandbox"], &[("TIM_LISTN", "x")]).stderr);
    assert!(said.contains("TIM_LISTN: is not a setting; did you mean `TIM_LISTEN`?"), "{said}");
}

/// What follows from a value that cannot be read is not an error of its own.
#[test]
fn a_value_that_cannot_be_read_is_one_error() {
    let errors = load(&[], "[deadline]\nmax = \"5 parsecs\"\n").unwrap_err().to_string();
    assert!(errors.contains("deadline.max: ") && !errors.contains("is longer"), "{errors}");
}

#[test]
fn two_listeners_cannot_have_one_address() {
    let address = "127.0.0.1:5051";
    let errors = load(&[("listen", address), ("admin_listen", address)], "").unwrap_err().to_string();
    assert!(errors.contains("admin_listen: 127.0.0.1:5051 is the address of `listen` too"), "{errors}");
    load(&[("listen", "127.0.0.1:0"), ("admin_listen", "127.0.0.1:0")], "").unwrap();
}

#[test]
fn help_begins_with_the_settings_that_most_users_set() {
    let short = text(run(&["serve", "-h"], &[]).stdout);
    let flags = short.lines().filter(|line| line.trim_start().starts_with("--")).count();
    assert_eq!(flags, 10, "{short}");
    let long = text(run(&["serve", "--help"], &[]).stdout);
    let (common, rest) = long.split_once("\nServing:\n").unwrap();
    assert!(common.contains("--secret-key-file") && !common.contains("--drain-pause"), "{common}");
    for setting in SETTINGS {
        let flag = format!("--{}", setting.flag());
        let shown = long.split(|c: char| c.is_whitespace() || c == '[').any(|word| word == flag);
        assert_eq!(shown, !setting.is_secret(), "{}", setting.key);
        let heading = format!("\n{}:\n", setting.heading);
        assert!(long.contains(&heading) || rest.contains(&heading), "{heading}");
    }
    assert!(SETTINGS.iter().any(|setting| setting.shape == Shape::Map));
}

/// The reasons of the system come without their numbers, and once.
#[test]
fn what_cannot_be_reached_or_read_is_said_in_plain_words() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let said = |args: &[&str]| {
        let output = run(args, &[]);
        assert_ne!(output.status.code(), Some(0));
        text(output.stderr)
    };
    let told = said(&["healthcheck", "--addr", &closed]);
    assert_eq!(told, format!("cannot connect to {closed}: Connection refused\n"));
    let told = said(&["healthcheck", "--addr", "http://a b"]);
    assert_eq!(told, "`http://a b` is not an address; write one such as 127.0.0.1:50051\n");
    let told = said(&["config", "check", "--sandbox", "--auth-callers-file", "/nowhere"]);
    assert!(told.contains("auth.callers_file: /nowhere: No such file or directory; correct the file"), "{told}");
}
