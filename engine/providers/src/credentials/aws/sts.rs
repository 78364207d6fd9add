//! The security token service: a role is assumed with keys, or with a token of another issuer
//! ("AssumeRole", "AssumeRoleWithWebIdentity", AWS Security Token Service API Reference).

use tidegate_types::config;

use super::super::{
    Around, CredentialsError, Held,
    web::{Ask, between, unreadable},
};
use crate::aws::{Credentials, sign};

/// A role, and as whom it is assumed.
#[derive(Debug, Clone)]
pub(super) struct Role {
    pub(super) arn: String,
    pub(super) session: Option<String>,
    pub(super) external_id: Option<String>,
    pub(super) seconds: Option<String>,
}

impl Role {
    /// The session's name shows in AWS's own logs.
    fn session(&self, now: u64) -> String {
        let given = self.session.clone().filter(|name| !name.is_empty());
        given.unwrap_or_else(|| format!("tidegate-{now}"))
    }
}

/// A role that the bearer of a token may assume.
#[derive(Debug, Clone)]
pub(super) struct WebIdentity {
    pub(super) role: Role,
    pub(super) token_file: String,
}

impl WebIdentity {
    pub(super) fn new(config: &config::Aws, around: &Around) -> Option<Self> {
        let file = config.web_identity_token_file.clone();
        let file = file.or_else(|| around.variable("AWS_WEB_IDENTITY_TOKEN_FILE"))?;
        let arn = match &config.web_identity_token_file {
            Some(_) => config.role_arn.clone(),
            None => None,
        };
        let arn = arn.or_else(|| around.variable("AWS_ROLE_ARN"))?;
        let session = config.session_name.clone();
        let session = session.or_else(|| around.variable("AWS_ROLE_SESSION_NAME"));
        Some(Self {
            role: Role {
                arn,
                session,
                external_id: None,
                seconds: None,
            },
            token_file: file,
        })
    }
}

/// Where the service answers.
pub(super) struct Service {
    url: String,
    region: String,
    around: Around,
}

impl Service {
    pub(super) fn new(config: &config::Aws, region: &str, around: &Around) -> Self {
        let given = config.sts_endpoint.clone();
        let given = given.or_else(|| around.variable("AWS_ENDPOINT_URL_STS"));
        let url = given.unwrap_or_else(|| {
            let china = if region.starts_with("cn-") { ".cn" } else { "" };
            format!("https://sts.{region}.amazonaws.com{china}")
        });
        Self {
            url: format!("{}/", url.trim_end_matches('/')),
            region: region.to_owned(),
            around: around.clone(),
        }
    }

    pub(super) async fn assume(
        &self,
        role: &Role,
        keys: &Credentials,
        now: u64,
    ) -> Result<Held<Credentials>, CredentialsError> {
        let session = role.session(now);
        let mut fields = fields("AssumeRole", role, &session);
        if let Some(id) = &role.external_id {
            fields.push(("ExternalId", id));
        }
        let mut ask = Ask::form(&self.url, &fields, &[])?;
        sign(&mut ask.request, keys, &self.region, "sts", now)
            .map_err(|error| CredentialsError::Missing(error.to_string()))?;
        self.read(ask).await
    }

    pub(super) async fn with_identity(
        &self,
        identity: &WebIdentity,
        now: u64,
    ) -> Result<Held<Credentials>, CredentialsError> {
        let token = self.around.text(&identity.token_file)?;
        let session = identity.role.session(now);
        let mut fields = fields("AssumeRoleWithWebIdentity", &identity.role, &session);
        fields.push(("WebIdentityToken", token.trim()));
        self.read(Ask::form(&self.url, &fields, &["WebIdentityToken"])?)
            .await
    }

    async fn read(&self, ask: Ask) -> Result<Held<Credentials>, CredentialsError> {
        let host = ask.request.uri.authority().map(ToString::to_string);
        let body = ask.send(&self.around.transport).await?;
        let text = String::from_utf8_lossy(&body);
        let value = |name: &str| between(&text, name).filter(|text| !text.is_empty());
        let read = || {
            let expires = config::unix_seconds(value("Expiration")?)?;
            Some(Held {
                value: Credentials::new(
                    value("AccessKeyId")?.to_owned(),
                    value("SecretAccessKey")?.to_owned().into(),
                    Some(value("SessionToken")?.to_owned().into()),
                ),
                expires: Some(u64::try_from(expires).unwrap_or(0)),
            })
        };
        read().ok_or_else(|| unreadable(host.as_deref()))
    }
}

fn fields<'a>(action: &'a str, role: &'a Role, session: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![
        ("Action", action),
        ("Version", "2011-06-15"),
        ("RoleArn", &*role.arn),
        ("RoleSessionName", session),
    ];
    if let Some(seconds) = &role.seconds {
        fields.push(("DurationSeconds", seconds));
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::{super::super::web::query, *};

    #[test]
    fn a_role_is_asked_for_in_the_words_of_the_query_api() {
        let role = Role {
            arn: "arn:aws:iam::1:role/a b".to_owned(),
            session: Some("s".to_owned()),
            external_id: None,
            seconds: None,
        };
        let session = role.session(7);
        assert_eq!(
            query(&fields("AssumeRole", &role, &session)),
            "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fa%20b&\
             RoleSessionName=s"
        );
    }
}
