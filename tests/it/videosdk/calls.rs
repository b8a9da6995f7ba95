//! Every call has a route, a name and a line in the page of the dialect.

use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::*;
use roomledger::dialect::urlencoded;
use roomledger::dialect::videosdk::call::{Call, NoRoute, route};

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
