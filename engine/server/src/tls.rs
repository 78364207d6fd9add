//! TLS by configuration.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tidegate::{Code, Error, config};
use tokio_rustls::TlsAcceptor;

/// Reads certificate chain and key from their PEM files.
///
/// # Errors
/// `invalid_config` naming the setting at fault.
pub(crate) fn acceptor(tls: &config::Tls) -> Result<TlsAcceptor, Error> {
    let chain = CertificateDer::pem_file_iter(&tls.cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| refused("cert", &tls.cert, &error))?;
    if chain.is_empty() {
        return Err(refused("cert", &tls.cert, &"it holds no certificate"));
    }
    let key =
        PrivateKeyDer::from_pem_file(&tls.key).map_err(|error| refused("key", &tls.key, &error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| refused("cert", &tls.cert, &error))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| refused("key", &tls.key, &error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn refused(name: &str, file: &str, why: &dyn std::fmt::Display) -> Error {
    let place = format!("server.tls.{name}");
    Error::new(
        Code::InvalidConfig,
        format!("{place}: cannot use {file}: {why}"),
    )
    .with_param(place)
}
