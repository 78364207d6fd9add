//! `tidegate check`: is this configuration right, and what does it offer?

use std::{fmt::Write as _, path::PathBuf};

use tidegate::{bridge::Engine, config::Config};

use super::{FAILED, complain, find, print};

pub(super) fn run(config: Option<PathBuf>) -> i32 {
    let (source, name) = find(config);
    match Engine::open(source) {
        Ok(engine) => print(&describe(&engine, &name)),
        Err(error) => {
            complain(&error);
            FAILED
        }
    }
}

/// What a configuration amounts to, in a few lines.
fn describe(engine: &Engine, name: &str) -> String {
    let config = engine.config();
    let mut text = format!("{name} is valid\n");
    let health = engine.health();
    let none = serde_json::Map::new();
    let providers = health["providers"].as_object().unwrap_or(&none);
    let mut names: Vec<String> = Vec::new();
    for (provider, state) in providers {
        let ready = state["ready"] == true;
        names.push(if ready {
            provider.clone()
        } else {
            format!("{provider} (no key)")
        });
    }
    line(&mut text, "providers", &names.join(", "));
    for (at, (model, route)) in config.models.iter().enumerate() {
        let targets: Vec<&str> = route.targets.iter().map(|target| &*target.model).collect();
        let mut leads = format!("{model} -> {}", targets.join(" | "));
        for fallback in &route.fallbacks {
            // Writing to a String cannot fail.
            let _ = write!(leads, ", else {}", fallback.model);
        }
        line(&mut text, if at == 0 { "models" } else { "" }, &leads);
    }
    line(&mut text, "callers", &callers(&config));
    text
}

fn callers(config: &Config) -> String {
    match config.keys.len() {
        0 => "anyone who reaches the server".to_owned(),
        1 => "1 key".to_owned(),
        many => format!("{many} keys"),
    }
}

fn line(text: &mut String, label: &str, value: &str) {
    let value = if value.is_empty() { "none" } else { value };
    let _ = writeln!(text, "  {label:<10} {value}");
}
