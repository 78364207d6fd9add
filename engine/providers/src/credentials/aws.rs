//! Keys of AWS, in the order of the AWS SDKs: given ones, the environment, profile files, web
//! identity, the container, the instance ("Standardized credential providers", AWS SDKs and Tools
//! Reference Guide). A role named in the configuration is assumed with whatever is found.

mod metadata;
mod profile;
mod sts;

use tidegate_types::config::{self, AwsSource};

use super::{Around, CredentialsError, Held};
use crate::aws::Credentials;

pub(super) use profile::region as profile_region;

/// Where keys are looked for.
pub(super) struct Chain {
    steps: Vec<Step>,
    /// Assumed with the keys found.
    role: Option<sts::Role>,
    sts: sts::Service,
    around: Around,
}

enum Step {
    Keys(Credentials),
    Profile(profile::Files),
    WebIdentity(sts::WebIdentity),
    Container(metadata::Container),
    Instance(metadata::Instance),
}

impl Chain {
    pub(super) fn new(config: &config::Aws, region: &str, around: &Around) -> Self {
        let wanted = |source: AwsSource| config.source.is_none_or(|only| only == source);
        let mut steps = Vec::new();
        if let (Some(id), Some(secret)) = (&config.access_key_id, &config.secret_access_key) {
            let token = config.session_token.clone();
            steps.push(Step::Keys(Credentials::new(
                id.clone(),
                secret.clone(),
                token,
            )));
        } else {
            // A profile that is asked for by name is meant, whatever else the environment holds.
            let named = config.profile.is_some();
            let identity = sts::WebIdentity::new(config, around);
            let own_identity = config.web_identity_token_file.is_some();
            if wanted(AwsSource::Environment)
                && !named
                && !own_identity
                && let Some(keys) = Credentials::from_variables(|name| around.variable(name))
            {
                steps.push(Step::Keys(keys));
            }
            if wanted(AwsSource::Profile) && !own_identity {
                steps.push(Step::Profile(profile::Files::new(config, around)));
            }
            if wanted(AwsSource::WebIdentity)
                && !named
                && let Some(identity) = identity
            {
                steps.push(Step::WebIdentity(identity));
            }
            if wanted(AwsSource::Container)
                && !named
                && !own_identity
                && let Some(container) = metadata::Container::new(config, around)
            {
                steps.push(Step::Container(container));
            }
            if wanted(AwsSource::Instance)
                && !named
                && !own_identity
                && let Some(instance) = metadata::Instance::new(config, around)
            {
                steps.push(Step::Instance(instance));
            }
        }
        // A role beside a file of web identity is what that identity assumes.
        let role = config
            .role_arn
            .clone()
            .filter(|_| config.web_identity_token_file.is_none())
            .map(|arn| sts::Role {
                arn,
                session: config.session_name.clone(),
                external_id: config.external_id.clone(),
                seconds: None,
            });
        Self {
            steps,
            role,
            sts: sts::Service::new(config, region, around),
            around: around.clone(),
        }
    }

    /// The first keys found.
    pub(super) async fn find(&self, now: u64) -> Result<Held<Credentials>, CredentialsError> {
        let mut found = None;
        for step in &self.steps {
            found = match step {
                Step::Keys(keys) => Some(Held {
                    value: keys.clone(),
                    expires: None,
                }),
                Step::Profile(files) => profile::find(self, files, now).await?,
                Step::WebIdentity(identity) => Some(self.sts.with_identity(identity, now).await?),
                Step::Container(container) => Some(container.ask(&self.around).await?),
                Step::Instance(instance) => instance.ask(&self.around).await?,
            };
            if found.is_some() {
                break;
            }
        }
        let found = found.ok_or_else(|| {
            let text = "no AWS credentials were found; set AWS_ACCESS_KEY_ID and \
                        AWS_SECRET_ACCESS_KEY, AWS_PROFILE, a role, or `aws` of the provider";
            CredentialsError::Missing(text.to_owned())
        })?;
        match &self.role {
            Some(role) => self.sts.assume(role, &found.value, now).await,
            None => Ok(found),
        }
    }
}
