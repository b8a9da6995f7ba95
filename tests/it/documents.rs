//! What the documents promise by name is there: each test, module or file that a table of
//! SECURITY.md, RELIABILITY.md or the README's guarantees points to.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Documents, and the heading of the column that names tests.
const TABLES: &[(&str, &str)] = &[
    ("SECURITY.md", "shown by"),
    ("README.md", "shown by"),
    ("RELIABILITY.md", "regression test"),
];

#[test]
fn every_test_that_a_document_names_is_there() {
    let known = tests();
    let mut missing = Vec::new();
    for (document, column) in TABLES {
        let text = fs::read_to_string(root().join(document)).expect(document);
        let named = names(&text, column);
        assert!(!named.is_empty(), "{document} names no test");
        let gone = named
            .into_iter()
            .filter(|name| !known.contains(name) && !root().join(name).exists());
        missing.extend(gone.map(|name| format!("{document}: {name}")));
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn a_name_is_read_from_its_column_alone() {
    let table = "| a | shown by |\n|---|---|\n| `x` | `one::two` (and `three`), plain |\n\n`four`";
    assert_eq!(names(table, "shown by"), ["one::two", "three"]);
}

/// The names in backticks of that column, in every table that has it.
fn names(text: &str, column: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut at = None;
    for line in text.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if cells.len() < 3 {
            at = None;
        } else if let Some(index) = cells.iter().position(|cell| *cell == column) {
            at = Some(index);
        } else if let Some(cell) = at.and_then(|index| cells.get(index)) {
            found.extend(cell.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    found
}

/// Every module and test function, as `cargo test` names them.
fn tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    walk(&root().join("tests/it"), "", &mut found);
    // Those that look at something private stand beside it.
    let mut beside = BTreeSet::new();
    walk(&root().join("src"), "", &mut beside);
    found.extend(beside.into_iter().filter(|name| name.contains("::tests::")));
    found
}

fn walk(folder: &Path, module: &str, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("listed") {
        let path = entry.expect("listed").path();
        let stem = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let name = if module.is_empty() {
            stem
        } else {
            format!("{module}::{stem}")
        };
        if path.is_dir() {
            found.insert(name.clone());
            walk(&path, &name, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("read");
            let (mut is_test, mut at) = (false, name.clone());
            for line in text.lines().map(str::trim) {
                if line.starts_with("mod tests {") {
                    at += "::tests";
                }
                is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
                let after = line.split_once("fn ").map(|(_, after)| after);
                if let Some(function) = after.and_then(|after| after.split('(').next())
                    && is_test
                {
                    found.insert(format!("{at}::{function}"));
                    is_test = false;
                }
            }
            found.insert(name);
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
