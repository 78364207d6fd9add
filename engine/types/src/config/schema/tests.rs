use std::path::PathBuf;

use super::*;
use crate::config::Format;

fn file(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Compares a committed file with what the types say; `UPDATE=1` rewrites it.
fn committed(path: &str, wanted: &str) {
    let path = file(path);
    #[expect(
        clippy::disallowed_methods,
        reason = "a test's own switch, not configuration"
    )]
    if std::env::var("UPDATE").is_ok() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, wanted).unwrap();
        return;
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "{} is out of date; run the tests with UPDATE=1",
        path.display()
    );
}

#[test]
fn the_committed_schema_is_what_the_types_say() {
    let mut text = serde_json::to_string_pretty(&json_schema()).unwrap();
    text.push('\n');
    committed("schema/gateway.schema.json", &text);
}

#[test]
fn the_committed_reference_page_is_what_the_types_say() {
    committed("../../docs/configuration.md", &reference_markdown());
}

#[test]
fn the_reference_page_explains_every_field() {
    let page = reference_markdown();
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split(" | ").collect();
        assert_eq!(cells.len(), 4, "{line}");
        assert!(!cells[1].is_empty(), "no type: {line}");
        assert!(
            cells[3].trim_end_matches(" |").len() > 3,
            "no meaning: {line}"
        );
    }
    for heading in [
        "Provider",
        "Route",
        "Target",
        "VirtualKey",
        "Budget",
        "Limit",
        "Server",
    ] {
        assert!(page.contains(&format!("\n## {heading}\n")), "{heading}");
    }
}

#[test]
fn the_example_is_a_valid_document() {
    let env = |_: &str| Some(format!("secret-{}", next()));
    // The file the example names is on no test machine.
    let text = EXAMPLE.replace("file:/run/secrets/anthropic", "env:ANTHROPIC_B");
    let config = Config::parse(&text, Format::Yaml, &["openai", "anthropic"], &env)
        .unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(config.models.len(), 2);
    assert_eq!(config.keys[0].limits.len(), 2);
}

/// A different text on each call.
fn next() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
