//! HEAD: what the journal must at least contain, apart because it alone is replaced by rename;
//! it is text, so that a preserved directory can be read by eye, and it never lags behind sled.
use std::io;
use std::path::{Path, PathBuf};

use crate::store::journal::disk::Disk;
use crate::store::journal::error::JournalError;
use crate::store::journal::frame::{Link, hex};

/// The content of HEAD (log.md rule 6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// The log.
    pub(crate) log_id: [u8; 16],
    /// The open that wrote it.
    pub(crate) epoch: u64,
    /// The boot of the machine that wrote it.
    pub(crate) boot_id: String,
    /// Whether the ledger was closed, with sled synced.
    pub(crate) clean: bool,
    /// The segment that was written to.
    pub(crate) segment: u64,
    /// The end of the chain that is known good.
    pub(crate) link: Link,
}

/// What stands where HEAD should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HeadState {
    Missing,
    Bad(String),
    Good(Head),
}

impl Head {
    /// Reads HEAD of the data directory.
    ///
    /// # Errors
    /// `Io` when it exists and cannot be read.
    pub(crate) fn read(disk: &dyn Disk, dir: &Path) -> Result<HeadState, JournalError> {
        let path = path(dir);
        match disk.read(&path, HEAD_BYTES_MAX) {
            Ok(bytes) => Ok(match Self::parse(&bytes) {
                Ok(head) => HeadState::Good(head),
                Err(why) => HeadState::Bad(why),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(HeadState::Missing),
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                Ok(HeadState::Bad(format!("is too large: {error}")))
            }
            Err(error) => Err(JournalError::io("read", &path, &error)),
        }
    }

    /// Replaces HEAD durably: temporary file, fsync, rename, directory fsync.
    ///
    /// # Errors
    /// `Io`; which of the two HEADs stands is then open, both are true.
    pub(crate) fn write(&self, disk: &dyn Disk, dir: &Path) -> Result<(), JournalError> {
        let (path, temporary) = (path(dir), dir.join("HEAD.new"));
        let at = |action, path: &Path| {
            let path = path.to_path_buf();
            move |error: io::Error| JournalError::io(action, &path, &error)
        };
        match disk.remove(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(at("remove", &temporary)(error));
            }
            Ok(()) | Err(_) => {}
        }
        let file = disk.create(&temporary).map_err(at("create", &temporary))?;
        file.write_at(self.to_text().as_bytes(), 0)
            .map_err(at("write", &temporary))?;
        file.sync_all().map_err(at("sync", &temporary))?;
        disk.rename(&temporary, &path)
            .map_err(at("rename", &temporary))?;
        disk.sync_dir(dir).map_err(at("sync", dir))
    }

    fn to_text(&self) -> String {
        let body = format!(
            "roomledger head {FORMAT}\nlog {}\nepoch {:016x}\nboot {}\nclean {}\nsegment {}\n\
             position {}\nhash {}\n",
            hex(&self.log_id),
            self.epoch,
            // A boot id is the caller's word: a line break in it would end the line here.
            self.boot_id.replace(['\n', '\r'], " "),
            self.clean,
            self.segment,
            self.link.position(),
            hex(&self.link.hash),
        );
        let crc = crc32c::crc32c(body.as_bytes());
        format!("{body}crc {crc:08x}\n")
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "is not text".to_owned())?;
        let cut = text.rfind("crc ").ok_or("has no checksum")?;
        let (body, crc) = text.split_at(cut);
        if format!("crc {:08x}\n", crc32c::crc32c(body.as_bytes())) != crc {
            return Err("has a bad checksum".to_owned());
        }
        let mut lines = body.lines();
        let mut field = |name: &str| {
            let line = lines.next().and_then(|line| line.strip_prefix(name));
            line.map(str::to_owned)
                .ok_or_else(|| format!("lacks `{}`", name.trim_end()))
        };
        let format = field("roomledger head ")?;
        if format != FORMAT.to_string() {
            return Err(format!("has format {format}, this build reads {FORMAT}"));
        }
        let head = Self {
            log_id: unhex(&field("log ")?).ok_or("has a bad log id")?,
            epoch: u64::from_str_radix(&field("epoch ")?, 16).map_err(|_| "has a bad epoch")?,
            boot_id: field("boot ")?,
            clean: field("clean ")? == "true",
            segment: field("segment ")?
                .parse()
                .map_err(|_| "has a bad segment")?,
            link: Link {
                next_position: field("position ")?
                    .parse::<u64>()
                    .ok()
                    .and_then(|position| position.checked_add(1))
                    .ok_or("has a bad position")?,
                hash: unhex(&field("hash ")?).ok_or("has a bad hash")?,
            },
        };
        Ok(head)
    }
}

/// Where HEAD stands.
pub(crate) fn path(dir: &Path) -> PathBuf {
    dir.join("HEAD")
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != N * 2 {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// The format of this file and of the directory around it.
const FORMAT: u32 = 1;
/// Far above what is written: 400 bytes, and a boot id in the caller's words.
const HEAD_BYTES_MAX: u64 = 64 << 10;
