//! Workloads elsewhere: a token of another issuer is exchanged for one of Google's ("Workload
//! Identity Federation", AIP-4117; RFC 8693).

use std::collections::BTreeMap;

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use tidegate_types::{Segments, config};

use super::super::{
    Around, Bearer, CredentialsError, Held,
    web::{Ask, unreadable},
};

#[derive(Deserialize)]
pub(super) struct Account {
    audience: String,
    subject_token_type: String,
    token_url: Option<String>,
    credential_source: Subject,
    service_account_impersonation_url: Option<String>,
    quota_project_id: Option<String>,
}

/// Where the other issuer's token is.
#[derive(Deserialize)]
struct Subject {
    file: Option<String>,
    url: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    format: Format,
}

#[derive(Default, Deserialize)]
struct Format {
    #[serde(rename = "type")]
    kind: Option<String>,
    subject_token_field_name: Option<String>,
}

impl Account {
    pub(super) async fn ask(
        &self,
        scope: &str,
        around: &Around,
        now: u64,
    ) -> Result<Held<Bearer>, CredentialsError> {
        let subject = self.credential_source.token(around).await?;
        let fields = [
            (
                "grant_type",
                "urn:ietf:params:oauth:grant-type:token-exchange",
            ),
            ("audience", &*self.audience),
            ("scope", scope),
            (
                "requested_token_type",
                "urn:ietf:params:oauth:token-type:access_token",
            ),
            ("subject_token_type", &*self.subject_token_type),
            ("subject_token", &*subject),
        ];
        let url = self.token_url.as_deref();
        let url = url.unwrap_or("https://sts.googleapis.com/v1/token");
        let ask = Ask::form(url, &fields, &["subject_token"])?;
        let mut held = ask.token(&around.transport, now).await?;
        if let Some(url) = &self.service_account_impersonation_url {
            held = impersonate(url, &held.value, scope, around).await?;
        }
        held.value.quota_project = super::quota(self.quota_project_id.as_deref());
        Ok(held)
    }
}

impl Subject {
    async fn token(&self, around: &Around) -> Result<String, CredentialsError> {
        let text = match (&self.file, &self.url) {
            (Some(path), _) => around.text(path)?,
            (_, Some(url)) => {
                let mut ask = Ask::new(Method::GET, url)?;
                for (name, value) in &self.headers {
                    ask = ask.header(name, value, true)?;
                }
                let body = ask.send(&around.transport).await?;
                String::from_utf8_lossy(&body).into_owned()
            }
            _ => {
                let text = "the external account's token comes neither from a file nor from a URL, \
                            which is all that is done here";
                return Err(CredentialsError::Missing(text.to_owned()));
            }
        };
        if self.format.kind.as_deref() != Some("json") {
            return Ok(text.trim().to_owned());
        }
        let field = self.format.subject_token_field_name.as_deref();
        let field = field.unwrap_or("access_token");
        let value = serde_json::from_str::<Value>(&text).unwrap_or_default();
        value[field].as_str().map(str::to_owned).ok_or_else(|| {
            CredentialsError::Missing(format!(
                "the source of the external account's token has no text `{field}`"
            ))
        })
    }
}

/// Where a service account's tokens are made; the account is given by its address.
pub(super) fn impersonation_url(base: Option<&str>, account: &str) -> String {
    let base = base.unwrap_or("https://iamcredentials.googleapis.com");
    format!(
        "{}/v1/projects/-/serviceAccounts/{account}:generateAccessToken",
        base.trim_end_matches('/')
    )
}

/// "Create short-lived credentials for a service account".
pub(super) async fn impersonate(
    url: &str,
    own: &Bearer,
    scope: &str,
    around: &Around,
) -> Result<Held<Bearer>, CredentialsError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Made {
        access_token: String,
        expire_time: String,
    }
    let token = own.authorization.to_str().unwrap_or_default();
    let mut ask = Ask::new(Method::POST, url)?
        .header("authorization", token, true)?
        .header("content-type", "application/json", false)?;
    let body = json!({ "scope": [scope], "lifetime": "3600s" });
    ask.request.body = Segments::from(body.to_string().into_bytes());
    let host = ask.request.uri.authority().map(ToString::to_string);
    let body = ask.send(&around.transport).await?;
    let made = serde_json::from_slice::<Made>(&body).ok();
    let made = made.ok_or_else(|| unreadable(host.as_deref()))?;
    let expires = config::unix_seconds(&made.expire_time);
    let expires = expires.ok_or_else(|| unreadable(host.as_deref()))?;
    Ok(Held {
        value: Bearer::new(&made.access_token)?,
        expires: Some(u64::try_from(expires).unwrap_or(0)),
    })
}
