//! The generator: what it refuses, and that a command is a proto edit and nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;

use tencent_im_contract_generator::{Contract, Generated};

const HEAD: &str = r#"
syntax = "proto3";
package tencentim.group.v1;
import "google/protobuf/descriptor.proto";
import "google/protobuf/duration.proto";
import "tencentim/annotations/v1/annotations.proto";
import "tencentim/group/v1/error_reason.proto";
"#;

/// Generates from a contract that consists of one file.
fn generate(proto: &str) -> Result<Generated, Vec<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    let scratch = tempfile::tempdir().unwrap();
    for file in ["tencentim/annotations/v1/annotations.proto", "tencentim/group/v1/error_reason.proto"] {
        fs::create_dir_all(scratch.path().join(file).parent().unwrap()).unwrap();
        fs::copy(root.join(file), scratch.path().join(file)).unwrap();
    }
    fs::write(scratch.path().join("tencentim/group/v1/scratch.proto"), format!("{HEAD}{proto}")).unwrap();
    let contract = Contract::read(scratch.path()).unwrap_or_else(|error| {
        panic!(
            "{error:?}
{proto}"
        )
    });
    contract.generate()
}

/// A service `S` with one mapped method `M`, around the given options and fields.
fn contract(method: &str, command: &str, request: &str, response: &str, more: &str) -> String {
    format!(
        r#"
        service S {{
          option (tencentim.annotations.v1.service) = {{scope: SCOPE_ADMIN}};
          rpc M(MRequest) returns (MResponse) {{
            {method}
            option (tencentim.annotations.v1.command) = {{service: "s" name: "m" {command}}};
          }}
        }}
        message MRequest {{ {request} }}
        message MResponse {{ {response} }}
        {more}
        "#
    )
}

fn request(fields: &str) -> String {
    contract("", "", fields, "", "")
}

const COLOURS: &str = r#"enum Colour {
    COLOUR_UNSPECIFIED = 0;
    COLOUR_RED = 1 [(tencentim.annotations.v1.value) = {text: "Red"}];
}"#;

#[test]
fn a_command_is_a_proto_edit_and_nothing_else() {
    let proto = request(
        r#"string group_id = 1 [(tencentim.annotations.v1.rule) = {required: true}];
           bool silent = 2 [(tencentim.annotations.v1.json) = {name: "Silence" shape: SHAPE_FLAG}];"#,
    );
    let generated = generate(&proto).unwrap_or_else(|faults| panic!("{faults:?}"));
    assert!(generated.json.contains("impl JsonMessage for pb::MRequest"));
    assert!(generated.json.contains(r#"put::<_, Flag, M>(map, "Silence", value)"#), "{}", generated.json);
    assert!(generated.rules.contains(r"rules::required(self.group_id.is_empty(), &here, violations)"));
    assert!(generated.methods.contains(r#"name: "m", label: "m", safety: Safety::Unsafe, rate_per_second: 200"#));
    assert!(generated.shapes.contains("pub static M_REQUEST: Shape = Shape(&[]);"), "{}", generated.shapes);
    assert!(generated.services.contains("impl pb::s_server::S for Gateway"));
    assert!(generated.services.contains("impl Mapped for pb::MRequest"));
}

#[test]
fn a_named_rule_stands_for_its_parts() {
    let named = generate(&request(r"string a = 1 [(tencentim.annotations.v1.rule) = {kind: KIND_GROUP_ID}];"));
    let written =
        generate(&request(r"string a = 1 [(tencentim.annotations.v1.rule) = {required: true max_bytes: 48}];"));
    let rules =
        |generated: Result<Generated, Vec<String>>| generated.unwrap_or_else(|faults| panic!("{faults:?}")).rules;
    assert_eq!(rules(named), rules(written));
}

#[test]
fn what_only_replies_hold_is_not_among_the_allowed_values() {
    let colours = COLOURS.replace(
        "\"Red\"}];",
        "\"Red\"}]; COLOUR_ROSE = 2 [(tencentim.annotations.v1.value) = {text: \"Rose\" read_only: true}];",
    );
    let generated =
        generate(&contract("", "", "Colour a = 1;", "", &colours)).unwrap_or_else(|faults| panic!("{faults:?}"));
    assert!(generated.rules.contains(r#"&[(1, "COLOUR_RED"), ]"#), "{}", generated.rules);
}

/// A list, a write that its caller's id guards, and a stream; with names that Rust keeps for itself.
const NOTES: &str = r#"
service NoteService {
  option (tencentim.annotations.v1.service) = {scope: SCOPE_MEMBER};
  rpc ListNotes(ListNotesRequest) returns (ListNotesResponse) {
    option idempotency_level = NO_SIDE_EFFECTS;
    option (tencentim.annotations.v1.command) = {
      service: "notes" name: "list_notes" rate_per_second: 10
      paging: {style: STYLE_OFFSET items: "notes" total: "total" max_page_size: 50}
    };
  }
  rpc CreateNote(CreateNoteRequest) returns (CreateNoteResponse) {
    option (tencentim.annotations.v1.command) = {
      service: "notes" name: "create_note" group_rate_per_second: 5 scope: SCOPE_MESSAGE guarded_by: "note_id"
    };
  }
  rpc StreamNotes(ListNotesRequest) returns (stream ListNotesResponse) {
    option idempotency_level = NO_SIDE_EFFECTS;
  }
}
message ListNotesRequest {
  string group_id = 1 [(tencentim.annotations.v1.rule) = {kind: KIND_GROUP_ID}];
  int32 page_size = 2 [(tencentim.annotations.v1.json) = {name: "Limit"}];
  string page_token = 3;
}
message ListNotesResponse {
  repeated Note notes = 1 [(tencentim.annotations.v1.json) = {name: "NoteList"}];
  uint32 total = 2;
  string next_page_token = 3;
}
message Note {
  string note_id = 1;
  Colour type = 2;
  repeated uint32 yield = 3;
}
message CreateNoteRequest {
  string group_id = 1 [(tencentim.annotations.v1.rule) = {kind: KIND_GROUP_ID}];
  string note_id = 2 [(tencentim.annotations.v1.rule) = {max_bytes: 32 characters: CHARACTERS_WORD}];
  Colour type = 3 [(tencentim.annotations.v1.rule) = {required: true}];
  optional string self = 4;
  bool pinned = 5 [
    (tencentim.annotations.v1.json) = {shape: SHAPE_FLAG},
    (tencentim.annotations.v1.rule) = {absent_unless: {field: "self"}}
  ];
}
message CreateNoteResponse {
  string note_id = 1;
}
"#;

/// All that is generated from one service, as it was when somebody last looked at it.
#[test]
fn what_is_generated_is_what_the_snapshot_shows() {
    let generated = generate(&format!("{NOTES}{COLOURS}")).unwrap_or_else(|faults| panic!("{faults:?}"));
    let Generated { json, rules, shapes, methods, services } = generated;
    let parts = [("json", json), ("rules", rules), ("shapes", shapes), ("methods", methods), ("services", services)];
    let text: String = parts.iter().map(|(name, text)| format!("// {name}\n\n{text}\n")).collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshot/note_service.rs");
    if std::env::var_os("UPDATE_SNAPSHOT").is_some() {
        fs::write(&path, &text).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap() == text,
        "look at what changed: UPDATE_SNAPSHOT=1 cargo test -p tencent-im-contract-generator"
    );
}

#[test]
fn all_faults_are_told_at_once() {
    let proto = request(
        r#"string group_id = 1 [(tencentim.annotations.v1.json) = {name: "GroupId"}];
           bool silent = 2 [(tencentim.annotations.v1.rule) = {required: true}];"#,
    );
    let faults = generate(&proto).err().unwrap();
    assert_eq!(faults.len(), 2, "{faults:?}");
}

#[test]
fn a_contract_without_the_options_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    fs::write(scratch.path().join("bare.proto"), "syntax = \"proto3\"; package bare; message A {}").unwrap();
    let mut compiler = protox::Compiler::new([scratch.path()]).unwrap();
    compiler.open_file("bare.proto").unwrap();
    let faults = tencent_im_contract_generator::generate(&compiler.descriptor_pool()).err().unwrap();
    assert!(faults[0].starts_with("tencentim.annotations.v1."), "{faults:?}");
    assert!(faults[0].contains("the option is not defined"), "{faults:?}");
}

/// Each fault: a contract that has it, the place that the message must name, and words of the message.
fn faulty() -> Vec<(String, &'static str, &'static str)> {
    let field = |options: &str| request(&format!("string a = 1 [{options}];"));
    let json = |rule: &str| field(&format!("(tencentim.annotations.v1.json) = {{{rule}}}"));
    let rule = |rule: &str| field(&format!("(tencentim.annotations.v1.rule) = {{{rule}}}"));
    let paged = |paging: &str| {
        let fields = "string page_token = 1;";
        contract("", &format!("paging: {{{paging}}}"), fields, "string next_page_token = 1; repeated string a = 2;", "")
    };
    let read = "option idempotency_level = NO_SIDE_EFFECTS;";
    vec![
        ("service S { rpc M(A) returns (B); } message A {} message B {}".into(), "S", "states no scope"),
        (contract("", "rate_per_second: 200", "", "", ""), "S.M", "usual figure"),
        (contract("", "scope: SCOPE_ADMIN", "", "", ""), "S.M", "the scope is the service's"),
        (contract(read, "scope: SCOPE_MEMBER", "", "", ""), "S.M", "contradicts"),
        (contract("", "scope: SCOPE_READ", "", "", ""), "S.M", "never written by hand"),
        (contract("", "group_rate_per_second: 5", "", "", ""), "S.M", "needs a field group_id"),
        (contract("", r#"guarded_by: "nothing""#, "", "", ""), "S.M", "guarded_by must name"),
        (contract(read, r#"guarded_by: "a""#, "string a = 1;", "", ""), "S.M", "redundant"),
        (contract("", r#"guarded_by: "a" guarded_value: "A""#, "string a = 1;", "", ""), "S.M", "guarded_by must name"),
        (contract("", r#"guarded_by: "a""#, "ErrorReason a = 1;", "", ""), "S.M", "guarded_by must name"),
        (contract("", r#"guarded_value: "A""#, "", "", ""), "S.M", "guarded_value needs guarded_by"),
        (
            contract("", "", "", "", "").replace("returns (MResponse)", "returns (google.protobuf.Duration)"),
            "S.M",
            "must be messages of this package",
        ),
        (contract("", "", "", "", "").replace(r#"name: "m""#, ""), "S.M", "no name"),
        (contract("", "", "", "", "").replace(r#"service: "s""#, ""), "S.M", "no service"),
        (
            contract("", "", "", "", "message NRequest {} message NResponse {}").replace(
                "rpc M(",
                r#"rpc N(NRequest) returns (NResponse) {
                option (tencentim.annotations.v1.command) = {service: "s" name: "m"}; }
                rpc M("#,
            ),
            "S.M",
            "mapped by S.N already",
        ),
        (contract("", "", "", "", "").replace("returns (M", "returns (stream M"), "S.M", "cannot stream"),
        (contract("", "", "", "", "").replace("rpc M(M", "rpc M(stream M"), "S.M", "client streaming"),
        (request("string page_token = 1;"), "S.M", "need (command).paging"),
        (contract("", "paging: {style: STYLE_NEXT_TEXT}", "", "", ""), "S.M", "needs page_token in the request"),
        (paged(""), "S.M", "no style"),
        (paged("style: STYLE_OFFSET total: \"b\""), "S.M", "needs items"),
        (paged("style: STYLE_OFFSET items: \"a\""), "S.M", "needs total"),
        (paged("style: STYLE_SEQ_DOWN items: \"nothing\""), "S.M", "paging names nothing"),
        (paged("style: STYLE_NEXT_TEXT items: \"a\""), "S.M", "does not count"),
        (json(r#"name: "A""#), "MRequest.a", "by default: redundant"),
        (json(r#"name: "X" aliases: "X""#), "MRequest.a", "repeats the name"),
        (json(""), "MRequest.a", "says nothing"),
        (json("shape: SHAPE_FLAG"), "MRequest.a", "does not fit"),
        (json("shape: SHAPE_KEYED_OBJECTS"), "MRequest.a", "needs key"),
        (json(r#"key: "K" name: "X""#), "MRequest.a", "key goes with"),
        (json(r#"value: "V" name: "X""#), "MRequest.a", "value goes with"),
        (json(r#"shape: SHAPE_NONE name: "X""#), "MRequest.a", "no key of its own"),
        (json(r#"derive_from: "a" name: "X""#), "MRequest.a", "SHAPE_RANDOM only"),
        (json("shape: SHAPE_UNKNOWN"), "MRequest.a", "arm of a tagged oneof"),
        (rule(""), "MRequest.a", "says nothing"),
        (rule("max_items: 3"), "MRequest.a", "for lists and maps"),
        (rule("kind: KIND_GROUP_ID max_bytes: 3"), "MRequest.a", "the named rule states max_bytes already"),
        (rule("key_characters: CHARACTERS_WORD"), "MRequest.a", "needs max_key_bytes"),
        (rule("max_total_bytes: 3"), "MRequest.a", "for maps of strings"),
        (rule("or_in: 3"), "MRequest.a", "or_in needs gte or lte"),
        (rule("required: true required_unless: {field: \"a\"}"), "MRequest.a", "beside required"),
        (rule("prefix_if: {field: \"a\"}"), "MRequest.a", "prefix_if needs"),
        (rule("absent_if: {field: \"b\"}"), "MRequest.a", "names b, which the message does not have"),
        (rule("absent_unless: {field: \"a\" value: \"x\"}"), "MRequest.a", "a is x, which it never is"),
        (rule("extends: {field: \"b\" joint: \"-\"}"), "MRequest.a", "extends must name"),
        (rule("in: \"COLOUR_RED\""), "MRequest.a", "not a value of the field's enum"),
        (rule("in: \"A\" not_in: \"B\""), "MRequest.a", "contradict each other"),
        (
            request("uint32 a = 1 [(tencentim.annotations.v1.rule) = {characters: CHARACTERS_WORD}];"),
            "MRequest.a",
            "for strings",
        ),
        (
            request("uint32 a = 1 [(tencentim.annotations.v1.rule) = {prefix: \"x\"}];"),
            "MRequest.a",
            "prefix is for strings",
        ),
        (
            request("option (tencentim.annotations.v1.message) = {any_besides: \"b\"}; string a = 1;"),
            "MRequest",
            "any_besides names b",
        ),
        (request("option (tencentim.annotations.v1.message) = {}; string a = 1;"), "MRequest", "says nothing"),
        (
            contract("", "", "", "option (tencentim.annotations.v1.message) = {any_besides: \"a\"}; string a = 1;", ""),
            "MResponse",
            "no request holds",
        ),
        (rule("unique: true"), "MRequest.a", "for lists"),
        (rule("max_in_list: 1"), "MRequest.a", "for the arms of a oneof"),
        (json("positional: true"), "MRequest.a", "goes with a list only"),
        (rule("max_key_bytes: 3"), "MRequest.a", "for maps"),
        (rule("gte: 3"), "MRequest.a", "for integers"),
        (request("uint32 a = 1 [(tencentim.annotations.v1.rule) = {gte: 3 lte: 2}];"), "MRequest.a", "above lte"),
        (request("uint32 a = 1 [(tencentim.annotations.v1.rule) = {max_bytes: 3}];"), "MRequest.a", "for strings"),
        (
            request("uint32 a = 1 [(tencentim.annotations.v1.rule) = {required: true}];"),
            "MRequest.a",
            "must be optional",
        ),
        (request("bool a = 1 [(tencentim.annotations.v1.rule) = {required: true}];"), "MRequest.a", "always set"),
        (request("bytes a = 1;"), "MRequest.a", "bytes have no form"),
        (request("repeated google.protobuf.Duration a = 1;"), "MRequest.a", "has no shape"),
        (
            request(r#"string a = 1; string b = 2 [(tencentim.annotations.v1.json) = {name: "A"}];"#),
            "MRequest.b",
            "taken by the field a",
        ),
        (request("oneof a { string b = 1; }"), "MRequest.a", "a oneof needs"),
        (
            request(r#"oneof a { option (tencentim.annotations.v1.oneof) = {tag: "T"}; string b = 1; }"#),
            "MRequest.a",
            "go together",
        ),
        (
            request("oneof a { option (tencentim.annotations.v1.oneof) = {required: true}; string b = 1; }"),
            "MRequest.a",
            "needs tag and content",
        ),
        (
            request(
                r#"oneof a { option (tencentim.annotations.v1.oneof) = {tag: "T" content: "C"}; string b = 1; } string c = 2;"#,
            ),
            "MRequest.a",
            "alone in its message",
        ),
        (
            request(
                r#"oneof a { option (tencentim.annotations.v1.oneof) = {tag: "T" content: "C"}; bool b = 1 [(tencentim.annotations.v1.json) = {shape: SHAPE_FLAG}]; }"#,
            ),
            "MRequest.b",
            "no shape of its own",
        ),
        (
            request("google.protobuf.FieldMask a = 1;").replace("FieldMask", "FileOptions"),
            "MRequest.a",
            "not of this package",
        ),
        (contract("", "", "map<string, Inner> a = 1;", "", "message Inner {}"), "MRequest.a", "map of messages"),
        (
            request(
                "map<string, string> a = 1 [(tencentim.annotations.v1.json) = {shape: SHAPE_KEY_VALUE_LIST key: \"Key\"}];",
            ),
            "MRequest.a",
            "by default: redundant",
        ),
        (
            request(
                "map<string, string> a = 1 [(tencentim.annotations.v1.json) = {shape: SHAPE_KEY_VALUE_LIST value: \"Value\"}];",
            ),
            "MRequest.a",
            "by default: redundant",
        ),
        (request("uint32 a = 1 [(tencentim.annotations.v1.rule) = {not_prefix: \"x\"}];"), "MRequest.a", "for strings"),
        (
            contract(
                "",
                "",
                "repeated Colour a = 1 [(tencentim.annotations.v1.json) = {shape: SHAPE_BITS}];",
                "",
                &COLOURS.replace(r#"text: "Red""#, "number: 3"),
            ),
            "MRequest.a",
            "no power of two",
        ),
        (
            contract(
                "",
                "",
                "Colour a = 1 [(tencentim.annotations.v1.json) = {shape: SHAPE_NUMBER}];",
                "",
                &COLOURS.replace(r#"text: "Red""#, "number: 3"),
            ),
            "MRequest.a",
            "numbers only",
        ),
        (
            contract("", "paging: {style: STYLE_NEXT_TEXT}", "string page_token = 1;", "", ""),
            "S.M",
            "needs next_page_token in the response",
        ),
        (
            contract(
                "",
                "paging: {style: STYLE_NEXT_TEXT total: \"a\"}",
                "string page_token = 1;",
                "string next_page_token = 1; uint32 a = 2;",
                "",
            ),
            "S.M",
            "has no total",
        ),
        (
            contract(
                "",
                "paging: {style: STYLE_OFFSET_OR_NEXT_TEXT items: \"a\" total: \"b\"}",
                "string page_token = 1;",
                "string next_page_token = 1; repeated string a = 2; uint32 b = 3;",
                "",
            ),
            "S.M",
            "needs group_id",
        ),
        (
            contract(
                "",
                "paging: {style: STYLE_NEXT_TEXT filters: \"f\"}",
                "string page_token = 1;",
                "string next_page_token = 1;",
                "",
            ),
            "S.M",
            "paging names f",
        ),
        (
            contract(
                "",
                "paging: {style: STYLE_NEXT_TEXT}",
                "string page_token = 1 [(tencentim.annotations.v1.json) = {name: \"X\"}];",
                "string next_page_token = 1;",
                "",
            ),
            "MRequest.page_token",
            "says how it is spelled",
        ),
        (
            request("uint32 a = 1 [(tencentim.annotations.v1.json) = {shape: SHAPE_RANDOM derive_from: \"b\"}];"),
            "MRequest.a",
            "must name a string field",
        ),
        (
            contract("", "", "", "string a = 1 [(tencentim.annotations.v1.rule) = {required: true}];", ""),
            "MResponse.a",
            "no request holds",
        ),
        (
            contract(
                "",
                "",
                "",
                "",
                r#"message Lost { string a = 1 [(tencentim.annotations.v1.json) = {name: "X"}]; }"#,
            ),
            "Lost.a",
            "no command uses",
        ),
        (
            contract("", "", "Colour a = 1;", "", "enum Colour { COLOUR_UNSPECIFIED = 0; COLOUR_RED = 1; }"),
            "Colour.COLOUR_RED",
            "no spelling",
        ),
        (contract("", "", "", "", COLOURS), "Colour.COLOUR_RED", "no command uses"),
        (
            contract("", "", "Colour a = 1;", "", &COLOURS.replace(r#"text: "Red""#, "")),
            "Colour.COLOUR_RED",
            "a text or a number",
        ),
        (
            contract(
                "",
                "",
                "Colour a = 1;",
                "",
                &COLOURS.replace("= 0;", r#"= 0 [(tencentim.annotations.v1.value) = {text: "X"}];"#),
            ),
            "Colour.COLOUR_UNSPECIFIED",
            "never in JSON",
        ),
        (
            contract("", "", "Colour a = 1 [(tencentim.annotations.v1.json) = {shape: SHAPE_NUMBER}];", "", COLOURS),
            "MRequest.a",
            "needs a number at COLOUR_RED",
        ),
        (
            contract(
                "",
                "",
                "Colour a = 1;",
                "",
                &COLOURS
                    .replace("}];\n}", r#"}]; COLOUR_ROSE = 2 [(tencentim.annotations.v1.value) = {text: "Red"}]; }"#),
            ),
            "Colour.COLOUR_ROSE",
            "spelling of COLOUR_RED already",
        ),
    ]
}

#[test]
fn every_fault_stops_the_build_and_names_its_place() {
    let mut missed = Vec::new();
    for (proto, place, words) in faulty() {
        let faults = generate(&proto).err().unwrap_or_default();
        if !faults.iter().any(|fault| fault.starts_with(&format!("{place}: ")) && fault.contains(words)) {
            missed.push(format!("{place}: {words}\n  found: {faults:?}"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}
