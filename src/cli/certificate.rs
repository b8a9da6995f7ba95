//! The files of `--tls-cert` and `--tls-key`: read at the start, and again at SIGHUP. Apart from
//! the server, which reads no file of an operator's.

use std::fs;
use std::path::PathBuf;

use tokio::signal::unix::{SignalKind, signal};

use crate::cli::args::ServeArgs;
use crate::cli::failure::{Exit, Failure};
use crate::cli::private::private_text;
use crate::server::Certificate;

/// A certificate, and where it comes from.
pub struct CertificateFiles {
    chain: PathBuf,
    key: PathBuf,
    /// What the server shows.
    pub certificate: Certificate,
}

impl CertificateFiles {
    /// Reads the files that the command line names, if it does.
    ///
    /// # Errors
    /// `Usage`, when a file cannot be read, the key is readable by others, or they are no
    /// certificate and its key.
    pub fn of(args: &ServeArgs) -> Result<Option<Self>, Failure> {
        let (Some(chain), Some(key)) = (&args.tls_cert, &args.tls_key) else {
            return Ok(None);
        };
        let (chain, key) = (chain.clone(), key.clone());
        let certificate = Certificate::parse(
            &read(&chain)?,
            private_text("the private key", &key)?.as_bytes(),
        );
        let certificate = certificate
            .map_err(|error| Failure::new(Exit::Usage, "--tls-cert is refused").because(error))?;
        Ok(Some(Self {
            chain,
            key,
            certificate,
        }))
    }

    /// Reads the files again whenever the process gets SIGHUP; where that fails, says why, and the
    /// present certificate stays.
    pub async fn reread(self) {
        let Ok(mut hangup) = signal(SignalKind::hangup()) else {
            return;
        };
        while hangup.recv().await.is_some() {
            match self.read_again() {
                Ok(()) => tracing::warn!("the certificate was read again"),
                Err(failure) => {
                    let cause = failure.cause.unwrap_or_default();
                    let error = failure.error;
                    tracing::error!(%error, %cause, "the certificate is kept as it was");
                }
            }
        }
    }

    fn read_again(&self) -> Result<(), Failure> {
        let (chain, key) = (
            read(&self.chain)?,
            private_text("the private key", &self.key)?,
        );
        let replaced = self.certificate.replace(&chain, key.as_bytes());
        replaced.map_err(|error| Failure::new(Exit::Usage, "it is refused").because(error))
    }
}

fn read(chain: &PathBuf) -> Result<Vec<u8>, Failure> {
    fs::read(chain).map_err(|error| {
        let failure = format!("cannot read the certificate in {}", chain.display());
        Failure::new(Exit::Usage, failure).because(error)
    })
}
