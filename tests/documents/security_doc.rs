//! `docs/security.md` names settings and defaults; they must be the real ones.

use tencent_im_grpc::config::table::{SETTINGS, find};

const DOC: &str = include_str!("../../docs/security.md");

fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_settings_that_it_names_exist_with_these_defaults() {
    let sections: Vec<_> = SETTINGS.iter().filter_map(|setting| setting.key.split_once('.')).map(|(s, _)| s).collect();
    let is_setting = |name: &str| name.split_once('.').is_some_and(|(section, _)| sections.contains(&section));
    let named: Vec<_> = DOC.lines().flat_map(quoted).filter(|name| is_setting(name)).collect();
    assert!(named.len() > 20, "{named:?}");
    for name in named {
        assert!(find(name).is_some(), "there is no setting {name}");
    }

    let limits = DOC.split("## Limits").nth(1).unwrap().split("##").next().unwrap();
    let rows: Vec<_> = limits.lines().filter(|line| line.contains('`') && line.starts_with('|')).collect();
    assert!(rows.len() > 8);
    for row in rows {
        let defaults: Vec<_> = quoted(row).into_iter().map(|name| find(name).unwrap().default).collect();
        let told = row.trim_end_matches([' ', '|']).rsplit('|').next().unwrap().replace(" + ", ", ");
        let told: Vec<_> = told.split(", ").map(str::trim).collect();
        // One value may stand for several settings.
        assert!(told == defaults || told.len() == 1 && defaults.iter().all(|value| *value == told[0]), "{row}");
    }
}

/// The flags of the example commands are flags of the program.
#[test]
fn its_commands_can_be_read() {
    let help = |args: &[&str]| {
        let program =
            std::process::Command::new(env!("CARGO_BIN_EXE_tencent-im-grpc")).args(args).arg("--help").output();
        String::from_utf8(program.unwrap().stdout).unwrap()
    };
    let known = [&["serve"][..], &["keys", "new"], &["config", "check"]].map(help).concat();
    let examples = DOC.lines().filter(|line| line.starts_with("    "));
    let flags: Vec<_> = examples.flat_map(str::split_whitespace).filter(|word| word.starts_with("--")).collect();
    assert!(flags.len() > 8);
    for flag in flags {
        assert!(known.contains(&format!("{flag} ")), "{flag}");
    }
}
