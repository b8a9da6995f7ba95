//! Stamps the reducer: a number over the sources that say what a fold comes to and how it is
//! stored, by which caches of another build are ignored (log.md rule 22). Never touches a file.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

fn main() -> std::io::Result<()> {
    let mut files = Vec::new();
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
        gather(Path::new(source), &mut files)?;
    }
    files.sort();
    // SipHash with fixed keys: the same sources give the same number on every machine.
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.to_string_lossy().replace('\\', "/").hash(&mut hasher);
        fs::read(&file)?.hash(&mut hasher);
    }
    println!(
        "cargo::rustc-env=ROOMLEDGER_REDUCER={:016x}",
        hasher.finish()
    );
    Ok(())
}

fn gather(path: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if path.is_file() {
        files.push(path.to_path_buf());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        gather(&entry?.path(), files)?;
    }
    Ok(())
}

/// Where folding and the layout of caches are written down. The lock file pins their encoders.
const SOURCES: [&str; 5] = [
    "src/domain",
    "src/engine/checkpoint.rs",
    "src/engine/call.rs",
    "src/store/codec.rs",
    "src/store/record.rs",
];
