//! From text to a checked [`Config`].
//!
//! Text becomes a plain value ([`text`]), variables and secret references in it are replaced
//! ([`resolve`]), the value becomes the typed document ([`typed`]) and the document is checked as a
//! whole. Every step reports all it finds, and what an earlier step has reported is not blamed again.

pub(super) mod place;
mod resolve;
mod text;
mod typed;

use std::fmt;

use serde_json::Value;

use super::{Config, validate};
use place::Place;

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

/// More than this many mistakes are not worth listing.
const MOST: usize = 100;

impl Format {
    /// The format a file's name stands for: `.json`, `.toml`, otherwise YAML.
    pub fn of(path: &std::path::Path) -> Self {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some(extension) if extension.eq_ignore_ascii_case("json") => Self::Json,
            Some(extension) if extension.eq_ignore_ascii_case("toml") => Self::Toml,
            _ => Self::Yaml,
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

/// The text as a plain value: nothing is replaced and nothing checked but its syntax. For
/// [`Config::from_value`].
///
/// # Errors
///
/// What the format's parser says.
pub fn read(text: &str, format: Format) -> Result<Value, Problems> {
    text::read(text, format).map_err(|message| {
        Problems(vec![Problem {
            path: String::new(),
            message,
        }])
    })
}

impl Config {
    /// Reads and checks a document.
    ///
    /// `vendors` names the providers that need no `dialect` and `base_url`; `env` looks up
    /// variables. Files named by `file:` references are read.
    ///
    /// # Errors
    ///
    /// Every mistake found, each with its path. Values are never quoted where they may be secret.
    pub fn parse(
        text: &str,
        format: Format,
        vendors: &[&str],
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Problems> {
        Self::from_value(read(text, format)?, vendors, env)
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
        let mut findings = Findings::default();
        let mut value = text::tame(value).map_err(|message| {
            Problems(vec![Problem {
                path: String::new(),
                message,
            }])
        })?;
        resolve::normalise(&mut value);
        resolve::resolve(&mut value, env, &mut findings);
        let config = typed::read(&mut value, &mut findings);
        if let Some(config) = &config {
            let providers_known = !findings.is_patched(&Place::key("providers"));
            validate::check(config, vendors, providers_known, &mut |place, message| {
                findings.report(place, message);
            });
        }
        let mut problems = findings.problems;
        if problems.len() > MOST {
            let more = problems.len() - MOST;
            problems.truncate(MOST);
            let message = format!("and {more} more");
            problems.push(Problem {
                path: String::new(),
                message,
            });
        }
        match config {
            Some(config) if problems.is_empty() => Ok(config),
            _ => Err(Problems(problems)),
        }
    }
}

/// What the steps have found, and where they had to put something in place of a mistake.
#[derive(Debug, Default)]
struct Findings {
    problems: Vec<Problem>,
    /// Places whose value is ours: whatever is wrong below them has been reported.
    patched: Vec<Place>,
    /// Places whose value came from the environment or a file and is not to be quoted.
    foreign: Vec<Place>,
}

impl Findings {
    fn is_patched(&self, place: &Place) -> bool {
        self.patched
            .iter()
            .any(|patched| place.starts_with(patched))
    }

    fn is_foreign(&self, place: &Place) -> bool {
        self.foreign.contains(place)
    }

    /// Records a mistake unless it follows from one that is recorded already: in the place itself,
    /// around it, or in one of its fields, of which too few may be left.
    fn report(&mut self, place: &Place, message: String) {
        if !self.is_patched(place) && !self.patched.iter().any(|patched| patched.is_in(place)) {
            self.problems.push(Problem {
                path: place.to_string(),
                message,
            });
        }
    }

    /// Records a mistake whose value is about to be replaced.
    fn report_and_patch(&mut self, place: &Place, message: String) {
        if !self.is_patched(place) {
            self.problems.push(Problem {
                path: place.to_string(),
                message,
            });
            self.patched.push(place.clone());
        }
    }
}

#[cfg(test)]
mod tests;
