//! Reading the past: pure folds over recorded events, and the words in which a moment is named.
//! Apart, because everything here only reads. Never writes to a store, never reads a clock.

pub mod position;
