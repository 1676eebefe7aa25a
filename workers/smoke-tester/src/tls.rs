//! TLS: whom to trust.

use clients::Environment;
use operations::Error;
use operations::error::Kind;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use tokio_rustls::TlsConnector;

/// The variable that names a file of authorities.
const CA_FILE: &str = "SMOKE_CA_FILE";

/// How TLS connections are made.
#[derive(Clone)]
pub(crate) struct Tls(pub(crate) TlsConnector);

impl std::fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Tls")
    }
}

impl Tls {
    /// Trusts the system's authorities and those of `SMOKE_CA_FILE`.
    pub(crate) fn new(environment: &Environment) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        let system = rustls_native_certs::load_native_certs();
        let (trusted, unusable) = roots.add_parsable_certificates(system.certs);
        for problem in &system.errors {
            tracing::warn!(%problem, "the system's certificates could not all be read");
        }
        tracing::debug!(trusted, unusable, "the system's certificates");
        if let Some(file) = environment.get(CA_FILE) {
            add(&mut roots, file)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|problem| Error::new(Kind::ConfigInvalid, format!("TLS cannot be set up: {problem}")))?;
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // A resumed session would spare the handshake that is to be measured, and show no certificate.
        config.resumption = rustls::client::Resumption::disabled();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }
}

fn add(roots: &mut RootCertStore, file: &str) -> Result<(), Error> {
    let bad = |problem: &dyn std::fmt::Display| {
        Error::new(Kind::ConfigInvalid, format!("{CA_FILE} must name a PEM file of certificates: {problem}"))
    };
    let mut count = 0;
    for certificate in CertificateDer::pem_file_iter(file).map_err(|problem| bad(&problem))? {
        roots.add(certificate.map_err(|problem| bad(&problem))?).map_err(|problem| bad(&problem))?;
        count += 1;
    }
    if count == 0 { Err(bad(&"it has none")) } else { Ok(()) }
}
