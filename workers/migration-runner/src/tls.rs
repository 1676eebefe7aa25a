//! TLS to the database: rustls with ring, as everywhere here.

use operations::Error;
use operations::error::Kind;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use tokio_postgres_rustls::MakeRustlsConnect;

/// Connections that trust the authorities of a file in PEM, or else the system's.
///
/// # Errors
/// `Ops.ConfigInvalid` when there are none.
pub(crate) fn connector(authorities: Option<&str>) -> Result<MakeRustlsConnect, Error> {
    let mut roots = RootCertStore::empty();
    match authorities {
        Some(path) => {
            let wrong = |problem: String| Error::new(Kind::ConfigInvalid, format!("certificates of {path}: {problem}"));
            let found = CertificateDer::pem_file_iter(path).map_err(|problem| wrong(problem.to_string()))?;
            for certificate in found {
                let certificate = certificate.map_err(|problem| wrong(problem.to_string()))?;
                roots.add(certificate).map_err(|problem| wrong(problem.to_string()))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|problem| Error::new(Kind::ConfigInvalid, format!("TLS: {problem}")))?;
    Ok(MakeRustlsConnect::new(config.with_root_certificates(roots).with_no_client_auth()))
}
