//! The shape of a source file: how long, how wide, in which letters, and what its first line says.
//! Knows nothing of Rust's grammar.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Past this a file holds two ideas.
const FILE_LINES_MAX: usize = 500;

/// What two panes of a screen show side by side; rustfmt's own default.
const LINE_COLUMNS_MAX: usize = 100;

/// Folders that hold what was built or fetched, not what was written.
const NOT_OURS: &[&str] = &["target", "node_modules", ".venv"];

/// Spelt in two halves, or this file would be untidy.
const UNDONE: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
];

/// Every rule on one file; `name` is relative to the package.
pub(super) fn check(name: &str, source: &str, found: &mut Vec<String>) {
    if !source.starts_with("//! ") {
        found.push(format!(
            "{name}:1: the first line must be `//! What this file is.`"
        ));
    }
    if source.lines().count() > FILE_LINES_MAX {
        found.push(format!(
            "{name}:1: more than {FILE_LINES_MAX} lines: split it"
        ));
    }
    for (number, line) in source.lines().enumerate() {
        let number = number + 1;
        if line.chars().count() > LINE_COLUMNS_MAX {
            found.push(format!(
                "{name}:{number}: more than {LINE_COLUMNS_MAX} columns"
            ));
        }
        if !line.is_ascii() {
            found.push(format!("{name}:{number}: not ASCII"));
        }
        for word in UNDONE.iter().filter(|word| line.contains(**word)) {
            found.push(format!(
                "{name}:{number}: {word}: do it now or file an issue"
            ));
        }
    }
}

/// The Rust files under `folder` by name relative to it, with `/` on every system; none when
/// there is no such folder.
pub(super) fn rust_files(folder: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let Ok(entries) = fs::read_dir(folder) else {
        return files;
    };
    for entry in entries {
        let entry = entry.expect("a readable folder");
        let (path, name) = (
            entry.path(),
            entry.file_name().to_string_lossy().into_owned(),
        );
        if path.is_dir() && !NOT_OURS.contains(&name.as_str()) {
            let below = rust_files(&path);
            files.extend(
                below
                    .into_iter()
                    .map(|(inner, text)| (format!("{name}/{inner}"), text)),
            );
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.insert(name, fs::read_to_string(&path).expect("sources are UTF-8"));
        }
    }
    files
}
