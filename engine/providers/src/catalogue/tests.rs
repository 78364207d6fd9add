use std::collections::BTreeSet;

use tidegate_types::Money;

use super::*;

fn price(provider: &str, name: &str) -> (String, String) {
    let found = model(provider, name).unwrap_or_else(|| panic!("{provider}/{name}"));
    (
        found.price.input.to_string(),
        found.price.output.to_string(),
    )
}

#[test]
fn tables_are_sorted_and_hold_nothing_twice() {
    assert!(vendors().is_sorted_by(|a, b| a.name < b.name));
    assert!(vendors().count() >= 150);
    for vendor in vendors() {
        let sorted = vendor.models.is_sorted_by(|a, b| a.name < b.name);
        assert!(sorted, "{}: names out of order or twice", vendor.name);
    }
    let models: usize = vendors().map(|vendor| vendor.models.len()).sum();
    assert!(models >= 500, "{models}");
}

#[test]
fn vendors_are_complete() {
    let mut hosts = BTreeSet::new();
    let mut variables = BTreeSet::new();
    for vendor in vendors() {
        let url: http::Uri = vendor
            .base_url
            .replace("{region}", "us-east-1")
            .parse()
            .unwrap();
        let local = url.host() == Some("127.0.0.1");
        assert_eq!(
            url.scheme_str(),
            Some(if local { "http" } else { "https" }),
            "{}",
            vendor.name
        );
        assert!(!vendor.base_url.ends_with('/'), "{}", vendor.name);
        assert!(local || !vendor.is_own(), "{}", vendor.name);
        assert!(
            // A host for every region is no host of the vendor's own.
            local || vendor.base_url.contains('{') || vendor.hosts.contains(&url.host().unwrap()),
            "{}",
            vendor.name
        );
        for host in vendor.hosts {
            assert!(hosts.insert(host), "{host} belongs to two vendors");
            assert_eq!(vendor_of_host(host).unwrap().name, vendor.name);
        }
        for variable in vendor.env {
            assert!(
                variables.insert(variable),
                "{variable} belongs to two vendors"
            );
        }
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        assert!(vendor.name.bytes().all(plain), "{}", vendor.name);
    }
    for maker in MAKERS {
        assert!(
            vendor(maker).is_some_and(|vendor| !vendor.models.is_empty()),
            "{maker}"
        );
    }
    assert!(vendor("nobody").is_none() && vendor_of_host("example.com").is_none());
    assert_eq!(models("nobody").count(), 0);
}

#[test]
fn quirks_are_of_the_dialect_they_are_about_and_do_not_contradict() {
    for vendor in vendors() {
        let has = |quirk| vendor.quirks.contains(&quirk);
        assert!(
            vendor.quirks.is_empty() || vendor.dialect == Dialect::OpenAi,
            "{}",
            vendor.name
        );
        assert!(
            !(has(Quirk::MaxTokens) && has(Quirk::MaxCompletionTokens)),
            "{}",
            vendor.name
        );
    }
    for (name, asked) in [("mistral", false), ("perplexity", false), ("poe", true)] {
        assert_eq!(vendor(name).unwrap().stream_usage(), asked, "{name}");
    }
}

#[test]
fn prices_are_plausible() {
    let dearest = Money::from_nanos(1_000_000_000_000);
    for vendor in vendors() {
        for entry in models(vendor.name) {
            let name = format!("{}/{}", vendor.name, entry.name);
            let price = &entry.price;
            assert!(
                price.input > Money::ZERO || price.output > Money::ZERO,
                "{name} is free"
            );
            let mut before = 0;
            for price in std::iter::once(price).chain(entry.tiers.iter().map(|tier| &tier.price)) {
                assert!(price.input <= dearest && price.output <= dearest, "{name}");
                // Some embedding models charge nothing for output, none charges more to read a cache.
                if let Some(read) = price.cache_read {
                    assert!(read <= price.input, "{name}: reading the cache costs more");
                }
                if let (Some(write), Some(long)) = (price.cache_write, price.cache_write_1h) {
                    assert!(
                        write >= price.input && long >= write,
                        "{name}: cache writes"
                    );
                }
            }
            for tier in entry.tiers {
                assert!(tier.above > before, "{name}: tiers out of order");
                before = tier.above;
                assert!(
                    tier.price.input >= price.input,
                    "{name}: a long prompt costs less"
                );
            }
            assert!(
                entry.max_output <= entry.context || entry.context == 0,
                "{name}: limits"
            );
        }
    }
}

#[test]
fn known_models_have_their_known_prices() {
    for (provider, name, input, output) in [
        ("openai", "gpt-4o", "2.5", "10"),
        ("openai", "gpt-4o-mini", "0.15", "0.6"),
        ("openai", "gpt-4.1-nano", "0.1", "0.4"),
        ("openai", "gpt-5", "1.25", "10"),
        ("openai", "gpt-5-mini", "0.25", "2"),
        ("openai", "o3", "2", "8"),
        ("openai", "text-embedding-3-small", "0.02", "0"),
        ("anthropic", "claude-3-haiku-20240307", "0.25", "1.25"),
        ("anthropic", "claude-haiku-4-5", "1", "5"),
        ("anthropic", "claude-opus-4-5", "5", "25"),
        ("anthropic", "claude-sonnet-4-5", "3", "15"),
        ("gemini", "gemini-2.5-pro", "1.25", "10"),
        ("gemini", "models/gemini-2.5-flash", "0.3", "2.5"),
        ("groq", "llama-3.3-70b-versatile", "0.59", "0.79"),
        ("mistral", "mistral-large-2411", "2", "6"),
        ("xai", "grok-4", "3", "15"),
        ("perplexity", "sonar-pro", "3", "15"),
        (
            "fireworks",
            "accounts/fireworks/models/gpt-oss-20b",
            "0.07",
            "0.3",
        ),
        ("openrouter", "openai/gpt-4o", "2.5", "10"),
    ] {
        assert_eq!(
            price(provider, name),
            (input.to_owned(), output.to_owned()),
            "{provider}/{name}"
        );
    }
    let sonnet = model("anthropic", "claude-sonnet-4-5").unwrap();
    assert_eq!(sonnet.price.cache_read.unwrap().nanos(), 300_000_000);
    assert_eq!(sonnet.price.cache_write.unwrap().nanos(), 3_750_000_000);
    assert_eq!(sonnet.price.cache_write_1h.unwrap().nanos(), 6_000_000_000);
    assert_eq!((sonnet.context, sonnet.max_output), (200_000, 64_000));
    assert_eq!(
        model("perplexity", "sonar")
            .unwrap()
            .price
            .request
            .unwrap()
            .nanos(),
        12_000_000
    );
}

#[test]
fn long_prompts_have_their_own_price() {
    let pro = model("gemini", "gemini-2.5-pro").unwrap();
    assert_eq!(pro.price_at(200_000).input.to_string(), "1.25");
    assert_eq!(pro.price_at(200_001).input.to_string(), "2.5");
    assert_eq!(pro.price_at(u64::MAX).output.to_string(), "15");
    let mini = model("openai", "gpt-4o-mini").unwrap();
    assert_eq!(mini.price_at(u64::MAX), &mini.price);
}

#[test]
fn dated_names_lead_to_their_model_and_to_no_other() {
    for (provider, name, found) in [
        ("openai", "gpt-4o-2024-08-06", Some("gpt-4o")),
        ("openai", "gpt-4o-2024-05-13", Some("gpt-4o-2024-05-13")),
        ("openai", "gpt-4o-mini-2024-07-18", Some("gpt-4o-mini")),
        (
            "openai",
            "gpt-4o-mini-audio-preview-2024-12-17",
            Some("gpt-4o-mini-audio-preview"),
        ),
        ("openai", "gpt-5-chat-latest", Some("gpt-5-chat")),
        ("openai", "gpt-4-0613", Some("gpt-4")),
        ("openai", "gpt-4-1106-preview", Some("gpt-4-1106-preview")),
        ("openai", "gpt-4-turbo-2024-04-09", Some("gpt-4-turbo")),
        ("openai", "o3-2025-04-16", Some("o3")),
        ("openai", "gpt-4o-nano", None),
        ("openai", "gpt-4o-", None),
        ("openai", "gpt-4o1", None),
        ("openai", "gpt-5.9", None),
        ("openai", "ft:gpt-4o-mini-2024-07-18:acme::abc", None),
        ("openai", "", None),
        ("openai", "-", None),
        (
            "anthropic",
            "claude-sonnet-4-5-20250929",
            Some("claude-sonnet-4-5"),
        ),
        (
            "anthropic",
            "claude-sonnet-4-20250514",
            Some("claude-sonnet-4"),
        ),
        (
            "anthropic",
            "claude-opus-4-1-20250805",
            Some("claude-opus-4-1"),
        ),
        ("anthropic", "claude-opus-4-20250514", Some("claude-opus-4")),
        ("anthropic", "claude-opus-4-9", None),
        (
            "anthropic",
            "claude-haiku-4-5@20251001",
            Some("claude-haiku-4-5"),
        ),
        (
            "anthropic",
            "claude-3-7-sonnet-latest",
            Some("claude-3-7-sonnet"),
        ),
        (
            "gemini",
            "gemini-2.5-pro-preview-05-06",
            Some("gemini-2.5-pro"),
        ),
        ("gemini", "gemini-2.0-flash-001", Some("gemini-2.0-flash")),
        (
            "gemini",
            "gemini-2.5-flash-lite-preview-06-17",
            Some("gemini-2.5-flash-lite"),
        ),
        ("mistral", "mistral-large-2407", Some("mistral-large")),
        ("mistral", "mistral-large-2512", Some("mistral-large-2512")),
        ("xai", "grok-4-0709", Some("grok-4")),
        ("nobody", "gpt-4o", None),
    ] {
        assert_eq!(
            model(provider, name).map(|model| model.name),
            found,
            "{provider}/{name}"
        );
    }
}

#[test]
fn bare_names_are_found_at_their_maker_first() {
    for (name, provider) in [
        ("gpt-4o-2024-08-06", "openai"),
        ("claude-haiku-4-5", "anthropic"),
        ("gemini-2.5-flash", "gemini"),
        ("mistral-large-latest", "mistral"),
        ("deepseek-chat", "deepseek"),
        ("kimi-k2-thinking", "moonshot"),
        ("llama-3.3-70b-versatile", "groq"),
        ("meta-llama/Llama-3.3-70B-Instruct-Turbo", "together"),
    ] {
        assert_eq!(
            find(name).map(|(vendor, _)| vendor.name),
            Some(provider),
            "{name}"
        );
    }
    assert!(find("no-such-model").is_none());
}

#[test]
fn models_on_ones_own_machine_cost_nothing_and_answer_to_no_bare_name() {
    let own = model("ollama", "llama3.2:3b").unwrap();
    assert_eq!(own.price, Price::default());
    assert_eq!(models("ollama").count(), 0);
    assert!(find("llama3.2:3b").is_none());
    assert!(
        model("litellm", "anything").is_none(),
        "a proxy's models are somebody's"
    );
}
