//! `docs/concepts/providers.md` says what the catalogue says, and its examples are configurations.
//!
//! `UPDATE=1 cargo test -p tidegate --test providers_page` writes its tables anew.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fmt::Write as _, path::PathBuf};

use serde::Serialize;
use tidegate::{
    config::{Config, Format, Quirk},
    providers::catalogue,
};

fn page() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/concepts/providers.md")
}

/// The name by which configurations call it.
fn name(value: impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap();
    value.as_str().unwrap().to_owned()
}

fn listed(names: impl IntoIterator<Item = String>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn quirks() -> String {
    let mut text = "| quirk | vendors known to have it |\n|---|---|\n".to_owned();
    for quirk in Quirk::ALL {
        let vendors = catalogue::vendors().filter(|vendor| vendor.quirks.contains(quirk));
        let vendors = listed(vendors.map(|vendor| vendor.name.to_owned()));
        writeln!(text, "| `{}` | {vendors} |", name(quirk)).unwrap();
    }
    text
}

fn vendors() -> String {
    let mut text = format!(
        "{} vendors:\n\n| vendor | dialects | key from | auth | endpoints beside chat |\n\
         |---|---|---|---|---|\n",
        catalogue::vendors().count()
    );
    for vendor in catalogue::vendors() {
        let dialects = std::iter::once(vendor.dialect).chain(vendor.also().map(|(also, _)| also));
        let dialects: Vec<_> = dialects.map(tidegate::Dialect::as_str).collect();
        let variables = vendor.env.iter().map(|name| (*name).to_owned());
        let places = vendor.places().filter_map(|place| place.env.first());
        let variables = variables.chain(places.map(|name| (*name).to_owned()));
        let endpoints = vendor.endpoints().iter().filter(|name| **name != "chat");
        let auth = if vendor.env.is_empty() {
            String::new()
        } else {
            format!("`{}`", name(vendor.auth()))
        };
        writeln!(
            text,
            "| `{}` | {} | {} | {auth} | {} |",
            vendor.name,
            dialects.join(", "),
            listed(variables),
            endpoints.copied().collect::<Vec<_>>().join(", "),
        )
        .unwrap();
    }
    text
}

/// The text between a heading's paragraph and the next heading that is a table.
fn with_table(page: &str, heading: &str, start: &str, table: &str) -> String {
    let (before, section) = page.split_once(heading).unwrap();
    let end = section.find("\n## ").map_or(section.len(), |at| at + 1);
    let (section, after) = section.split_at(end);
    let at = section.find(start).unwrap_or(section.len());
    let gap = if after.is_empty() { "" } else { "\n" };
    [before, heading, &section[..at], table, gap, after].concat()
}

#[test]
fn its_tables_are_those_of_the_catalogue() {
    let found = std::fs::read_to_string(page()).unwrap();
    let wanted = with_table(&found, "\n## Quirks\n", "| quirk |", &quirks());
    let wanted = with_table(
        &wanted,
        "\n## Vendors\n",
        &format!("{} vendors:", catalogue::vendors().count()),
        &vendors(),
    );
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(page(), &wanted).unwrap();
        return;
    }
    assert!(
        found == wanted,
        "docs/concepts/providers.md is not what the catalogue says; UPDATE=1 writes it"
    );
}

#[test]
fn its_examples_are_configurations() {
    let found = std::fs::read_to_string(page()).unwrap();
    let vendors: Vec<_> = catalogue::vendors().map(|vendor| vendor.name).collect();
    let mut count = 0;
    for block in found.split("```yaml\n").skip(1) {
        let text = block.split("```").next().unwrap();
        let env = |_: &str| Some("value".to_owned());
        Config::parse(text, Format::Yaml, &vendors, &env)
            .unwrap_or_else(|problems| panic!("{text}\n{problems:?}"));
        count += 1;
    }
    assert!(count >= 5);
}
