//! TLS of the server's own: with the certificate that its operator names, and with another one once
//! that stands in the files. The client is another library than the server's.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::served::{Served, output, roomledger};
use crate::server_protection::Wire;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls");

/// Puts certificate and key of that name where the server looks for them.
fn place_certificate(at: &Path, name: &str) {
    for kind in ["crt", "key"] {
        let file = at.join(format!("server.{kind}"));
        fs::copy(format!("{DATA}/{name}.{kind}"), &file).expect("a copy");
        fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("its owner may");
    }
}

fn files(at: &Path) -> [String; 4] {
    let file = |kind: &str| at.join(format!("server.{kind}")).display().to_string();
    let (chain, key) = (file("crt"), file("key"));
    ["--tls-cert".to_owned(), chain, "--tls-key".to_owned(), key]
}

/// The status of a call by a client that trusts the certificate of that name alone.
fn trusting(name: &str, url: &str) -> Result<u16, ureq::Error> {
    let pem = fs::read(format!("{DATA}/{name}.crt")).expect("a certificate");
    let root = Certificate::from_pem(&pem).expect("PEM");
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&[root]))
        .build();
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .tls_config(tls)
        .build();
    let answer = Agent::new_with_config(config)
        .get(format!("{url}/healthz"))
        .call()?;
    Ok(answer.status().as_u16())
}

#[test]
fn a_server_speaks_tls_and_takes_a_new_certificate() {
    let place = tempfile::tempdir().expect("a directory");
    place_certificate(place.path(), "one");
    let options = files(place.path());
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let served = Served::with(&place.path().join("data"), &options);
    assert!(served.url.starts_with("https://"), "{}", served.url);
    assert_eq!(trusting("one", &served.url).expect("an answer"), 200);
    trusting("two", &served.url).expect_err("another certificate");
    // Plain HTTP is no TLS, and is let go.
    let address = served.url.trim_start_matches("https://");
    let mut plain = Wire(TcpStream::connect(address).expect("a server"));
    plain.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(!plain.rest().contains(" 200 "));

    let hang_up = || {
        let sent = Command::new("kill")
            .args(["-HUP", &served.id().to_string()])
            .status();
        assert!(sent.expect("kill runs").success());
    };
    // What is no certificate leaves the present one; then another one is shown.
    fs::write(place.path().join("server.crt"), "nonsense").expect("a file");
    hang_up();
    assert_eq!(trusting("one", &served.url).expect("an answer"), 200);
    place_certificate(place.path(), "two");
    hang_up();
    while trusting("two", &served.url).is_err() {
        thread::sleep(Duration::from_millis(20));
    }
    trusting("one", &served.url).expect_err("the certificate before");
    let (code, said) = served.stop();
    assert_eq!(code, Some(0), "{said:?}");
}

#[test]
fn certificates_that_cannot_be_used_are_refused_at_the_start() {
    let place = tempfile::tempdir().expect("a directory");
    let data = place.path().join("data");
    let refused = |parts: &[&str]| {
        let mut serve = roomledger();
        serve
            .args(["serve", "--dev", "--data"])
            .arg(&data)
            .args(files(place.path()));
        let (code, _, err) = output(&mut serve);
        assert_eq!(code, Some(2), "{err}");
        for part in parts {
            assert!(err.contains(part), "{part:?} is not in {err}");
        }
        assert!(!err.contains("PRIVATE"), "{err}");
    };
    refused(&["cannot read the certificate in"]);
    place_certificate(place.path(), "one");
    let (chain, key) = (
        place.path().join("server.crt"),
        place.path().join("server.key"),
    );
    fs::set_permissions(&key, Permissions::from_mode(0o640)).expect("its owner may");
    refused(&["others can read the private key", "chmod 0600"]);
    place_certificate(place.path(), "one");
    fs::copy(format!("{DATA}/two.key"), &key).expect("a copy");
    fs::set_permissions(&key, Permissions::from_mode(0o600)).expect("its owner may");
    refused(&["--tls-cert is refused", "cannot be used"]);
    place_certificate(place.path(), "one");
    fs::File::create(&chain)
        .expect("a file")
        .write_all(b"no PEM")
        .expect("written");
    refused(&["--tls-cert is refused", "has no certificate"]);
    place_certificate(place.path(), "one");
    fs::copy(&chain, &key).expect("a copy");
    fs::set_permissions(&key, Permissions::from_mode(0o600)).expect("its owner may");
    refused(&["the private key is not readable"]);
    assert!(!data.exists(), "nothing was opened");
}
