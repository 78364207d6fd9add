//! New keys for callers.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::rand::{SecureRandom as _, SystemRandom};
use tidegate_types::{Code, Error, Secret, config::KeyHash};

/// A key that was just made. It is shown once: all that need be kept is its hash.
#[derive(Debug)]
pub struct NewKey {
    /// What its caller sends: `tg-` and 256 random bits.
    pub value: Secret<String>,
    /// What a configuration knows it by (`keys[].hash`).
    pub hash: KeyHash,
}

/// Makes a key of 256 bits from the operating system's own source of chance.
///
/// # Errors
/// `internal` when the operating system has no random numbers.
pub fn generate() -> Result<NewKey, Error> {
    let mut bits = [0; 32];
    SystemRandom::new().fill(&mut bits).map_err(|_| {
        let text = "the operating system gives no random numbers";
        Error::new(Code::Internal, text)
    })?;
    let value = ["tg-", &URL_SAFE_NO_PAD.encode(bits)].concat();
    Ok(NewKey {
        hash: KeyHash::of(&value),
        value: Secret::new(value),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_keys_are_alike_and_none_is_shown() {
        let keys = [generate().unwrap(), generate().unwrap()];
        assert_ne!(keys[0].value, keys[1].value);
        for key in keys {
            assert_eq!(key.value.expose().len(), 3 + 43);
            assert_eq!(KeyHash::of(key.value.expose()), key.hash);
            assert!(!format!("{key:?}").contains(&key.value.expose()[3..]));
        }
    }
}
