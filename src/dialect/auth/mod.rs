//! Who may call: API keys, the tokens signed with them, and which grant allows what. Apart, since
//! every dialect asks the same questions; it never reads a clock or a file, and no error, log line
//! or answer of it carries a secret or a token.

pub mod claims;
pub mod keys;
mod payload;
pub mod token;
