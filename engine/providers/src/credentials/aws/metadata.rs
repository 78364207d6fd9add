//! Credentials that a container or an instance gets from its host ("Container credential provider",
//! "IMDS credential provider").

use std::net::IpAddr;

use http::{Method, Uri};
use serde::Deserialize;
use tidegate_types::config;

use super::super::{
    Around, CredentialsError, Held,
    web::{Ask, NEAR, unreadable},
};
use crate::aws::Credentials;

/// Where containers of ECS find their credentials.
const ECS: &str = "http://169.254.170.2";

/// What both kinds of hosts answer.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    token: Option<String>,
    expiration: Option<String>,
    code: Option<String>,
}

fn read(body: &[u8], host: &str) -> Result<Held<Credentials>, CredentialsError> {
    let answer = serde_json::from_slice::<Answer>(body).map_err(|_| unreadable(Some(host)))?;
    if let Some(code) = answer.code.filter(|code| code != "Success") {
        let text = format!("identity service {host}: {code}");
        return Err(CredentialsError::Refused(text));
    }
    let (Some(id), Some(secret)) = (answer.access_key_id, answer.secret_access_key) else {
        return Err(unreadable(Some(host)));
    };
    let expires = answer.expiration.as_deref().and_then(config::unix_seconds);
    Ok(Held {
        value: Credentials::new(id, secret.into(), answer.token.map(Into::into)),
        expires: expires.map(|expires| u64::try_from(expires).unwrap_or(0)),
    })
}

/// A container of ECS or EKS.
pub(super) struct Container {
    url: String,
    token: Option<String>,
    token_file: Option<String>,
}

impl Container {
    pub(super) fn new(config: &config::Aws, around: &Around) -> Option<Self> {
        let relative = || {
            let path = around.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")?;
            Some(format!("{ECS}{path}"))
        };
        let url = config.container_endpoint.clone().or_else(relative);
        let url = url.or_else(|| around.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI"))?;
        let token_file = config.container_token_file.clone();
        Some(Self {
            url,
            token: around.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
            token_file: token_file
                .or_else(|| around.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")),
        })
    }

    pub(super) async fn ask(&self, around: &Around) -> Result<Held<Credentials>, CredentialsError> {
        if !is_near(&self.url) {
            let text = "the address of the container's credentials must be https, or a host that \
                        only this machine reaches";
            return Err(CredentialsError::Missing(text.to_owned()));
        }
        let mut ask = Ask::new(Method::GET, &self.url)?.within(NEAR);
        let token = match &self.token_file {
            Some(file) => Some(around.text(file)?),
            None => self.token.clone(),
        };
        if let Some(token) = token {
            ask = ask.header("authorization", token.trim(), true)?;
        }
        let host = ask.request.uri.authority().map(ToString::to_string);
        let body = ask.send(&around.transport).await?;
        read(&body, &host.unwrap_or_default())
    }
}

/// A token must not travel in the clear: only over TLS, within this machine, or to the addresses
/// that ECS and EKS keep for this.
fn is_near(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else {
        return false;
    };
    if uri.scheme_str() == Some("https") {
        return true;
    }
    let host = uri.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host.parse::<IpAddr>() {
        Ok(address) => {
            address.is_loopback()
                || ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"]
                    .iter()
                    .any(|known| known.parse() == Ok(address))
        }
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

/// An instance of EC2, asked in the second version of its protocol.
pub(super) struct Instance {
    endpoint: String,
}

impl Instance {
    pub(super) fn new(config: &config::Aws, around: &Around) -> Option<Self> {
        let off = around.variable("AWS_EC2_METADATA_DISABLED");
        let given = config.metadata_endpoint.clone();
        if given.is_none() && off.is_some_and(|off| off.eq_ignore_ascii_case("true")) {
            return None;
        }
        let six = around
            .variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE")
            .is_some_and(|mode| mode.eq_ignore_ascii_case("ipv6"));
        let usual = if six {
            "http://[fd00:ec2::254]"
        } else {
            "http://169.254.169.254"
        };
        let given = given.or_else(|| around.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT"));
        let endpoint = given.unwrap_or_else(|| usual.to_owned());
        Some(Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
        })
    }

    /// `None` where there is no such service, or no role on the instance.
    pub(super) async fn ask(
        &self,
        around: &Around,
    ) -> Result<Option<Held<Credentials>>, CredentialsError> {
        let url = format!("{}/latest/api/token", self.endpoint);
        let ask = Ask::new(Method::PUT, &url)?.within(NEAR);
        let ask = ask.header("x-aws-ec2-metadata-token-ttl-seconds", "300", false)?;
        let host = ask.request.uri.authority().map(ToString::to_string);
        let token = match ask.send(&around.transport).await {
            Ok(token) => String::from_utf8_lossy(&token).trim().to_owned(),
            Err(CredentialsError::Unavailable(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let get = async |path: &str| {
            let url = format!(
                "{}/latest/meta-data/iam/security-credentials/{path}",
                self.endpoint
            );
            let ask = Ask::new(Method::GET, &url)?.within(NEAR);
            let ask = ask.header("x-aws-ec2-metadata-token", &token, true)?;
            ask.send(&around.transport).await
        };
        let role = match get("").await {
            Ok(role) => String::from_utf8_lossy(&role).trim().to_owned(),
            // 404: the instance has no role.
            Err(CredentialsError::Refused(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let role = role.lines().next().unwrap_or_default();
        let body = get(role).await?;
        read(&body, &host.unwrap_or_default()).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_containers_stay_on_the_machine() {
        for (url, near) in [
            ("https://any.example/x", true),
            ("http://127.0.0.1:80/x", true),
            ("http://localhost/x", true),
            ("http://169.254.170.23/v1/credentials", true),
            ("http://[fd00:ec2::23]/v1", true),
            ("http://10.0.0.1/x", false),
            ("http://evil.example/x", false),
            ("", false),
        ] {
            assert_eq!(is_near(url), near, "{url}");
        }
    }
}
