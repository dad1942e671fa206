//! The parity table of the documentation, out of the registry.

use std::fmt::Write as _;

use crate::command::Command;
use crate::registry::commands;
use crate::schema::{Field, Kind, Parity};

/// One row for each command: its fields by what becomes of them.
pub fn table() -> String {
    let mut text =
        String::from("| service | command | implemented | accepted but ignored | refused |\n|---|---|---|---|---|\n");
    for command in commands() {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            command.service,
            command.name,
            fields(command, Parity::Implemented),
            fields(command, Parity::Ignored),
            fields(command, Parity::Refused),
        );
    }
    text
}

fn fields(command: &Command, parity: Parity) -> String {
    let mut names = Vec::new();
    collect(command.fields, "", parity, &mut names);
    names.join(", ")
}

fn collect(fields: &[Field], path: &str, parity: Parity, names: &mut Vec<String>) {
    for field in fields {
        let aliases: String = field.aliases.iter().map(|alias| format!(" (or {alias})")).collect();
        match field.kind {
            Kind::Object(inner) | Kind::Objects(inner) if field.parity == Parity::Implemented => {
                let mark = if matches!(field.kind, Kind::Objects(_)) { "[]" } else { "" };
                collect(inner, &format!("{path}{}{mark}.", field.name), parity, names);
            }
            _ if field.parity == parity => names.push(format!("`{path}{}`{aliases}", field.name)),
            _ => {}
        }
    }
}
