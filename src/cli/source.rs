//! Which log a read command asks: a server or a data directory. Apart, so that flags, environment
//! and default are weighed in one place. Never opens either.

use std::env;
use std::path::PathBuf;

use crate::cli::args::{DATA_DEFAULT, ReadArgs};

/// Where a log is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The journal in this directory, read-only.
    Data(PathBuf),
    /// The server at this address.
    Server(String),
}

impl Source {
    /// The flag, else the environment (a server before a directory), else the default directory.
    pub fn find(args: &ReadArgs) -> Self {
        match (&args.server, &args.data) {
            (Some(server), _) => Source::Server(server.clone()),
            (None, Some(data)) => Source::Data(data.clone()),
            (None, None) => Source::of_environment(),
        }
    }

    fn of_environment() -> Self {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        match set("ROOMLEDGER_SERVER") {
            Some(server) => Source::Server(server.to_string_lossy().into_owned()),
            None => Source::Data(set("ROOMLEDGER_DATA").map_or(DATA_DEFAULT.into(), PathBuf::from)),
        }
    }
}
