//! What answers say about the quota that is left.

use std::time::Duration;

use http::HeaderMap;
use tidegate_types::config::unix_seconds;

/// Longer waits than this are not believed: a clock or a unit is wrong.
const LONGEST: Duration = Duration::from_hours(24);

/// What is left of one quota.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Remaining {
    /// Requests or tokens.
    pub left: Option<u64>,
    /// Time until it is full again, or until a request fits.
    pub reset: Option<Duration>,
}

/// What an answer's headers say about the quota of the key it was made with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quota {
    /// Requests.
    pub requests: Remaining,
    /// Tokens of any kind; the scarcest counts.
    pub tokens: Remaining,
}

impl Quota {
    /// Reads `x-ratelimit-{remaining,reset}-{requests,tokens}` (OpenAI, Azure, Groq and whoever
    /// follows them), `anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-{remaining,
    /// reset}` (Anthropic) and `ratelimit-{remaining,reset}` or `x-ratelimit-{remaining,reset}` for
    /// requests. `unix` is the time now in seconds since 1970.
    pub fn read(headers: &HeaderMap, unix: i64) -> Self {
        let mut quota = Self::default();
        for (name, value) in headers {
            let name = name.as_str();
            let Some(field) = name
                .strip_prefix("x-ratelimit-")
                .or_else(|| name.strip_prefix("anthropic-ratelimit-"))
                .or_else(|| name.strip_prefix("ratelimit-"))
            else {
                continue;
            };
            let Ok(value) = value.to_str() else { continue };
            let value = value.trim();
            let side = if field.contains("token") {
                &mut quota.tokens
            } else {
                &mut quota.requests
            };
            if field.contains("remaining") {
                // Some vendors count in fractions.
                let whole = value.split('.').next().unwrap_or_default();
                if let Ok(left) = whole.parse::<i64>() {
                    let left = u64::try_from(left).unwrap_or(0);
                    side.left = Some(side.left.map_or(left, |known| known.min(left)));
                }
            } else if field.contains("reset")
                && let Some(wait) = wait(value, unix)
            {
                side.reset = Some(side.reset.map_or(wait, |known| known.max(wait)));
            }
        }
        quota
    }

    /// How long the key should be spared: one of its quotas does not hold another request of
    /// `tokens` tokens, and it is known when it will.
    pub fn scarce(&self, tokens: u64) -> Option<Duration> {
        let requests = self
            .requests
            .reset
            .filter(|_| self.requests.left == Some(0));
        let tokens = self
            .tokens
            .reset
            .filter(|_| self.tokens.left.is_some_and(|left| left < tokens.max(1)));
        requests.max(tokens)
    }

    /// When the exhausted quota of a refused request is there again, for vendors that send no
    /// `Retry-After`.
    pub fn reset(&self) -> Option<Duration> {
        let empty = |side: &Remaining| side.reset.filter(|_| side.left == Some(0));
        empty(&self.requests).max(empty(&self.tokens)).or(
            match (self.requests.left, self.tokens.left) {
                (None, None) => self.requests.reset.max(self.tokens.reset),
                _ => None,
            },
        )
    }
}

/// A wait in any of the spellings vendors use: `6m0s`, `120ms`, seconds, seconds since 1970, RFC 3339.
fn wait(value: &str, unix: i64) -> Option<Duration> {
    let wait = if let Ok(number) = value.parse::<f64>() {
        // A moment, not a wait: no vendor asks to wait for thirty years.
        let seconds = if number > 1e9 {
            number - unix as f64
        } else {
            number
        };
        Duration::try_from_secs_f64(seconds.max(0.0)).ok()?
    } else if let Some(wait) = spelled(value) {
        wait
    } else {
        let seconds = unix_seconds(value)?.saturating_sub(unix).max(0);
        Duration::from_secs(seconds.unsigned_abs())
    };
    (wait <= LONGEST).then_some(wait)
}

/// Go's spelling of durations: numbers with units, one after the other.
fn spelled(text: &str) -> Option<Duration> {
    let mut total = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let number = rest.len()
            - rest
                .trim_start_matches(|c: char| c.is_ascii_digit() || c == '.')
                .len();
        let (digits, after) = rest.split_at(number);
        let unit = after.len()
            - after
                .trim_start_matches(|c: char| c.is_ascii_alphabetic() || c == 'µ')
                .len();
        let (unit, after) = after.split_at(unit);
        let scale = match unit {
            "d" => 86_400.0,
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        total += digits.parse::<f64>().ok()? * scale;
        rest = after;
    }
    Duration::try_from_secs_f64(total)
        .ok()
        .filter(|_| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&'static str, &'static str)]) -> Quota {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, http::HeaderValue::from_static(value));
        }
        Quota::read(&headers, 1_767_225_600)
    }

    #[test]
    fn every_vendors_spelling_is_read() {
        let openai = read(&[
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", "1m0.5s"),
            ("x-ratelimit-remaining-tokens", "149984"),
            ("x-ratelimit-reset-tokens", "6ms"),
        ]);
        assert_eq!(openai.scarce(1000), Some(Duration::from_millis(60_500)));
        assert_eq!(openai.tokens.reset, Some(Duration::from_millis(6)));
        let anthropic = read(&[
            ("anthropic-ratelimit-requests-remaining", "49"),
            ("anthropic-ratelimit-requests-reset", "2026-01-01T00:01:00Z"),
            ("anthropic-ratelimit-tokens-remaining", "9000"),
            ("anthropic-ratelimit-output-tokens-remaining", "100"),
            (
                "anthropic-ratelimit-output-tokens-reset",
                "2026-01-01T00:01:00Z",
            ),
        ]);
        assert_eq!(anthropic.scarce(50), None);
        assert_eq!(anthropic.scarce(200), Some(Duration::from_mins(1)));
        let plain = read(&[
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1767225630"),
        ]);
        assert_eq!(plain.reset(), Some(Duration::from_secs(30)));
        let seconds = read(&[("ratelimit-remaining", "0"), ("ratelimit-reset", "7")]);
        assert_eq!(seconds.reset(), Some(Duration::from_secs(7)));
    }

    #[test]
    fn nonsense_says_nothing() {
        for value in ["", "soon", "-", "1x", "1m2", "1e99", "9999999999999"] {
            assert_eq!(
                wait(value, 0).filter(|wait| *wait > LONGEST),
                None,
                "{value}"
            );
        }
        assert_eq!(
            read(&[("x-ratelimit-reset-requests", "1h")]).scarce(1),
            None
        );
    }
}
