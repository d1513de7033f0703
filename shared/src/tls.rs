//! TLS to other servers: whose certificates are believed.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};

use crate::error::Result;
use crate::settings;

/// Verifies servers against Mozilla's authorities, which are compiled in, those of the file `SSL_CERT_FILE`, and
/// `authorities` in PEM. A file that cannot be read and a text that is no PEM are errors.
pub fn client_config(authorities: Option<&str>) -> Result<ClientConfig> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(file) = settings::find("SSL_CERT_FILE") {
        // A system's bundle may hold certificates that are too old to be understood; the others still count.
        let certificates = CertificateDer::pem_file_iter(file)?.collect::<Result<Vec<_>, _>>()?;
        roots.add_parsable_certificates(certificates);
    }
    for certificate in CertificateDer::pem_slice_iter(authorities.unwrap_or_default().as_bytes()) {
        roots.add(certificate?)?;
    }
    with_roots(roots)
}

/// Believes nobody: for a connection that needs a configuration and uses no TLS.
pub fn unused() -> Result<ClientConfig> {
    with_roots(RootCertStore::empty())
}

fn with_roots(roots: RootCertStore) -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
