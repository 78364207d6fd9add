use std::collections::BTreeSet;

use tidegate_types::{Service, config::Dimension, rates::When};

use super::*;

fn price(provider: &str, name: &str, dimension: Dimension) -> String {
    let found = model(provider, name).unwrap_or_else(|| panic!("{provider}/{name}"));
    let price = found.rates().price(dimension);
    price.map_or_else(|| "-".to_owned(), |price| price.to_string())
}

#[test]
fn tables_are_sorted_and_every_row_can_be_read() {
    assert!(vendors().is_sorted_by(|a, b| a.name < b.name));
    assert!(vendors().count() >= 150);
    assert!(files::FILES.is_sorted_by(|a, b| a.0 < b.0));
    let mut rows = 0;
    for (vendor, _) in files::FILES {
        let names: Vec<_> = names(vendor).collect();
        assert!(
            names.is_sorted_by(|a, b| a < b),
            "{vendor}: names out of order"
        );
        for name in &names {
            let found = rows::model(vendor, name);
            assert_eq!(
                found.map(|model| model.name.is_empty()),
                Some(false),
                "{vendor}/{name}"
            );
        }
        assert_eq!(models(vendor).count(), names.len(), "{vendor}");
        rows += names.len();
    }
    assert!(rows >= 2_500, "{rows}");
}

#[test]
fn every_file_of_models_is_listed() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/catalog/models");
    let mut found: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    let mut listed: Vec<String> = files::FILES
        .iter()
        .map(|(vendor, _)| format!("{vendor}.txt"))
        .collect();
    listed.sort();
    assert_eq!(found, listed);
}

#[test]
fn vendors_are_complete() {
    let mut hosts = BTreeSet::new();
    let mut variables = BTreeSet::new();
    for vendor in vendors() {
        let mut base = vendor.base_url.to_owned();
        for place in vendor.places() {
            let name = format!("{{{}}}", place.name);
            assert!(base.contains(&name), "{}: no {name}", vendor.name);
            base = base.replace(&name, "x");
        }
        // Regions and locations of the two clouds that are placed by their own sections.
        let base = base.replace("{region}", "r").replace("{location}", "l");
        let url: http::Uri = base.parse().unwrap();
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
            vendor(maker).is_some() && names(maker).next().is_some(),
            "{maker}"
        );
    }
    assert!(vendor("nobody").is_none() && vendor_of_host("example.com").is_none());
    for (host, name) in [
        ("bedrock-runtime.eu-west-3.amazonaws.com", Some("bedrock")),
        ("eu-de.ml.cloud.ibm.com", Some("watsonx")),
        ("bedrock-runtime..amazonaws.com", None),
        ("bedrock-runtime.a.b.amazonaws.com", None),
        ("s3.eu-west-3.amazonaws.com", None),
    ] {
        let found = vendor_of_host(host).map(|vendor| vendor.name);
        assert_eq!(found, name, "{host}");
    }
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
    let mut priced = 0;
    for (vendor, _) in files::FILES {
        for entry in models(vendor) {
            let name = format!("{vendor}/{}", entry.name);
            priced += usize::from(entry.is_priced());
            for terms in &entry.terms {
                for dimension in Dimension::ALL {
                    let rate = terms.rates.get(*dimension).unwrap_or_default();
                    // A thousand dollars per million tokens, or per piece.
                    let most = 1_000_000_000_000 * (1_000_000 / dimension.per());
                    assert!((0..=most).contains(&rate), "{name}: {}", dimension.as_str());
                }
            }
            assert!(
                entry
                    .terms
                    .first()
                    .is_none_or(|terms| terms.when == When::default()),
                "{name}"
            );
        }
    }
    assert!(priced >= 2_500, "{priced}");
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
            price(provider, name, Dimension::Input),
            input,
            "{provider}/{name}"
        );
        assert_eq!(
            price(provider, name, Dimension::Output),
            output,
            "{provider}/{name}"
        );
    }
    for (provider, name, dimension, want) in [
        (
            "anthropic",
            "claude-sonnet-4-5",
            Dimension::CacheRead,
            "0.3",
        ),
        (
            "anthropic",
            "claude-sonnet-4-5",
            Dimension::CacheWrite,
            "3.75",
        ),
        (
            "anthropic",
            "claude-sonnet-4-5",
            Dimension::CacheWrite1h,
            "6",
        ),
        ("anthropic", "claude-sonnet-4-5", Dimension::Search, "0.01"),
        ("perplexity", "sonar", Dimension::Request, "0.012"),
        ("openai", "whisper-1", Dimension::Second, "0.0001"),
        ("openai", "tts-1", Dimension::Character, "15"),
        ("openai", "gpt-audio", Dimension::AudioInput, "32"),
        ("openai", "gpt-image-1", Dimension::ImageInput, "10"),
        ("gemini", "gemini-2.5-flash", Dimension::AudioInput, "1"),
        ("cohere", "rerank-v3.5", Dimension::SearchUnit, "0.002"),
        ("mistral", "mistral-ocr-latest", Dimension::Page, "0.004"),
        ("azure", "gpt-4o", Dimension::Input, "2.5"),
        ("vertex", "gemini-2.5-pro", Dimension::Output, "10"),
        (
            "bedrock",
            "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
            Dimension::Input,
            "3",
        ),
        (
            "bedrock",
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            Dimension::Input,
            "3.3",
        ),
    ] {
        assert_eq!(price(provider, name, dimension), want, "{provider}/{name}");
    }
}

#[test]
fn what_models_hold_and_can_do_is_known() {
    let sonnet = model("anthropic", "claude-sonnet-4-5").unwrap();
    assert_eq!((sonnet.context, sonnet.max_output), (200_000, 64_000));
    assert!(sonnet.can.has(Capability::Tools) && sonnet.can.has(Capability::Reasoning));
    assert!(sonnet.takes.has(Modality::Image) && sonnet.takes.has(Modality::Pdf));
    assert!(!sonnet.takes.has(Modality::Audio) && !sonnet.gives.has(Modality::Image));
    let embedding = model("openai", "text-embedding-3-large").unwrap();
    assert_eq!(embedding.kind, Kind::Embedding);
    assert!(embedding.gives.has(Modality::Vector) && embedding.can.is_empty());
    assert_eq!(
        model("openai", "whisper-1").unwrap().kind,
        Kind::Transcription
    );
}

/// The price of a prompt token at that service and length, in millionths of a dollar per million.
fn input(model: &Model, service: Service, tokens: u64) -> i64 {
    let found = model.terms.iter().rfind(|terms| {
        terms.when.service == service && terms.when.above < tokens && terms.when.hours.is_none()
    });
    found.unwrap().rates.get(Dimension::Input).unwrap() / 1_000
}

#[test]
fn long_prompts_and_services_have_their_own_price() {
    let pro = model("gemini", "gemini-2.5-pro").unwrap();
    assert_eq!(input(&pro, Service::Standard, 200_000), 1_250_000);
    assert_eq!(input(&pro, Service::Standard, 200_001), 2_500_000);
    assert_eq!(input(&pro, Service::Batch, 1), 625_000);
    let five = model("openai", "gpt-5").unwrap();
    assert_eq!(input(&five, Service::Flex, 1), 625_000);
    assert_eq!(input(&five, Service::Priority, 1), 2_500_000);
    let opus = model("anthropic", "claude-opus-4-6").unwrap();
    assert_eq!(opus.regional, 100);
    let haiku = model("anthropic", "claude-haiku-4-5").unwrap();
    assert_eq!(input(&haiku, Service::Batch, 1), 500_000);
    let flash = model("deepseek", "deepseek-v4-flash").unwrap();
    assert!(
        flash
            .terms
            .iter()
            .any(|terms| terms.when.hours == Some((60, 240)))
    );
}

#[test]
fn a_row_that_says_something_unknown_is_not_read() {
    let read = |members| Model::read("m", members, |_| None).is_some();
    assert!(read(
        "input=1 output=2 >100 input=2 @flex >100 input=1 @batch*0.5"
    ));
    assert!(read("kind=speech takes=text gives=audio character=15"));
    for members in [
        "inptu=1",
        "input=cheap",
        "kind=poem",
        "@soon input=1",
        ">x input=1",
        "like=a/b",
        "hours=1-2 input=1",
        "since=soon input=1",
    ] {
        assert!(!read(members), "{members}");
    }
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
            Some("gpt-4o-mini-audio-preview-2024-12-17"),
        ),
        ("openai", "gpt-5-chat-latest", Some("gpt-5-chat-latest")),
        ("openai", "gpt-4-0613", Some("gpt-4")),
        ("openai", "gpt-4-1106-preview", Some("gpt-4-1106-preview")),
        ("openai", "gpt-4-turbo-2024-04-09", Some("gpt-4-turbo")),
        ("openai", "o3-2025-04-16", Some("o3")),
        ("openai", "gpt-4o-nano", None),
        ("openai", "gpt-4o-", None),
        ("openai", "gpt-4o1", None),
        ("openai", "gpt-5.9", None),
        (
            "openai",
            "ft:gpt-4o-mini-2024-07-18:acme::abc",
            Some("ft:gpt-4o-mini-2024-07-18"),
        ),
        ("openai", "GPT-4o", Some("gpt-4o")),
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
        // A dated name may have a row of its own; it is the model's own name then.
        let got = model(provider, name).map(|model| model.name);
        assert!(
            got == found || (found.is_some() && got == Some(name)),
            "{provider}/{name}: {got:?}"
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
    assert!(own.is_priced() && own.rates().is_empty());
    assert_eq!(models("ollama").count(), 0);
    assert!(find("llama3.2:3b").is_none());
    assert!(
        model("litellm", "anything").is_none(),
        "a proxy's models are somebody's"
    );
}

#[test]
fn what_is_said_of_vendors_beside_their_rows_is_about_vendors_and_in_order() {
    assert!(auth::AUTH.is_sorted_by(|a, b| a.0 < b.0));
    assert!(endpoints::ENDPOINTS.is_sorted_by(|a, b| a.0 < b.0));
    for name in auth::AUTH.iter().map(|(name, _)| name) {
        assert!(vendor(name).is_some(), "{name}");
    }
    for (name, endpoints) in endpoints::ENDPOINTS {
        assert!(vendor(name).is_some() && !endpoints.is_empty(), "{name}");
    }
    for place in places::PLACES {
        assert!(vendor(place.vendor).is_some(), "{}", place.vendor);
    }
    assert_eq!(vendor("azure").unwrap().auth(), Auth::ApiKey);
    assert_eq!(vendor("groq").unwrap().auth(), Auth::Bearer);
    assert_eq!(vendor("anthropic").unwrap().auth(), Auth::XApiKey);
    let groq = vendor("groq").unwrap().endpoints();
    assert!(groq.contains(&"audio/transcriptions"), "{groq:?}");
}
