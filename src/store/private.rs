//! Opens and makes the files and folders of a data directory: the one door to all of them. Apart
//! because a directory may come from a stranger, and holds what is nobody else's business: no link
//! is followed, nothing but a regular file is opened, no open waits, and nobody but the owner can
//! read what is made. It knows no file by its name.

use std::fs::{self, DirBuilder, File, FileType, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// Opens a regular file that exists.
///
/// # Errors
/// The system's; `InvalidData` when it is no regular file, or when it has another name through
/// which a write would change a file elsewhere.
pub(crate) fn open(path: &Path, write: bool) -> io::Result<File> {
    let access = if write { OFlags::RDWR } else { OFlags::RDONLY };
    checked(path, access, write)
}

/// Opens a regular file for reading and writing, and makes it when there is none.
///
/// # Errors
/// As [`open`].
pub(crate) fn open_or_create(path: &Path) -> io::Result<File> {
    checked(path, OFlags::RDWR | OFlags::CREATE, true)
}

/// Makes a new file that its owner alone can read, open for reading and writing.
///
/// # Errors
/// The system's; `AlreadyExists` if there is one, or a link.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | ALWAYS;
    let file = rustix::fs::open(path, flags, FILE_MODE)?;
    // A umask can take rights from the owner as well.
    rustix::fs::fchmod(&file, FILE_MODE)?;
    Ok(file.into())
}

/// Makes a new file in the place of what an earlier run left at `path`.
///
/// # Errors
/// The system's.
pub(crate) fn create_anew(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    create(path)
}

/// The whole of a regular file of at most `bytes_max` bytes.
///
/// # Errors
/// As [`open`]; `FileTooLarge` for one that is larger, of which nothing is read.
pub(crate) fn read(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let file = open(path, false)?;
    let bytes = file.metadata()?.len();
    let mut content = Vec::new();
    if bytes <= bytes_max {
        // It may grow while it is read.
        file.take(bytes_max.saturating_add(1))
            .read_to_end(&mut content)?;
    }
    let bytes = bytes.max(content.len() as u64);
    if bytes > bytes_max {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it has {bytes} bytes, at most {bytes_max} are read"),
        ));
    }
    Ok(content)
}

/// Makes a folder that its owner alone can enter, and the ones above it; it may exist.
///
/// # Errors
/// The system's.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let mode = FOLDER_MODE.as_raw_mode();
    DirBuilder::new().recursive(true).mode(mode).create(path)
}

/// Makes what was created or renamed in a folder durable.
///
/// # Errors
/// The system's.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::open(path, flags, Mode::empty())?;
    Ok(rustix::fs::fsync(&folder)?)
}

/// Takes a file or a folder from everybody but its owner; a link stays as it is.
///
/// # Errors
/// The system's; `InvalidData` when it is neither.
pub(crate) fn shut(path: &Path) -> io::Result<()> {
    let opened = rustix::fs::open(path, OFlags::RDONLY | ALWAYS, Mode::empty())?;
    let file = File::from(opened);
    let found = file.metadata()?;
    let mode = if found.is_dir() {
        FOLDER_MODE
    } else {
        check(&found, true)?;
        FILE_MODE
    };
    Ok(rustix::fs::fchmod(&file, mode)?)
}

/// Whether anybody but the owner may do anything with it.
pub(crate) fn is_open(found: &Metadata) -> bool {
    found.mode() & OTHERS != 0
}

/// What the entry of a folder is.
pub(crate) fn kind(found: FileType) -> &'static str {
    if found.is_dir() {
        "a folder"
    } else if found.is_symlink() {
        "a symbolic link"
    } else if found.is_fifo() {
        "a named pipe"
    } else if found.is_file() {
        "a file"
    } else if found.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

/// Sets the umask of this process, so that all it makes from now on is its owner's alone: the
/// indexed copy makes files by itself. For a program at its start.
pub fn make_all_private() {
    rustix::process::umask(Mode::from_raw_mode(OTHERS));
}

fn checked(path: &Path, access: OFlags, write: bool) -> io::Result<File> {
    match rustix::fs::open(path, access | ALWAYS, FILE_MODE) {
        Ok(opened) => {
            let file = File::from(opened);
            check(&file.metadata()?, write)?;
            Ok(file)
        }
        // A link, a folder or a socket is refused by the system, in words that do not name it.
        Err(error) => Err(fs::symlink_metadata(path)
            .ok()
            .and_then(|found| check(&found, write).err())
            .unwrap_or_else(|| error.into())),
    }
}

fn check(found: &Metadata, write: bool) -> io::Result<()> {
    let refused = |what: String| Err(io::Error::new(io::ErrorKind::InvalidData, what));
    if !found.is_file() {
        let kind = kind(found.file_type());
        return refused(format!("it is {kind}, no regular file"));
    }
    // None is left of a file that was replaced since it was opened.
    if write && found.nlink() > 1 {
        let names = found.nlink();
        return refused(format!(
            "it has {names} names (hard links), so that a write to it changes another file as well"
        ));
    }
    Ok(())
}

/// A link is not followed, a pipe is not waited for, and no child process inherits what is open.
const ALWAYS: OFlags = OFlags::NOFOLLOW
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);
const FOLDER_MODE: Mode = Mode::RWXU;
/// The rights of everybody but the owner.
const OTHERS: u32 = 0o077;
