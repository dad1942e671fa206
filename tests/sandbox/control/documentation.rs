//! docs/sandbox.md says what is true: its commands are run, and its parity table is that of the registry.
//! `UPDATE_DOCS=1` writes what is found into the page; run these tests one by one then.

use std::collections::BTreeMap;
use std::path::Path;

use reqwest::Method;
use sandbox::Settings;
use serde_json::Value;

use crate::client::Sandbox;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/sandbox.md");

/// Compares a part of the page with what was found, or writes it there.
fn check(page: &str, written: &str, found: &str, same: impl Fn(&str, &str) -> bool) {
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, page.replacen(written, found, 1)).unwrap();
    } else {
        assert!(same(written, found), "docs/sandbox.md shows\n{written}\ninstead of\n{found}\nUPDATE_DOCS=1 writes it");
    }
}

#[tokio::test]
async fn the_parity_table_of_the_documentation_is_fresh() {
    const START: &str = "<!-- parity: start -->\n\n";
    const END: &str = "\n<!-- parity: end -->";
    let sandbox = Sandbox::start().await;
    let table = sandbox.http.get(sandbox.control_url("parity")).send().await.unwrap().text().await.unwrap();
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (_, rest) = page.split_once(START).unwrap();
    let (written, _) = rest.split_once(END).unwrap();
    check(&page, written, &table, |written, table| written == table);
}

/// The words of one command line: quotes hold them together, double ones with variables in them.
fn words(line: &str, variables: &BTreeMap<String, String>) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match (quote, c) {
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some(open), c) if open == c => quote = None,
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (Some('"'), '$') => {
                let mut name = String::new();
                while let Some(c) = rest.next_if(char::is_ascii_uppercase) {
                    name.push(c);
                }
                word.get_or_insert_default().push_str(&variables[&name]);
            }
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    assert_eq!(quote, None, "a quote is left open: {line}");
    words.extend(word);
    words
}

/// What a curl of these few flags prints. A flag that is not known here fails the test.
async fn curl(sandbox: &Sandbox, folder: &Path, words: &[String]) -> String {
    let (mut method, mut url, mut headers) = (None, None, Vec::new());
    let (mut data, mut output, mut format) = (None::<Vec<u8>>, None, String::new());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().expect("the flag has a value").clone();
        match word.as_str() {
            "-s" => {}
            "-X" => method = Some(value()),
            "-H" => headers.push(value()),
            "-o" => output = Some(value()),
            "-w" => format = value(),
            // No process listens where the page says that none does.
            "-d" => data = Some(value().replacen("127.0.0.1:9000", "127.0.0.1:1", 1).into_bytes()),
            "--data-binary" => data = Some(std::fs::read(folder.join(value().strip_prefix('@').unwrap())).unwrap()),
            flag if flag.starts_with('-') => panic!("what is {flag}?"),
            address => url = Some(address.to_owned()),
        }
    }
    let address = url.unwrap().replacen("127.0.0.1:8600", &sandbox.running.api_addr().to_string(), 1).replacen(
        "127.0.0.1:8601",
        &sandbox.running.control_addr().to_string(),
        1,
    );
    let default = if data.is_some() { "POST" } else { "GET" };
    let method: Method = method.as_deref().unwrap_or(default).parse().unwrap();
    let mut request = sandbox.http.request(method, format!("http://{address}"));
    if headers.is_empty() && data.is_some() {
        headers.push("content-type: application/x-www-form-urlencoded".to_owned());
    }
    for header in headers {
        let (name, value) = header.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    let answer = request.body(data.unwrap_or_default()).send().await.unwrap();
    let status = answer.status();
    let body = answer.text().await.unwrap();
    let printed = match output.as_deref() {
        None => body,
        Some("/dev/null") => String::new(),
        Some(file) => {
            std::fs::write(folder.join(file), body).unwrap();
            String::new()
        }
    };
    printed + &format.replace("%{http_code}", status.as_str()).replace("\\n", "\n")
}

/// A block of the page as it must be: each command and what it prints.
async fn run(sandbox: &Sandbox, folder: &Path, block: &str, variables: &mut BTreeMap<String, String>) -> String {
    let mut page = String::new();
    let mut lines = block.lines().peekable();
    while let Some(first) = lines.next() {
        let Some(command) = first.strip_prefix("$ ") else {
            continue;
        };
        let mut command = command.to_owned();
        while command.matches('\'').count() % 2 == 1 {
            command = format!("{command}\n{}", lines.next().expect("the quote is closed"));
        }
        page.push_str(&format!("$ {command}\n"));
        if let Some((name, value)) = command.split_once("='").filter(|(name, _)| !name.contains(' ')) {
            variables.insert(name.to_owned(), value.trim_end_matches('\'').to_owned());
            continue;
        }
        let words = words(&command, variables);
        assert_eq!(words[0], "curl", "{command}");
        let printed = curl(sandbox, folder, &words[1..]).await;
        if !printed.is_empty() {
            page.push_str(&format!("{}\n", printed.trim_end()));
        }
    }
    page
}

/// The lines of two blocks say the same: the same text, or the same JSON but for how long something took.
fn same(written: &str, found: &str) -> bool {
    let json = |line: &str| {
        let mut value: Value = serde_json::from_str(line).ok()?;
        for entry in value.get_mut("entries").and_then(Value::as_array_mut).into_iter().flatten() {
            entry["micros"] = Value::Null;
        }
        Some(value)
    };
    let same_line = |one: &str, other: &str| one == other || json(one).is_some_and(|one| Some(one) == json(other));
    let (written, found): (Vec<&str>, Vec<&str>) = (written.lines().collect(), found.lines().collect());
    written.len() == found.len() && written.iter().zip(&found).all(|(written, found)| same_line(written, found))
}

/// Every `console` block is run against a sandbox with the settings of `tencent-im-grpc sandbox`.
#[tokio::test]
async fn every_example_of_the_documentation_prints_what_it_shows() {
    let sandbox = Sandbox::start_with(Settings::default()).await;
    let (folder, mut variables) = (tempfile::tempdir().unwrap(), BTreeMap::new());
    let mut page = std::fs::read_to_string(PAGE).unwrap();
    let blocks: Vec<String> = page
        .split("```console\n")
        .skip(1)
        .map(|rest| rest.split_once("```").expect("the block ends").0.to_owned())
        .collect();
    assert!(blocks.len() >= 8 && !page.contains("    curl"), "examples of the page are not in console blocks");
    for block in blocks {
        let found = run(&sandbox, folder.path(), &block, &mut variables).await;
        check(&page, &block, &found, same);
        page = std::fs::read_to_string(PAGE).unwrap();
    }
}
