//! The README's table of the vendors' calls is what their routers route, in their own words;
//! `ROOMLEDGER_BLESS=1` writes it.

use std::fmt::Write as _;
use std::path::Path;

use roomledger::dialect::coverage::Answered;
use roomledger::dialect::daily;
use roomledger::dialect::livekit::twirp::calls::Call;
use roomledger::dialect::videosdk::call as videosdk;

/// A vendor's API and the calls that its router knows.
type Api = (&'static str, Vec<(&'static str, Answered)>);

/// A dialect adds its line here.
fn apis() -> Vec<Api> {
    let livekit = Call::ALL.iter().map(|it| (it.name(), it.answered()));
    let daily = daily::call::Call::ALL.iter();
    let daily = daily.map(|it| (it.name(), it.answered()));
    let videosdk = videosdk::Call::ALL.iter();
    let videosdk = videosdk.map(|it| (it.name(), it.answered()));
    vec![
        ("LiveKit RoomService", livekit.collect()),
        ("Daily REST", daily.collect()),
        ("VideoSDK", videosdk.collect()),
    ]
}

#[test]
fn readme_lists_the_calls_as_routed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme
        .split_once(BEGINS)
        .expect("README.md: where it begins");
    let (found, after) = rest.split_once(ENDS).expect("README.md: where it ends");
    let expected = table(&apis());
    if std::env::var_os("ROOMLEDGER_BLESS").is_some() {
        std::fs::write(&path, format!("{before}{BEGINS}{expected}{ENDS}{after}")).unwrap();
        return;
    }
    assert_eq!(found, expected, "run it with ROOMLEDGER_BLESS=1");
}

#[test]
fn every_call_has_its_line_in_the_dialects_page() {
    let livekit = Call::ALL.iter().map(|it| it.name());
    let daily = daily::call::Call::ALL.iter().map(|it| it.name());
    explains("docs/livekit.md", livekit);
    let videosdk = videosdk::Call::ALL.iter().map(|it| it.name());
    explains("docs/daily.md", daily);
    explains("docs/videosdk.md", videosdk);
}

fn explains(page: &str, calls: impl Iterator<Item = &'static str>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| line.starts_with("| `"));
    let explained: String = lines.filter_map(|line| line.split(" | ").next()).collect();
    for call in calls {
        assert!(explained.contains(&format!("`{call}`")), "{page}: {call}");
    }
}

/// One line for each way in which an API's calls are answered.
fn table(apis: &[Api]) -> String {
    let mut text = String::from("\n| API | answered | calls |\n|---|---|---|\n");
    for (api, calls) in apis {
        for way in Answered::ALL {
            let such = calls.iter().filter(|(_, answered)| answered == way);
            let names: Vec<String> = such.map(|(name, _)| format!("`{name}`")).collect();
            if !names.is_empty() {
                let words = way.words();
                writeln!(text, "| {api} | {words} | {} |", names.join(", ")).unwrap();
            }
        }
    }
    text
}

const BEGINS: &str = "<!-- generated: the calls -->";
const ENDS: &str = "<!-- generated: end -->";
