//! Tokens signed by a naive HMAC, written from its definition (RFC 2104): what the server verifies
//! is not signed by the code that verifies it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use roomledger::dialect::auth::keys::{KeyRing, Secret, ShortSecrets};
use roomledger::dialect::auth::token::{Signed, TokenError, sign, verify};
use serde_json::{Map, json};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// How a token is signed, whatever its header says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Algorithm {
    HS256,
    HS384,
    HS512,
}

/// A token whose parts are given as they are.
pub(crate) fn signed(header: &str, claims: &str, algorithm: Algorithm, secret: &str) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let message = format!("{}.{}", part(header), part(claims));
    let signature = hmac(algorithm, secret.as_bytes(), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

type Hash = fn(&[u8]) -> Vec<u8>;

/// `H(K ^ opad, H(K ^ ipad, text))` with K padded to a block, and hashed first where it is longer.
fn hmac(algorithm: Algorithm, key: &[u8], text: &[u8]) -> Vec<u8> {
    let (block_bytes, hash): (usize, Hash) = match algorithm {
        Algorithm::HS256 => (64, |bytes| Sha256::digest(bytes).to_vec()),
        Algorithm::HS384 => (128, |bytes| Sha384::digest(bytes).to_vec()),
        Algorithm::HS512 => (128, |bytes| Sha512::digest(bytes).to_vec()),
    };
    let mut key = if key.len() > block_bytes {
        hash(key)
    } else {
        key.to_vec()
    };
    key.resize(block_bytes, 0);
    let padded = |pad: u8| key.iter().map(|byte| byte ^ pad).collect::<Vec<_>>();
    let inner = hash(&[padded(0x36), text.to_vec()].concat());
    hash(&[padded(0x5c), inner].concat())
}

#[test]
fn the_token_of_rfc_7515_is_verified_with_its_key() {
    // Appendix A.1; the key has octets that are no UTF-8, which no keys file can hold, so that the
    // naive HMAC stands between the RFC and ours.
    let key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1\
               Z9CAow";
    let key = URL_SAFE_NO_PAD.decode(key).unwrap();
    let message = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
                   eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19y\
                   b290Ijp0cnVlfQ";
    let signature = hmac(Algorithm::HS256, &key, message.as_bytes());
    assert_eq!(
        URL_SAFE_NO_PAD.encode(signature),
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    );
}

/// RFC 4231: keys and texts that are text, and the tags for SHA-256; test cases 2, 6 and 7. The
/// keys of cases 6 and 7 are 131 octets of 0xaa, which are no text, and stand below as the hash
/// that a longer key is replaced by.
#[test]
fn the_vectors_of_rfc_4231_hold() {
    let check = |key: &[u8], text: &str, tag: &str| {
        let tag: Vec<u8> = (0..tag.len() / 2)
            .map(|at| u8::from_str_radix(&tag[at * 2..at * 2 + 2], 16).unwrap())
            .collect();
        assert_eq!(hmac(Algorithm::HS256, key, text.as_bytes()), tag);
    };
    check(
        b"Jefe",
        "what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    );
    check(
        &[0xaa; 131],
        "Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    );
    check(
        &[0xaa; 131],
        "This is a test using a larger than block-size key and a larger than block-size data. \
         The key needs to be hashed before being used by the HMAC algorithm.",
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    );
}

proptest::proptest! {
    /// Keys shorter and longer than a block, claims of any text.
    #[test]
    fn what_is_signed_is_what_the_definition_says(secret in "\\PC{1,90}", word in "\\PC{0,90}") {
        let mut claims = Map::new();
        claims.insert("w".into(), json!(word));
        let ours = sign(claims, &Secret::new(secret.as_str())).unwrap();
        let (message, signature) = ours.rsplit_once('.').unwrap();
        let naive = hmac(Algorithm::HS256, secret.as_bytes(), message.as_bytes());
        proptest::prop_assert_eq!(signature, URL_SAFE_NO_PAD.encode(naive));
    }
}

/// What the header and the claims may be like.
#[test]
fn one_form_of_a_token_is_taken() {
    let check = |token: &str, want| taken(token, &want);
    let at = made;
    let claims = CLAIMS;
    let other = |algorithm: &str| {
        Err(TokenError::Algorithm {
            algorithm: algorithm.into(),
        })
    };

    check(&at(r#"{"alg":"HS256"}"#, claims), Ok(()));
    check(
        &at(r#"{"typ":"at+jwt","alg":"HS256","x":[1]}"#, claims),
        Ok(()),
    );
    // Of two members with one name the last counts, as RFC 7515, section 4, allows.
    check(&at(r#"{"alg":"none","alg":"HS256"}"#, claims), Ok(()));
    check(
        &at(r#"{"alg":"HS256","alg":"none"}"#, claims),
        other("none"),
    );
    check(
        &at(
            r#"{"alg":"HS256"}"#,
            r#"{"exp":9,"iss":"k","exp":2000000000}"#,
        ),
        Ok(()),
    );
    check(
        &at(r#"{"alg":"HS256"}"#, &format!("{claims} x")),
        unreadable(),
    );
    check(
        &at(r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#, claims),
        unreadable(),
    );
}

/// What the three parts may be like on the wire.
#[test]
fn one_spelling_of_a_signature_is_taken() {
    let check = |token: &str, want| taken(token, &want);
    let at = made;
    let claims = CLAIMS;
    let good = at(r#"{"alg":"HS256"}"#, claims);
    let (message, signature) = good.rsplit_once('.').unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let tail = |bytes: &[u8]| format!("{message}.{}", URL_SAFE_NO_PAD.encode(bytes));
    // The last letter of 32 bytes has two bits to spare: only zeros are written there.
    let last = signature.chars().last().unwrap();
    for letter in ('A'..='Z')
        .chain('a'..='z')
        .chain('0'..='9')
        .chain(['-', '_'])
    {
        let cut = &signature[..signature.len() - 1];
        let want = URL_SAFE_NO_PAD.decode(format!("{cut}{letter}"));
        let want = match want {
            Ok(_) if letter == last => Ok(()),
            Ok(_) => Err(TokenError::Signature),
            Err(_) => unreadable(),
        };
        check(&format!("{message}.{cut}{letter}"), want);
    }
    check(&format!("{good}="), unreadable());
    check(&good.replace('.', "=."), unreadable());
    check(
        &format!("{message}.{}", signature.replace(['-', '_'], "+")),
        {
            let is_plain = !signature.contains(['-', '_']);
            if is_plain { Ok(()) } else { unreadable() }
        },
    );
    // A part of a signature signs nothing, and neither does more than one.
    for length in [0, 1, 16, 31] {
        check(&tail(&bytes[..length]), Err(TokenError::Signature));
    }
    check(
        &tail(&[bytes.as_slice(), &[0]].concat()),
        Err(TokenError::Signature),
    );
    check(&tail(&[0; 32]), Err(TokenError::Signature));
    let large = json!({"iss": "k", "exp": 2_000_000_000_u64, "x": "y".repeat(1 << 20)});
    check(&at(r#"{"alg":"HS256"}"#, &large.to_string()), Ok(()));
}

/// Whether a token is taken.
fn taken(token: &str, want: &Result<(), TokenError>) {
    let keys = KeyRing::parse("k: secret", ShortSecrets::Allow).unwrap();
    let got = verify(&keys, token, 1_795_310_400).map(drop);
    assert_eq!(got, *want, "{token}");
}

fn made(header: &str, claims: &str) -> String {
    signed(header, claims, Algorithm::HS256, "secret")
}

const fn unreadable() -> Result<(), TokenError> {
    Err(TokenError::Unreadable)
}

/// A token without the name of its key is tried with every key.
#[test]
fn a_token_that_names_no_key_finds_its_own() {
    let keys = KeyRing::parse("a: one\nb: two", ShortSecrets::Allow).unwrap();
    let token = |secret| signed(r#"{"alg":"HS256"}"#, "{}", Algorithm::HS256, secret);
    let found = |secret| Signed::search(&keys, &token(secret)).map(|signed| signed.key_id);
    assert_eq!(found("one"), Ok("a".into()));
    assert_eq!(found("two"), Ok("b".into()));
    assert_eq!(found("three"), Err(TokenError::Signature));
}

const CLAIMS: &str = r#"{"iss":"k","exp":2000000000}"#;
