//! What stands in the place of a file: links, pipes, devices, and files of absurd sizes.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{COMMANDS, demo, run_line};

/// What is put in the place of a file.
#[derive(Clone, Copy, Debug)]
enum Put {
    Pipe,
    Socket,
    Folder,
    LinkToDevice,
    LinkToPipe,
    /// A terabyte, all of it a hole.
    Huge,
}

fn put(path: &Path, what: Put) {
    remove(path);
    match what {
        Put::Pipe => pipe(path),
        Put::Socket => drop(UnixListener::bind(path).expect("a socket")),
        Put::Folder => fs::create_dir(path).expect("a folder"),
        Put::LinkToDevice => symlink("/dev/zero", path).expect("a link"),
        Put::LinkToPipe => {
            let target = path.with_extension("pipe");
            pipe(&target);
            symlink(target, path).expect("a link");
        }
        Put::Huge => {
            let file = fs::File::create(path).expect("a file");
            file.set_len(1 << 40).expect("a hole");
        }
    }
}

fn pipe(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.expect("mkfifo runs").success());
}

fn remove(path: &Path) {
    if path.symlink_metadata().is_ok_and(|found| found.is_dir()) {
        fs::remove_dir_all(path).expect("removed");
    } else {
        fs::remove_file(path).expect("removed");
    }
}

#[test]
fn what_is_no_regular_file_is_named_by_every_command_and_never_waited_for() {
    let kinds = [
        Put::Pipe,
        Put::Socket,
        Put::Folder,
        Put::LinkToDevice,
        Put::LinkToPipe,
        Put::Huge,
    ];
    for name in ["HEAD", "journal/00000001.seg"] {
        for kind in kinds {
            let folder = tempfile::tempdir().expect("a directory");
            let data = folder.path().join("data");
            demo(&data);
            put(&data.join(name), kind);
            // What all read in the same way is tried with each command for a pipe alone.
            let is_pipe = matches!(kind, Put::Pipe);
            let few = |line: &&&str| {
                is_pipe
                    || ["rooms", "verify", "serve"]
                        .iter()
                        .any(|it| line.starts_with(it))
            };
            for line in COMMANDS.iter().filter(few) {
                let (code, out, err) = run_line(line, &data);
                assert_eq!(code, Some(5), "{name}, {kind:?}, {line}: {out}{err}");
                assert!(err.contains(name), "{name}, {kind:?}, {line}: {err}");
                let is_named = err.contains("no regular file") || matches!(kind, Put::Huge);
                assert!(is_named, "{name}, {kind:?}, {line}: {err}");
            }
        }
    }
}

/// The journal has all that these say, and readers need none of them.
#[test]
fn a_cache_that_is_no_regular_file_keeps_nobody_from_reading() {
    for kind in [Put::Pipe, Put::LinkToDevice, Put::Huge] {
        let folder = tempfile::tempdir().expect("a directory");
        let data = folder.path().join("data");
        demo(&data);
        put(&data.join("checkpoint"), kind);
        let (code, out, err) = run_line("rooms --data DATA", &data);
        assert_eq!(code, Some(0), "{kind:?}: {out}{err}");
        let (code, out, err) = run_line("verify --data DATA", &data);
        assert_eq!(code, Some(0), "{kind:?}: {out}{err}");
        assert!(err.contains("checkpoint cannot be read"), "{err}");
    }
}

/// A file of somebody else's, and how it is made to be met under a name of the directory.
struct Victim(PathBuf);

impl Victim {
    fn beside(data: &Path) -> Self {
        let path = data.with_extension("victim");
        fs::write(&path, "precious").expect("written");
        Self(path)
    }

    fn assert_unharmed(&self, case: &str) {
        let found = fs::read_to_string(&self.0).expect("it is there");
        assert_eq!(found, "precious", "{case}");
        let mode = fs::metadata(&self.0).expect("it is there").mode() & 0o777;
        assert_eq!(mode, 0o644, "{case}");
    }
}

#[test]
fn a_lock_that_leads_elsewhere_is_refused_and_what_it_leads_to_stays() {
    let lines = [
        "repair --data DATA",
        "serve --dev --listen 127.0.0.1:0 --data DATA",
        "backup --data SOURCE --to DATA",
        "verify --sled --data DATA",
    ];
    for link in ["symbolic", "hard", "dangling"] {
        let folder = tempfile::tempdir().expect("a directory");
        let (data, source) = (folder.path().join("data"), folder.path().join("source"));
        demo(&data);
        demo(&source);
        let victim = Victim::beside(&data);
        let nowhere = folder.path().join("nowhere");
        let lock = data.join("LOCK");
        remove(&lock);
        match link {
            "symbolic" => symlink("../data.victim", &lock).expect("a link"),
            "hard" => fs::hard_link(&victim.0, &lock).expect("a link"),
            _ => symlink(&nowhere, &lock).expect("a link"),
        }
        let before = names(folder.path());
        for line in lines {
            let case = format!("{link}, {line}");
            let line = line.replace("SOURCE", &source.display().to_string());
            let (code, out, err) = run_line(&line, &data);
            assert_eq!(code, Some(1), "{case}: {out}{err}");
            assert!(err.contains(&lock.display().to_string()), "{case}: {err}");
            victim.assert_unharmed(&case);
            assert!(lock.symlink_metadata().is_ok(), "{case}: the link is gone");
        }
        assert_eq!(names(folder.path()), before, "{link}");
        // A reader takes no lock.
        let (code, _, err) = run_line("rooms --data DATA", &data);
        assert_eq!(code, Some(0), "{link}: {err}");
    }
}

/// Whatever name leads elsewhere: no command writes there.
#[test]
fn no_command_writes_through_a_link() {
    let folder = tempfile::tempdir().expect("a directory");
    let sound = folder.path().join("sound");
    demo(&sound);
    let mut files: Vec<String> = ["HEAD.new", "checkpoint.new", "db/CONDEMNED", "aside/db-1"]
        .map(str::to_owned)
        .to_vec();
    for within in ["", "db", "journal"] {
        let entries = fs::read_dir(sound.join(within)).expect("a folder");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        files.extend(paths.filter(|path| path.is_file()).map(|path| {
            let below = path.strip_prefix(&sound).expect("below");
            below.display().to_string()
        }));
    }
    assert!(files.len() > 8, "{files:?}");
    for name in &files {
        for is_hard in [false, true] {
            let data = folder.path().join("data");
            copy(&sound, &data);
            let victim = Victim::beside(&data);
            let path = data.join(name);
            if path.exists() {
                remove(&path);
            }
            if is_hard {
                fs::hard_link(&victim.0, &path).expect("a link");
            } else {
                symlink(&victim.0, &path).expect("a link");
            }
            for line in ["verify --sled --data DATA", "repair --data DATA"] {
                let (code, out, err) = run_line(line, &data);
                let case = format!("{name}, hard {is_hard}, {line}: {out}{err}");
                assert!(code.is_some_and(|code| code < 100), "{case}");
                victim.assert_unharmed(&case);
            }
            remove(&data);
        }
    }
}

/// A folder that is a link leads out of the directory as well.
#[test]
fn no_command_writes_into_a_folder_through_a_link() {
    for name in ["journal", "db", "aside", "webhooks"] {
        let folder = tempfile::tempdir().expect("a directory");
        let data = folder.path().join("data");
        demo(&data);
        let elsewhere = folder.path().join("elsewhere");
        if data.join(name).exists() {
            fs::rename(data.join(name), &elsewhere).expect("moved");
        } else {
            fs::create_dir(&elsewhere).expect("a folder");
        }
        symlink(&elsewhere, data.join(name)).expect("a link");
        let before = names(&elsewhere);
        let serve = "serve --dev --listen 127.0.0.1:0 --data DATA";
        let (code, _, err) = run_line(serve, &data);
        assert_eq!(code, Some(5), "{name}: {err}");
        assert!(err.contains("a symbolic link, no folder"), "{name}: {err}");
        let (code, out, err) = run_line("repair --data DATA", &data);
        assert_eq!(code, Some(0), "{name}: {out}{err}");
        assert_eq!(names(&elsewhere), before, "{name}");
        assert!(!data.join(name).is_symlink(), "{name}");
    }
}

fn copy(from: &Path, to: &Path) {
    let made = Command::new("cp").arg("-r").args([from, to]).status();
    assert!(made.expect("cp runs").success());
}

/// Every name below, with the time of its last change.
fn names(folder: &Path) -> Vec<(PathBuf, i64)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let entry = path.symlink_metadata().expect("it is there");
        if entry.is_dir() {
            found.extend(names(&path));
        } else {
            found.push((path, entry.mtime_nsec()));
        }
    }
    found.sort();
    found
}
