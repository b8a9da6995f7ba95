//! roomledger
