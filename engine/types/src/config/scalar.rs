//! Durations and sizes as people write them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A span of time: `250ms`, `10s`, `5m`, `1h`, `1d`, `1w`, `1mo` (30 days), `1y` (365 days); a bare number is seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(pub std::time::Duration);

/// A number of bytes: `64KiB`, `256MiB`, `1GB`; a bare number is bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// When another target is asked too: after a time, or after a share of the target's own answers has
/// usually come (`p95`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HedgeAfter {
    /// After the time in which this percentage of the target's answers came.
    Percentile(u8),
    /// After a fixed time.
    Time(std::time::Duration),
}

const SPANS: &[(&str, f64)] = &[
    ("ms", 0.001),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3600.0),
    ("d", 86_400.0),
    ("w", 604_800.0),
    ("mo", 2_592_000.0),
    ("y", 31_536_000.0),
];

const SIZES: &[(&str, f64)] = &[
    ("B", 1.0),
    ("KB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
];

/// The number in front of a unit, times what the unit stands for.
fn measure(text: &str, units: &[(&str, f64)], bare: f64) -> Option<f64> {
    let text = text.trim();
    let split = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.trim().parse().ok()?;
    let factor = if unit.is_empty() {
        bare
    } else {
        units
            .iter()
            .find(|(name, _)| *name == unit)
            .map(|(_, factor)| *factor)?
    };
    let value = number * factor;
    (value.is_finite() && value >= 0.0).then_some(value)
}

impl Duration {
    /// The span in the standard library's type.
    pub fn get(self) -> std::time::Duration {
        self.0
    }
}

impl FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        measure(text, SPANS, 1.0)
            .and_then(|seconds| std::time::Duration::try_from_secs_f64(seconds).ok())
            .map(Self)
            .ok_or_else(|| {
                format!("not a duration: {text:?} (use 250ms, 10s, 5m, 1h, 1d, 1w, 1mo or 1y)")
            })
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.subsec_millis() != 0 {
            write!(f, "{}ms", self.0.as_millis())
        } else {
            write!(f, "{}s", self.0.as_secs())
        }
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        #[expect(clippy::cast_sign_loss, reason = "measure() gives no negative number")]
        measure(text, SIZES, 1.0)
            .map(|bytes| Self(bytes as u64))
            .ok_or_else(|| format!("not a size: {text:?} (use 512KiB, 64MiB or 1GB)"))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}B", self.0)
    }
}

impl Default for HedgeAfter {
    fn default() -> Self {
        Self::Percentile(95)
    }
}

impl FromStr for HedgeAfter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let percent = text.trim().strip_prefix('p').map(str::parse);
        match percent {
            Some(Ok(percent @ 1..=99)) => Ok(Self::Percentile(percent)),
            Some(_) => Err(format!("not a percentile: {text:?} (use p50 to p99)")),
            None => text.parse::<Duration>().map(|time| Self::Time(time.0)),
        }
    }
}

impl fmt::Display for HedgeAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percentile(percent) => write!(f, "p{percent}"),
            Self::Time(time) => Duration(*time).fmt(f),
        }
    }
}

macro_rules! text_or_number {
    ($type:ident, $what:literal, $pattern:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl serde::de::Visitor<'_> for Visitor {
                    type Value = $type;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($what)
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<$type, E> {
                        number.to_string().parse().map_err(E::custom)
                    }
                    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<$type, E> {
                        number.to_string().parse().map_err(E::custom)
                    }
                    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<$type, E> {
                        number.to_string().parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_any(Visitor)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "description": $what,
                    "anyOf": [{ "type": "number", "minimum": 0 }, { "type": "string", "pattern": $pattern }]
                })
            }
        }
    };
}

text_or_number!(
    Duration,
    "a duration such as 250ms, 10s, 5m, 1h, 1d, 1w or 1mo",
    "^[0-9.]+ ?(ms|s|m|h|d|w|mo)?$"
);
text_or_number!(
    HedgeAfter,
    "a percentile such as p95, or a duration such as 800ms",
    "^(p[1-9][0-9]?|[0-9.]+ ?(ms|s|m|h|d|w|mo)?)$"
);
text_or_number!(
    Size,
    "a size such as 512KiB, 64MiB or 1GB",
    "^[0-9.]+ ?(B|KB|MB|GB|KiB|MiB|GiB)?$"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_read_as_people_write_them() {
        for (text, millis) in [
            ("250ms", 250),
            ("10s", 10_000),
            ("1.5h", 5_400_000),
            ("7", 7_000),
        ] {
            assert_eq!(
                text.parse::<Duration>().unwrap().0.as_millis(),
                millis,
                "{text}"
            );
        }
        assert_eq!("1mo".parse::<Duration>().unwrap().0.as_secs(), 2_592_000);
        assert_eq!("256MiB".parse::<Size>().unwrap().0, 268_435_456);
        for text in ["", "ms", "-1s", "1 fortnight", "inf"] {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
    }
}
