//! Stage 1: reads from the body what routing needs, and nothing else.

use serde::Deserialize;
use tidegate_providers::session;
use tidegate_types::{
    Code, Dialect, Endpoint, Error, SessionKind,
    chat::Json,
    json::{self, Outline},
};

use super::{Job, form::Form, probe};

/// Members of the body the gateway reads or may replace, in every dialect.
pub(crate) const KEYS: &[&str] = &[
    "model",
    "stream",
    "max_tokens",
    "max_completion_tokens",
    "n",
    "stream_options",
    "fallbacks",
    "max_output_tokens",
    "generationConfig",
    "generation_config",
    "inferenceConfig",
];

/// As [`KEYS`], with what only Responses have.
const RESPONSES: &[&str] = &[
    "model",
    "stream",
    "max_tokens",
    "max_completion_tokens",
    "n",
    "stream_options",
    "fallbacks",
    "max_output_tokens",
    "generationConfig",
    "generation_config",
    "inferenceConfig",
    "input",
    "previous_response_id",
    "store",
    "conversation",
    "background",
];

/// The members looked for in a body of this dialect.
pub(crate) fn keys(dialect: Dialect) -> &'static [&'static str] {
    if dialect == Dialect::Responses {
        RESPONSES
    } else {
        KEYS
    }
}

/// What the body says.
#[derive(Debug, Default)]
pub(crate) struct Asks {
    /// Model name as the caller wrote it.
    pub(crate) model: String,
    /// Whether the answer should be an event stream.
    pub(crate) stream: bool,
    /// Upper bound of generated tokens per choice.
    pub(crate) max_output: Option<u64>,
    /// Number of choices.
    pub(crate) choices: u64,
    /// Whether the caller wants usage in the stream (OpenAI `stream_options.include_usage`).
    pub(crate) include_usage: bool,
    /// The body as one JSON object; absent for bodies that are passed through.
    pub(crate) outline: Option<Outline<'static>>,
    /// The body as a form, as far as it was looked through.
    pub(crate) form: Option<Form>,
}

pub(super) fn run(job: &mut Job) -> Result<(), Error> {
    job.running = Some(job.gateway.enter()?);
    if !job.snapshot.probes.is_empty() {
        probe::start(&job.gateway);
    }
    let result = read(job);
    if job.notes.is_some() {
        let bytes = job.size();
        if let Some(notes) = &mut job.notes {
            notes.asked(&job.asks, &job.context.fallbacks, bytes);
        }
    }
    result
}

/// What the stage reads.
pub(super) fn read(job: &mut Job) -> Result<(), Error> {
    if matches!(
        job.endpoint,
        Endpoint::Models(_) | Endpoint::Passthrough { .. }
    ) {
        return Ok(());
    }
    if let Endpoint::Native(_) = job.endpoint {
        return native(job);
    }
    if let Endpoint::Session { kind, .. } = job.endpoint {
        return session(job, kind);
    }
    if job.asks.form.is_some() {
        return form(job);
    }
    again(job)
}

/// The path names the model; of the body only the bound on generated tokens matters here.
fn native(job: &mut Job) -> Result<(), Error> {
    let named = job.named.clone().ok_or_else(|| {
        let text = "the path must name a model";
        Error::new(Code::InvalidRequest, text).with_param("model")
    })?;
    let body = job.body.to_bytes();
    let body = Json::parse(&body).map_err(|error| {
        let text = format!("the request body is not valid JSON: {error}");
        Error::new(Code::InvalidJson, text)
    })?;
    job.asks.model = named.model;
    job.asks.stream = named.stream.unwrap_or(false);
    job.asks.choices = 1;
    job.asks.max_output = MOST_TOKENS.iter().find_map(|path| {
        let found = path.iter().try_fold(body, |json, key| json.get(key))?;
        found.as_f64().map(up)
    });
    Ok(())
}

/// Where the makers of models on Bedrock put the bound on generated tokens: Claude, Mistral and Cohere;
/// Nova; Llama; Titan; Claude's text completions; gpt-oss.
const MOST_TOKENS: &[&[&str]] = &[
    &["max_tokens"],
    &["max_completion_tokens"],
    &["inferenceConfig", "maxTokens"],
    &["inferenceConfig", "max_new_tokens"],
    &["max_gen_len"],
    &["textGenerationConfig", "maxTokenCount"],
    &["max_tokens_to_sample"],
];

/// Reads the body, for the first time or after a rule has changed it.
pub(super) fn again(job: &mut Job) -> Result<(), Error> {
    let mut outline = outline(job)?;
    while let Some(member) = outline.last("fallbacks") {
        fallbacks(job, member.value.clone())?;
        job.body = json::without(&job.body, member);
        outline = self::outline(job)?;
    }
    let read = Reader {
        job,
        outline: &outline,
    };
    let named = job.named.as_ref();
    let model = named
        .map(|named| named.model.clone())
        .or_else(|| read.value::<String>("model"))
        .filter(|model| !model.is_empty());
    if model.is_none()
        && let Some(endpoint) = without_model(job)
    {
        job.endpoint = endpoint;
        return Ok(());
    }
    let model = model.ok_or_else(|| {
        let text = "`model` must be a string that names a model";
        Error::new(Code::InvalidRequest, text).with_param("model")
    })?;
    let options = read.value::<StreamOptions>("stream_options");
    let asks = Asks {
        model,
        stream: named
            .and_then(|named| named.stream)
            .unwrap_or_else(|| read.value("stream").unwrap_or(false)),
        max_output: read.most(job.dialect),
        choices: read.choices(job.dialect),
        include_usage: options
            .and_then(|options| options.include_usage)
            .unwrap_or(false),
        outline: None,
        form: None,
    };
    job.asks = Asks {
        outline: Some(outline),
        ..asks
    };
    Ok(())
}

fn outline(job: &Job) -> Result<Outline<'static>, Error> {
    Outline::of(&job.body, keys(job.dialect)).map_err(|error| {
        Error::new(
            Code::InvalidJson,
            format!("the request body is not valid JSON: {error}"),
        )
    })
}

/// Fallbacks that the body names, as names or as objects with a `model`. A header goes before them.
/// No vendor knows the member: it stays here.
fn fallbacks(job: &mut Job, place: std::ops::Range<usize>) -> Result<(), Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Named {
        Name(String),
        Object { model: String },
    }
    let text = job.body.slice(place);
    let list: Option<Vec<Named>> = serde_json::from_slice(&text).map_err(|_| {
        let text = "`fallbacks` must be a list of models, each a name or an object with `model`";
        Error::new(Code::InvalidRequest, text).with_param("fallbacks")
    })?;
    if job.context.fallbacks.is_empty() {
        let names = list.into_iter().flatten().map(|one| match one {
            Named::Name(model) | Named::Object { model } => model,
        });
        job.context.fallbacks = names.collect();
    }
    Ok(())
}

/// Some of these endpoints have a model of the vendor's choice: then the vendor is asked as it is.
fn without_model(job: &Job) -> Option<Endpoint> {
    let Endpoint::Relay(relay) = job.endpoint else {
        return None;
    };
    let vendor = job.implied_provider.as_deref().unwrap_or("openai");
    let known = job.snapshot.providers.contains_key(vendor);
    known.then(|| Endpoint::Passthrough {
        provider: vendor.to_owned(),
        method: http::Method::POST,
        path: relay.path().to_owned(),
    })
}

/// The model of a session: in the query, in the first message, or the upstream's affair.
fn session(job: &mut Job, kind: SessionKind) -> Result<(), Error> {
    job.asks.choices = 1;
    let named = job.named.as_ref().map(|named| named.model.clone());
    let said = || {
        let first = job.body.to_bytes();
        session::asked(kind, &first).model.map(|(name, _)| name)
    };
    match named.or_else(said) {
        Some(model) => job.asks.model = model,
        None if kind == SessionKind::Realtime => {}
        None => {
            let text = "the first message of the session must name a model";
            return Err(Error::new(Code::InvalidRequest, text).with_param("model"));
        }
    }
    Ok(())
}

/// Reads the model that a form names.
fn form(job: &mut Job) -> Result<(), Error> {
    let form = job.asks.form.as_ref();
    let model = form.and_then(|form| form.get("model"));
    let model = model
        .map(|field| field.value.clone())
        .filter(|model| !model.is_empty());
    let in_path = job.named.as_ref().map(|named| named.model.clone());
    match (in_path.or(model), without_model(job)) {
        (Some(model), _) => job.asks.model = model,
        (None, Some(endpoint)) => job.endpoint = endpoint,
        (None, None) => {
            let text = "the form has no field `model` that names a model";
            return Err(Error::new(Code::InvalidRequest, text).with_param("model"));
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

struct Reader<'a> {
    job: &'a Job,
    outline: &'a Outline<'static>,
}

impl Reader<'_> {
    /// The bound on generated tokens, where the dialect has it.
    fn most(&self, dialect: Dialect) -> Option<u64> {
        match dialect {
            Dialect::Gemini => self.inside(GENERATION, &["maxOutputTokens", "max_output_tokens"]),
            Dialect::Bedrock => self.inside(&["inferenceConfig"], &["maxTokens"]),
            Dialect::Responses => self.bound(&["max_output_tokens"]),
            _ => self.bound(&["max_completion_tokens", "max_tokens"]),
        }
    }

    fn choices(&self, dialect: Dialect) -> u64 {
        let asked = match dialect {
            Dialect::Gemini => self.inside(GENERATION, &["candidateCount", "candidate_count"]),
            _ => self.bound(&["n"]),
        };
        asked.unwrap_or(1).max(1)
    }

    /// As [`bound`](Self::bound), for members of a member.
    fn inside(&self, holders: &[&str], keys: &[&str]) -> Option<u64> {
        let mut largest = None;
        for member in holders.iter().flat_map(|key| self.outline.all(key)) {
            let text = self.job.body.slice(member.value.clone());
            let held = Json::trusted(std::str::from_utf8(&text).ok()?);
            for (_, value) in held
                .members()
                .filter(|(key, value)| keys.iter().any(|wanted| key.is(wanted)) && !value.is_null())
            {
                largest = largest.max(Some(up(value.as_f64()?)));
            }
        }
        largest
    }

    /// The member's value. `null` counts as absent, and so does a wrong type: refusing that is the
    /// upstream's business, in its own words.
    fn value<T: for<'de> Deserialize<'de>>(&self, key: &str) -> Option<T> {
        let member = self.outline.last(key)?;
        let text = self.job.body.slice(member.value.clone());
        serde_json::from_slice::<Option<T>>(&text).ok().flatten()
    }

    /// The largest number any of the members holds, in whatever spelling: upstreams differ in which
    /// duplicate they keep and which of two names they follow, and a budget must hold for each.
    /// `None` when there is none, or one that is no number.
    fn bound(&self, keys: &[&str]) -> Option<u64> {
        let mut largest = None;
        for member in keys.iter().flat_map(|key| self.outline.all(key)) {
            let text = self.job.body.slice(member.value.clone());
            if &*text != b"null" {
                let number: f64 = serde_json::from_slice(&text).ok()?;
                largest = largest.max(Some(up(number)));
            }
        }
        largest
    }
}

/// Both spellings of where Gemini's bounds stand.
const GENERATION: &[&str] = &["generationConfig", "generation_config"];

#[expect(clippy::cast_sign_loss, reason = "negative numbers become zero")]
fn up(number: f64) -> u64 {
    number.ceil().max(0.0) as u64
}

/// The value of `stream_options` with `include_usage` on, other members untouched.
pub(crate) fn with_usage(options: &[u8]) -> Vec<u8> {
    let whole = tidegate_types::Segments::from(options.to_vec());
    match Outline::of(&whole, &["include_usage"]) {
        Ok(outline) => {
            let mut splicer = json::Splicer::new(&outline);
            splicer.set("include_usage", &b"true"[..]);
            splicer.apply(&whole).to_bytes().to_vec()
        }
        Err(_) => br#"{"include_usage":true}"#.to_vec(),
    }
}
