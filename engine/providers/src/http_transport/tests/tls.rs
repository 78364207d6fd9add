use std::{fmt::Display, path::PathBuf, sync::Arc};

use rustls_pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::TlsAcceptor;

use super::{
    upstream::{Peer, Upstream, answer},
    *,
};

pub(super) struct Identity {
    pub(super) acceptor: TlsAcceptor,
    pub(super) pem: String,
}

/// A temporary file.
pub(super) struct File(PathBuf);

impl File {
    pub(super) fn of(content: &str, name: impl Display) -> Self {
        let file = std::env::temp_dir().join(format!("tidegate-roots-{name}.pem"));
        std::fs::write(&file, content).expect("a folder for temporary files");
        Self(file)
    }

    pub(super) fn path(&self) -> String {
        self.0.to_string_lossy().into_owned()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

pub(super) fn identity(name: &str) -> Identity {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).expect("a certificate");
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .expect("a key of the certificate");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Identity {
        acceptor: TlsAcceptor::from(Arc::new(config)),
        pem: made.cert.pem(),
    }
}

#[tokio::test]
async fn certificates_of_ssl_cert_file_are_trusted() {
    let upstream = Upstream::bind().await;
    let identity = identity("localhost");
    let roots = File::of(&identity.pem, upstream.address.port());
    let named = roots.path();
    let transport =
        HttpTransport::new(&move |name| (name == "SSL_CERT_FILE").then(|| named.clone()));
    let server = async {
        let peer = upstream.accept().await;
        let mut peer = Peer(identity.acceptor.accept(peer.0).await.expect("a handshake"));
        assert_eq!(peer.0.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        for text in ["one", "two"] {
            let (head, _) = peer.request().await.expect("a request");
            assert!(head.starts_with("POST /v1 HTTP/1.1\r\n"), "{head}");
            peer.write(&answer(text)).await;
        }
    };
    let client = async {
        let url = format!("https://localhost:{}/v1", upstream.address.port());
        assert_eq!(fetch(&transport, &url).await.unwrap(), "one");
        assert_eq!(fetch(&transport, &url).await.unwrap(), "two");
    };
    tokio::join!(server, client);
}

#[tokio::test]
async fn unknown_certificate_is_a_tls_error() {
    let upstream = Upstream::bind().await;
    let identity = identity("localhost");
    let transport = transport();
    let server = async {
        let peer = upstream.accept().await;
        assert!(identity.acceptor.accept(peer.0).await.is_err());
    };
    let url = format!(
        "https://localhost:{}/v1?key=secret",
        upstream.address.port()
    );
    let (result, ()) = tokio::join!(fetch(&transport, &url), server);
    let error = result.unwrap_err();
    assert!(
        matches!(&error, TransportError::Tls(text) if text.contains("UnknownIssuer")),
        "{error}"
    );
    assert!(!error.to_string().contains("secret"), "{error}");
}
