//! Credentials for AWS and signatures made with them (Signature Version 4).
//!
//! Nothing here reads the clock, the environment or a file: what is needed is handed in.

#[cfg(feature = "aws")]
mod sign;

use tidegate_types::Secret;

#[cfg(feature = "aws")]
pub use sign::{SignError, sign};

/// The service whose name Bedrock's runtime signs with.
pub const BEDROCK: &str = "bedrock";

/// Keys of an AWS account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    access_key_id: String,
    secret_access_key: Secret<String>,
    session_token: Option<Secret<String>>,
}

impl Credentials {
    /// Keys, with a session token where they are temporary.
    pub fn new(
        access_key_id: String,
        secret_access_key: Secret<String>,
        session_token: Option<Secret<String>>,
    ) -> Self {
        Self {
            access_key_id,
            secret_access_key,
            session_token,
        }
    }

    /// Keys from `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`; `variable`
    /// gives the value of an environment variable.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        Some(Self {
            access_key_id: set(&variable, "AWS_ACCESS_KEY_ID")?,
            secret_access_key: set(&variable, "AWS_SECRET_ACCESS_KEY")?.into(),
            session_token: set(&variable, "AWS_SESSION_TOKEN").map(Secret::new),
        })
    }
}

/// The region that `AWS_REGION` or `AWS_DEFAULT_REGION` names.
pub fn region_from_variables(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    set(&variable, "AWS_REGION").or_else(|| set(&variable, "AWS_DEFAULT_REGION"))
}

/// Where Bedrock's runtime answers in a region; `None` for what cannot be the name of one.
///
/// Source: "Amazon Bedrock endpoints and quotas"; regions in China have a domain of their own.
pub fn bedrock_endpoint(region: &str) -> Option<String> {
    let named = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if region.is_empty() || !region.chars().all(named) {
        return None;
    }
    let china = if region.starts_with("cn-") { ".cn" } else { "" };
    Some(format!(
        "https://bedrock-runtime.{region}.amazonaws.com{china}"
    ))
}

/// The value of a variable that is set and not empty.
fn set(variable: &impl Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    variable(name)
        .map(|value| value.trim().to_owned())
        .filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_named_by_their_region() {
        assert_eq!(
            bedrock_endpoint("eu-central-1").as_deref(),
            Some("https://bedrock-runtime.eu-central-1.amazonaws.com")
        );
        let china = bedrock_endpoint("cn-north-1").unwrap();
        assert!(china.ends_with(".amazonaws.com.cn"));
        assert_eq!(bedrock_endpoint("evil.example/"), None);
        assert_eq!(bedrock_endpoint(""), None);
    }

    #[test]
    fn keys_and_regions_are_found_in_the_usual_variables() {
        let keys = &[
            ("AWS_ACCESS_KEY_ID", "a"),
            ("AWS_SECRET_ACCESS_KEY", "b"),
            ("AWS_SESSION_TOKEN", ""),
            ("AWS_DEFAULT_REGION", "eu-central-1"),
        ];
        let variable = |name: &str| {
            let found = keys.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let want = Credentials::new("a".into(), "b".to_owned().into(), None);
        assert_eq!(Credentials::from_variables(variable), Some(want));
        assert_eq!(
            region_from_variables(variable).as_deref(),
            Some("eu-central-1")
        );
        assert_eq!(Credentials::from_variables(|_| None), None);
    }
}
