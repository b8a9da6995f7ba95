//! Every call is answered as the table of calls says, and as it is written in
//! `tests/golden/videosdk`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::*;
use roomledger::dialect::coverage::Answered;
use roomledger::dialect::urlencoded;
use roomledger::dialect::videosdk::call::{Call, NoRoute, route};

use crate::golden_calls;

#[test]
fn videosdk_answers_as_written() {
    let said = golden_calls::check("videosdk");
    let mut statuses: BTreeMap<Call, Vec<u16>> = BTreeMap::new();
    for (line, status) in &said {
        let (method, path) = line.split_once(' ').unwrap();
        let path = path.split('?').next().unwrap();
        let Some(below) = path.strip_prefix("/videosdk/") else {
            continue;
        };
        if let Ok(routed) = route(method, below) {
            statuses.entry(routed.call).or_default().push(*status);
        }
    }
    for call in Call::ALL {
        let name = call.name();
        let answers = statuses.get(call).map_or(&[][..], Vec::as_slice);
        let is_done = call.answered() != Answered::NeedsMedia;
        assert_eq!(answers.contains(&200), is_done, "{name}: {answers:?}");
        let (refused, media) = (answers.iter().any(|it| *it >= 400), answers.contains(&501));
        assert!(refused, "{name}: no error is shown");
        assert_eq!(media, !is_done, "{name}: {answers:?}");
    }
}

#[test]
fn every_call_has_its_line_in_the_page() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/videosdk.md");
    let page = std::fs::read_to_string(path).unwrap();
    let lines = page.lines().filter(|line| line.starts_with("| `v"));
    let explained: String = lines.filter_map(|line| line.split(" | ").next()).collect();
    for call in Call::ALL {
        let name = format!("`{}`", call.name());
        assert!(explained.contains(&name), "docs/videosdk.md: {name}");
    }
}

#[test]
fn each_call_has_a_name_and_a_path_of_its_own() {
    for (at, call) in Call::ALL.iter().enumerate() {
        for method in call.methods() {
            let path = call.path().replace(':', "the-");
            let routed = route(method, &format!("/{path}//")).unwrap();
            assert_eq!(routed.call, *call, "{method} {path}");
            assert!(routed.names.iter().all(|name| name.starts_with("the-")));
        }
        let others = Call::ALL.iter().skip(at + 1);
        assert!(others.clone().all(|other| other.name() != call.name()));
    }
    assert_eq!(route("GET", "v2/nothing"), Err(NoRoute::Path));
    assert_eq!(route("PUT", "v2/rooms"), Err(NoRoute::Method));
    assert_eq!(route("GET", "v2/rooms/%ff"), Err(NoRoute::Path));
}

fn encoded(text: &str) -> String {
    let mut written = String::new();
    for byte in text.bytes() {
        write!(written, "%{byte:02X}").unwrap();
    }
    written
}

proptest! {
    #[test]
    fn percent_encoding_is_undone(name in any::<String>(), value in any::<String>()) {
        let written = format!("{}={}&&", encoded(&name), encoded(&value));
        prop_assert_eq!(urlencoded::pairs(&written), Some(vec![(name.clone(), value)]));
        prop_assert_eq!(urlencoded::segment(&encoded(&name)), Some(name));
    }

    #[test]
    fn any_path_goes_somewhere_or_nowhere(method in "[A-Z]{0,6}", path in any::<String>()) {
        let again = route(&method, &path);
        prop_assert_eq!(route(&method, &format!("/{path}/")), again);
    }
}
