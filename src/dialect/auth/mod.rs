//! Who may call: API keys, the tokens signed with them, which grant allows what, and how often.
//! Apart, since every dialect asks the same questions; it never reads a file or a clock of its own,
//! and no error, log line or answer of it carries a secret or a token.

pub mod claims;
mod hs256;
pub mod keys;
mod keys_file;
pub mod limits;
mod payload;
pub mod rate;
mod secret;
pub mod token;
pub mod trust;
