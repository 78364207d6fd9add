//! Where configuration comes from.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tidegate_providers::{catalogue, function::Functions};
use tidegate_types::{
    Code, Error,
    config::{Config, Format, read},
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
    Value(Value),
}

impl Source {
    /// Reads and validates the configuration.
    ///
    /// # Errors
    /// `unreadable_config` when the file cannot be read, `invalid_config` naming every mistake with
    /// its path.
    pub fn load(&self) -> Result<Config, Error> {
        self.load_with(&Functions::new())
    }

    /// As [`Source::load`], for a program that has functions of its own: each is a provider of its
    /// name, whether or not the document mentions it.
    ///
    /// # Errors
    /// As [`Source::load`].
    pub fn load_with(&self, functions: &Functions) -> Result<Config, Error> {
        self.load_from(functions, |_| Box::new(env))
    }

    /// As [`Source::load`], for a configuration that calls nobody: variables that are not set, and have
    /// no default, stand for made-up values.
    ///
    /// # Errors
    /// As [`Source::load`].
    pub fn load_without_secrets(&self) -> Result<Config, Error> {
        self.load_from(&Functions::new(), |document| {
            let text = document.to_string();
            Box::new(move |name| {
                let optional = text.contains(&format!("${{{name}:-"));
                env(name).or_else(|| (!optional).then(|| made_up(name)))
            })
        })
    }

    fn load_from(
        &self,
        functions: &Functions,
        env: impl FnOnce(&Value) -> Box<dyn Fn(&str) -> Option<String>>,
    ) -> Result<Config, Error> {
        let names = functions.names();
        let vendors: Vec<&str> = catalogue::vendors()
            .map(|vendor| vendor.name)
            .chain(names.iter().map(String::as_str))
            .collect();
        let read = match self {
            Self::Env => return Ok(Config::default()),
            Self::Path(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    Error::new(
                        Code::UnreadableConfig,
                        format!("cannot read the configuration {}: {error}", path.display()),
                    )
                })?;
                read(&text, format_of(path))
            }
            Self::Text { text, format } => read(text, *format),
            Self::Value(value) => Ok(value.clone()),
        };
        let mut value = read.map_err(Error::from)?;
        // Without that section, the vendors of the environment are configured.
        if let Some(providers) = value.get_mut("providers").and_then(Value::as_object_mut) {
            for name in &names {
                providers
                    .entry(name)
                    .or_insert_with(|| serde_json::json!({ "function": name }));
            }
        }
        let env = env(&value);
        Config::from_value(value, &vendors, &*env).map_err(Error::from)
    }
}

fn format_of(path: &Path) -> Format {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("toml") => Format::Toml,
        Some("json") => Format::Json,
        _ => Format::Yaml,
    }
}

/// What the environment holds, or else something that looks like a secret.
pub(crate) fn env_or_made_up(name: &str) -> Option<String> {
    env(name).or_else(|| Some(made_up(name)))
}

fn made_up(name: &str) -> String {
    format!("made-up-{}", name.to_ascii_lowercase())
}

/// The one place that reads the environment.
#[expect(
    clippy::disallowed_methods,
    reason = "configuration is where the environment is read"
)]
pub(crate) fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
