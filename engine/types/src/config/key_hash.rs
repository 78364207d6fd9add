//! Hashes of keys, so that documents need not hold the keys themselves.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};

/// What the text of a hash begins with.
const SCHEME: &str = "sha256:";

/// The SHA-256 of a key. A key of 256 random bits cannot be found from it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// The hash of a secret.
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for KeyHash {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // What stands there may be the key itself, put in the wrong place: it is not repeated.
        let wrong = "no hash of a key; it is `sha256:` and 64 hexadecimal digits, as `tidegate keys hash` prints it";
        let digits = text.strip_prefix(SCHEME).ok_or(wrong)?.as_bytes();
        let mut bytes = [0; 32];
        if digits.len() != 64 {
            return Err(wrong);
        }
        let value = |digit: u8| char::from(digit).to_digit(16).ok_or(wrong);
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = u8::try_from(value(pair[0])? * 16 + value(pair[1])?).map_err(|_| wrong)?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SCHEME)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:***")
    }
}

impl Serialize for KeyHash {
    /// Always `sha256:***`: weak keys can be guessed from their hash.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("sha256:***")
    }
}

impl<'de> Deserialize<'de> for KeyHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.trim().parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for KeyHash {
    fn schema_name() -> Cow<'static, str> {
        "KeyHash".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "`sha256:` and 64 hexadecimal digits."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_what_every_other_tool_says() {
        // `printf abc | sha256sum`; FIPS 180-2, appendix B.1.
        let text = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(KeyHash::of("abc").to_string(), text);
        assert_eq!(text.parse(), Ok(KeyHash::of("abc")));
        assert_eq!(
            text.to_uppercase().replace("SHA256", "sha256").parse(),
            Ok(KeyHash::of("abc"))
        );
    }

    #[test]
    fn what_is_no_hash_is_refused_without_being_repeated() {
        for text in [
            "tg-secret",
            "sha256:",
            "sha256:zz",
            &format!("sha256:{}", "g".repeat(64)),
        ] {
            let refused = text.parse::<KeyHash>().unwrap_err();
            assert!(!refused.contains("tg-secret"));
        }
    }
}
