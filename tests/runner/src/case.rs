//! A case as it is written.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

/// One case of the suite.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// What the case shows, one sentence.
    pub about: String,
    /// Capabilities needed beyond those the steps imply.
    #[serde(default)]
    pub needs: BTreeSet<String>,
    /// Opened before the first step. Absent: the steps open what they need.
    #[serde(default)]
    pub config: Option<Value>,
    /// Functions of the program in the place of vendors, by name: what each answers, call by call.
    #[serde(default)]
    pub functions: Option<Value>,
    /// Scripts of the upstream, by vendor name.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Vec<Value>>")]
    pub upstream: BTreeMap<String, Vec<Box<RawValue>>>,
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// `area::name`, from the file's place.
    #[serde(skip)]
    pub name: String,
}

/// One operation and what must come of it.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    /// Operation of the driver protocol, or `write`, `read`, `script` or `serve`, which the runner does itself.
    #[serde(rename(deserialize = "do", serialize = "op"))]
    pub op: String,
    /// How often. Default once; every reply must meet `expect`.
    #[serde(default, skip_serializing)]
    pub repeat: Option<u32>,
    /// Matcher for the reply. Default: any `ok`.
    #[serde(default, skip_serializing)]
    pub expect: Option<Value>,
    /// Values of the reply that later steps need, as JSON pointers by name: `{noted.NAME}` stands for
    /// one in what follows.
    #[serde(default, skip_serializing)]
    pub note: BTreeMap<String, String>,
    /// What the upstream received during the step, by vendor name.
    #[serde(default, skip_serializing)]
    pub sent: Option<BTreeMap<String, Value>>,
    /// What the upstream received since the case began, by vendor name.
    #[serde(default, skip_serializing)]
    pub sent_in_all: Option<BTreeMap<String, Value>>,
    /// `script`: scripts that replace those of the case.
    #[serde(default, skip_serializing)]
    #[schemars(with = "BTreeMap<String, Vec<Value>>")]
    pub upstream: BTreeMap<String, Vec<Value>>,
    /// `open`, `reload`, `serve`: the document as an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Value>,
    /// `open`, `reload`: a file; `write`: where to; `read`: a file of lines of JSON, which `expect` is
    /// compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// `open`, `reload`, `write`: the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// `open`, `reload`: format of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// `open`: without a document, from the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<bool>,
    /// `connect`: where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// `call`, `method`, `session`, `explain`, `connect`: the Tidegate key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// `call`: `chat.completions` (default), `messages`, `responses`, `embeddings` or `models`;
    /// `method`: the method's whole name, such as `images.generate`;
    /// `session`: `realtime`, `responses` or `live`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
    /// `method`: ids of the path, in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<String>>,
    /// `method`: the provider to ask where no model says who is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// `session`: what is done in it, act by act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub talk: Option<Vec<Value>>,
    /// `call`, `method`, `session`: the arguments; `explain`: the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Value>,
    /// `call`, `method`, `session`, `http`, `explain`: headers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<BTreeMap<String, String>>,
    /// `call`: cancel after so many chunks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_after_chunks: Option<u64>,
    /// `call`: cancel after so many milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_after_ms: Option<u64>,
    /// `call`: keep the stream after so many chunks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<u64>,
    /// `http`, `explain`: method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// `http`, `explain`: path, or a vendor's absolute URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// `http`: the body's text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// `http`: cancel after so many bytes of the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_after_bytes: Option<u64>,
    /// `scope`: for whom calls are made from now on: `customer`, `team`, `user`, `tags`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Value>,
    /// `advance`: milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
    /// `close`: milliseconds that running calls may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
}

impl Case {
    /// Everything a driver must be able to do.
    pub(crate) fn requirements(&self) -> BTreeSet<String> {
        let mut all = self.needs.clone();
        if self.functions.is_some() {
            all.insert("functions".to_owned());
        }
        for step in &self.steps {
            let mut need = |what: &str| all.insert(what.to_owned());
            match step.op.as_str() {
                "call" | "method" | "session" | "http" | "reload" | "advance" | "connect"
                | "health" | "explain" | "close" | "scope" => {
                    need(&step.op);
                }
                "open" if step.text.is_some() => drop(need("text")),
                "open" if step.path.is_some() => drop(need("path")),
                "open" if step.env == Some(true) => drop(need("env")),
                _ => {}
            }
            if step.op == "call" {
                let stream = step
                    .request
                    .as_ref()
                    .is_some_and(|request| request["stream"] == true);
                for (what, needed) in [
                    ("stream", stream),
                    ("hold", step.hold.is_some()),
                    ("cancel", step.cancel_after_chunks.is_some()),
                    ("cancel_call", step.cancel_after_ms.is_some()),
                    ("headers", step.headers.is_some()),
                ] {
                    if needed {
                        need(what);
                    }
                }
            }
            if step.op == "http" && step.cancel_after_bytes.is_some() {
                need("cancel");
            }
        }
        all
    }

    /// Slugs of the errors the case expects.
    pub(crate) fn expected_slugs(&self, into: &mut BTreeSet<String>) {
        for step in &self.steps {
            if let Some(expect) = &step.expect {
                collect_slugs(expect, into);
            }
        }
    }
}

fn collect_slugs(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    // Slugs are where faces and dialects put them: `slug`, or `code` in a body.
                    Value::String(text) if name == "slug" || name == "code" => {
                        into.insert(text.clone());
                    }
                    other => collect_slugs(other, into),
                }
            }
        }
        Value::Array(elements) => {
            for element in elements {
                collect_slugs(element, into);
            }
        }
        _ => {}
    }
}

/// Every case below `root`, in order of name.
pub(crate) fn load(root: &Path) -> Result<Vec<Case>, String> {
    let mut cases = Vec::new();
    for area in sorted(root)? {
        if !area.is_dir() {
            continue;
        }
        for file in sorted(&area)? {
            if file.extension().is_none_or(|kind| kind != "json") {
                continue;
            }
            let text = std::fs::read_to_string(&file)
                .map_err(|error| format!("{}: {error}", file.display()))?;
            let mut case: Case = serde_json::from_str(&text)
                .map_err(|error| format!("{}: {error}", file.display()))?;
            let stem = |path: &Path| {
                path.file_stem()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned()
            };
            case.name = format!("{}::{}", stem(&area), stem(&file));
            cases.push(case);
        }
    }
    Ok(cases)
}

fn sorted(folder: &Path) -> Result<Vec<std::path::PathBuf>, String> {
    let mut paths = std::fs::read_dir(folder)
        .and_then(|entries| {
            entries
                .map(|entry| Ok(entry?.path()))
                .collect::<Result<Vec<_>, _>>()
        })
        .map_err(|error| format!("{}: {error}", folder.display()))?;
    paths.sort();
    Ok(paths)
}

/// The JSON Schema of a case.
pub(crate) fn schema() -> String {
    let schema = schemars::schema_for!(Case);
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
