//! The models of each vendor, sorted by name.
//!
//! A row: name, context window, output limit (0 where not known), then dollars per million tokens:
//! `input`, `output`, `read` (from the prompt cache), `write` and `write_1h` (to it), and dollars per
//! `request`. Behind a bar stand the prices of requests whose prompt is longer than so many tokens.
//! Sources are named in each file and in the README beside them.

use tidegate_types::{Money, config::Price};

macro_rules! models {
    ($(
        $name:literal, $context:literal, $max_output:literal: $($part:ident $amount:literal)+
        $(| $above:literal $($long:ident $long_amount:literal)+)*;
    )*) => {
        pub(in crate::catalogue) static MODELS: &[crate::catalogue::Model] = &[$(
            crate::catalogue::Model {
                name: $name,
                price: crate::catalogue::models::price(
                    &[$((stringify!($part), stringify!($amount))),+],
                ),
                context: $context,
                max_output: $max_output,
                tiers: &[$(crate::catalogue::Tier {
                    above: $above,
                    price: crate::catalogue::models::price(
                        &[$((stringify!($long), stringify!($long_amount))),+],
                    ),
                }),*],
            }
        ),*];
    };
}

pub(super) mod ai21;
pub(super) mod anthropic;
pub(super) mod arcee;
pub(super) mod avian;
pub(super) mod baseten;
pub(super) mod cerebras;
pub(super) mod cohere;
pub(super) mod dashscope;
pub(super) mod deepseek;
pub(super) mod fireworks;
pub(super) mod gemini;
pub(super) mod groq;
pub(super) mod hyperbolic;
pub(super) mod meta;
pub(super) mod minimax;
pub(super) mod mistral;
pub(super) mod moonshot;
pub(super) mod nebius;
pub(super) mod novita;
pub(super) mod nscale;
pub(super) mod openai;
pub(super) mod openrouter;
pub(super) mod ovhcloud;
pub(super) mod perplexity;
pub(super) mod together;
pub(super) mod voyage;
pub(super) mod xai;
pub(super) mod zai;

/// What costs nothing.
pub(super) const FREE: Price = price(&[]);

/// The price that the parts of a row spell. Runs while compiling: a wrong word or amount does not.
const fn price(parts: &[(&str, &str)]) -> Price {
    let mut price = Price {
        input: Money::ZERO,
        output: Money::ZERO,
        cache_read: None,
        cache_write: None,
        cache_write_1h: None,
        request: None,
    };
    let mut index = 0;
    while index < parts.len() {
        let (name, amount) = parts[index];
        let amount = Money::from_nanos(nanos(amount.as_bytes()));
        match name.as_bytes() {
            b"input" => price.input = amount,
            b"output" => price.output = amount,
            b"read" => price.cache_read = Some(amount),
            b"write" => price.cache_write = Some(amount),
            b"write_1h" => price.cache_write_1h = Some(amount),
            b"request" => price.request = Some(amount),
            _ => UNREADABLE[parts.len()],
        }
        index += 1;
    }
    price
}

/// Nano-dollars of a plain decimal such as `2.5`.
const fn nanos(text: &[u8]) -> i64 {
    let mut value = 0i64;
    let mut decimals = 0;
    let mut after_point = false;
    let mut index = 0;
    while index < text.len() {
        match text[index] {
            b'.' if !after_point => after_point = true,
            digit @ b'0'..=b'9' => {
                value = value * 10 + (digit - b'0') as i64;
                if after_point {
                    decimals += 1;
                }
            }
            _ => UNREADABLE[text.len()],
        }
        index += 1;
    }
    while decimals < 9 {
        value *= 10;
        decimals += 1;
    }
    value
}

/// Indexing this is a compile-time error, since constants cannot return one.
const UNREADABLE: [(); 0] = [];
