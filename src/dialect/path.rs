//! Paths of requests beside the patterns of a dialect's table of calls. Apart because every vendor
//! whose calls are paths routes by it; it knows none of them.

use crate::dialect::urlencoded;

/// What stands between the slashes, decoded; slashes at the end, and several for one, count for
/// nothing, since clients send them. `None` where it is no UTF-8, and so no name of anything.
pub fn segments(path: &str) -> Option<Vec<String>> {
    split(path).map(urlencoded::segment).collect()
}

/// What stands for each `:name` of a pattern, in order, if the path is of that pattern.
pub fn matched(pattern: &str, segments: &[String]) -> Option<Vec<String>> {
    let wanted: Vec<&str> = split(pattern).collect();
    if wanted.len() != segments.len() {
        return None;
    }
    let mut names = Vec::new();
    for (wanted, segment) in wanted.iter().zip(segments) {
        if wanted.starts_with(':') {
            names.push(segment.clone());
        } else if wanted != segment {
            return None;
        }
    }
    Some(names)
}

fn split(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}
