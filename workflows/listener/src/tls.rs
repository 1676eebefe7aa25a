//! TLS with a given certificate.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// What a listener shows to its callers: a certificate chain, and the key that proves it. TLS 1.2 and 1.3, HTTP/1.1.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read as PEM.
    #[error("{}: {problem}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong, and what would do.
        problem: String,
    },
    /// Certificate and key do not go together.
    #[error("the certificate in {} and the key in {} cannot be used together: {source}", certificate.display(), key.display())]
    Pair {
        /// The file with the certificate.
        certificate: PathBuf,
        /// The file with the key.
        key: PathBuf,
        /// The reason.
        source: rustls::Error,
    },
}

impl Tls {
    /// Reads a certificate chain, the server's own first, and its private key (PKCS #8, PKCS #1 or SEC 1), both in PEM.
    ///
    /// # Errors
    /// A file cannot be used, or they do not go together.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let chain = chain.map_err(|error| unread(certificate, &error, "certificate"))?;
        if chain.is_empty() {
            return Err(unread(certificate, &pem::Error::NoItemsFound, "certificate"));
        }
        let private = PrivateKeyDer::from_pem_file(key).map_err(|error| unread(key, &error, "private key"))?;
        let mismatch = |source| TlsError::Pair { certificate: certificate.to_owned(), key: key.to_owned(), source };
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().map_err(mismatch)?.with_no_client_auth();
        let mut config = config.with_single_cert(chain, private).map_err(mismatch)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    pub(crate) const fn acceptor(&self) -> &TlsAcceptor {
        &self.0
    }
}

fn unread(file: &Path, error: &pem::Error, what: &str) -> TlsError {
    let problem = match error {
        pem::Error::Io(error) => format!("cannot be read: {error}"),
        pem::Error::NoItemsFound => {
            format!("has no {what} in PEM, which begins with a line such as -----BEGIN {}-----", what.to_uppercase())
        }
        other => format!("is no PEM: {other}"),
    };
    TlsError::File { file: file.to_owned(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(certificate: &Path, key: &Path) -> String {
        Tls::read(certificate, key).unwrap_err().to_string()
    }

    #[test]
    fn files_that_cannot_be_used_are_named_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let one = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = file("one.pem", &one.cert.pem());
        let key = file("one.key", &one.signing_key.serialize_pem());
        let stranger = file("other.key", &other.signing_key.serialize_pem());
        assert!(Tls::read(&certificate, &key).is_ok());
        assert!(refusal(&certificate, &stranger).contains("cannot be used together"));
        assert!(refusal(&folder.path().join("gone"), &key).contains("gone: cannot be read: "));
        assert!(refusal(&file("empty", ""), &key).contains("empty: has no certificate in PEM"));
        assert!(refusal(&certificate, &certificate).contains("one.pem: has no private key in PEM"));
        assert!(refusal(&key, &key).contains("has no certificate"));
    }
}
