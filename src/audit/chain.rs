//! The linear chain: each link holds the hash of all before it, so that no link can be changed,
//! dropped, swapped or inserted without changing every later one.

use sha2::{Digest as _, Sha256};

/// The SHA-256 over a whole history up to one link.
pub type ChainHash = [u8; 32];

/// The hash of `previous` followed by the parts of the next link, in order.
///
/// ```
/// use roomledger::audit::{CHAIN_START, chain};
/// let first = chain(&CHAIN_START, &[b"head", b"body"]);
/// assert_eq!(first, chain(&CHAIN_START, &[b"headbody"]));
/// assert_ne!(chain(&first, &[b"a"]), chain(&CHAIN_START, &[b"a"]));
/// ```
pub fn chain(previous: &ChainHash, parts: &[&[u8]]) -> ChainHash {
    let mut hash = Sha256::new_with_prefix(previous);
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// Before the first link.
pub const CHAIN_START: ChainHash = [0; 32];
