//! Tokens of Google: of a service account, of a person who logged in with `gcloud`, of a workload
//! elsewhere, of the machine ("How Application Default Credentials works", AIP-4110 to AIP-4117).

mod external;
mod metadata;

use http::HeaderValue;
use serde::Deserialize;
use serde_json::json;
use tidegate_types::{Secret, config};

use super::{Around, Bearer, CredentialsError, Held, jwt::Signer, web::Ask};

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const TOKENS: &str = "https://oauth2.googleapis.com/token";

pub(super) struct Source {
    from: From,
    /// Where the token is exchanged for one of a service account.
    as_account: Option<String>,
    scope: String,
    around: Around,
}

enum From {
    Token(Secret<String>),
    Text(Secret<String>),
    File(String),
    /// The usual places, in the usual order.
    Default,
}

/// The kinds of credential files.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Credential {
    ServiceAccount(ServiceAccount),
    AuthorizedUser(AuthorizedUser),
    ExternalAccount(Box<external::Account>),
    ImpersonatedServiceAccount(Impersonated),
}

#[derive(Deserialize)]
struct ServiceAccount {
    client_email: String,
    private_key: Secret<String>,
    private_key_id: Option<String>,
    token_uri: Option<String>,
}

#[derive(Deserialize)]
struct AuthorizedUser {
    client_id: String,
    client_secret: Secret<String>,
    refresh_token: Secret<String>,
    token_uri: Option<String>,
    quota_project_id: Option<String>,
}

/// What `gcloud auth application-default login --impersonate-service-account` writes.
#[derive(Deserialize)]
struct Impersonated {
    service_account_impersonation_url: String,
    source_credentials: serde_json::Value,
    quota_project_id: Option<String>,
}

impl Source {
    pub(super) fn new(config: &config::Google, around: &Around) -> Self {
        let from = match (&config.token, &config.credentials, &config.credentials_file) {
            (Some(token), ..) => From::Token(token.clone()),
            (_, Some(text), _) => From::Text(text.clone()),
            (_, _, Some(path)) => From::File(path.clone()),
            _ => From::Default,
        };
        let scope = config.scope.clone();
        Self {
            from,
            as_account: config.impersonate.as_deref().map(|account| {
                let base = config.iam_endpoint.as_deref();
                external::impersonation_url(base, account)
            }),
            scope: scope.unwrap_or_else(|| SCOPE.to_owned()),
            around: around.clone(),
        }
    }

    pub(super) async fn ask(&self, now: u64) -> Result<Held<Bearer>, CredentialsError> {
        let own = match &self.from {
            From::Token(token) => Held {
                value: Bearer::new(token.expose())?,
                expires: None,
            },
            From::Text(text) => {
                self.read(text.expose(), "`google.credentials`", now)
                    .await?
            }
            From::File(path) => self.read(&self.around.text(path)?, path, now).await?,
            From::Default => match default_file(&self.around)? {
                Some((path, text)) => self.read(&text, &path, now).await?,
                None => metadata::ask(&self.around, now).await?,
            },
        };
        match &self.as_account {
            Some(url) => external::impersonate(url, &own.value, &self.scope, &self.around).await,
            None => Ok(own),
        }
    }

    async fn read(
        &self,
        text: &str,
        place: &str,
        now: u64,
    ) -> Result<Held<Bearer>, CredentialsError> {
        let credential = parse(text, place)?;
        let Credential::ImpersonatedServiceAccount(impersonated) = credential else {
            return self.exchange(credential, place, now).await;
        };
        let source = parse(&impersonated.source_credentials.to_string(), place)?;
        if matches!(source, Credential::ImpersonatedServiceAccount(_)) {
            let text =
                format!("the source of the credentials in {place} is an impersonation itself");
            return Err(CredentialsError::Missing(text));
        }
        let own = self.exchange(source, place, now).await?;
        let url = &impersonated.service_account_impersonation_url;
        let mut held = external::impersonate(url, &own.value, &self.scope, &self.around).await?;
        held.value.quota_project = quota(impersonated.quota_project_id.as_deref());
        Ok(held)
    }

    async fn exchange(
        &self,
        credential: Credential,
        place: &str,
        now: u64,
    ) -> Result<Held<Bearer>, CredentialsError> {
        match credential {
            Credential::ServiceAccount(account) => self.sign(&account, place, now).await,
            Credential::AuthorizedUser(user) => self.refresh(&user, now).await,
            Credential::ExternalAccount(account) => {
                account.ask(&self.scope, &self.around, now).await
            }
            Credential::ImpersonatedServiceAccount(_) => Err(CredentialsError::Missing(format!(
                "{place} cannot be used as the source of an impersonation"
            ))),
        }
    }

    /// "Using OAuth 2.0 for Server to Server Applications".
    async fn sign(
        &self,
        account: &ServiceAccount,
        place: &str,
        now: u64,
    ) -> Result<Held<Bearer>, CredentialsError> {
        let url = account.token_uri.as_deref().unwrap_or(TOKENS);
        let signer = Signer::from_pem(account.private_key.expose(), place)?;
        let mut header = json!({ "alg": "RS256", "typ": "JWT" });
        if let Some(id) = &account.private_key_id {
            header["kid"] = json!(id);
        }
        let claims = json!({
            "iss": account.client_email,
            "sub": account.client_email,
            "scope": self.scope,
            "aud": url,
            "iat": now,
            "exp": now + 3600,
        });
        let assertion = signer.sign(&header, &claims)?;
        let fields = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", &*assertion),
        ];
        let ask = Ask::form(url, &fields, &["assertion"])?;
        ask.token(&self.around.transport, now).await
    }

    async fn refresh(
        &self,
        user: &AuthorizedUser,
        now: u64,
    ) -> Result<Held<Bearer>, CredentialsError> {
        let fields = [
            ("grant_type", "refresh_token"),
            ("client_id", &*user.client_id),
            ("client_secret", user.client_secret.expose()),
            ("refresh_token", user.refresh_token.expose()),
        ];
        let url = user.token_uri.as_deref().unwrap_or(TOKENS);
        let ask = Ask::form(url, &fields, &["client_secret", "refresh_token"])?;
        let mut held = ask.token(&self.around.transport, now).await?;
        held.value.quota_project = quota(user.quota_project_id.as_deref());
        Ok(held)
    }
}

fn quota(project: Option<&str>) -> Option<HeaderValue> {
    project.and_then(|project| HeaderValue::from_str(project).ok())
}

fn parse(text: &str, place: &str) -> Result<Credential, CredentialsError> {
    // serde's own words could quote a value.
    serde_json::from_str(text).map_err(|_| {
        CredentialsError::Missing(format!(
            "{place} holds no Google credentials of a known kind (service_account, \
             authorized_user, external_account, impersonated_service_account)"
        ))
    })
}

/// The file of the application default credentials and its text. One that the environment names must
/// be there; the one `gcloud` writes may be.
fn default_file(around: &Around) -> Result<Option<(String, String)>, CredentialsError> {
    if let Some(path) = around.variable("GOOGLE_APPLICATION_CREDENTIALS") {
        let text = around.text(&path)?;
        return Ok(Some((path, text)));
    }
    let folder = around
        .variable("CLOUDSDK_CONFIG")
        .or_else(|| Some(format!("{}/gcloud", around.variable("APPDATA")?)))
        .or_else(|| Some(format!("{}/.config/gcloud", around.variable("HOME")?)));
    let Some(folder) = folder else {
        return Ok(None);
    };
    let path = format!("{folder}/application_default_credentials.json");
    match (around.read)(path.as_ref()) {
        Ok(bytes) => Ok(Some((path, String::from_utf8_lossy(&bytes).into_owned()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(_) => around.text(&path).map(|text| Some((path, text))),
    }
}

/// The project that the credentials say they belong to; nothing is asked of the network for it.
pub(super) fn project(config: &config::Google, around: &Around) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        project_id: Option<String>,
        quota_project_id: Option<String>,
    }
    let text = match (&config.credentials, &config.credentials_file) {
        (Some(text), _) => text.expose().clone(),
        (_, Some(path)) => around.text(path).ok()?,
        _ if config.token.is_some() => return None,
        _ => default_file(around).ok()??.1,
    };
    let named = serde_json::from_str::<Named>(&text).ok()?;
    named.project_id.or(named.quota_project_id)
}
