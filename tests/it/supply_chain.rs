//! Where to report a weakness, and what may be linked in: said where people look for it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn there_is_somewhere_to_report_a_weakness() {
    let (manifest, security) = (text("Cargo.toml"), text("SECURITY.md"));
    let repository = manifest
        .lines()
        .find_map(|line| line.strip_prefix("repository = \"")?.strip_suffix('"'))
        .expect("Cargo.toml names the repository");
    let form = format!("{repository}/security/advisories/new");
    assert!(security.contains(&form), "SECURITY.md does not name {form}");
    for said in ["working days", "get mends"] {
        assert!(security.contains(said), "SECURITY.md does not say {said:?}");
    }
}

/// What was taken out stays out, and what is unmaintained comes beneath its owner alone.
#[test]
fn the_lock_file_holds_no_second_signing_library() {
    let lock = text("Cargo.lock");
    let names = lock
        .lines()
        .filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    let names: BTreeSet<&str> = names.collect();
    for gone in [
        "jsonwebtoken",
        "rsa",
        "p256",
        "p384",
        "ed25519-dalek",
        "openssl-sys",
    ] {
        assert!(!names.contains(gone), "{gone} is back in Cargo.lock");
    }
    assert!(names.contains("hmac"));
}

/// Every exception of deny.toml is one that SECURITY.md or a comment explains, and CI reads it.
#[test]
fn exceptions_have_reasons_and_are_checked() {
    let deny = text("deny.toml");
    for line in deny
        .lines()
        .filter(|line| line.contains("RUSTSEC-") && line.contains("id ="))
    {
        assert!(line.contains("reason = \""), "{line}");
    }
    for name in ["bincode", "sled", "fxhash", "instant"] {
        assert!(deny.contains(&format!("name = \"{name}\"")), "{name}");
    }
    assert!(text(".ci/run").contains("\n.ci/supply-chain\n"));
    assert!(text(".ci/supply-chain").contains("check licenses bans sources"));
}

fn text(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(path).expect(name)
}
