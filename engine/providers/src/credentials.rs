//! Who a request to a cloud is from: keys and tokens that are found, kept and renewed in time.
//!
//! Nothing happens when a provider is made: the first call that needs a token asks for it, others
//! wait for that one answer, and a later call renews it before it expires. A renewal that fails leaves
//! the old token in use for as long as it is good. Token requests take the same [`Transport`] as
//! everything else, the time is handed in, and files are read through [`Around`].

#[cfg(feature = "aws")]
mod aws;
#[cfg(feature = "azure")]
mod azure;
mod cached;
#[cfg(feature = "google")]
mod google;
mod ibm;
#[cfg(any(feature = "google", feature = "azure"))]
mod jwt;
mod web;

#[cfg(test)]
mod tests;

use std::{fmt, io, path::Path, sync::Arc};

use http::{HeaderName, HeaderValue, header};
use tidegate_types::{Secret, config};

use crate::transport::{HttpRequest, Transport};
use cached::{Cached, Held};

/// Gives the value of an environment variable.
pub type Env = dyn Fn(&str) -> Option<String> + Send + Sync;

/// What credentials are found with.
#[derive(Clone)]
pub struct Around {
    /// The way to token servers.
    pub transport: Arc<dyn Transport>,
    /// The environment, as it was when the configuration was loaded.
    pub env: Arc<Env>,
    /// Reads a file, anew each time: tokens in files are exchanged while a process runs.
    pub read: fn(&Path) -> io::Result<Vec<u8>>,
}

impl fmt::Debug for Around {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Around")
    }
}

impl Around {
    /// The value of a variable that is set and not blank.
    fn variable(&self, name: &str) -> Option<String> {
        let value = (self.env)(name)?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    #[cfg(any(feature = "aws", feature = "azure", feature = "google"))]
    fn first(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.variable(name))
    }

    /// The text of a file that must be there.
    #[cfg(any(feature = "aws", feature = "azure", feature = "google"))]
    fn text(&self, path: &str) -> Result<String, CredentialsError> {
        let bytes = (self.read)(Path::new(path)).map_err(|error| {
            CredentialsError::Missing(format!("cannot read the credentials in {path}: {error}"))
        })?;
        String::from_utf8(bytes).map_err(|_| {
            CredentialsError::Missing(format!("the credentials in {path} are no text"))
        })
    }
}

/// Why there are no credentials for a request. Texts never hold one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// None are configured, or what is configured is incomplete.
    #[error("{0}")]
    Missing(String),
    /// The identity service refused them.
    #[error("{0}")]
    Refused(String),
    /// The identity service could not be asked, or failed.
    #[error("{0}")]
    Unavailable(String),
}

/// Proves who a provider's requests are from.
pub struct Authority(Kind);

enum Kind {
    #[cfg(feature = "aws")]
    Aws {
        chain: aws::Chain,
        keys: Cached<crate::aws::Credentials>,
        region: String,
        service: &'static str,
    },
    Bearer {
        source: Source,
        token: Cached<Bearer>,
    },
    /// What the build, or the configuration, makes impossible.
    #[cfg_attr(
        all(feature = "aws", feature = "azure", feature = "google"),
        expect(dead_code, reason = "builds without a cloud's feature say so here")
    )]
    Nothing(CredentialsError),
}

enum Source {
    #[cfg(feature = "azure")]
    Azure(azure::Source),
    #[cfg(feature = "google")]
    Google(google::Source),
    Ibm(ibm::Source),
}

/// A token as it is sent.
#[derive(Debug, Clone)]
struct Bearer {
    authorization: HeaderValue,
    /// Who pays, where Google wants it said.
    quota_project: Option<HeaderValue>,
}

impl Bearer {
    fn new(token: &str) -> Result<Self, CredentialsError> {
        let mut authorization =
            HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| {
                CredentialsError::Unavailable(
                    "the identity service sent a token that no header can hold".to_owned(),
                )
            })?;
        authorization.set_sensitive(true);
        Ok(Self {
            authorization,
            quota_project: None,
        })
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            #[cfg(feature = "aws")]
            Kind::Aws { .. } => "Authority(aws)",
            Kind::Bearer { source, .. } => match source {
                #[cfg(feature = "azure")]
                Source::Azure(_) => "Authority(azure)",
                #[cfg(feature = "google")]
                Source::Google(_) => "Authority(google)",
                Source::Ibm(_) => "Authority(ibm)",
            },
            Kind::Nothing(_) => "Authority(none)",
        })
    }
}

impl Authority {
    /// Keys of AWS that sign for `service` in `region`: configured ones, or the first that the usual
    /// places hold (environment, profile files, web identity, container, instance).
    pub fn aws(
        config: &config::Aws,
        region: String,
        service: &'static str,
        around: &Around,
    ) -> Self {
        #[cfg(feature = "aws")]
        return Self(Kind::Aws {
            chain: aws::Chain::new(config, &region, around),
            keys: Cached::default(),
            region,
            service,
        });
        #[cfg(not(feature = "aws"))]
        {
            let _ = (config, region, service, around);
            Self::without("aws")
        }
    }

    /// Tokens of Microsoft Entra ID.
    pub fn azure(config: &config::Azure, around: &Around) -> Self {
        #[cfg(feature = "azure")]
        return Self::bearer(Source::Azure(azure::Source::new(config, around)));
        #[cfg(not(feature = "azure"))]
        {
            let _ = (config, around);
            Self::without("azure")
        }
    }

    /// Tokens of Google: a given credential, or the application default ones.
    pub fn google(config: &config::Google, around: &Around) -> Self {
        #[cfg(feature = "google")]
        return Self::bearer(Source::Google(google::Source::new(config, around)));
        #[cfg(not(feature = "google"))]
        {
            let _ = (config, around);
            Self::without("google")
        }
    }

    /// Tokens of IBM Cloud, for its API key; from `url`, or IBM's own service.
    pub fn ibm(api_key: Secret<String>, url: Option<String>, around: &Around) -> Self {
        Self::bearer(Source::Ibm(ibm::Source::new(api_key, url, around)))
    }

    fn bearer(source: Source) -> Self {
        Self(Kind::Bearer {
            source,
            token: Cached::default(),
        })
    }

    #[cfg(not(all(feature = "aws", feature = "azure", feature = "google")))]
    fn without(feature: &str) -> Self {
        Self(Kind::Nothing(CredentialsError::Missing(format!(
            "this build of Tidegate has no native authentication for this cloud; build it with the \
             feature `{feature}`"
        ))))
    }

    /// Adds the headers that prove it. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// [`CredentialsError`] when there are no credentials, or none that are still good.
    pub async fn apply(&self, request: &mut HttpRequest, now: u64) -> Result<(), CredentialsError> {
        match &self.0 {
            #[cfg(feature = "aws")]
            Kind::Aws {
                chain,
                keys,
                region,
                service,
            } => {
                let keys = keys.get(now, || chain.find(now)).await?;
                crate::aws::sign(request, &keys, region, service, now)
                    .map_err(|error| CredentialsError::Missing(error.to_string()))
            }
            Kind::Bearer { source, token } => {
                let token = token.get(now, || source.ask(now)).await?;
                let headers = &mut request.headers;
                headers.insert(header::AUTHORIZATION, token.authorization.clone());
                if let Some(project) = &token.quota_project {
                    let name = HeaderName::from_static("x-goog-user-project");
                    headers.insert(name, project.clone());
                }
                Ok(())
            }
            Kind::Nothing(error) => Err(error.clone()),
        }
    }

    /// Whether the proof is made of the request's body, which must then be there whole.
    pub fn signs_bodies(&self) -> bool {
        match &self.0 {
            #[cfg(feature = "aws")]
            Kind::Aws { .. } => true,
            Kind::Bearer { .. } | Kind::Nothing(_) => false,
        }
    }

    /// Forgets what is kept: the upstream refused it.
    pub fn forget(&self) {
        match &self.0 {
            #[cfg(feature = "aws")]
            Kind::Aws { keys, .. } => keys.forget(),
            Kind::Bearer { token, .. } => token.forget(),
            Kind::Nothing(_) => {}
        }
    }
}

impl Source {
    async fn ask(&self, now: u64) -> Result<Held<Bearer>, CredentialsError> {
        match self {
            #[cfg(feature = "azure")]
            Self::Azure(source) => source.ask(now).await,
            #[cfg(feature = "google")]
            Self::Google(source) => source.ask(now).await,
            Self::Ibm(source) => source.ask(now).await,
        }
    }
}

/// Whether the environment names credentials of AWS, so that Bedrock is worth offering unasked.
pub fn aws_in_environment(env: &dyn Fn(&str) -> Option<String>) -> bool {
    let set = |name: &str| env(name).is_some_and(|value| !value.trim().is_empty());
    set("AWS_ACCESS_KEY_ID") && set("AWS_SECRET_ACCESS_KEY")
        || set("AWS_PROFILE")
        || set("AWS_WEB_IDENTITY_TOKEN_FILE") && set("AWS_ROLE_ARN")
        || set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
        || set("AWS_CONTAINER_CREDENTIALS_FULL_URI")
}

/// Whether the environment names credentials of Entra ID.
pub fn azure_in_environment(env: &dyn Fn(&str) -> Option<String>) -> bool {
    let set = |name: &str| env(name).is_some_and(|value| !value.trim().is_empty());
    set("AZURE_OPENAI_AD_TOKEN")
        || set("AZURE_AD_TOKEN")
        || set("IDENTITY_ENDPOINT") && set("IDENTITY_HEADER")
        || set("AZURE_CLIENT_ID")
            && set("AZURE_TENANT_ID")
            && (set("AZURE_CLIENT_SECRET")
                || set("AZURE_CLIENT_CERTIFICATE_PATH")
                || set("AZURE_FEDERATED_TOKEN_FILE"))
}

/// The region of AWS: configured, named by the environment, or by the profile in use.
pub fn aws_region(config: Option<&config::Aws>, around: &Around) -> Option<String> {
    let given = config.and_then(|aws| aws.region.clone());
    let named = || crate::aws::region_from_variables(|name| around.variable(name));
    #[cfg(feature = "aws")]
    let profile = || aws::profile_region(config, around);
    #[cfg(not(feature = "aws"))]
    let profile = || None;
    given.or_else(named).or_else(profile)
}

/// The project that Google credentials belong to, where they say so.
pub fn google_project(config: &config::Google, around: &Around) -> Option<String> {
    #[cfg(feature = "google")]
    return google::project(config, around);
    #[cfg(not(feature = "google"))]
    {
        let _ = (config, around);
        None
    }
}
