//! HS256: HMAC with SHA-256 (RFC 2104; RFC 7518, section 3.2). Apart, because it is the only owner
//! of the library and of the algorithm; it knows neither tokens nor claims.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::dialect::auth::secret::Secret;
use crate::domain::Digest;

/// The signature of a message; `None` where the library refuses the secret, which it never does:
/// HMAC takes keys of any length.
pub(in crate::dialect) fn sign(secret: &Secret, message: &[u8]) -> Option<Vec<u8>> {
    let tag = keyed(secret, message)?.finalize();
    Some(tag.into_bytes().to_vec())
}

/// Whether the secret signed the message. The comparison takes the same time wherever a signature
/// of the right length differs, and one of another length is refused.
pub(in crate::dialect) fn is_signed_by(secret: &Secret, message: &[u8], signature: &[u8]) -> bool {
    keyed(secret, message).is_some_and(|tag| tag.verify_slice(signature).is_ok())
}

/// A tag that only the secret makes of a text, and that tells nothing of it: HMAC over the text
/// behind a purpose that no token can begin with.
pub(in crate::dialect::auth) fn tag(secret: &Secret, purpose: &str, text: &str) -> Option<Digest> {
    let tag = keyed(secret, format!("{purpose}\0{text}").as_bytes())?;
    Some(Digest(tag.finalize().into_bytes().into()))
}

fn keyed(secret: &Secret, message: &[u8]) -> Option<Hmac<Sha256>> {
    let mut tag = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    tag.update(message);
    Some(tag)
}
