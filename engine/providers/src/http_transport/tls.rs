//! TLS to upstreams: rustls on ring, built when the first `https` request needs it.

use std::{path::PathBuf, sync::Arc};

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;

use super::stream::Stream;
use crate::transport::TransportError;

/// The lazily built client side of TLS.
#[derive(Default)]
pub(super) struct Tls {
    connector: OnceCell<TlsConnector>,
    extra: Option<PathBuf>,
}

impl Tls {
    /// `extra` names a PEM file of further trusted roots.
    pub(super) fn new(extra: Option<PathBuf>) -> Self {
        Self {
            connector: OnceCell::new(),
            extra,
        }
    }

    /// Speaks TLS over `stream` with the server called `host`.
    pub(super) async fn wrap(&self, stream: Stream, host: &str) -> Result<Stream, TransportError> {
        let bare = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(host);
        let name = ServerName::try_from(bare.to_owned())
            .map_err(|_| TransportError::InvalidUrl(format!("{bare:?} is no host name")))?;
        let connector = self.connector.get_or_try_init(|| self.build()).await?;
        let tls = connector.connect(name, stream).await.map_err(|error| {
            let text = format!("{bare}: {error}");
            match error.get_ref() {
                Some(cause) if cause.is::<rustls::Error>() => TransportError::Tls(text),
                _ => TransportError::ConnectFailed(text),
            }
        })?;
        Ok(Stream::Tls(Box::new(tls)))
    }

    async fn build(&self) -> Result<TlsConnector, TransportError> {
        let extra = self.extra.clone();
        // Reads a few hundred certificates from disk: not work for a thread that serves requests.
        let roots = tokio::task::spawn_blocking(move || roots(extra))
            .await
            .map_err(|error| {
                TransportError::Tls(format!("cannot load root certificates: {error}"))
            })?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TransportError::Tls(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

/// Mozilla's roots, the machine's own where it has some, and those of `extra`. A file that is missing
/// or broken takes nothing away: a machine without certificates still reaches public vendors.
fn roots(extra: Option<PathBuf>) -> RootCertStore {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = extra {
        let loaded = rustls_native_certs::load_certs_from_paths(Some(&file), None);
        roots.add_parsable_certificates(loaded.certs);
    }
    roots
}
