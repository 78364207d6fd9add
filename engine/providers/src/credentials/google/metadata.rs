//! The metadata server of Google's machines ("Authenticate workloads using service accounts").

use http::Method;

use super::super::{
    Around, Bearer, CredentialsError, Held,
    web::{Ask, NEAR},
};

pub(super) async fn ask(around: &Around, now: u64) -> Result<Held<Bearer>, CredentialsError> {
    let host = around.first(&["GCE_METADATA_HOST", "GCE_METADATA_ROOT"]);
    let host = host.unwrap_or_else(|| "metadata.google.internal".to_owned());
    let url = format!("http://{host}/computeMetadata/v1/instance/service-accounts/default/token");
    let ask = Ask::new(Method::GET, &url)?
        .header("metadata-flavor", "Google", false)?
        .within(NEAR);
    match ask.token(&around.transport, now).await {
        Err(CredentialsError::Unavailable(why)) => Err(CredentialsError::Missing(format!(
            "no Google credentials were found; set GOOGLE_APPLICATION_CREDENTIALS, run `gcloud auth \
             application-default login`, or set `google.credentials` of the provider ({why})"
        ))),
        other => other,
    }
}
