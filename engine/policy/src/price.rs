//! What usage costs.

use tidegate_types::{Money, Usage, config::Price};

/// Cost of `usage` at `price`. Cached prompt tokens are charged at their own rates.
pub fn cost(price: &Price, usage: &Usage) -> Money {
    let cached = usage.cache_read + usage.cache_write + usage.cache_write_1h;
    let read = price.cache_read.unwrap_or(price.input);
    let write = price.cache_write.unwrap_or(price.input);
    let write_1h = price.cache_write_1h.unwrap_or(write);
    price
        .input
        .per_million(usage.input.saturating_sub(cached))
        .saturating_add(read.per_million(usage.cache_read))
        .saturating_add(write.per_million(usage.cache_write))
        .saturating_add(write_1h.per_million(usage.cache_write_1h))
        .saturating_add(price.output.per_million(usage.output))
        .saturating_add(price.request.unwrap_or_default())
}

/// The most a call can cost: every byte of its body a token, at the dearest prompt rate, and
/// `output` generated tokens. A token is at least one byte in every tokeniser in use.
pub fn bound(price: &Price, body_bytes: u64, output: u64) -> Money {
    let input = [price.cache_read, price.cache_write, price.cache_write_1h]
        .into_iter()
        .flatten()
        .fold(price.input, Money::max);
    input
        .per_million(body_bytes)
        .saturating_add(price.output.per_million(output))
        .saturating_add(price.request.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_tokens_are_charged_at_their_own_rate() {
        let dollars = |text: &str| text.parse::<Money>().unwrap();
        let price = Price {
            input: dollars("3"),
            output: dollars("15"),
            cache_read: Some(dollars("0.3")),
            cache_write: Some(dollars("3.75")),
            ..Price::default()
        };
        let usage = Usage {
            input: 1_000,
            output: 10,
            cache_read: 600,
            cache_write: 300,
            ..Usage::default()
        };
        // 100 x 3 + 600 x 0.3 + 300 x 3.75 + 10 x 15 = 1755 per million
        assert_eq!(cost(&price, &usage), dollars("0.001755"));
        assert!(bound(&price, 1_000, 10) >= cost(&price, &usage));
    }
}
