//! Tokens of Microsoft Entra ID: of an application with a secret, a certificate or a federated token,
//! or of a managed identity ("OAuth 2.0 client credentials flow on the Microsoft identity platform",
//! "How managed identities work").

use http::Method;
use ring::digest;
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use serde_json::json;
use tidegate_types::{Secret, config};

use super::{
    Around, Bearer, CredentialsError, Held,
    jwt::{Signer, base64url},
    web::{Ask, NEAR, query},
};

const METADATA: &str = "http://169.254.169.254";
const SCOPE: &str = "https://cognitiveservices.azure.com/.default";

pub(super) struct Source {
    grant: Grant,
    scope: String,
    around: Around,
}

enum Grant {
    Token(Secret<String>),
    Application {
        tenant: String,
        client: String,
        authority: String,
        proof: Proof,
    },
    /// App Service, Functions, Container Apps.
    Service {
        endpoint: String,
        header: Secret<String>,
        client: Option<String>,
    },
    /// Virtual machines.
    Machine {
        endpoint: String,
        client: Option<String>,
    },
    Nothing(&'static str),
}

enum Proof {
    Secret(Secret<String>),
    Certificate(String),
    Federated(String),
}

impl Source {
    pub(super) fn new(config: &config::Azure, around: &Around) -> Self {
        let scope = config.scope.clone();
        Self {
            grant: grant(config, around),
            scope: scope.unwrap_or_else(|| SCOPE.to_owned()),
            around: around.clone(),
        }
    }

    pub(super) async fn ask(&self, now: u64) -> Result<Held<Bearer>, CredentialsError> {
        let resource = self.scope.trim_end_matches("/.default");
        let ask = match &self.grant {
            Grant::Token(token) => {
                return Ok(Held {
                    value: Bearer::new(token.expose())?,
                    expires: None,
                });
            }
            Grant::Nothing(what) => return Err(CredentialsError::Missing((*what).to_owned())),
            Grant::Application {
                tenant,
                client,
                authority,
                proof,
            } => {
                let url = format!("{authority}/{tenant}/oauth2/v2.0/token");
                let mut fields = vec![
                    ("grant_type", "client_credentials"),
                    ("client_id", &**client),
                    ("scope", &*self.scope),
                ];
                let assertion;
                match proof {
                    Proof::Secret(secret) => fields.push(("client_secret", secret.expose())),
                    Proof::Certificate(path) => {
                        assertion = signed(&self.around.text(path)?, path, client, &url, now)?;
                        fields.push(("client_assertion_type", ASSERTION));
                        fields.push(("client_assertion", &assertion));
                    }
                    Proof::Federated(path) => {
                        assertion = self.around.text(path)?;
                        fields.push(("client_assertion_type", ASSERTION));
                        fields.push(("client_assertion", assertion.trim()));
                    }
                }
                Ask::form(&url, &fields, &["client_secret", "client_assertion"])?
            }
            Grant::Service {
                endpoint,
                header,
                client,
            } => {
                let mut fields = vec![("api-version", "2019-08-01"), ("resource", resource)];
                fields.extend(client.as_deref().map(|client| ("client_id", client)));
                Ask::new(Method::GET, &format!("{endpoint}?{}", query(&fields)))?.header(
                    "x-identity-header",
                    header.expose(),
                    true,
                )?
            }
            Grant::Machine { endpoint, client } => {
                let mut fields = vec![("api-version", "2018-02-01"), ("resource", resource)];
                fields.extend(client.as_deref().map(|client| ("client_id", client)));
                let url = format!(
                    "{endpoint}/metadata/identity/oauth2/token?{}",
                    query(&fields)
                );
                Ask::new(Method::GET, &url)?
                    .header("metadata", "true", false)?
                    .within(NEAR)
            }
        };
        ask.token(&self.around.transport, now).await
    }
}

const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What is configured counts first, then what the environment names, in the order of Azure's SDKs:
/// application, workload identity, managed identity.
fn grant(config: &config::Azure, around: &Around) -> Grant {
    if let Some(token) = &config.token {
        return Grant::Token(token.clone());
    }
    let client = config.client_id.clone();
    if config.managed_identity == Some(true) {
        return managed(config, around, client);
    }
    if let Some(token) = around.first(&["AZURE_OPENAI_AD_TOKEN", "AZURE_AD_TOKEN"])
        && client.is_none()
    {
        return Grant::Token(token.into());
    }
    let given =
        |given: &Option<String>, name: &str| given.clone().or_else(|| around.variable(name));
    let tenant = given(&config.tenant_id, "AZURE_TENANT_ID");
    let client = given(&config.client_id, "AZURE_CLIENT_ID");
    // A proof that is configured counts before any the environment holds.
    let configured = config
        .client_secret
        .clone()
        .map(Proof::Secret)
        .or_else(|| config.client_certificate.clone().map(Proof::Certificate))
        .or_else(|| config.federated_token_file.clone().map(Proof::Federated));
    let proof = configured.or_else(|| {
        let secret = around.variable("AZURE_CLIENT_SECRET");
        let certificate = || around.variable("AZURE_CLIENT_CERTIFICATE_PATH");
        let federated = || around.variable("AZURE_FEDERATED_TOKEN_FILE");
        secret
            .map(|secret| Proof::Secret(secret.into()))
            .or_else(|| certificate().map(Proof::Certificate))
            .or_else(|| federated().map(Proof::Federated))
    });
    let Some(proof) = proof else {
        return managed(config, around, client);
    };
    let (Some(tenant), Some(client)) = (tenant, client) else {
        return Grant::Nothing(
            "an application of Entra ID needs `azure.tenant_id` and `azure.client_id`, or \
             AZURE_TENANT_ID and AZURE_CLIENT_ID",
        );
    };
    let authority = given(&config.authority_host, "AZURE_AUTHORITY_HOST");
    let authority = authority.unwrap_or_else(|| "https://login.microsoftonline.com".to_owned());
    Grant::Application {
        tenant,
        client,
        authority: authority.trim_end_matches('/').to_owned(),
        proof,
    }
}

fn managed(config: &config::Azure, around: &Around, client: Option<String>) -> Grant {
    if let Some(endpoint) = &config.metadata_endpoint {
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        return Grant::Machine { endpoint, client };
    }
    let endpoint = around.variable("IDENTITY_ENDPOINT");
    let header = around.variable("IDENTITY_HEADER");
    if let (Some(endpoint), Some(header)) = (endpoint, header) {
        let header = header.into();
        return Grant::Service {
            endpoint,
            header,
            client,
        };
    }
    let host = around.variable("AZURE_POD_IDENTITY_AUTHORITY_HOST");
    let endpoint = host.unwrap_or_else(|| METADATA.to_owned());
    let endpoint = endpoint.trim_end_matches('/').to_owned();
    Grant::Machine { endpoint, client }
}

/// The statement with which an application proves that it holds its certificate ("Microsoft identity
/// platform application authentication certificate credentials").
fn signed(
    pem: &str,
    path: &str,
    client: &str,
    audience: &str,
    now: u64,
) -> Result<String, CredentialsError> {
    let signer = Signer::from_pem(pem, path)?;
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| {
        CredentialsError::Missing(format!("{path} holds no certificate in PEM beside its key"))
    })?;
    let print = |algorithm| base64url(digest::digest(algorithm, &certificate).as_ref());
    let header = json!({
        "alg": "RS256",
        "typ": "JWT",
        "x5t": print(&digest::SHA1_FOR_LEGACY_USE_ONLY),
        "x5t#S256": print(&digest::SHA256),
    });
    let claims = json!({
        "aud": audience,
        "iss": client,
        "sub": client,
        "jti": base64url(digest::digest(&digest::SHA256, format!("{client}{now}").as_bytes()).as_ref()),
        "nbf": now.saturating_sub(60),
        "iat": now,
        "exp": now + 600,
    });
    signer.sign(&header, &claims)
}
