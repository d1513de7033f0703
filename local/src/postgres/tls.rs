//! Encrypted connections to a database elsewhere, checked as the functions check them.

use std::sync::Arc;

use anyhow::{Context, Result};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Trusts the public authorities and those of `DATABASE_CA_FILE` or `DATABASE_CA_PEM`.
pub(super) fn connector() -> Result<MakeRustlsConnect> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let given = match std::env::var("DATABASE_CA_FILE") {
        Ok(file) if !file.trim().is_empty() => std::fs::read_to_string(file.trim())
            .with_context(|| format!("cannot read DATABASE_CA_FILE, {file}"))?,
        _ => std::env::var("DATABASE_CA_PEM").unwrap_or_default(),
    };
    for certificate in CertificateDer::pem_slice_iter(given.as_bytes()) {
        roots
            .add(certificate.context("the database's authority is not PEM")?)
            .context("the database's authority")?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
