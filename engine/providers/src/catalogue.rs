//! Vendors and models as data: where each vendor listens, what each model costs and holds.
//!
//! The tables are constants sorted by name: nothing is parsed when a process starts, and looking a
//! model up takes two binary searches.

use tidegate_types::{Dialect, config::Price};

mod also;
mod models;
mod vendors;

#[cfg(test)]
mod tests;

/// A vendor that needs nothing but a key.
#[derive(Debug)]
pub struct Vendor {
    /// Name used in configuration, in `vendor/model` and in prefixes.
    pub name: &'static str,
    /// Wire format it speaks.
    pub dialect: Dialect,
    /// Where it listens, as `base_url` in the configuration.
    pub base_url: &'static str,
    /// Environment variables its key is usually kept in, the usual one first. Empty: no key needed.
    pub env: &'static [&'static str],
    /// Hosts by which a vendor's own URL is recognised.
    pub hosts: &'static [&'static str],
    /// In what it differs from the dialect as its maker defines it.
    pub quirks: &'static [Quirk],
    models: &'static [Model],
}

/// What a vendor does otherwise than the dialect as its maker defines it. See
/// [`crate::dialect::adapt_request`] for what is done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Quirk {
    /// Refuses `stream_options`, or reports usage at the end of a stream without being asked.
    NoStreamOptions,
    /// Bounds a reply by `max_tokens` alone.
    MaxTokens,
    /// Bounds a reply by `max_completion_tokens` alone.
    MaxCompletionTokens,
    /// Takes the words of a message as one string, not as a list of parts.
    TextContent,
}

/// What is known of a model.
#[derive(Debug, PartialEq, Eq)]
pub struct Model {
    /// Name the vendor knows it by, without a date.
    pub name: &'static str,
    /// Dollars per million tokens. For long prompts see [`Model::price_at`].
    pub price: Price,
    /// Tokens of prompt and answer together; 0 when not known.
    pub context: u32,
    /// Most tokens it generates in one answer; 0 when not known.
    pub max_output: u32,
    /// Prices of requests with long prompts, from the shortest to the longest.
    pub tiers: &'static [Tier],
}

/// The price of requests with long prompts.
#[derive(Debug, PartialEq, Eq)]
pub struct Tier {
    /// It holds for the whole request when its prompt, cached tokens included, has more tokens.
    pub above: u32,
    /// Dollars per million tokens.
    pub price: Price,
}

impl Model {
    /// The price of a request whose prompt, cached tokens included, has that many tokens.
    pub fn price_at(&self, prompt_tokens: u64) -> &Price {
        let tier = self
            .tiers
            .iter()
            .rfind(|tier| prompt_tokens > u64::from(tier.above));
        tier.map_or(&self.price, |tier| &tier.price)
    }
}

/// The vendor of that name.
pub fn vendor(name: &str) -> Option<&'static Vendor> {
    by_name(vendors::VENDORS, name, |vendor| vendor.name)
}

/// The vendor whose own URLs have that host (without a port, in lower case).
pub fn vendor_of_host(host: &str) -> Option<&'static Vendor> {
    vendors::VENDORS
        .iter()
        .find(|vendor| vendor.hosts.contains(&host))
}

/// Every vendor, sorted by name.
pub fn vendors() -> impl Iterator<Item = &'static Vendor> {
    vendors::VENDORS.iter()
}

/// What is known of a vendor's model. Dated names such as `gpt-4o-2024-08-06`,
/// `claude-sonnet-4-5-20250929` and `gemini-2.5-flash-latest` lead to their model unless they have an
/// entry of their own. Whatever a server on one's own machine runs costs nothing.
pub fn model(provider: &str, model: &str) -> Option<&'static Model> {
    let vendor = vendor(provider)?;
    vendor.model(model).or(vendor.is_own().then_some(&OWN))
}

/// The vendor that offers a model of that bare name: its maker before anyone who hosts it.
pub fn find(model: &str) -> Option<(&'static Vendor, &'static Model)> {
    MAKERS
        .iter()
        .filter_map(|name| vendor(name))
        .chain(
            vendors::VENDORS
                .iter()
                .filter(|vendor| !MAKERS.contains(&vendor.name)),
        )
        .find_map(|vendor| Some((vendor, vendor.model(model)?)))
}

/// Every model known of a vendor, sorted by name.
pub fn models(provider: &str) -> impl Iterator<Item = &'static Model> {
    vendor(provider)
        .map(|vendor| vendor.models)
        .unwrap_or_default()
        .iter()
}

/// Any model of a server on one's own machine.
static OWN: Model = Model {
    name: "*",
    price: models::FREE,
    context: 0,
    max_output: 0,
    tiers: &[],
};

/// Vendors of their own models, in the order in which a bare name is looked up.
const MAKERS: &[&str] = &[
    "openai",
    "anthropic",
    "gemini",
    "mistral",
    "deepseek",
    "xai",
    "moonshot",
    "zai",
    "dashscope",
    "minimax",
    "meta",
    "cohere",
    "perplexity",
    "ai21",
    "arcee",
    "voyage",
    "groq",
    "cerebras",
];

/// What stands in front of the model's name in some vendors' own notation.
const NAMESPACES: &[&str] = &["accounts/fireworks/models/", "models/"];

impl Vendor {
    /// The wire formats it speaks beside its own, and where.
    pub fn also(&self) -> impl Iterator<Item = (Dialect, &'static str)> {
        let name = self.name;
        also::ALSO
            .iter()
            .filter(move |(vendor, ..)| *vendor == name)
            .map(|(_, dialect, base_url)| (*dialect, *base_url))
    }

    /// Whether it is to be asked for usage in streams (`stream_options.include_usage`).
    pub fn stream_usage(&self) -> bool {
        !self.quirks.contains(&Quirk::NoStreamOptions)
    }

    /// Whether it is a server on one's own machine, which asks for no key.
    fn is_own(&self) -> bool {
        self.env.is_empty()
    }

    fn model(&self, model: &str) -> Option<&'static Model> {
        let model = NAMESPACES
            .iter()
            .find_map(|space| model.strip_prefix(space))
            .unwrap_or(model);
        by_name(self.models, model, |entry| entry.name).or_else(|| {
            // From the longest possible name to the shortest: `gpt-4o-mini-2024-07-18` is looked up
            // as `gpt-4o-mini` and never gets as far as `gpt-4o`, for `mini` is no date.
            let mut name = model;
            while let Some(end) = name.rfind(['-', '@']) {
                if !is_version(&name[end + 1..]) {
                    return None;
                }
                name = &name[..end];
                let found = by_name(self.models, name, |entry| entry.name);
                if found.is_some() {
                    return found;
                }
            }
            None
        })
    }
}

/// Whether a part of a name tells when a model was made and not which it is.
fn is_version(part: &str) -> bool {
    matches!(part, "latest" | "preview")
        || ((2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit()))
}

fn by_name<T>(
    table: &'static [T],
    name: &str,
    name_of: impl Fn(&T) -> &'static str,
) -> Option<&'static T> {
    let found = table
        .binary_search_by(|entry| name_of(entry).cmp(name))
        .ok()?;
    table.get(found)
}
