//! Vendors and models as data: where each vendor listens, what each model costs and holds.
//!
//! Vendors are constants; models are rows of text sorted by name (`providers/catalog/models/`), one file a
//! vendor. Nothing is parsed when a process starts: looking a model up takes a binary search and the
//! reading of one row.

use tidegate_types::{Dialect, config::Auth};

pub use tidegate_types::config::Quirk;

mod also;
mod auth;
mod endpoints;
mod files;
mod model;
mod places;
mod rows;
mod vendors;

pub use model::{Capabilities, Capability, Kind, Modalities, Modality, Model};

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
}

/// A part of a vendor's base URL that depends on who asks, such as an account.
#[derive(Debug)]
pub struct Place {
    /// The vendor.
    pub vendor: &'static str,
    /// The name between the braces.
    pub name: &'static str,
    /// Environment variables that usually hold it.
    pub env: &'static [&'static str],
    /// What it is when nobody says.
    pub usual: Option<&'static str>,
}

/// How the makers of the dialects take a key.
pub fn default_auth(dialect: Dialect) -> Auth {
    match dialect {
        Dialect::Anthropic => Auth::XApiKey,
        Dialect::Gemini => Auth::XGoogApiKey,
        _ => Auth::Bearer,
    }
}

/// The vendor of that name.
pub fn vendor(name: &str) -> Option<&'static Vendor> {
    by_name(vendors::VENDORS, name, |vendor| vendor.name)
}

/// The vendor whose own URLs have that host (without a port, in lower case). Of addresses that depend
/// on who asks, as `bedrock-runtime.{region}.amazonaws.com`, any will do.
pub fn vendor_of_host(host: &str) -> Option<&'static Vendor> {
    let mut all = vendors::VENDORS.iter();
    all.find(|vendor| vendor.hosts.contains(&host)).or_else(|| {
        let mut all = vendors::VENDORS.iter();
        all.find(|vendor| is_one_of(vendor.base_url, host))
    })
}

/// Whether a host is made from an address that has one part to fill in.
fn is_one_of(address: &str, host: &str) -> bool {
    let after = address.split_once("://").map_or(address, |(_, rest)| rest);
    let pattern = after.split('/').next().unwrap_or_default();
    let Some((before, rest)) = pattern.split_once('{') else {
        return false;
    };
    let Some((_, end)) = rest.split_once('}') else {
        return false;
    };
    // What is left of it must be a domain of the vendor's.
    let part = host
        .strip_prefix(before)
        .and_then(|rest| rest.strip_suffix(end));
    end.matches('.').count() >= 2
        && !end.contains('{')
        && part.is_some_and(|part| !part.is_empty() && !part.contains('.'))
}

/// Every vendor, sorted by name.
pub fn vendors() -> impl Iterator<Item = &'static Vendor> {
    vendors::VENDORS.iter()
}

/// What is known of a vendor's model. Dated names such as `gpt-4o-2024-08-06`,
/// `claude-sonnet-4-5-20250929` and `gemini-2.5-flash-latest` lead to their model unless they have a
/// row of their own. Whatever a server on one's own machine runs costs nothing. The vendor may be one
/// without an address of its own, such as `azure` and `vertex`.
pub fn model(provider: &str, model: &str) -> Option<Model> {
    rows::model(provider, model).or_else(|| {
        vendor(provider)?.is_own().then(|| Model {
            terms: vec![tidegate_types::rates::Terms::default()],
            ..Model::unknown("*")
        })
    })
}

/// The vendor that offers a model of that bare name: its maker before anyone who hosts it.
pub fn find(model: &str) -> Option<(&'static Vendor, Model)> {
    MAKERS
        .iter()
        .filter_map(|name| vendor(name))
        .chain(
            vendors::VENDORS
                .iter()
                .filter(|vendor| !MAKERS.contains(&vendor.name)),
        )
        .find_map(|vendor| Some((vendor, rows::model(vendor.name, model)?)))
}

/// Every model known of a vendor, sorted by name.
pub fn models(provider: &str) -> impl Iterator<Item = Model> {
    rows::models(provider)
}

/// The names of every model known of a vendor, sorted.
pub fn names(provider: &str) -> impl Iterator<Item = &'static str> {
    rows::names(provider)
}

/// Whether a vendor tells in its answers what it charges, in dollars ("Usage accounting" of
/// OpenRouter, "Pricing" of Perplexity, "Usage" of xAI). A provider the catalogue does not know
/// is believed too: there is nothing better.
pub fn tells_charge(provider: &str) -> bool {
    matches!(provider, "openrouter" | "perplexity" | "xai")
        || (vendor(provider).is_none() && names(provider).next().is_none())
}

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
    "together",
];

impl Vendor {
    /// The wire formats it speaks beside its own, and where.
    pub fn also(&self) -> impl Iterator<Item = (Dialect, &'static str)> {
        let name = self.name;
        also::ALSO
            .iter()
            .filter(move |(vendor, ..)| *vendor == name)
            .map(|(_, dialect, base_url)| (*dialect, *base_url))
    }

    /// How its key is sent.
    pub fn auth(&self) -> Auth {
        let found = by_name(auth::AUTH, self.name, |(vendor, _)| vendor);
        found.map_or_else(|| default_auth(self.dialect), |(_, auth)| *auth)
    }

    /// What it offers beside chat, by the names of [`tidegate_types::Endpoint::as_str`].
    pub fn endpoints(&self) -> &'static [&'static str] {
        by_name(endpoints::ENDPOINTS, self.name, |(vendor, _)| vendor)
            .map_or(&["chat"], |(_, endpoints)| endpoints)
    }

    /// The names in its base URL that depend on who asks, each with the environment variables that
    /// usually hold it and a value for when none does.
    pub fn places(&self) -> impl Iterator<Item = &'static Place> {
        let name = self.name;
        places::PLACES
            .iter()
            .filter(move |place| place.vendor == name)
    }

    /// Whether it is to be asked for usage in streams (`stream_options.include_usage`).
    pub fn stream_usage(&self) -> bool {
        !self.quirks.contains(&Quirk::NoStreamOptions)
    }

    /// Whether it is a server on one's own machine, which asks for no key.
    fn is_own(&self) -> bool {
        self.env.is_empty()
    }
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
