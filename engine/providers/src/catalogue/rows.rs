//! Finding a model's row in the vendors' files.

use super::{Model, files::FILES};

/// What stands in front of the model's name in some vendors' own notation.
const NAMESPACES: &[&str] = &[
    "accounts/fireworks/models/",
    "models/",
    "publishers/anthropic/models/",
    "publishers/google/models/",
];

/// Regions in front of a model's name in Bedrock's notation ("cross-region inference"): a price of
/// its own has a row of its own.
const REGIONS: &[&str] = &[
    "us-gov.", "global.", "apac.", "us.", "eu.", "jp.", "au.", "in.", "ca.",
];

/// Vendors who offer others' models at the makers' prices, and where to look for what has no row of
/// its own.
const INHERITS: &[(&str, &[&str])] = &[
    (
        "azure",
        &[
            "openai",
            "anthropic",
            "mistral",
            "xai",
            "deepseek",
            "cohere",
            "moonshot",
        ],
    ),
    ("codestral", &["mistral"]),
    ("gemini", &["vertex"]),
    ("hyperbolic", &["huggingface-hyperbolic"]),
    ("kimi-coding", &["moonshot"]),
    ("meta-llama", &["meta"]),
    ("minimax-cn", &["minimax"]),
    ("moonshot-cn", &["moonshot"]),
    ("nebius", &["huggingface-nebius"]),
    ("nscale", &["huggingface-nscale"]),
    ("publicai", &["huggingface-publicai"]),
    ("sambanova", &["huggingface-sambanova"]),
    ("vertex", &["gemini", "anthropic"]),
];

/// The model of a vendor: its own row, under the name or a shorter one, or that of a maker whose
/// prices it takes over.
pub(super) fn model(vendor: &str, name: &str) -> Option<Model> {
    let inherits = INHERITS.iter().find(|(heir, _)| *heir == vendor);
    let others = inherits.map_or(&[][..], |(_, others)| others);
    // `org/model:novita` of Hugging Face's router is that model at that vendor.
    if vendor == "huggingface"
        && let Some((model, host)) = name.rsplit_once(':')
    {
        return by_any_name(&format!("huggingface-{host}"), model);
    }
    std::iter::once(&vendor)
        .chain(others)
        .find_map(|vendor| by_any_name(vendor, name))
}

/// The names of a vendor's rows, sorted.
pub(super) fn names(vendor: &str) -> impl Iterator<Item = &'static str> {
    rows(vendor).map(|(name, _)| name)
}

/// Every model of a vendor, sorted by name.
pub(super) fn models(vendor: &str) -> impl Iterator<Item = Model> {
    rows(vendor).filter_map(move |(name, members)| read(vendor, name, members, 0))
}

fn rows(vendor: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = file(vendor).unwrap_or_default().lines();
    lines
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once(' ').unwrap_or((line, "")))
}

fn file(vendor: &str) -> Option<&'static str> {
    let found = FILES
        .binary_search_by(|(name, _)| (*name).cmp(vendor))
        .ok()?;
    FILES.get(found).map(|(_, text)| *text)
}

fn by_any_name(vendor: &str, name: &str) -> Option<Model> {
    file(vendor)?;
    // An ARN or a deployment's path ends with the model's name.
    let name = match name.strip_prefix("arn:") {
        Some(arn) => arn.rsplit('/').next()?,
        None => name,
    };
    // `ft:model:owner:suffix:id` of OpenAI is charged as the model it was tuned from.
    let name = match name.strip_prefix("ft:").and_then(|tuned| tuned.find(':')) {
        Some(end) => name.get(..end + 3)?,
        None => name,
    };
    let mut spaces = NAMESPACES.iter();
    let name = spaces
        .find_map(|space| name.strip_prefix(space))
        .unwrap_or(name);
    shortened(vendor, name).or_else(|| {
        let lower = name.to_ascii_lowercase();
        (lower != name).then(|| shortened(vendor, &lower)).flatten()
    })
}

/// The row of that name, or of the name without a region before it or a date behind it.
fn shortened(vendor: &str, name: &str) -> Option<Model> {
    let bare = REGIONS
        .iter()
        .filter(|_| vendor == "bedrock")
        .find_map(|region| name.strip_prefix(region));
    let undated = |name| {
        by_name(vendor, name).or_else(|| {
            // From the longest possible name to the shortest: `gpt-4o-mini-2024-07-18` is looked up
            // as `gpt-4o-mini` and never gets as far as `gpt-4o`, for `mini` is no date.
            let mut name: &str = name;
            while let Some(end) = name.rfind(['-', '@']) {
                if !is_version(&name[end + 1..]) {
                    return None;
                }
                name = &name[..end];
                let found = by_name(vendor, name);
                if found.is_some() {
                    return found;
                }
            }
            None
        })
    };
    by_name(vendor, name)
        .or_else(|| bare.and_then(undated))
        .or_else(|| undated(name))
}

/// Whether a part of a name tells when a model was made and not which it is.
fn is_version(part: &str) -> bool {
    matches!(part, "latest" | "preview")
        || ((2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit()))
}

fn by_name(vendor: &str, name: &str) -> Option<Model> {
    let (name, members) = row(file(vendor)?, name)?;
    read(vendor, name, members, 0)
}

/// The row of that name in a sorted text.
fn row(text: &'static str, name: &str) -> Option<(&'static str, &'static str)> {
    let bytes = text.as_bytes();
    let (mut low, mut high) = (0, bytes.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let start = memchr::memrchr(b'\n', &bytes[low..middle]).map_or(low, |at| low + at + 1);
        let end = memchr::memchr(b'\n', &bytes[start..high]).map_or(high, |at| start + at);
        let (own, members) = text[start..end]
            .split_once(' ')
            .unwrap_or((&text[start..end], ""));
        match own.cmp(name) {
            std::cmp::Ordering::Less => low = (end + 1).min(high),
            std::cmp::Ordering::Greater => high = start,
            std::cmp::Ordering::Equal => return Some((own, members)),
        }
    }
    None
}

/// Reads a row; another name of a name is none.
fn read(vendor: &str, name: &'static str, members: &'static str, depth: u8) -> Option<Model> {
    if let Some(other) = members.strip_prefix("= ") {
        let (_, members) = row(file(vendor)?, other).filter(|_| depth == 0)?;
        return read(vendor, name, members, 1);
    }
    // Makers' rows are like no others, so this ends.
    Model::read(name, members, |other| {
        let (maker, other) = other.split_once('/')?;
        (maker != vendor).then(|| shortened(maker, other)).flatten()
    })
}
