//! From text to a checked [`Config`].

use std::fmt;

use serde_json::Value;

use super::{Config, validate};

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// YAML 1.2.
    Yaml,
    /// TOML 1.0.
    Toml,
    /// JSON.
    Json,
}

/// One mistake in a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it is: `models.fast.targets[1].model`. Empty for the document as a whole.
    pub path: String,
    /// What is wrong and, where possible, what was meant.
    pub message: String,
}

/// Every mistake found in a configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problem {
    pub(super) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl From<Problems> for crate::Error {
    fn from(problems: Problems) -> Self {
        let error = Self::new(crate::Code::InvalidConfig, problems.to_string());
        match problems.0.first() {
            Some(first) if !first.path.is_empty() => error.with_param(first.path.clone()),
            _ => error,
        }
    }
}

impl Config {
    /// Reads and checks a document.
    ///
    /// `vendors` are the providers that need no `dialect` and `base_url`; `env` looks up variables.
    ///
    /// # Errors
    ///
    /// Every mistake found, each with its path.
    pub fn parse(
        text: &str,
        format: Format,
        vendors: &[&str],
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Problems> {
        let fail = |message: String| Problems(vec![Problem::new("", message)]);
        let value = match format {
            Format::Yaml => {
                serde_saphyr::from_str(text).map_err(|error| fail(error.to_string()))?
            }
            Format::Toml => toml::from_str(text).map_err(|error| fail(error.to_string()))?,
            Format::Json => serde_json::from_str(text).map_err(|error| fail(error.to_string()))?,
        };
        Self::from_value(value, vendors, env)
    }

    /// Checks a document that is already a value, as a language's own objects are.
    ///
    /// # Errors
    ///
    /// As [`Config::parse`].
    pub fn from_value(
        value: Value,
        vendors: &[&str],
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Problems> {
        let _ = env;
        let config: Self = serde_path_to_error::deserialize(value).map_err(|error| {
            Problems(vec![Problem::new(
                error.path().to_string(),
                error.inner().to_string(),
            )])
        })?;
        let problems = validate::check(&config, vendors);
        if problems.is_empty() {
            Ok(config)
        } else {
            Err(Problems(problems))
        }
    }
}
