//! How far a receiver has been told, and the file that says so: replaced as a whole, durably, or
//! not at all. Apart because it is all that the outbox ever writes. Text, so that it can be read by
//! eye; the address does not stand in it, since it may hold a secret.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::OutboxError;
use crate::domain::{Digest, RoomName, Version};
use crate::store::Position;
use crate::store::journal::Disk;

/// How far a receiver has been told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// All up to here has been told, but for the rooms in `lanes`.
    pub(crate) through: Position,
    /// The chain hash of the commit that holds it, which tells other histories apart; `None` where
    /// it was not known yet.
    pub(crate) chain: Option<Digest>,
    /// Rooms with something untold at or before `through`.
    pub(crate) lanes: BTreeMap<RoomName, Place>,
}

/// How far a receiver has been told of one room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// All up to here has been told.
    pub(crate) after: Version,
    /// So many notices of the next event have been told.
    pub(crate) done: u32,
    /// There is something to tell up to here.
    pub(crate) until: Version,
}

/// The file of one receiver.
#[derive(Clone)]
pub(crate) struct CursorFile {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    id: String,
}

impl CursorFile {
    /// The file of the receiver with that address. Names never become paths: it is called by its
    /// digest.
    pub(crate) fn of(disk: &Arc<dyn Disk>, dir: &Path, address: &str) -> Self {
        let digest = Digest::of(address.as_bytes()).to_string();
        Self {
            disk: Arc::clone(disk),
            dir: dir.to_path_buf(),
            id: digest.chars().take(ID_DIGITS).collect(),
        }
    }

    /// What the file is called.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.join(format!("{}.cursor", self.id))
    }

    /// What it says: `None` when there is none, the inner error when it is damaged.
    ///
    /// # Errors
    /// `Io` when it is there and cannot be read.
    pub(crate) fn read(&self) -> Result<Option<Result<Cursor, String>>, OutboxError> {
        let path = self.path();
        match self.disk.read(&path, BYTES_MAX) {
            Ok(bytes) => Ok(Some(parse(&bytes))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                Ok(Some(Err(format!("is too large: {error}"))))
            }
            Err(error) => Err(failed("read", &path, error)),
        }
    }

    /// The file at `path`, whatever receiver it is of; `None` when it is called like no cursor.
    pub(crate) fn at(disk: &Arc<dyn Disk>, path: &Path) -> Option<Self> {
        let id = path.file_name()?.to_str()?.strip_suffix(".cursor")?;
        Some(Self {
            disk: Arc::clone(disk),
            dir: path.parent()?.to_path_buf(),
            id: id.to_owned(),
        })
    }

    /// Replaces it: temporary file, fsync, rename, directory fsync.
    ///
    /// # Errors
    /// `Io`; the old one or the new one stands then, and both are true.
    pub(crate) fn write(&self, cursor: &Cursor) -> Result<(), OutboxError> {
        let disk = &*self.disk;
        let (path, temporary) = (self.path(), self.dir.join(format!("{}.new", self.id)));
        let at = |operation, path: &Path| {
            let path = path.to_path_buf();
            move |error| failed(operation, &path, error)
        };
        disk.create_dir(&self.dir)
            .map_err(at("create", &self.dir))?;
        match disk.remove(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("remove", &temporary, error));
            }
            Ok(()) | Err(_) => {}
        }
        let file = disk.create(&temporary).map_err(at("create", &temporary))?;
        file.write_at(text_of(cursor).as_bytes(), 0)
            .map_err(at("write", &temporary))?;
        file.sync_all().map_err(at("sync", &temporary))?;
        disk.rename(&temporary, &path)
            .map_err(at("rename", &temporary))?;
        disk.sync_dir(&self.dir).map_err(at("sync", &self.dir))
    }

    /// Moves a damaged one out of the way, where it is never deleted; gives its new name.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn set_aside(&self) -> Result<PathBuf, OutboxError> {
        let path = self.path();
        let bytes = match self.disk.read(&path, BYTES_MAX) {
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => error.to_string().into(),
            other => other.map_err(|error| failed("read", &path, error))?,
        };
        let digest = Digest::of(&bytes).to_string();
        let digest: String = digest.chars().take(ID_DIGITS).collect();
        let aside = self.dir.join(format!("{}.damaged-{digest}", self.id));
        let moved = self.disk.rename(&path, &aside);
        moved.map_err(|error| failed("rename", &path, error))?;
        Ok(aside)
    }
}

fn failed(operation: &'static str, path: &Path, error: io::Error) -> OutboxError {
    OutboxError::Io {
        path: path.display().to_string(),
        operation,
        source: Arc::new(error),
    }
}

fn text_of(cursor: &Cursor) -> String {
    let chain = cursor
        .chain
        .map_or_else(|| UNKNOWN.to_owned(), |it| it.to_string());
    let mut text = format!("{FORMAT}\nthrough {}\nchain {chain}\n", cursor.through);
    for (room, Place { after, done, until }) in &cursor.lanes {
        // A room's name holds no line break.
        let line = format!("room {after} {done} {until} {room}\n");
        text.push_str(&line);
    }
    let sum = Digest::of(text.as_bytes());
    format!("{text}sum {sum}\n")
}

fn parse(bytes: &[u8]) -> Result<Cursor, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "is not text")?;
    let cut = text.rfind("sum ").ok_or("has no checksum")?;
    let (body, sum) = text.split_at(cut);
    if format!("sum {}\n", Digest::of(body.as_bytes())) != sum {
        return Err("has a bad checksum".to_owned());
    }
    let mut lines = body.lines();
    if lines.next() != Some(FORMAT) {
        return Err(format!("does not begin with {FORMAT:?}"));
    }
    let mut field = |name: &str| {
        let line = lines.next().and_then(|line| line.strip_prefix(name));
        line.ok_or_else(|| format!("lacks {:?}", name.trim_end()))
    };
    let through = Position(number(field("through ")?)?);
    let chain = match field("chain ")? {
        UNKNOWN => None,
        hex => Some(digest(hex).ok_or("has a bad chain hash")?),
    };
    let lanes = lines.map(|line| lane(line).ok_or_else(|| format!("has a bad line {line:?}")));
    Ok(Cursor {
        through,
        chain,
        lanes: lanes.collect::<Result<_, _>>()?,
    })
}

fn lane(line: &str) -> Option<(RoomName, Place)> {
    let mut words = line.strip_prefix("room ")?.splitn(4, ' ');
    let place = Place {
        after: Version(words.next()?.parse().ok()?),
        done: words.next()?.parse().ok()?,
        until: Version(words.next()?.parse().ok()?),
    };
    Some((RoomName::new(words.next()?).ok()?, place))
}

fn number(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| format!("has a bad number {text:?}"))
}

fn digest(hex: &str) -> Option<Digest> {
    let mut bytes = [0; 32];
    if hex.len() != bytes.len() * 2 {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some(Digest(bytes))
}

const FORMAT: &str = "roomledger receiver 1";
const UNKNOWN: &str = "unknown";

/// Enough to tell the receivers of a server apart, and short enough to say.
const ID_DIGITS: usize = 16;

/// A line of at most 325 bytes for each room with something untold: far above a million of them.
const BYTES_MAX: u64 = 1 << 30;
