//! TLS before a server that has none: PostgreSQL's programs for development are built without it. A relay answers the
//! client's request for encryption and passes the rest on in the clear over loopback. The same relay without TLS tells
//! what the relay itself costs.

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context, Result, ensure};
use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

/// The client's `SSLRequest`: its length and its code.
/// <https://www.postgresql.org/docs/current/protocol-message-formats.html>
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// A running relay. Dropping it ends it.
pub(super) struct Relay {
    /// Where it listens.
    pub(super) address: SocketAddr,
    task: JoinHandle<()>,
}

/// A certificate for 127.0.0.1 with its key, made for one run.
pub(super) struct Identity {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Relay {
    /// Relays to `server`, with TLS towards the client if there is an identity.
    ///
    /// # Errors
    /// When there is no free port, or TLS refuses the identity.
    pub(super) async fn start(server: SocketAddr, identity: Option<&Identity>) -> Result<Self> {
        let acceptor = identity.map(Identity::acceptor).transpose()?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                // A connection that breaks shows in what the client says.
                connections.spawn(relay(client, server, acceptor.clone()));
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { address, task })
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn relay(mut client: TcpStream, server: SocketAddr, acceptor: Option<TlsAcceptor>) -> Result<()> {
    client.set_nodelay(true)?;
    let mut server = TcpStream::connect(server).await?;
    server.set_nodelay(true)?;
    let Some(acceptor) = acceptor else {
        copy_bidirectional(&mut client, &mut server).await?;
        return Ok(());
    };
    let mut request = [0; 8];
    client.read_exact(&mut request).await?;
    ensure!(request == SSL_REQUEST, "the client does not ask for TLS");
    client.write_all(b"S").await?;
    let mut client = acceptor.accept(client).await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

impl Identity {
    /// A new one.
    ///
    /// # Errors
    /// When no key can be made.
    pub(super) fn new() -> Result<Self> {
        let unspecified = |_| anyhow::anyhow!("no key can be made");
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let pair = EcdsaKeyPair::generate(algorithm).map_err(unspecified)?;
        let public = pair.public_key().as_der().map_err(unspecified)?;
        let body = to_be_signed(public.as_ref());
        let signature = pair.sign(&SystemRandom::new(), &body).map_err(unspecified)?;
        let signature = der(0x03, &[&[0], signature.as_ref()]);
        let certificate = der(0x30, &[&body, ECDSA_WITH_SHA256, &signature]);
        let key = pair.to_pkcs8v1().map_err(unspecified)?.as_ref().to_vec();
        Ok(Self { certificate, key })
    }

    /// The certificate, for the client to trust.
    pub(super) fn pem(&self) -> String {
        let text = BASE64_STANDARD.encode(&self.certificate);
        format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
    }

    fn acceptor(&self) -> Result<TlsAcceptor> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let certificate = CertificateDer::from(self.certificate.clone());
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone()));
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .context("TLS refuses the certificate")?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// The algorithm of the signature: the identifier 1.2.840.10045.4.3.2 (RFC 5758, section 3.2).
const ECDSA_WITH_SHA256: &[u8] = &[0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];

/// A certificate without its signature (RFC 5280, section 4.1) for the key `public`, by itself, for 127.0.0.1.
fn to_be_signed(public: &[u8]) -> Vec<u8> {
    let version = der(0xa0, &[&der(0x02, &[&[2]])]);
    let serial = der(0x02, &[&[1]]);
    // One attribute, the common name 2.5.4.3.
    let common_name = der(0x30, &[&[0x06, 0x03, 0x55, 0x04, 0x03], &der(0x0c, &[b"bench"])]);
    let name = der(0x30, &[&der(0x31, &[&common_name])]);
    let validity = der(0x30, &[&der(0x17, &[b"200101000000Z"]), &der(0x17, &[b"491231235959Z"])]);
    // The extension 2.5.29.17, subject alternative name: one IP address.
    let alternative = der(0x30, &[&der(0x87, &[&[127, 0, 0, 1]])]);
    let extension = der(0x30, &[&[0x06, 0x03, 0x55, 0x1d, 0x11], &der(0x04, &[&alternative])]);
    let extensions = der(0xa3, &[&der(0x30, &[&extension])]);
    der(0x30, &[&version, &serial, ECDSA_WITH_SHA256, &name, &validity, &name, public, &extensions])
}

/// One value of ASN.1's distinguished encoding: tag, length, content.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = content.len().to_be_bytes();
    let significant = &length[length.iter().take_while(|byte| **byte == 0).count()..];
    let mut value = vec![tag];
    match content.len() {
        // A short length is its own byte, a long one says first how many bytes it has.
        short @ 0..128 => value.push(short as u8),
        _ => {
            value.push(0x80 | significant.len() as u8);
            value.extend_from_slice(significant);
        }
    }
    value.extend_from_slice(&content);
    value
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};

    use super::*;

    #[tokio::test]
    async fn a_client_that_trusts_the_certificate_is_relayed_encrypted() {
        let server = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let identity = Identity::new().unwrap();
        let relay = Relay::start(server.local_addr().unwrap(), Some(&identity)).await.unwrap();
        let echo = tokio::spawn(async move {
            let (mut stream, _) = server.accept().await.unwrap();
            let mut word = [0; 5];
            stream.read_exact(&mut word).await.unwrap();
            word
        });

        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(identity.certificate.clone())).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut stream = TcpStream::connect(relay.address).await.unwrap();
        stream.write_all(&SSL_REQUEST).await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'S');
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let mut stream = connector.connect(name, stream).await.unwrap();
        stream.write_all(b"hello").await.unwrap();
        stream.flush().await.unwrap();
        assert_eq!(echo.await.unwrap(), *b"hello");
    }

    #[test]
    fn long_lengths_take_more_bytes() {
        assert_eq!(der(0x04, &[&[7; 127]])[..2], [0x04, 127]);
        assert_eq!(der(0x04, &[&[7; 128]])[..3], [0x04, 0x81, 128]);
        assert_eq!(der(0x04, &[&[7; 300]])[..4], [0x04, 0x82, 1, 44]);
    }
}
