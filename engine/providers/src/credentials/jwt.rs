//! Signed statements (JWT, RFC 7519), signed with RSA and SHA-256 (RS256, RFC 7518 section 3.3).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{rand::SystemRandom, rsa, signature};
use rustls_pki_types::{PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, pem::PemObject as _};
use serde_json::Value;

use super::CredentialsError;

/// A private key that signs.
pub(super) struct Signer(rsa::KeyPair);

impl Signer {
    /// The key in `pem`, PKCS #8 or PKCS #1. `place` is where it stands, for the error.
    pub(super) fn from_pem(pem: &str, place: &str) -> Result<Self, CredentialsError> {
        let pair = match PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()) {
            Ok(key) => rsa::KeyPair::from_pkcs8(key.secret_pkcs8_der()).ok(),
            Err(_) => PrivatePkcs1KeyDer::from_pem_slice(pem.as_bytes())
                .ok()
                .and_then(|key| rsa::KeyPair::from_der(key.secret_pkcs1_der()).ok()),
        };
        pair.map(Self).ok_or_else(|| {
            CredentialsError::Missing(format!("{place} holds no private RSA key in PEM"))
        })
    }

    pub(super) fn sign(&self, header: &Value, claims: &Value) -> Result<String, CredentialsError> {
        let mut text = URL_SAFE_NO_PAD.encode(header.to_string());
        text.push('.');
        text.push_str(&URL_SAFE_NO_PAD.encode(claims.to_string()));
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0
            .sign(
                &signature::RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                text.as_bytes(),
                &mut signature,
            )
            .map_err(|_| CredentialsError::Missing("the private key cannot sign".to_owned()))?;
        text.push('.');
        text.push_str(&URL_SAFE_NO_PAD.encode(&signature));
        Ok(text)
    }
}

#[cfg(feature = "azure")]
pub(super) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
