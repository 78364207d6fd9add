//! What a dialect must bring along: a decoder into the neutral form and an encoder from it, for
//! requests, replies and streams.

use std::fmt::Write as _;

use tidegate_types::{
    Usage,
    chat::{Delta, Json, Request, Response, Text, write::Object},
};

use super::{error::Failure, tap::Seen, usage::Trace};
use crate::sse::SseEvent;

/// The tool that stands in for a JSON schema where the model has no structured output of its own.
/// A call of it is turned back into text, so callers never see it.
pub(crate) const JSON_TOOL: &str = "tidegate_json_reply";

/// The only member of the object that stands in for tool arguments that are no JSON object.
pub(crate) const MALFORMED: &str = "malformed_arguments";

/// More tool calls or open blocks than this in one reply are a fault of the upstream; looking one
/// up is linear.
pub(crate) const MOST_BLOCKS: usize = 4096;

/// Said to the model where a caller wants JSON of no particular schema.
pub(crate) const JSON_ONLY: &str = "Reply with one valid JSON object and nothing else.";

/// Stands in where the conversation does not begin with the user and the dialect demands it.
pub(crate) const OPENING: &str = ".";

/// How the events of a stream are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Server-sent events: text, with comments between them.
    Sse,
    /// An AWS event stream: binary frames with checksums.
    EventStream,
}

/// A dialect of chat.
pub(crate) trait Codec {
    /// Watches a stream that passes through.
    type Tap: Tap + Default + 'static;
    /// Reads a stream.
    type Decoder: Decoder + Default + 'static;
    /// Writes a stream.
    type Encoder: Encoder + 'static;

    /// Name of the member of a complete reply that tells what it consumed.
    const USAGE: &'static str = "usage";

    /// Words of a complete reply beside its usage that tell what it costs.
    const TRACES: &'static [Trace] = &[];

    /// Whether comments of the upstream's stream, which keep connections alive, may be passed on.
    const COMMENTS: bool = true;

    /// Whether a reply may hold several choices.
    const CHOICES: bool = false;

    /// How its streams are framed.
    const FRAMING: Framing = Framing::Sse;

    /// Where a provider takes chat requests, below its base URL.
    fn path(model: &str, stream: bool) -> String;

    /// The body of a request with words respelled that mean the same elsewhere in another spelling
    /// of the same length, so that places in it stay what they are; `None` when there are none.
    fn respell(_body: &[u8]) -> Option<Vec<u8>> {
        None
    }

    /// The request in a form that can be read in place, where it is not in that form already: JSON
    /// that travels inside a string, for one. Names and order of members stay.
    fn unfold(_body: Json<'_>) -> Option<Vec<u8>> {
        None
    }

    /// Reads a request.
    fn decode_request(body: Json<'_>) -> Result<Request<'_>, Fault<'_>>;

    /// Writes a request for the upstream model `model`; what the dialect cannot express is added
    /// to `dropped`.
    fn encode_request<'a>(
        request: &Request<'a>,
        model: &str,
        dropped: &mut Vec<Json<'a>>,
    ) -> Vec<u8>;

    /// Reads a complete reply.
    fn decode_response(body: Json<'_>) -> Result<Response<'_>, Fault<'_>>;

    /// Writes a complete reply; `model` is what the caller asked for, `created` the time where the
    /// dialect wants one and the reply brings none.
    fn encode_response(response: &Response<'_>, model: &str, created: u64) -> Vec<u8>;

    /// A writer at the start of a stream.
    fn encoder(options: StreamOptions) -> Self::Encoder;

    /// Reads the member called [`USAGE`](Self::USAGE).
    fn usage(value: Json<'_>) -> Usage;

    /// Writes the body of an error.
    fn encode_error(status: u16, failure: &Failure) -> Vec<u8>;

    /// Makes the body of an error an event on which the vendor's SDKs raise.
    fn error_event(body: &[u8]) -> Vec<u8>;
}

/// Watches a stream event by event.
pub(crate) trait Tap: std::fmt::Debug + Send {
    /// Takes note of the next event, which has data. `committed` says that content came before:
    /// then nobody needs to know whether this event has some, and [`Seen::Content`] will do.
    fn observe(&mut self, event: &SseEvent, committed: bool) -> Seen;

    /// What the upstream reported so far; the last report counts.
    fn usage(&self) -> Option<Usage>;

    /// True when the stream may be taken as complete without a terminal event.
    fn finished(&self) -> bool {
        false
    }
}

/// Reads a stream event by event.
pub(crate) trait Decoder: std::fmt::Debug + Send {
    /// Gives `sink` what the event adds to the reply.
    fn decode<'a>(
        &mut self,
        event: &'a SseEvent,
        sink: &mut dyn FnMut(Delta<'a>),
    ) -> Result<(), Fault<'a>>;
}

/// Writes a stream delta by delta.
pub(crate) trait Encoder: std::fmt::Debug + Send {
    /// Appends the events that `delta` makes.
    fn encode(&mut self, delta: Delta<'_>, out: &mut Vec<u8>);
}

/// How a caller wants its stream.
#[derive(Debug, Clone)]
pub(crate) struct StreamOptions {
    /// The model the caller asked for.
    pub(crate) model: String,
    /// Whether it wants OpenAI's usage chunk.
    pub(crate) include_usage: bool,
    /// The time where the dialect wants one and the stream brings none.
    pub(crate) created: u64,
    /// Set where the reply will be stored.
    pub(crate) stored: Option<Stored>,
}

/// Under what a reply is stored, for dialects that tell.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Id of the reply.
    pub id: String,
    /// Id of the reply it continues.
    pub previous: Option<String>,
}

/// What is wrong with a body, and where.
#[derive(Debug)]
pub(crate) struct Fault<'a> {
    pub(crate) at: Json<'a>,
    pub(crate) member: &'static str,
    pub(crate) message: String,
}

impl<'a> Fault<'a> {
    pub(crate) fn new(at: Json<'a>, message: impl Into<String>) -> Self {
        Self {
            at,
            member: "",
            message: message.into(),
        }
    }

    pub(crate) fn missing(at: Json<'a>, member: &'static str) -> Self {
        Self {
            at,
            member,
            message: format!("`{member}` is missing"),
        }
    }

    /// The path of the fault inside `body`.
    pub(crate) fn path(&self, body: Json<'_>) -> String {
        let mut path = body.path_to(self.at);
        if !self.member.is_empty() {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(self.member);
        }
        path
    }
}

pub(crate) fn text(value: Json<'_>) -> Result<Text<'_>, Fault<'_>> {
    value
        .as_text()
        .ok_or_else(|| Fault::new(value, "must be a string"))
}

pub(crate) fn boolean(value: Json<'_>) -> Result<bool, Fault<'_>> {
    value
        .as_bool()
        .ok_or_else(|| Fault::new(value, "must be true or false"))
}

pub(crate) fn whole(value: Json<'_>) -> Result<u64, Fault<'_>> {
    value
        .as_u64()
        .ok_or_else(|| Fault::new(value, "must be a whole number, not negative"))
}

pub(crate) fn number(value: Json<'_>) -> Result<Json<'_>, Fault<'_>> {
    if value.is_number() {
        Ok(value)
    } else {
        Err(Fault::new(value, "must be a number"))
    }
}

pub(crate) fn string(value: Json<'_>) -> Result<Json<'_>, Fault<'_>> {
    text(value).map(|_| value)
}

pub(crate) fn object(value: Json<'_>) -> Result<Json<'_>, Fault<'_>> {
    if value.is_object() {
        Ok(value)
    } else {
        Err(Fault::new(value, "must be an object"))
    }
}

pub(crate) fn array(value: Json<'_>) -> Result<Json<'_>, Fault<'_>> {
    if value.is_array() {
        Ok(value)
    } else {
        Err(Fault::new(value, "must be an array"))
    }
}

/// The member, which must be a string.
pub(crate) fn member<'a>(of: Json<'a>, key: &'static str) -> Result<Text<'a>, Fault<'a>> {
    text(of.get(key).ok_or_else(|| Fault::missing(of, key))?)
}

/// The name in the member `key`, empty when there is none.
pub(crate) fn name<'a>(of: Json<'a>, key: &str) -> std::borrow::Cow<'a, str> {
    of.get(key)
        .and_then(Json::as_text)
        .map(|text| text.decode())
        .unwrap_or_default()
}

/// An id of a call in the characters that Anthropic and Bedrock allow (letters, digits, `_`, `-`),
/// and no longer than `longest`: what is beyond becomes a hash, so that ids stay different.
pub(crate) fn tool_id<'a>(id: &Text<'a>, longest: usize) -> Text<'a> {
    const HASH: usize = 17;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let characters = id.decode();
    if characters.is_empty() {
        return Text::Escaped("call");
    }
    if characters.len() <= longest && characters.chars().all(allowed) {
        return id.clone();
    }
    let mut mapped: String = characters
        .chars()
        .map(|c| if allowed(c) { c } else { '_' })
        .collect();
    if mapped.len() > longest {
        // FNV-1a: it only has to tell the ids of one conversation apart.
        let hash = characters
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        mapped.truncate(longest.saturating_sub(HASH));
        // Writing to a string cannot fail.
        let _ = write!(mapped, "_{hash:016x}");
    }
    Text::plain(mapped)
}

/// The schema of a tool as the caller wrote it; that it is one of an object, on which Anthropic and
/// Bedrock insist, is added in front.
pub(crate) fn object_schema(schema: Option<Json<'_>>, out: &mut Vec<u8>) {
    let Some(schema) = schema.filter(|schema| !says_nothing(*schema)) else {
        out.extend_from_slice(br#"{"type":"object","properties":{}}"#);
        return;
    };
    if schema.get("type").is_some() {
        out.extend_from_slice(schema.as_str().as_bytes());
    } else {
        out.extend_from_slice(br#"{"type":"object","#);
        let rest = schema.as_str().trim_start_matches('{');
        out.extend_from_slice(rest.trim_start().as_bytes());
    }
}

/// Writes a prompt-cache marker in Anthropic's spelling; Bedrock's `cachePoint` and the breakpoints of
/// the Responses dialect are turned into it.
pub(crate) fn cache_control(marker: Option<Json<'_>>, object: &mut Object<'_>) {
    let Some(marker) = marker else { return };
    if name(marker, "type") == "ephemeral" {
        object.json("cache_control", marker);
    } else {
        object.object("cache_control", |control| {
            control
                .str("type", "ephemeral")
                .json_if("ttl", marker.get("ttl"));
        });
    }
}

/// True for values that say nothing, so that leaving them out loses nothing.
pub(crate) fn says_nothing(value: Json<'_>) -> bool {
    matches!(value.as_str(), "null" | "false" | "\"\"" | "[]" | "{}")
}
