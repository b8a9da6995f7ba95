//! The commands of `roomledger`: they ask the engine, the log or a server, and show the answer.
//! Apart, because the terminal, the arguments and the exit codes are nobody else's business.
//! Never decides, never folds: what is true comes from `replay/` and `engine/`.

pub mod failure;
pub mod output;
pub mod sanitize;
pub mod zone;
