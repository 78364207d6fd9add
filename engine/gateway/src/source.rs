//! Where configuration comes from.

use std::path::{Path, PathBuf};

use tidegate_providers::catalogue;
use tidegate_types::{
    Code, Error,
    config::{Config, Format},
};

/// Where configuration comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// Nothing but the environment: every known vendor whose key is set becomes a provider.
    Env,
    /// A file; its ending decides the format (`.toml`, `.json`, anything else is YAML).
    Path(PathBuf),
    /// The text of a document.
    Text {
        /// The document.
        text: String,
        /// What it is written in.
        format: Format,
    },
    /// A document the host language has already parsed.
    Value(serde_json::Value),
}

impl Source {
    /// Reads and validates the configuration.
    ///
    /// # Errors
    /// `unreadable_config` when the file cannot be read, `invalid_config` naming every mistake with
    /// its path.
    pub fn load(&self) -> Result<Config, Error> {
        let vendors: Vec<&str> = catalogue::vendors().map(|vendor| vendor.name).collect();
        let parsed = match self {
            Self::Env => return Ok(Config::default()),
            Self::Path(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    Error::new(
                        Code::UnreadableConfig,
                        format!("cannot read the configuration {}: {error}", path.display()),
                    )
                })?;
                Config::parse(&text, format_of(path), &vendors, &env)
            }
            Self::Text { text, format } => Config::parse(text, *format, &vendors, &env),
            Self::Value(value) => Config::from_value(value.clone(), &vendors, &env),
        };
        parsed.map_err(Error::from)
    }
}

fn format_of(path: &Path) -> Format {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("toml") => Format::Toml,
        Some("json") => Format::Json,
        _ => Format::Yaml,
    }
}

/// The one place that reads the environment.
#[expect(
    clippy::disallowed_methods,
    reason = "configuration is where the environment is read"
)]
pub(crate) fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
