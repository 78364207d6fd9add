//! The files that the AWS command line writes ("Configuration and credential file settings").

use std::collections::HashMap;

use tidegate_types::config;

use super::{
    super::{Around, CredentialsError, Held},
    Chain, metadata, sts,
};
use crate::aws::Credentials;

/// A chain of profiles longer than this leads nowhere.
const LONGEST: usize = 8;

/// Where the files are, and which profile counts.
pub(super) struct Files {
    profile: String,
    /// Asked for by name: then it must exist.
    named: bool,
    credentials: Option<String>,
    config: Option<String>,
}

type Settings = HashMap<String, HashMap<String, String>>;

impl Files {
    pub(super) fn new(config: &config::Aws, around: &Around) -> Self {
        let given = config.profile.clone();
        let given = given.or_else(|| around.first(&["AWS_PROFILE", "AWS_DEFAULT_PROFILE"]));
        let home = around.first(&["HOME", "USERPROFILE"]);
        let file = |given: &Option<String>, variable: &str, usual: &str| {
            let given = given.clone().or_else(|| around.variable(variable));
            given.or_else(|| Some(format!("{}/.aws/{usual}", home.as_ref()?)))
        };
        Self {
            named: given.is_some(),
            profile: given.unwrap_or_else(|| "default".to_owned()),
            credentials: file(
                &config.credentials_file,
                "AWS_SHARED_CREDENTIALS_FILE",
                "credentials",
            ),
            config: file(&config.config_file, "AWS_CONFIG_FILE", "config"),
        }
    }

    /// Both files; a profile's credentials count more than its configuration. Files that are not
    /// there hold nothing.
    fn read(&self, around: &Around) -> Settings {
        let mut all = Settings::new();
        for (path, is_config) in [(&self.config, true), (&self.credentials, false)] {
            let Some(path) = path else { continue };
            let Ok(bytes) = (around.read)(std::path::Path::new(path)) else {
                continue;
            };
            for (name, settings) in parse(&String::from_utf8_lossy(&bytes), is_config) {
                all.entry(name).or_default().extend(settings);
            }
        }
        all
    }
}

/// The region of the profile in use.
pub(in super::super) fn region(config: Option<&config::Aws>, around: &Around) -> Option<String> {
    let none = config::Aws::default();
    let files = Files::new(config.unwrap_or(&none), around);
    let mut all = files.read(around);
    all.remove(&files.profile)?.remove("region")
}

/// The keys that the profile leads to; `None` when there is no such profile.
pub(super) async fn find(
    chain: &Chain,
    files: &Files,
    now: u64,
) -> Result<Option<Held<Credentials>>, CredentialsError> {
    let all = files.read(&chain.around);
    if files.named && !all.contains_key(&files.profile) {
        let text = format!("there is no AWS profile {:?}", files.profile);
        return Err(CredentialsError::Missing(text));
    }
    // From the profile to the one that holds keys; on the way back the roles are assumed.
    let mut roles = Vec::new();
    let mut seen = Vec::new();
    let mut name = files.profile.as_str();
    let mut found = loop {
        let Some(profile) = all.get(name) else {
            if roles.is_empty() {
                return Ok(None);
            }
            let text = format!("there is no AWS profile {name:?}, which another one names");
            return Err(CredentialsError::Missing(text));
        };
        let get = |key: &str| profile.get(key).filter(|value| !value.is_empty());
        let again = seen.contains(&name);
        if again && keys(profile).is_none() || seen.len() > LONGEST {
            let text = format!("the AWS profile {name:?} leads back to itself");
            return Err(CredentialsError::Missing(text));
        }
        seen.push(name);
        let role = get("role_arn").filter(|_| !again).map(|arn| sts::Role {
            arn: arn.clone(),
            session: get("role_session_name").cloned(),
            external_id: get("external_id").cloned(),
            seconds: get("duration_seconds").cloned(),
        });
        match role {
            Some(role) if get("web_identity_token_file").is_some() => {
                let token_file = get("web_identity_token_file").cloned().unwrap_or_default();
                let identity = sts::WebIdentity { role, token_file };
                break chain.sts.with_identity(&identity, now).await?;
            }
            Some(role) => {
                roles.push(role);
                if let Some(source) = get("source_profile") {
                    name = source;
                    continue;
                }
                let source = get("credential_source").map(String::as_str);
                break from_source(chain, source, name).await?;
            }
            None => {}
        }
        if let Some(keys) = keys(profile) {
            break Held {
                value: keys,
                expires: None,
            };
        }
        for (key, what) in [
            ("credential_process", "a program"),
            ("sso_session", "IAM Identity Center"),
            ("sso_start_url", "IAM Identity Center"),
            ("login_session", "a login of the command line"),
        ] {
            if get(key).is_some() {
                let text = format!(
                    "the AWS profile {name:?} takes its credentials from {what} ({key}), which is \
                     not done here; `aws configure export-credentials` writes keys that can be used"
                );
                return Err(CredentialsError::Missing(text));
            }
        }
        if roles.is_empty() {
            return Ok(None);
        }
        let text = format!("the AWS profile {name:?} holds no keys");
        return Err(CredentialsError::Missing(text));
    };
    while let Some(role) = roles.pop() {
        found = chain.sts.assume(&role, &found.value, now).await?;
    }
    Ok(Some(found))
}

async fn from_source(
    chain: &Chain,
    source: Option<&str>,
    profile: &str,
) -> Result<Held<Credentials>, CredentialsError> {
    let around = &chain.around;
    let none = config::Aws::default();
    let found = match source {
        Some("Environment") => {
            Credentials::from_variables(|name| around.variable(name)).map(|value| Held {
                value,
                expires: None,
            })
        }
        Some("EcsContainer") => match metadata::Container::new(&none, around) {
            Some(container) => Some(container.ask(around).await?),
            None => None,
        },
        Some("Ec2InstanceMetadata") => match metadata::Instance::new(&none, around) {
            Some(instance) => instance.ask(around).await?,
            None => None,
        },
        _ => None,
    };
    found.ok_or_else(|| {
        CredentialsError::Missing(format!(
            "the AWS profile {profile:?} names a role but no source of credentials that has any"
        ))
    })
}

fn keys(profile: &HashMap<String, String>) -> Option<Credentials> {
    let get = |key: &str| profile.get(key).filter(|value| !value.is_empty()).cloned();
    Some(Credentials::new(
        get("aws_access_key_id")?,
        get("aws_secret_access_key")?.into(),
        get("aws_session_token").map(Into::into),
    ))
}

/// Sections and their settings. In the configuration file profiles are called `[profile NAME]`.
fn parse(text: &str, is_config: bool) -> Settings {
    let mut all = Settings::new();
    let mut section = None;
    for line in text.lines() {
        // Settings below settings are indented; none of them is about credentials.
        if line.starts_with([' ', '\t', '#', ';']) {
            continue;
        }
        let line = line.trim();
        if let Some(title) = line.strip_prefix('[') {
            let title = title.split(']').next().unwrap_or_default().trim();
            let named = match title.split_once(char::is_whitespace) {
                Some(("profile", name)) if is_config => Some(name.trim()),
                None if !is_config || title == "default" => Some(title),
                _ => None,
            };
            section = named.map(|name| name.trim_matches(['"', '\'']).to_owned());
        } else if let (Some(section), Some((key, value))) = (&section, line.split_once('=')) {
            let value = value.split(" #").next().unwrap_or_default();
            let value = value.split(" ;").next().unwrap_or_default().trim();
            all.entry(section.clone())
                .or_default()
                .insert(key.trim().to_lowercase(), value.to_owned());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_files_are_read() {
        let text = "; c\n[default]\nregion = eu-west-1 # here\ns3 =\n  max = 1\n[profile a b]\n\
                    Role_ARN=r\n[sso-session x]\nsso_region=z\n[plain]\nk=v\n";
        let config = parse(text, true);
        assert_eq!(config["default"]["region"], "eu-west-1");
        assert_eq!(config["a b"]["role_arn"], "r");
        assert!(!config.contains_key("plain") && !config.contains_key("sso-session x"));
        let credentials = parse("[plain]\naws_secret_access_key = a=b/c+d==\n", false);
        assert_eq!(credentials["plain"]["aws_secret_access_key"], "a=b/c+d==");
    }
}
