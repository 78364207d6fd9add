//! Going on with a stream that broke, from another upstream.

use tidegate_types::{
    Dialect, Segments,
    chat::{Delta, Text},
    json,
};

use super::{
    TranslateError,
    codec::{Codec, Decoder, Encoder, StreamOptions},
    stream::invalid_event,
    with_codec,
};
use crate::sse::SseEvent;

/// More text than this is not sent again as a beginning.
const LONGEST: usize = 1 << 20;

/// What a model is asked that cannot be made to begin in the middle.
const GO_ON: &str = "Your last reply was cut off. Go on exactly where it ends, in the middle of a word if \
                     need be, without repeating any of it and without saying that you go on.";

/// Follows a stream so that it can be gone on with: reads every event, keeps the text, and knows what
/// the caller's dialect still expects.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each answers a question of its own"
)]
pub struct Continuation {
    from: Box<dyn Decoder>,
    to: Box<dyn Encoder>,
    text: String,
    /// False once there was something that cannot be taken up in the middle: tool calls, reasoning
    /// under way, refusals, citations.
    plain: bool,
    stopped: bool,
    /// Whether the upstream now is not the first: its beginning was told already.
    later: bool,
    /// Whether the upstream now has said something.
    begun: bool,
    scratch: Vec<u8>,
}

impl Continuation {
    /// At the start of a stream in `from` for a caller of `to`; the rest as for a
    /// [`StreamTranslator`](super::StreamTranslator).
    pub fn new(from: Dialect, to: Dialect, model: &str, include_usage: bool, created: u64) -> Self {
        let options = StreamOptions {
            model: model.to_owned(),
            include_usage,
            created,
            stored: None,
        };
        let to: Box<dyn Encoder> = with_codec!(to, D => Box::new(<D as Codec>::encoder(options)));
        Self {
            from: decoder(from),
            to,
            text: String::new(),
            plain: true,
            stopped: false,
            later: false,
            begun: false,
            scratch: Vec::new(),
        }
    }

    /// Takes note of an event that the caller gets as it is.
    ///
    /// # Errors
    /// [`TranslateError::Invalid`] when the event is none of the upstream's dialect.
    pub fn watch(&mut self, event: &SseEvent) -> Result<(), TranslateError> {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        let result = self.push(event, &mut scratch);
        self.scratch = scratch;
        result
    }

    /// Appends what the event means to the caller's stream.
    ///
    /// # Errors
    /// [`TranslateError::Invalid`] when the event is none of the upstream's dialect.
    pub fn push(&mut self, event: &SseEvent, out: &mut Vec<u8>) -> Result<(), TranslateError> {
        if event.data.is_empty() {
            return Ok(());
        }
        let Self {
            from,
            to,
            text,
            plain,
            stopped,
            later,
            begun,
            ..
        } = self;
        let mut sink = |delta: Delta<'_>| {
            match &delta {
                Delta::Text(more) => {
                    let more = more.decode();
                    let blank = |c: char| c.is_whitespace();
                    // A beginning is sent without the blanks it ends with; they come again.
                    if *later && !*begun && text.ends_with(blank) && more.starts_with(blank) {
                        let rest = more.trim_start();
                        *begun = !rest.is_empty();
                        text.push_str(rest);
                        to.encode(Delta::Text(Text::plain(rest.to_owned())), out);
                        return;
                    }
                    *begun |= !more.is_empty();
                    text.push_str(&more);
                }
                Delta::Start { .. } if *later => return,
                Delta::Stop { .. } => *stopped = true,
                Delta::Start { .. }
                | Delta::Choice(0)
                | Delta::Usage(_)
                | Delta::Ping
                | Delta::End => {}
                Delta::BlockEnd => {
                    // The block under way is the one that is gone on with.
                    if *later && !*begun {
                        return;
                    }
                }
                // Reasoning that is over does not matter to who goes on with the text.
                Delta::Thinking(_) | Delta::Signature(_) | Delta::RedactedThinking(_) => {
                    if *later {
                        return;
                    }
                    *plain &= text.is_empty();
                }
                _ => *plain = false,
            }
            to.encode(delta, out);
        };
        let result = from.decode(event, &mut sink);
        result.map_err(|fault| invalid_event(event, &fault))
    }

    /// Appends the terminal events.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.to.encode(Delta::End, out);
    }

    /// What the caller got so far, when the stream can be gone on with from there.
    pub fn said(&self) -> Option<&str> {
        let some = !self.text.trim().is_empty() && self.text.len() <= LONGEST;
        (self.plain && !self.stopped && some).then_some(self.text.as_str())
    }

    /// From now on events come from another upstream.
    pub fn go_on_from(&mut self, dialect: Dialect) {
        self.from = decoder(dialect);
        self.later = true;
        self.begun = false;
    }
}

fn decoder(dialect: Dialect) -> Box<dyn Decoder> {
    with_codec!(dialect, D => Box::new(<D as Codec>::Decoder::default()))
}

/// The request again, with what was said so far. With `prefill` the reply begins with it, as some
/// models allow; otherwise the model is asked to go on. `None` when the body's messages are not where
/// its dialect has them.
pub fn continued(dialect: Dialect, body: &Segments, said: &str, prefill: bool) -> Option<Segments> {
    let text = |text: &str| String::from_utf8(json::quote(text)).unwrap_or_default();
    // A reply that begins with trailing blanks is refused by the models that take one.
    let (begun, ask) = (text(said), text(GO_ON));
    let prefilled = text(said.trim_end());
    let turns = match dialect {
        Dialect::Gemini => format!(
            r#"{{"role":"model","parts":[{{"text":{begun}}}]}},{{"role":"user","parts":[{{"text":{ask}}}]}}"#
        ),
        Dialect::Bedrock if prefill => {
            format!(r#"{{"role":"assistant","content":[{{"text":{prefilled}}}]}}"#)
        }
        Dialect::Bedrock => format!(
            r#"{{"role":"assistant","content":[{{"text":{begun}}}]}},{{"role":"user","content":[{{"text":{ask}}}]}}"#
        ),
        _ if prefill => format!(r#"{{"role":"assistant","content":{prefilled}}}"#),
        _ => {
            format!(r#"{{"role":"assistant","content":{begun}}},{{"role":"user","content":{ask}}}"#)
        }
    };
    with_turns(dialect, body, &turns)
}

/// The request with another turn of the user's. `None` as for [`continued`].
pub fn with_turn(dialect: Dialect, body: &Segments, said: &str) -> Option<Segments> {
    let said = String::from_utf8(json::quote(said)).ok()?;
    let turn = match dialect {
        Dialect::Gemini => format!(r#"{{"role":"user","parts":[{{"text":{said}}}]}}"#),
        Dialect::Bedrock => format!(r#"{{"role":"user","content":[{{"text":{said}}}]}}"#),
        _ => format!(r#"{{"role":"user","content":{said}}}"#),
    };
    with_turns(dialect, body, &turn)
}

/// The request with further turns behind its own.
fn with_turns(dialect: Dialect, body: &Segments, turns: &str) -> Option<Segments> {
    let key = match dialect {
        Dialect::Gemini => "contents",
        Dialect::Responses => "input",
        _ => "messages",
    };
    let keys = [key];
    let outline = json::Outline::of(body, &keys).ok()?;
    let place = outline.last(key)?.value.clone();
    let value = body.slice(place).into_owned();
    let value = std::str::from_utf8(&value).ok()?.trim();
    let list = match value.strip_prefix('[') {
        Some(rest) => {
            let inner = rest.strip_suffix(']')?.trim_end();
            let comma = if inner.trim().is_empty() { "" } else { "," };
            format!("[{inner}{comma}{turns}]")
        }
        None if value.starts_with('"') => {
            format!(r#"[{{"role":"user","content":{value}}},{turns}]"#)
        }
        None => return None,
    };
    let mut splicer = json::Splicer::new(&outline);
    splicer.set(key, list.into_bytes());
    Some(splicer.apply(body))
}

/// Whether a model goes on with a reply that the request begins (Anthropic, "Prefill Claude's
/// response": not with models from Claude Opus 4.6 on, and not while thinking).
pub fn takes_prefill(dialect: Dialect, model: &str) -> bool {
    const WITHOUT: &[&str] = &[
        "-4-6", "-4.6", "-4-7", "-4.7", "-4-8", "-4.8", "-5", "mythos",
    ];
    let claude = model.rfind("claude").map(|at| &model[at..]);
    match (dialect, claude) {
        (Dialect::Anthropic | Dialect::Bedrock, Some(name)) => {
            // `claude-3-5-sonnet` has its number in front.
            name.starts_with("claude-3") || !WITHOUT.iter().any(|part| name_has(name, part))
        }
        _ => false,
    }
}

/// Whether a part of a version stands in a name: `-5` in `claude-sonnet-5`, not in `claude-opus-4-5`.
fn name_has(name: &str, part: &str) -> bool {
    name.match_indices(part).any(|(at, _)| {
        let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        let after = name[at + part.len()..].chars().next();
        let before = name[..at].chars().next_back();
        !(digit(after) || part == "-5" && digit(before))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_so_far_is_added_where_the_dialect_has_its_messages() {
        let body = |text: &str| Segments::from(text.as_bytes().to_vec());
        let go_on = |dialect, text: &str, prefill| {
            let body = continued(dialect, &body(text), "He \"said\" ", prefill).unwrap();
            String::from_utf8(body.to_bytes().to_vec()).unwrap()
        };
        let prefilled = go_on(
            Dialect::Anthropic,
            r#"{"x":1.0,"messages":[ {"role":"user","content":"hi"} ]}"#,
            true,
        );
        assert_eq!(
            prefilled,
            r#"{"x":1.0,"messages":[ {"role":"user","content":"hi"},{"role":"assistant","content":"He \"said\""}]}"#
        );
        let asked = go_on(Dialect::Responses, r#"{"input":"hi"}"#, false);
        assert!(
            asked.starts_with(r#"{"input":[{"role":"user","content":"hi"},{"role":"assistant","#),
            "{asked}"
        );
        assert!(asked.contains("cut off"));
        for (dialect, key) in [
            (Dialect::Gemini, "contents"),
            (Dialect::Bedrock, "messages"),
            (Dialect::Cohere, "messages"),
        ] {
            let body = go_on(dialect, &format!("{{\"{key}\":[]}}"), false);
            let value: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!(value[key].as_array().unwrap().len(), 2, "{body}");
        }
        assert!(continued(Dialect::OpenAi, &body("{}"), "x", false).is_none());
    }

    #[test]
    fn only_older_claudes_take_a_beginning() {
        for (model, takes) in [
            ("claude-haiku-4-5", true),
            ("claude-opus-4-5-20251101", true),
            ("claude-3-5-sonnet-latest", true),
            ("claude-opus-4-6", false),
            ("claude-sonnet-4-6", false),
            ("claude-sonnet-5", false),
            ("m", false),
        ] {
            assert_eq!(takes_prefill(Dialect::Anthropic, model), takes, "{model}");
        }
        assert!(takes_prefill(
            Dialect::Bedrock,
            "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
        ));
        assert!(!takes_prefill(Dialect::OpenAi, "claude-haiku-4-5"));
    }
}
