//! IBM Cloud: an API key is exchanged for a token that is good for an hour ("Generating an IBM Cloud
//! IAM token by using an API key").

use std::sync::Arc;

use tidegate_types::Secret;

use super::{Around, Bearer, CredentialsError, Held, web::Ask};
use crate::transport::Transport;

pub(super) struct Source {
    api_key: Secret<String>,
    url: String,
    transport: Arc<dyn Transport>,
}

impl Source {
    pub(super) fn new(api_key: Secret<String>, url: Option<String>, around: &Around) -> Self {
        let url = url.or_else(|| around.variable("IBM_CLOUD_IAM_URL"));
        let url = url.unwrap_or_else(|| "https://iam.cloud.ibm.com".to_owned());
        Self {
            api_key,
            url: format!("{}/identity/token", url.trim_end_matches('/')),
            transport: Arc::clone(&around.transport),
        }
    }

    pub(super) async fn ask(&self, now: u64) -> Result<Held<Bearer>, CredentialsError> {
        let fields = [
            ("grant_type", "urn:ibm:params:oauth:grant-type:apikey"),
            ("apikey", self.api_key.expose().as_str()),
        ];
        let ask = Ask::form(&self.url, &fields, &["apikey"])?;
        ask.token(&self.transport, now).await
    }
}
