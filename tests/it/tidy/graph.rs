//! Which file imports which, and where that runs in a circle. A parent that only declares and
//! re-exports its children is looked through: the import counts for the file that it ends in.

use std::collections::{BTreeMap, BTreeSet};

use super::paths::{Code, UsedPath, module_of};

type Codes = BTreeMap<String, Code>;
type Edges<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// Re-exports of re-exports end long before this; a circle of them must too.
const REEXPORTS_MAX: usize = 8;

/// One cycle for each knot of files that import each other, first file again at its end.
pub(super) fn cycles(codes: &Codes) -> Vec<Vec<String>> {
    let files: BTreeMap<Vec<String>, &str> = codes
        .keys()
        .map(|name| (module_of(name), name.as_str()))
        .collect();
    let mut edges = Edges::new();
    for (name, code) in codes {
        for path in code.paths.iter().filter(|path| path.exported_as.is_none()) {
            let target = path.absolute.as_deref();
            if let Some(file) = target.and_then(|target| file_of(codes, &files, target, 0))
                && file != name
            {
                edges.entry(name.as_str()).or_default().insert(file);
            }
        }
    }
    let mut found = Vec::new();
    let mut reported = BTreeSet::new();
    for start in edges.keys() {
        if !reported.contains(start)
            && let Some(cycle) = shortest_cycle(&edges, start)
        {
            reported.extend(cycle.iter().copied());
            found.push(cycle.into_iter().map(str::to_owned).collect());
        }
    }
    found
}

/// The file that defines what an absolute path names.
fn file_of<'a>(
    codes: &'a Codes,
    files: &BTreeMap<Vec<String>, &'a str>,
    target: &[String],
    reexports: usize,
) -> Option<&'a str> {
    let (length, name) = (1..=target.len())
        .rev()
        .find_map(|length| files.get(&target[..length]).map(|name| (length, *name)))?;
    let (Some(item), Some(code)) = (target.get(length), codes.get(name)) else {
        return Some(name);
    };
    if reexports == REEXPORTS_MAX {
        return Some(name);
    }
    let through = |path: &&UsedPath| path.exported_as.as_ref() == Some(item);
    let next = code
        .paths
        .iter()
        .find(through)
        .and_then(|path| path.absolute.as_deref());
    match next {
        Some(next) => file_of(codes, files, next, reexports + 1),
        None => Some(name),
    }
}

/// The shortest way from `start` back to itself.
fn shortest_cycle<'a>(edges: &Edges<'a>, start: &'a str) -> Option<Vec<&'a str>> {
    let mut ways = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for next in way
                .last()
                .and_then(|last| edges.get(last))
                .into_iter()
                .flatten()
            {
                let mut further = way.clone();
                further.push(next);
                if *next == start {
                    return Some(further);
                }
                if seen.insert(*next) {
                    longer.push(further);
                }
            }
        }
        ways = longer;
    }
    None
}
