//! Commands and their acknowledgements: what a command says follows from who gives it and when, so
//! that a check needs to keep no contents. Apart because `load` writes what `check` reads.
//!
//! A line of the file is `caller turn bytes position`; it is written once the engine has answered,
//! with one system call, so that whoever reads the file reads only what was answered before.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use roomledger::domain::command::{CreateRoom, UpdateRoom};
use roomledger::domain::{ActorKind, Command, Provenance, Request, RoomName};
use roomledger::engine::Call;

use super::Fallible;

/// One command of one caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Turn {
    pub(crate) caller: u64,
    pub(crate) number: u64,
    pub(crate) bytes: usize,
}

impl Turn {
    /// Sets the metadata of the caller's room.
    pub(crate) fn call(self) -> Fallible<Call> {
        let command = Command::UpdateRoom(UpdateRoom {
            metadata: Some(self.metadata()),
            ..UpdateRoom::default()
        });
        call(self.caller % ROOMS, &self.request_id(), command)
    }

    pub(crate) fn metadata(self) -> String {
        let tag = format!("{} says {}. ", self.caller, self.number);
        let mut text = tag.repeat(self.bytes / tag.len() + 1);
        text.truncate(self.bytes.max(tag.len()));
        text
    }

    pub(crate) fn request_id(self) -> String {
        format!("{}/{}/{}", self.caller, self.number, self.bytes)
    }

    pub(crate) fn parse(request_id: &str) -> Option<Self> {
        let mut parts = request_id.split('/').map(str::parse::<u64>);
        Some(Self {
            caller: parts.next()?.ok()?,
            number: parts.next()?.ok()?,
            bytes: usize::try_from(parts.next()?.ok()?).ok()?,
        })
    }
}

/// Makes each room; in a later life it is there already.
pub(crate) fn rooms() -> Fallible<Vec<Call>> {
    let create = |room| {
        call(
            room,
            &format!("room {room}"),
            Command::CreateRoom(CreateRoom::default()),
        )
    };
    (0..ROOMS).map(create).collect()
}

pub(crate) fn call(room: u64, request_id: &str, command: Command) -> Fallible<Call> {
    let mut provenance = Provenance::of_engine(ActorKind::ApiKey, "campaign");
    command.name().clone_into(&mut provenance.via.call);
    provenance.request_id = Some(request_id.to_owned());
    let room = RoomName::new(&format!("room-{room}"))?;
    Ok(Call::new(Request::new(room, command), provenance))
}

/// What was acknowledged, by caller and turn: the command's size and its position.
pub(crate) type Acknowledged = BTreeMap<u64, BTreeMap<u64, (usize, u64)>>;

/// Reads the whole lines among the first `bytes_max` bytes; a file that is not there has none.
pub(crate) fn read(path: &Path, bytes_max: u64) -> Fallible<Acknowledged> {
    let mut text = String::new();
    if path.exists() {
        File::open(path)?
            .take(bytes_max)
            .read_to_string(&mut text)?;
    }
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let mut acknowledged = Acknowledged::new();
    for line in whole.lines() {
        let numbers: Vec<u64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
        let [caller, number, bytes, position] = numbers[..] else {
            return Err(format!("an acknowledgement reads {line:?}").into());
        };
        let turns = acknowledged.entry(caller).or_default();
        turns.insert(number, (usize::try_from(bytes)?, position));
    }
    Ok(acknowledged)
}

/// Where acknowledgements go.
pub(crate) struct Acks(Mutex<File>);

impl Acks {
    pub(crate) fn open(path: &Path) -> Fallible<Self> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        Ok(Self(Mutex::new(file)))
    }

    pub(crate) fn write(&self, turn: Turn, position: u64) -> Fallible<()> {
        let Turn {
            caller,
            number,
            bytes,
        } = turn;
        let line = format!("{caller} {number} {bytes} {position}\n");
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(file.write_all(line.as_bytes())?)
    }
}

/// Fewer rooms than callers, so that rooms are shared and snapshots grow.
pub(crate) const ROOMS: u64 = 8;
