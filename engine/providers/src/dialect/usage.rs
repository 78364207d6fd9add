//! Reading what a call consumed, from complete replies and from single events.

use std::sync::LazyLock;

use memchr::memmem::{self, Finder, FinderRev};
use tidegate_types::{
    Usage,
    chat::{Json, scan},
};

use super::codec::Codec;

mod anthropic;
mod beside;
mod gemini;
mod native;
mod openai;
mod relay;

pub(crate) use anthropic::{AnthropicUsage, anthropic};
pub(crate) use beside::{Trace, beside, searches, service};
pub(crate) use gemini::gemini;
pub(crate) use native::of_chunk;
pub use native::of_headers;
pub(super) use native::{of_native, predicted};
pub(crate) use openai::openai;
pub(super) use relay::of_relay;

/// A reply that mentions usage more often is not looked through: each mention costs a walk.
const MOST_TRIES: usize = 16;

static WORD: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"usage"));
static LAST: LazyLock<FinderRev<'static>> = LazyLock::new(|| FinderRev::new(b"usage"));

/// How near to the end it usually stands.
const NEAR: usize = 512;

/// The usage in a complete reply.
///
/// Searched from the end, where every vendor puts it, and accepted only where it is a member of
/// the outermost object: a tool argument or a nested report with the same name is passed over.
pub(super) fn of_reply<C: Codec>(body: &[u8]) -> Option<Usage> {
    let name = C::USAGE.as_bytes();
    let mut before = body;
    for _ in 0..MOST_TRIES {
        // Every dialect's name for it begins with the same five letters.
        let Some(at) = last(before) else { break };
        let end = at + name.len();
        let quoted = at.checked_sub(1).and_then(|at| body.get(at)) == Some(&b'"')
            && body.get(at..end) == Some(name)
            && body.get(end) == Some(&b'"');
        if quoted && let Some(value) = top_level_object(body, end + 1) {
            if !value.is_object() {
                return None;
            }
            let mut usage = C::usage(value);
            beside::of_reply(body, C::TRACES, &mut usage);
            return Some(usage);
        }
        before = &before[..at];
    }
    None
}

/// Where the word stands last. Forward is many times faster than backward, so that the whole is only
/// looked through when it does not stand near the end.
fn last(body: &[u8]) -> Option<usize> {
    let start = body.len().saturating_sub(NEAR);
    let near = WORD.find_iter(body.get(start..)?).last();
    near.map(|at| start + at).or_else(|| LAST.rfind(body))
}

/// Groq's streams and some of its replies carry usage only in `x_groq`.
pub(super) fn groq(body: &[u8]) -> Option<Usage> {
    memmem::find(body, b"\"x_groq\"")?;
    let body = Json::trusted(std::str::from_utf8(body).ok()?);
    let usage = body.get("x_groq")?.get("usage")?;
    usage.is_object().then(|| openai(usage))
}

/// The object that follows a member name ending at `at`, if the braces behind it show that the
/// member belongs to the outermost object.
fn top_level_object(body: &[u8], at: usize) -> Option<Json<'_>> {
    let rest = body
        .get(at..)?
        .trim_ascii_start()
        .strip_prefix(b":")?
        .trim_ascii_start();
    if rest.first() != Some(&b'{') {
        return None;
    }
    let end = scan::closing(rest, 1, 1)?;
    // Only the outermost object's own brace has nothing but white space behind it.
    let last = scan::closing(rest, end, 1)?;
    if !rest.get(last..)?.trim_ascii().is_empty() {
        return None;
    }
    Some(Json::trusted(std::str::from_utf8(rest.get(..end)?).ok()?))
}

fn count(value: Json<'_>, otherwise: u64) -> u64 {
    value.as_u64().unwrap_or(otherwise)
}

/// Millionths of a second of a number of seconds.
fn micros(seconds: Json<'_>) -> u64 {
    // A number that is negative or none at all becomes 0.
    let seconds = seconds.as_str().parse::<f64>().unwrap_or_default();
    #[expect(clippy::cast_sign_loss, reason = "the conversion holds at zero")]
    let micros = (seconds * 1e6).round() as u64;
    micros
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_read_from_the_outermost_object_only() {
        let body = br#"{"content":[{"type":"tool_use","input":{"usage":{"input_tokens":9}}}],
            "usage":{"input_tokens":5,"cache_read_input_tokens":7,"cache_creation_input_tokens":3,
            "output_tokens":2,"iterations":[{"usage":{"input_tokens":1}}]},"x":{"usage":{"a":1}}} "#;
        let usage = of_reply::<crate::anthropic::Anthropic>(body).unwrap();
        assert_eq!(
            (
                usage.input,
                usage.output,
                usage.cache_read,
                usage.cache_write
            ),
            (15, 2, 7, 3)
        );
        assert!(
            of_reply::<crate::openai::OpenAi>(br#"{"a":{"usage":{"prompt_tokens":1}}}"#).is_none()
        );
        assert!(of_reply::<crate::openai::OpenAi>(br#"{"usage":null}"#).is_none());
        assert!(of_reply::<crate::openai::OpenAi>(br#"{"usage":{"prompt_tokens":1}"#).is_none());
    }

    #[test]
    fn tokens_left_out_of_the_parts_are_found_by_the_total() {
        let of = |text| openai(Json::trusted(text));
        let grok = of(
            r#"{"prompt_tokens":12,"completion_tokens":2,"total_tokens":334,
            "completion_tokens_details":{"reasoning_tokens":320}}"#,
        );
        assert_eq!((grok.input, grok.output, grok.reasoning), (12, 322, 320));
        let gemini = of(r#"{"completion_tokens":6,"prompt_tokens":66,"total_tokens":100}"#);
        assert_eq!((gemini.output, gemini.reasoning), (34, 28));
        let voxtral = of(
            r#"{"prompt_tokens":9,"total_tokens":585,"completion_tokens":201,
            "prompt_tokens_details":{"audio_tokens":375}}"#,
        );
        assert_eq!((voxtral.input, voxtral.output), (384, 201));
        let deepseek = of(
            r#"{"prompt_tokens":20,"completion_tokens":1,"total_tokens":21,
            "prompt_cache_hit_tokens":16,"prompt_tokens_details":{"cached_tokens":16}}"#,
        );
        assert_eq!((deepseek.input, deepseek.cache_read), (20, 16));
    }

    #[test]
    fn hour_long_cache_writes_are_told_apart() {
        let usage = anthropic(Json::trusted(
            r#"{"input_tokens":1,"output_tokens":2,"cache_creation_input_tokens":30,
            "cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20}}"#,
        ));
        assert_eq!(
            (usage.input, usage.cache_write, usage.cache_write_1h),
            (31, 10, 20)
        );
    }
}
