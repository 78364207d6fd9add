//! A second reckoning of what a recorded call costs, from the reply's JSON and the catalogue's text.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::Value;
use tidegate_types::Dialect;

/// Nano-dollars per million units, by the name of the price.
type Rates = BTreeMap<String, i128>;

/// Nano-dollars of the call, rounded up.
pub(crate) fn cost(dialect: Dialect, vendor: &str, model: &str, payload: &[Value]) -> Option<i128> {
    let counts = counts(dialect, payload)?;
    let row = row(vendor, model)?;
    let input = counts.get("input").copied().unwrap_or_default();
    let rates = rates(&row, &service(payload), input);
    let rate = |name: &str, otherwise: &str| -> i128 {
        let plain = rates.get(otherwise).copied().unwrap_or_default();
        rates.get(name).copied().unwrap_or(plain)
    };
    let of = |name: &str| counts.get(name).copied().unwrap_or_default();
    // Who tells pictures and cached tokens apart from neither counts some of them twice: what is not
    // left after the cached ones was cached.
    let pictures = (of("image_input") - of("image_cache_read"))
        .min(input - of("cache_read") - of("cache_write") - of("cache_write_1h"))
        .max(0);
    let special = of("cache_read")
        + of("cache_write")
        + of("cache_write_1h")
        + (of("audio_input") - of("audio_cache_read"))
        + pictures
        + (of("video_input") - of("video_cache_read"));
    let write = rate("cache_write", "input");
    let sum = (input - special).max(0) * rate("input", "input")
        + (of("cache_read") - of("audio_cache_read") - of("image_cache_read"))
            * rate("cache_read", "input")
        + of("cache_write") * write
        + of("cache_write_1h") * rates.get("cache_write_1h").copied().unwrap_or(write)
        + (of("audio_input") - of("audio_cache_read")) * rate("audio_input", "input")
        + of("audio_cache_read")
            * rates
                .get("audio_cache_read")
                .copied()
                .unwrap_or(rate("cache_read", "input"))
        + pictures * rate("image_input", "input")
        + of("image_cache_read")
            * rates
                .get("image_cache_read")
                .copied()
                .unwrap_or(rate("cache_read", "input"))
        + (of("video_input") - of("video_cache_read")) * rate("video_input", "input")
        + (of("output") - of("reasoning") - of("audio_output") - of("image_output"))
            * rate("output", "output")
        + of("reasoning") * rate("reasoning", "output")
        + of("audio_output") * rate("audio_output", "output")
        + of("image_output") * rate("image_output", "output")
        + of("search") * rate("search", "")
        + of("file_search") * rate("file_search", "")
        + of("search_unit") * rate("search_unit", "")
        + of("image") * rate("image", "")
        + rate("request", "");
    let parts = sum * 1_000_000 + of("micros") * rate("second", "");
    Some((parts + 999_999_999_999) / 1_000_000_000_000)
}

/// The row a name leads to, with other names followed and inherited members in front.
fn row(vendor: &str, model: &str) -> Option<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../providers/catalog/models");
    let heirs: &[&str] = match vendor {
        "azure" => &["azure", "openai", "anthropic", "mistral", "xai", "deepseek"],
        "vertex" => &["vertex", "gemini", "anthropic"],
        "gemini" => &["gemini", "vertex"],
        _ => &[vendor],
    };
    for vendor in heirs {
        let text = fs::read_to_string(folder.join(format!("{vendor}.txt"))).ok()?;
        let rows: BTreeMap<&str, &str> = text
            .lines()
            .filter_map(|line| line.split_once(' '))
            .collect();
        let mut names = vec![model.trim_start_matches("models/").to_owned()];
        if *vendor == "bedrock" {
            names.extend(model.split_once('.').map(|(_, rest)| rest.to_owned()));
        }
        for name in names {
            let mut name = &*name;
            loop {
                if let Some(row) = rows.get(name) {
                    let row = row.strip_prefix("= ").map_or(*row, |other| rows[other]);
                    let like = row.split(' ').find_map(|word| word.strip_prefix("like="));
                    let inherited = match like.and_then(|like| like.split_once('/')) {
                        Some((vendor, model)) => self::row(vendor, model)?,
                        _ => String::new(),
                    };
                    return Some(format!("{inherited} {row}"));
                }
                let cut = name.rfind(['-', '@']);
                let Some(cut) = cut.filter(|cut| {
                    let end = &name[cut + 1..];
                    ["latest", "preview"].contains(&end) || end.parse::<u32>().is_ok()
                }) else {
                    break;
                };
                name = &name[..cut];
            }
        }
    }
    None
}

/// The prices of a row at a service and a length: the plain ones, and over them those of the last
/// section that holds in the evening.
fn rates(row: &str, service: &str, input: i128) -> Rates {
    let mut sections: Vec<(Vec<&str>, Rates)> = vec![(Vec::new(), Rates::new())];
    let mut half = None;
    for word in row.split_whitespace() {
        if let Some(star) = word.strip_suffix("*0.5") {
            half = Some(&star[1..]);
        } else if word.starts_with(['@', '>'])
            || word.starts_with("since=")
            || word.starts_with("hours=")
        {
            if sections.last().is_some_and(|(_, rates)| !rates.is_empty()) {
                sections.push((Vec::new(), Rates::new()));
            }
            sections.last_mut().expect("a section").0.push(word);
        } else if let Some((key, amount)) = word.split_once('=')
            && let Ok(amount) = amount.parse::<f64>()
        {
            let pieces = [
                "second",
                "image",
                "page",
                "annotated_page",
                "search",
                "file_search",
                "search_unit",
                "message",
                "request",
            ];
            let per = if pieces.contains(&key) { 1e15 } else { 1e9 };
            let (key, per) = if key == "hour" {
                ("second", 1e15 / 3600.0)
            } else {
                (key, per)
            };
            let rate = (amount * per).round() as i128;
            sections
                .last_mut()
                .expect("a section")
                .1
                .insert(key.to_owned(), rate);
        }
    }
    let base = sections[0].1.clone();
    let pick = |service: &str| {
        sections.iter().rev().find(|(conditions, _)| {
            let named = conditions
                .iter()
                .find_map(|word| word.strip_prefix('@'))
                .unwrap_or("standard");
            named == service
                && conditions.iter().all(|word| match word.strip_prefix('>') {
                    Some(above) => input > above.parse().expect("a number"),
                    None => word.starts_with('@'),
                })
        })
    };
    let halved = half == Some(service);
    let found = pick(if halved { "standard" } else { service }).or_else(|| pick("standard"));
    let mut rates = base;
    rates.extend(found.expect("plain prices").1.clone());
    if halved {
        for (key, rate) in &mut rates {
            if !["search", "file_search", "request"].contains(&&**key) {
                *rate /= 2;
            }
        }
    }
    rates
}

fn service(payload: &[Value]) -> String {
    let words = payload.iter().flat_map(|value| {
        let usage = [
            &value["usage"],
            &value["message"]["usage"],
            &value["response"]["usage"],
        ];
        let mut words = vec![
            value["service_tier"].as_str(),
            value["response"]["service_tier"].as_str(),
            value["serviceTier"]["type"].as_str(),
            value["usageMetadata"]["serviceTier"].as_str(),
            value["usageMetadata"]["trafficType"].as_str(),
        ];
        words.extend(usage.map(|usage| usage["service_tier"].as_str()));
        words.into_iter().flatten()
    });
    match words.last() {
        Some("flex" | "ON_DEMAND_FLEX") => "flex",
        Some("priority" | "ON_DEMAND_PRIORITY") => "priority",
        Some("batch") => "batch",
        _ => "standard",
    }
    .to_owned()
}

/// Counts by the name of the price they are charged at; `input` and `output` count everything.
fn counts(dialect: Dialect, payload: &[Value]) -> Option<BTreeMap<&'static str, i128>> {
    let n = |value: &Value| value.as_f64().map_or(0, |number| number as i128);
    let mut counts = BTreeMap::new();
    match dialect {
        Dialect::Anthropic => {
            let mut merged = serde_json::Map::new();
            for value in payload {
                for usage in [&value["usage"], &value["message"]["usage"]] {
                    let members = usage.as_object().into_iter().flatten();
                    merged.extend(
                        members
                            .filter(|(_, value)| !value.is_null())
                            .map(|(key, value)| (key.clone(), value.clone())),
                    );
                }
            }
            let usage = Value::Object(merged);
            let (read, written) = (
                n(&usage["cache_read_input_tokens"]),
                n(&usage["cache_creation_input_tokens"]),
            );
            let hour = n(&usage["cache_creation"]["ephemeral_1h_input_tokens"]);
            counts.insert("input", n(&usage["input_tokens"]) + read + written);
            counts.insert("output", n(&usage["output_tokens"]));
            counts.insert("cache_read", read);
            counts.insert("cache_write", written - hour);
            counts.insert("cache_write_1h", hour);
            counts.insert(
                "search",
                n(&usage["server_tool_use"]["web_search_requests"]),
            );
        }
        Dialect::Gemini => {
            let usage = payload
                .iter()
                .rev()
                .map(|value| &value["usageMetadata"])
                .find(|usage| usage["promptTokenCount"].is_number())?;
            let kinds = |list: &str, kinds: &[&str]| -> i128 {
                let entries = usage[list].as_array().into_iter().flatten();
                entries
                    .filter(|entry| kinds.contains(&entry["modality"].as_str().unwrap_or_default()))
                    .map(|entry| n(&entry["tokenCount"]))
                    .sum()
            };
            counts.insert(
                "input",
                n(&usage["promptTokenCount"]) + n(&usage["toolUsePromptTokenCount"]),
            );
            counts.insert(
                "output",
                n(&usage["candidatesTokenCount"]) + n(&usage["thoughtsTokenCount"]),
            );
            counts.insert("reasoning", n(&usage["thoughtsTokenCount"]));
            counts.insert("cache_read", n(&usage["cachedContentTokenCount"]));
            for (name, list, modality) in [
                ("audio_input", "promptTokensDetails", &["AUDIO"][..]),
                ("image_input", "promptTokensDetails", &["IMAGE", "DOCUMENT"]),
                ("video_input", "promptTokensDetails", &["VIDEO"]),
                ("audio_cache_read", "cacheTokensDetails", &["AUDIO"]),
                (
                    "image_cache_read",
                    "cacheTokensDetails",
                    &["IMAGE", "DOCUMENT"],
                ),
                ("video_cache_read", "cacheTokensDetails", &["VIDEO"]),
                ("image_output", "candidatesTokensDetails", &["IMAGE"]),
                ("audio_output", "candidatesTokensDetails", &["AUDIO"]),
            ] {
                counts.insert(name, kinds(list, modality));
            }
            let queries: usize = payload
                .iter()
                .map(|value| {
                    value["candidates"][0]["groundingMetadata"]["webSearchQueries"]
                        .as_array()
                        .map_or(0, Vec::len)
                })
                .max()
                .unwrap_or_default();
            counts.insert("search", queries as i128);
        }
        Dialect::Bedrock => {
            let usage = payload
                .iter()
                .map(|value| &value["usage"])
                .find(|usage| usage.is_object())?;
            counts.insert("cache_read", n(&usage["cacheReadInputTokens"]));
            counts.insert("cache_write", n(&usage["cacheWriteInputTokens"]));
            counts.insert(
                "input",
                n(&usage["inputTokens"]) + counts["cache_read"] + counts["cache_write"],
            );
            counts.insert("output", n(&usage["outputTokens"]));
        }
        Dialect::Cohere => {
            let usage = payload
                .iter()
                .flat_map(|value| [&value["usage"], &value["delta"]["usage"]])
                .find(|usage| usage.is_object())?;
            let billed = &usage["billed_units"];
            let seen = n(&usage["tokens"]["input_tokens"]) + n(&usage["tokens"]["image_tokens"]);
            counts.insert("input", n(&billed["input_tokens"]));
            counts.insert("output", n(&billed["output_tokens"]));
            let free = (seen - counts["input"]).max(0);
            counts.insert(
                "cache_read",
                (n(&usage["cached_tokens"]) - free)
                    .max(0)
                    .min(counts["input"]),
            );
        }
        _ => openai(payload, &mut counts)?,
    }
    Some(counts)
}

fn openai(payload: &[Value], counts: &mut BTreeMap<&'static str, i128>) -> Option<()> {
    let n = |value: &Value| value.as_f64().map_or(0, |number| number as i128);
    if let Some(units) = payload
        .iter()
        .map(|value| &value["meta"]["billed_units"])
        .find(|units| units.is_object())
    {
        counts.insert("search_unit", n(&units["search_units"]));
        counts.insert(
            "input",
            n(&units["input_tokens"]) + n(&units["image_tokens"]),
        );
        counts.insert("image_input", n(&units["image_tokens"]));
        return Some(());
    }
    let pictures = payload
        .iter()
        .flat_map(|value| value["data"].as_array().into_iter().flatten());
    let pictures =
        pictures.filter(|entry| entry["b64_json"].is_string() || entry["url"].is_string());
    counts.insert("image", pictures.count() as i128);
    if counts["image"] > 0 && !payload.iter().any(|value| value["usage"].is_object()) {
        return Some(());
    }
    let whole = payload.iter().rev().find_map(|value| {
        let places = [value, &value["response"], &value["x_groq"]];
        places.into_iter().find(|place| place["usage"].is_object())
    })?;
    let usage = &whole["usage"];
    let either = |names: &[&str]| -> i128 {
        names
            .iter()
            .map(|name| n(&usage[*name]))
            .max()
            .unwrap_or_default()
    };
    let detail = |holders: &[&str], name: &str| -> i128 {
        holders
            .iter()
            .map(|holder| n(&usage[*holder][name]))
            .max()
            .unwrap_or_default()
    };
    let asked = [
        "prompt_tokens_details",
        "input_tokens_details",
        "input_token_details",
        "prompt_token_details",
    ];
    let said = [
        "completion_tokens_details",
        "output_tokens_details",
        "output_token_details",
    ];
    let total = n(&usage["total_tokens"]);
    let mut input = either(&["prompt_tokens", "input_tokens"]);
    let mut output = either(&["completion_tokens", "output_tokens"]);
    let mut reasoning = detail(&said, "reasoning_tokens").max(n(&usage["reasoning_tokens"]));
    let audio = detail(&asked, "audio_tokens");
    if input + output == 0 {
        input = total;
    }
    let left = total - input - output;
    if left > 0 && left == audio {
        input += left;
    } else if left > 0 && (reasoning == 0 || reasoning == left) {
        (output, reasoning) = (output + left, left);
    }
    let read = detail(&asked, "cached_tokens")
        .max(either(&[
            "prompt_cache_hit_tokens",
            "cached_tokens",
            "num_cached_tokens",
        ]))
        .min(input);
    counts.insert("cache_read", read);
    counts.insert(
        "cache_write",
        detail(&asked, "cache_write_tokens").min(input - read),
    );
    counts.insert("audio_input", audio);
    counts.insert("image_input", detail(&asked, "image_tokens"));
    counts.insert("video_input", detail(&asked, "video_tokens"));
    counts.insert("reasoning", reasoning);
    counts.insert("audio_output", detail(&said, "audio_tokens"));
    counts.insert("image_output", detail(&said, "image_tokens"));
    counts.insert("input", input);
    counts.insert("output", output);
    // What is made there are pictures, whether or not that is said again.
    if counts["image"] > 0 && counts["image_output"] == 0 {
        counts.insert("image_output", output);
    }
    let seconds = usage["seconds"]
        .as_f64()
        .or(usage["prompt_audio_seconds"].as_f64())
        .unwrap_or_default();
    counts.insert("micros", (seconds * 1e6) as i128);
    let items = whole["output"].as_array().into_iter().flatten();
    let called = items.filter(|item| {
        item["type"] == "web_search_call"
            && item["action"]["type"]
                .as_str()
                .is_none_or(|kind| kind == "search")
    });
    let tools = n(&usage["server_tool_use_details"]["web_search_requests"])
        + n(&usage["server_side_tool_usage_details"]["web_search_calls"])
        + n(&usage["server_side_tool_usage_details"]["x_search_calls"])
        + n(&usage["num_search_queries"]);
    counts.insert("search", called.count() as i128 + tools);
    let items = whole["output"].as_array().into_iter().flatten();
    let stores = items.filter(|item| item["type"] == "file_search_call");
    counts.insert("file_search", stores.count() as i128);
    Some(())
}
