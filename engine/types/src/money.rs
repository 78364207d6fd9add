//! Exact money: whole nano-dollars, checked arithmetic, no floats.

use std::{fmt, str::FromStr};

/// An amount of US dollars in nano-dollars (1e-9 USD). `i64` holds about 9.2 billion dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money(i64);

const NANOS: u64 = 1_000_000_000;

impl Money {
    /// No money.
    pub const ZERO: Self = Self(0);
    /// The largest amount.
    pub const MAX: Self = Self(i64::MAX);

    /// An amount in nano-dollars.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The amount in nano-dollars.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// The sum, or `None` when it does not fit.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The sum, held at the largest amount.
    pub fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, held at the smallest amount.
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Cost of `units` at `self` per million units, rounded up so that nothing is given away
    /// and a bound stays a bound. Held at the largest amount.
    pub fn per_million(self, units: u64) -> Self {
        let total = i128::from(self.0) * i128::from(units);
        let rounded = total.div_euclid(1_000_000) + i128::from(total.rem_euclid(1_000_000) > 0);
        Self(i64::try_from(rounded).unwrap_or(i64::MAX))
    }
}

/// Why a text is no amount of money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an amount in dollars: {0:?} (use a decimal such as 5, 0.25 or \"1000\")")]
pub struct ParseMoneyError(String);

impl FromStr for Money {
    type Err = ParseMoneyError;

    /// Reads a decimal such as `12`, `0.0035` or `2.5e-07`. More than nine decimals round up.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = || ParseMoneyError(text.to_owned());
        let body = text.trim();
        let (negative, body) = match body.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, body.strip_prefix('+').unwrap_or(body)),
        };
        let (mantissa, exponent) = match body.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| fail())?),
            None => (body, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if (whole.is_empty() && fraction.is_empty())
            || !whole
                .bytes()
                .chain(fraction.bytes())
                .all(|byte| byte.is_ascii_digit())
            || whole.len() + fraction.len() > 30
            || !(-40..=30).contains(&exponent)
        {
            return Err(fail());
        }
        let mut digits: i128 = 0;
        for byte in whole.bytes().chain(fraction.bytes()) {
            digits = digits * 10 + i128::from(byte - b'0');
        }
        let shift = 9 + exponent - i32::try_from(fraction.len()).map_err(|_| fail())?;
        let nanos = if shift >= 0 {
            let factor = 10i128.checked_pow(shift.unsigned_abs()).ok_or_else(fail)?;
            digits.checked_mul(factor).ok_or_else(fail)?
        } else {
            match 10i128.checked_pow(shift.unsigned_abs()) {
                Some(divisor) => digits / divisor + i128::from(digits % divisor > 0),
                None => i128::from(digits > 0),
            }
        };
        let nanos = i64::try_from(nanos).map_err(|_| fail())?;
        Ok(Self(if negative { -nanos } else { nanos }))
    }
}

impl fmt::Display for Money {
    /// Dollars as a plain decimal without trailing zeros: `0.0035`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Written by hand into a small buffer: this stands in a header of every answer.
        let mut buffer = [0u8; 24];
        let mut at = buffer.len();
        let nanos = self.0.unsigned_abs();
        let (mut whole, mut fraction) = (nanos / NANOS, nanos % NANOS);
        if fraction != 0 {
            let mut shown = false;
            for _ in 0..9 {
                let digit = (fraction % 10) as u8;
                fraction /= 10;
                shown |= digit != 0;
                if shown {
                    at -= 1;
                    buffer[at] = b'0' + digit;
                }
            }
            at -= 1;
            buffer[at] = b'.';
        }
        loop {
            at -= 1;
            buffer[at] = b'0' + (whole % 10) as u8;
            whole /= 10;
            if whole == 0 {
                break;
            }
        }
        if self.0 < 0 {
            at -= 1;
            buffer[at] = b'-';
        }
        f.write_str(std::str::from_utf8(&buffer[at..]).unwrap_or_default())
    }
}

impl serde::Serialize for Money {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Money {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Money;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount in dollars: a number or a decimal string")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Money, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Money, E> {
                // The shortest decimal that names this float is what the author wrote.
                number.to_string().parse().map_err(E::custom)
            }
            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Money, E> {
                number.to_string().parse().map_err(E::custom)
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Money, E> {
                number.to_string().parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl schemars::JsonSchema for Money {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Money".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "US dollars as a number or a decimal string",
            "anyOf": [{ "type": "number" }, { "type": "string", "pattern": "^[+-]?[0-9]*\\.?[0-9]*([eE][+-]?[0-9]+)?$" }]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_exactly_and_printed_without_padding() {
        for (text, nanos, shown) in [
            ("5", 5_000_000_000, "5"),
            ("0.25", 250_000_000, "0.25"),
            ("2.5e-07", 250, "0.00000025"),
            ("0.0000000001", 1, "0.000000001"),
            ("-1.5", -1_500_000_000, "-1.5"),
            (".5", 500_000_000, "0.5"),
            ("1e-39", 1, "0.000000001"),
        ] {
            let money: Money = text.parse().unwrap();
            assert_eq!(money.nanos(), nanos, "{text}");
            assert_eq!(money.to_string(), shown);
        }
        for text in [
            "",
            ".",
            "1,5",
            "1.2.3",
            "NaN",
            "inf",
            "1e99",
            "99999999999999999999",
        ] {
            assert!(text.parse::<Money>().is_err(), "{text}");
        }
    }

    #[test]
    fn per_million_rounds_up() {
        let price: Money = "0.25".parse().unwrap();
        assert_eq!(price.per_million(1).nanos(), 250);
        assert_eq!(Money::from_nanos(1).per_million(1).nanos(), 1);
        assert_eq!(Money::from_nanos(1).per_million(0).nanos(), 0);
        assert_eq!(Money::MAX.per_million(u64::MAX), Money::MAX);
        assert_eq!(Money::MAX.to_string(), "9223372036.854775807");
        assert_eq!(
            Money::from_nanos(i64::MIN).to_string(),
            "-9223372036.854775808"
        );
    }
}
