//! The one error of this tier.

use std::fmt;

/// Why a call failed.
#[derive(Debug, uniffi::Error, thiserror::Error)]
pub enum TidegateError {
    /// The engine's own error, flat.
    Failed {
        /// Stable number.
        code: u32,
        /// Stable name, for instance `budget_exhausted`.
        slug: String,
        /// Text for people; it may change in any release.
        text: String,
        /// HTTP status a server answers with.
        status: u16,
        /// The whole error as a JSON object.
        json: String,
    },
}

impl fmt::Display for TidegateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Failed {
            code, slug, text, ..
        } = self;
        write!(f, "{text} [{code} {slug}]")
    }
}

impl From<tidegate::Error> for TidegateError {
    fn from(error: tidegate::Error) -> Self {
        Self::Failed {
            code: error.code().number().into(),
            slug: error.code().slug().to_owned(),
            text: error.message().to_owned(),
            status: error.status().as_u16(),
            json: error.to_json().to_string(),
        }
    }
}
