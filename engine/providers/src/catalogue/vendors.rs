//! The vendors, sorted by name.

use tidegate_types::{Dialect, config::Price};

use super::{Model, Vendor, dollars};

pub(super) static VENDORS: &[Vendor] = &[
    Vendor {
        name: "anthropic",
        dialect: Dialect::Anthropic,
        base_url: "https://api.anthropic.com",
        env: &["ANTHROPIC_API_KEY"],
        hosts: &["api.anthropic.com"],
        stream_usage: true,
        models: &[],
    },
    Vendor {
        name: "openai",
        dialect: Dialect::OpenAi,
        base_url: "https://api.openai.com/v1",
        env: &["OPENAI_API_KEY"],
        hosts: &["api.openai.com"],
        stream_usage: true,
        models: &[Model {
            name: "gpt-4o-mini",
            price: Price {
                input: dollars(150_000_000),
                output: dollars(600_000_000),
                cache_read: Some(dollars(75_000_000)),
                cache_write: None,
                cache_write_1h: None,
                request: None,
            },
            context: 128_000,
            max_output: 16_384,
        }],
    },
];
