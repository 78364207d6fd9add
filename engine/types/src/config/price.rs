//! What a provider charges, in the vocabulary of configuration and catalogue.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Money, Picture, Service};

/// Lists every dimension once: its documentation, its name, and how many units its price is for.
macro_rules! dimensions {
    ($($(#[$doc:meta])+ $field:ident $variant:ident $per:literal;)+) => {
        /// What a price can be for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Dimension {
            $($(#[$doc])+ $variant,)+
        }

        impl Dimension {
            /// Every one, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();

            /// The name used in configuration, catalogue and records.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => stringify!($field),)+ }
            }

            /// How many units a price in dollars is for: a million tokens, one request.
            pub const fn per(self) -> i64 {
                match self { $(Self::$variant => $per,)+ }
            }
        }

        /// Dollars per million tokens, unless the name says otherwise.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct Price {
            $(
                $(#[$doc])+
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $field: Option<Money>,
            )+
            /// Dollars per picture made, by quality and size (`hd/1024x1792: 0.12`, `low: 0.01`), where no
            /// tokens are told; the nearest that is listed counts. Default: as `image`.
            #[serde(skip_serializing_if = "BTreeMap::is_empty")]
            pub pictures: BTreeMap<Picture, Money>,
            /// Prices of requests with long prompts, for the whole request.
            #[serde(skip_serializing_if = "Vec::is_empty")]
            pub tiers: Vec<PriceTier>,
            /// Prices by the service that answered; what is not named costs what it costs otherwise.
            /// A service has no tiers but its own, and no services.
            #[serde(skip_serializing_if = "BTreeMap::is_empty")]
            pub services: BTreeMap<Service, Self>,
        }

        impl Price {
            /// The price of a dimension, where it has one.
            pub fn get(&self, dimension: Dimension) -> Option<Money> {
                match dimension { $(Dimension::$variant => self.$field,)+ }
            }
        }

        /// Prices of requests with long prompts; what is not named costs what it costs otherwise.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct PriceTier {
            /// They hold when the prompt, cached tokens included, has more tokens than this.
            pub above: u64,
            $(
                $(#[$doc])+
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $field: Option<Money>,
            )+
        }

        impl PriceTier {
            /// The price of a dimension, where it has one.
            pub fn get(&self, dimension: Dimension) -> Option<Money> {
                match dimension { $(Dimension::$variant => self.$field,)+ }
            }
        }
    };
}

dimensions! {
    /// Prompt tokens. Default: nothing.
    input Input 1_000_000;
    /// Generated tokens. Default: nothing.
    output Output 1_000_000;
    /// Prompt tokens read from the provider's cache. Default: as `input`.
    cache_read CacheRead 1_000_000;
    /// Prompt tokens written to the provider's cache. Default: as `input`.
    cache_write CacheWrite 1_000_000;
    /// Prompt tokens written to the provider's one-hour cache. Default: as `cache_write`.
    cache_write_1h CacheWrite1h 1_000_000;
    /// Generated tokens spent on reasoning. Default: as `output`.
    reasoning Reasoning 1_000_000;
    /// Generated tokens that cite sources. Default: as `output`.
    citation Citation 1_000_000;
    /// Dollars per million tokens that the provider keeps ready for an hour (Gemini's cached contents).
    cache_storage CacheStorage 1_000_000;
    /// Prompt tokens of sound. Default: as `input`.
    audio_input AudioInput 1_000_000;
    /// Prompt tokens of sound read from the cache. Default: as `cache_read`.
    audio_cache_read AudioCacheRead 1_000_000;
    /// Generated tokens of sound. Default: as `output`.
    audio_output AudioOutput 1_000_000;
    /// Prompt tokens of pictures. Default: as `input`.
    image_input ImageInput 1_000_000;
    /// Prompt tokens of pictures read from the cache. Default: as `cache_read`.
    image_cache_read ImageCacheRead 1_000_000;
    /// Generated tokens of pictures. Default: as `output`.
    image_output ImageOutput 1_000_000;
    /// Prompt tokens of moving pictures. Default: as `input`.
    video_input VideoInput 1_000_000;
    /// Generated tokens of moving pictures. Default: as `output`.
    video_output VideoOutput 1_000_000;
    /// Dollars per million characters of text to be spoken.
    character Character 1_000_000;
    /// Dollars per second of sound or moving pictures.
    second Second 1;
    /// Dollars per picture made.
    image Image 1;
    /// Dollars per page of a document read.
    page Page 1;
    /// Dollars per page of a document annotated. Default: as `page`.
    annotated_page AnnotatedPage 1;
    /// Dollars per search of the web that the vendor makes.
    search Search 1;
    /// Dollars per search of the vendor's stores of files.
    file_search FileSearch 1;
    /// Dollars per unit of search of a reranker.
    search_unit SearchUnit 1;
    /// Dollars per text message of a live session that is charged by them.
    message Message 1;
    /// Dollars per request, on top.
    request Request 1;
}
