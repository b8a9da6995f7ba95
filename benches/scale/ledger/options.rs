//! The arguments. Apart because they are words.

use std::path::PathBuf;

use super::Fallible;

/// How large a ledger, and where.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) events: u64,
    pub(crate) rooms: u64,
    pub(crate) seed: u64,
    pub(crate) dir: PathBuf,
}

impl Options {
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Fallible<Self> {
        let (mut events, mut rooms, mut seed, mut dir) = (10_000_000, None, 1, None);
        while let Some(word) = words.next() {
            let mut number = || -> Fallible<u64> {
                let value = words
                    .next()
                    .ok_or_else(|| format!("{word} needs a number"))?;
                Ok(value
                    .replace('_', "")
                    .parse()
                    .map_err(|_| format!("{word} {value}: no number"))?)
            };
            match word.as_str() {
                "--events" => events = number()?,
                "--rooms" => rooms = Some(number()?),
                "--seed" => seed = number()?,
                _ if word.starts_with('-') => return Err(format!("no option {word}").into()),
                _ => dir = Some(PathBuf::from(&word)),
            }
        }
        Ok(Self {
            events,
            // A hundred events a room.
            rooms: rooms.unwrap_or(events / 100),
            seed,
            dir: dir.ok_or("no directory is given")?,
        })
    }
}
