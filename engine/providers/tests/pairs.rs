//! Every member of a request, from every dialect into every other: carried, told in another form, or
//! reported; never lost in silence. The table of it is `docs/concepts/dialects-pairs.md`.
//!
//! `UPDATE=1 cargo test -p tidegate-providers --test pairs` writes the table anew.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what went wrong"
)]

use std::{fmt::Write as _, fs, path::PathBuf};

use serde_json::{Map, Value, json};
use tidegate_providers::dialect::{Translation, translate_request};
use tidegate_types::{Dialect, config::OnUnsupported};

/// The model that stands for its dialect: one that takes most of what the dialect has.
fn model_of(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Anthropic => "claude-opus-4-7",
        Dialect::Responses => "gpt-5.6",
        Dialect::Gemini => "gemini-3-pro-preview",
        Dialect::Bedrock => "anthropic.claude-opus-4-7",
        Dialect::Cohere => "command-a-reasoning-08-2025",
        _ => "gpt-5-mini",
    }
}

fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

/// A request that asks for nothing in particular.
fn plain(dialect: Dialect) -> Map<String, Value> {
    let body = match dialect {
        Dialect::Anthropic => {
            json!({"model":"m","max_tokens":8000,"messages":[{"role":"user","content":[{"type":"text","text":"Hello"}]}]})
        }
        Dialect::Responses => {
            json!({"model":"m","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"Hello"}]}]})
        }
        Dialect::Gemini => json!({"contents":[{"role":"user","parts":[{"text":"Hello"}]}]}),
        Dialect::Bedrock => json!({"messages":[{"role":"user","content":[{"text":"Hello"}]}]}),
        _ => json!({"model":"m","messages":[{"role":"user","content":"Hello"}]}),
    };
    body.as_object().expect("an object").clone()
}

struct Feature {
    name: String,
    body: Value,
    /// What must be found again in the request that comes back.
    shows: Vec<Value>,
}

fn features(dialect: Dialect) -> Vec<Feature> {
    let path = repository("tests/spec/features").join(format!("{}.json", dialect.as_str()));
    let text = fs::read_to_string(path).expect("the features can be read");
    let list: Vec<Value> = serde_json::from_str(&text).expect("a list");
    let read = list.into_iter().map(|feature| {
        let mut body = plain(dialect);
        let with = feature["with"].as_object().expect("members");
        body.extend(with.clone());
        let shows = feature["shows"].as_array().cloned();
        Feature {
            name: feature["feature"].as_str().expect("a name").to_owned(),
            body: Value::Object(body),
            shows: shows.unwrap_or_else(|| vec![feature["with"].clone()]),
        }
    });
    read.collect()
}

fn translate(from: Dialect, to: Dialect, body: &Value) -> Translation {
    let text = body.to_string();
    translate_request(
        from,
        to,
        text.as_bytes(),
        model_of(to),
        None,
        OnUnsupported::Drop,
    )
    .unwrap_or_else(|error| panic!("{} to {}: {error}", from.as_str(), to.as_str()))
}

/// Whether `part` stands somewhere in `whole`: objects may hold more, lists and scalars may not.
fn holds(whole: &Value, part: &Value) -> bool {
    let inside = match whole {
        Value::Object(members) => members.values().any(|value| holds(value, part)),
        Value::Array(items) => items.iter().any(|value| holds(value, part)),
        _ => false,
    };
    inside || matches(whole, part)
}

fn matches(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part
            .iter()
            .all(|(key, value)| whole.get(key).is_some_and(|held| matches(held, value))),
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(a, b)| matches(a, b))
        }
        // A text alone, or as the only block of a list.
        (Value::Array(blocks), Value::String(_)) => {
            blocks.len() == 1 && blocks.iter().all(|block| holds(block, part))
        }
        (whole, part) => whole == part,
    }
}

/// How a feature fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It comes back as it was.
    Carried,
    /// It is told in another form.
    Emulated,
    /// A part of it is, and the rest is reported.
    InPart,
    /// It is left out and reported.
    Reported,
    /// It is what happens anyhow, so that nothing needs to be told.
    Default,
}

impl Fate {
    fn sign(self) -> &'static str {
        match self {
            Self::Carried => "✓",
            Self::Emulated => "~",
            Self::InPart => "±",
            Self::Reported => "–",
            Self::Default => "·",
        }
    }
}

/// What the target does unasked: features that change nothing there and need no word.
fn is_default(to: Dialect, name: &str) -> bool {
    // Whose format has no such class serves everybody alike.
    let tier = matches!(
        name,
        "service tier: auto" | "service tier: default" | "service tier: standard"
    );
    // Streams are asked for by the address.
    let streams = name == "streams" && matches!(to, Dialect::Gemini | Dialect::Bedrock);
    // Models reason when they are asked to.
    let none = name == "reasoning: none"
        && matches!(
            to,
            Dialect::OpenAi | Dialect::Responses | Dialect::Anthropic | Dialect::Bedrock
        );
    // Thoughts are hidden unless somebody asks for them.
    let hidden = name == "thoughts hidden" && to == Dialect::Responses;
    let calls = name == "tool_choice: auto, as the schemas say";
    let withheld = name == "tool_choice: none" && to == Dialect::Bedrock;
    let kept = name == "storing, the default";
    kept || withheld || tier || streams || none || hidden || calls
}

fn fate(from: Dialect, to: Dialect, feature: &Feature, lost: &mut Vec<String>) -> Fate {
    let bare = translate(from, to, &Value::Object(plain(from)));
    let there = translate(from, to, &feature.body);
    let changed = there.body != bare.body;
    if !there.dropped.is_empty() {
        return if changed {
            Fate::InPart
        } else {
            Fate::Reported
        };
    }
    if !changed {
        if !is_default(to, &feature.name) {
            let (from, to) = (from.as_str(), to.as_str());
            lost.push(format!(
                "{from} to {to}: {}: {}",
                feature.name, feature.body
            ));
        }
        // Tools that nobody is told of cannot be called.
        return match feature.name.as_str() {
            "tool_choice: none" => Fate::Emulated,
            _ => Fate::Default,
        };
    }
    let there: Value = serde_json::from_slice(&there.body).expect("JSON");
    let back = translate(to, from, &there);
    let back: Value = serde_json::from_slice(&back.body).expect("JSON");
    if feature.shows.iter().all(|part| holds(&back, part)) {
        Fate::Carried
    } else {
        Fate::Emulated
    }
}

const HEAD: &str = "# What carries over, pair by pair

A test writes this page: it translates a request with each feature from each dialect into each other and back
(`engine/providers/tests/pairs.rs`; the requests are in `tests/spec/features/`). [Dialects](dialects.md) says how things are told in another form.

- ✓ the feature reaches the provider and would come back as it was;
- ~ it reaches the provider in another form, one that the model understands;
- ± a part of it reaches the provider, the rest is reported;
- – it is left out and reported: named in `x-tidegate-dropped` under `on_unsupported: drop`, refused under `error`;
- · nothing needs to be told, because it is what the provider does anyhow.

Nothing is lost without a word: the test fails for a feature that changes neither the request nor the report. Models differ; these stand for their
dialects:";

fn page(lost: &mut Vec<String>) -> String {
    let mut out = HEAD.to_owned();
    let models = Dialect::ALL.iter().map(|dialect| {
        let model = model_of(*dialect);
        format!(" `{}` {model}", dialect.as_str())
    });
    out += &models.collect::<Vec<_>>().join(",");
    out += ".\n";
    for from in Dialect::ALL {
        let others: Vec<_> = Dialect::ALL.iter().filter(|to| *to != from).collect();
        let _ = write!(out, "\n## From {}\n\n| feature |", from.as_str());
        for to in &others {
            let _ = write!(out, " {} |", to.as_str());
        }
        out += "\n|---|";
        out += &"---|".repeat(others.len());
        out.push('\n');
        for feature in features(*from) {
            let _ = write!(out, "| {} |", feature.name);
            for to in &others {
                let _ = write!(out, " {} |", fate(*from, **to, &feature, lost).sign());
            }
            out.push('\n');
        }
    }
    out
}

#[test]
fn nothing_is_lost_in_silence_and_the_table_says_so() {
    let mut lost = Vec::new();
    let written = page(&mut lost);
    assert!(lost.is_empty(), "lost in silence:\n{}", lost.join("\n"));
    let path = repository("docs/concepts/dialects-pairs.md");
    #[expect(clippy::disallowed_methods, reason = "the way to accept a new table")]
    if std::env::var("UPDATE").is_ok() {
        fs::write(&path, &written).expect("a file");
        return;
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(there, written, "UPDATE=1 writes the table anew");
}

/// Members that nobody knows are reported wherever they stand at the top.
#[test]
fn an_unknown_member_is_reported_by_its_name() {
    for from in Dialect::ALL {
        let mut body = plain(*from);
        body.insert("brand_new_setting".to_owned(), json!({"a": [1]}));
        for to in Dialect::ALL.iter().filter(|to| *to != from) {
            let there = translate(*from, *to, &Value::Object(body.clone()));
            assert_eq!(there.dropped, ["brand_new_setting"], "{}", from.as_str());
        }
    }
}

/// Each feature on top of all others that can stand beside it: what one reports, another may not hide.
#[test]
fn a_feature_is_told_or_reported_beside_any_other() {
    for from in Dialect::ALL {
        let features = features(*from);
        for to in Dialect::ALL.iter().filter(|to| *to != from) {
            for (place, feature) in features.iter().enumerate() {
                let reported = translate(*from, *to, &feature.body).dropped;
                if reported.is_empty() {
                    continue;
                }
                for other in features.iter().skip(place % 7).step_by(7) {
                    let (Some(one), Some(two)) = (feature.body.as_object(), other.body.as_object())
                    else {
                        continue;
                    };
                    // Only those that set other members.
                    let bare = plain(*from);
                    let sets = |body: &Map<String, Value>| -> Vec<String> {
                        let own = body
                            .iter()
                            .filter(|(key, value)| bare.get(*key) != Some(*value));
                        own.map(|(key, _)| key.clone()).collect()
                    };
                    let (first, second) = (sets(one), sets(two));
                    if first.iter().any(|key| second.contains(key)) {
                        continue;
                    }
                    let mut both = two.clone();
                    for key in &first {
                        both.insert(key.clone(), one[key].clone());
                    }
                    let there = translate(*from, *to, &Value::Object(both));
                    let missing = reported.iter().find(|path| {
                        let named = there
                            .dropped
                            .iter()
                            .any(|told| told == *path || path.starts_with(told.as_str()));
                        !named && there.dropped.last().is_none_or(|last| last != "...")
                    });
                    // Tools make some wishes possible that are reported without them.
                    let tools = second.iter().any(|key| key.contains("ool"));
                    assert!(
                        missing.is_none() || tools,
                        "{} to {}: `{}` beside `{}` hides {missing:?}",
                        from.as_str(),
                        to.as_str(),
                        feature.name,
                        other.name
                    );
                }
            }
        }
    }
}
