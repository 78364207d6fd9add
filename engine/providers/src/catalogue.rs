//! Vendors and models as data: where each vendor listens, what each model costs and holds.
//!
//! The tables are constants sorted by name, so that nothing is parsed when a process starts.

use tidegate_types::{Dialect, Money, config::Price};

mod vendors;

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
    /// Whether it accepts `stream_options.include_usage`.
    pub stream_usage: bool,
    pub(crate) models: &'static [Model],
}

/// What is known of a model.
#[derive(Debug)]
pub struct Model {
    /// Name the vendor knows it by.
    pub name: &'static str,
    /// Dollars per million tokens.
    pub price: Price,
    /// Tokens of prompt and answer together; 0 when not known.
    pub context: u32,
    /// Most tokens it generates in one answer; 0 when not known.
    pub max_output: u32,
}

/// The vendor of that name.
pub fn vendor(name: &str) -> Option<&'static Vendor> {
    let found = vendors::VENDORS
        .binary_search_by(|vendor| vendor.name.cmp(name))
        .ok()?;
    vendors::VENDORS.get(found)
}

/// Every vendor, sorted by name.
pub fn vendors() -> impl Iterator<Item = &'static Vendor> {
    vendors::VENDORS.iter()
}

/// What is known of a vendor's model, dated names included.
pub fn model(provider: &str, model: &str) -> Option<&'static Model> {
    let models = vendor(provider)?.models;
    let found = models
        .binary_search_by(|entry| entry.name.cmp(model))
        .ok()?;
    models.get(found)
}

/// The vendor that offers a model of that name; its maker before anyone who hosts it.
pub fn find(model: &str) -> Option<(&'static Vendor, &'static Model)> {
    vendors().find_map(|vendor| Some((vendor, self::model(vendor.name, model)?)))
}

/// Every model known of a vendor, sorted by name.
pub fn models(provider: &str) -> impl Iterator<Item = &'static Model> {
    vendor(provider)
        .map(|vendor| vendor.models)
        .unwrap_or_default()
        .iter()
}

pub(crate) const fn dollars(nanos: i64) -> Money {
    Money::from_nanos(nanos)
}
