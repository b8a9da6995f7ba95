//! The forms of output: what each writes for the same rows, and that no hostile name gets through
//! any of them.

use proptest::prelude::*;
use roomledger::cli::failure::{Exit, Failure};
use roomledger::cli::output::{Format, Printer, Row, write_record};
use roomledger::cli::sanitize;
use roomledger::cli::zone::{TimeFormat, TimeStyle};
use serde_json::{Value, json};

const COLUMNS: &[&str] = &["IDENTITY", "NAME", "NOTE"];

const FORMATS: &[Format] = &[
    Format::Table,
    Format::Tsv,
    Format::Json,
    Format::Jsonl,
    Format::Csv,
    Format::Name,
    Format::Md,
];

fn row(identity: &str, name: &str, note: &str) -> Row {
    Row {
        name: identity.to_owned(),
        cells: [identity, name, note].map(str::to_owned).to_vec(),
        record: json!({"identity": identity, "name": name, "note": note}),
    }
}

fn listed(format: Format, rows: &[Row]) -> String {
    let mut out = Vec::new();
    let mut printer = Printer::new(&mut out, format, COLUMNS);
    for row in rows {
        printer.row(row).expect("a buffer takes everything");
    }
    printer.finish().expect("a buffer takes everything");
    plain(out)
}

fn recorded(format: Format, row: &Row) -> String {
    let mut out = Vec::new();
    write_record(&mut out, format, row, COLUMNS).expect("a buffer takes everything");
    plain(out)
}

/// As the stream writes it where there is no colour: only our own two sequences go.
fn plain(bytes: Vec<u8>) -> String {
    let text = String::from_utf8(bytes).expect("output is UTF-8");
    text.replace("\x1b[1m", "").replace("\x1b[0m", "")
}

#[test]
fn every_form_of_a_list() {
    let rows = [
        row("alice", "Alice, \"A\"", ""),
        row("bo", "=1+1", "*late*"),
    ];
    let cases = [
        (
            Format::Table,
            "IDENTITY  NAME        NOTE\n\
             alice     Alice, \"A\"  -\n\
             bo        =1+1        *late*\n",
        ),
        (Format::Tsv, "alice\tAlice, \"A\"\t\nbo\t=1+1\t*late*\n"),
        (
            Format::Json,
            "[\n{\"identity\":\"alice\",\"name\":\"Alice, \\\"A\\\"\",\"note\":\"\"},\n\
             {\"identity\":\"bo\",\"name\":\"=1+1\",\"note\":\"*late*\"}\n]\n",
        ),
        (
            Format::Jsonl,
            "{\"identity\":\"alice\",\"name\":\"Alice, \\\"A\\\"\",\"note\":\"\"}\n\
             {\"identity\":\"bo\",\"name\":\"=1+1\",\"note\":\"*late*\"}\n",
        ),
        (
            Format::Csv,
            "IDENTITY,NAME,NOTE\nalice,\"Alice, \"\"A\"\"\",\nbo,'=1+1,*late*\n",
        ),
        (Format::Name, "alice\nbo\n"),
        (
            Format::Md,
            "- **alice**: Alice, \"A\"\n- **bo**: =1+1, \\*late\\*\n",
        ),
    ];
    for (format, expected) in cases {
        assert_eq!(listed(format, &rows), expected, "{format:?}");
    }
}

#[test]
fn every_form_of_one_record() {
    let row = row("bo", "=1+1", "");
    let cases = [
        (Format::Table, "IDENTITY  bo\nNAME      =1+1\n"),
        (Format::Tsv, "IDENTITY\tbo\nNAME\t=1+1\n"),
        (
            Format::Json,
            "{\n  \"identity\": \"bo\",\n  \"name\": \"=1+1\",\n  \"note\": \"\"\n}\n",
        ),
        (
            Format::Jsonl,
            "{\"identity\":\"bo\",\"name\":\"=1+1\",\"note\":\"\"}\n",
        ),
        (Format::Csv, "field,value\nIDENTITY,bo\nNAME,'=1+1\n"),
        (Format::Name, "bo\n"),
        (Format::Md, "- **IDENTITY**: bo\n- **NAME**: =1+1\n"),
    ];
    for (format, expected) in cases {
        assert_eq!(recorded(format, &row), expected, "{format:?}");
    }
}

#[test]
fn an_empty_list_is_still_well_formed() {
    let cases = [
        (Format::Json, "[]\n"),
        (Format::Table, ""),
        (Format::Csv, ""),
    ];
    for (format, expected) in cases {
        assert_eq!(listed(format, &[]), expected, "{format:?}");
    }
}

#[test]
fn a_long_table_comes_in_parts_of_the_same_columns() {
    let mut rows = vec![row("a", "wide enough", "x"); 1_000];
    rows.push(row("b", "c", "y"));
    let table = listed(Format::Table, &rows);
    let column = |line: &str| line.find(['x', 'y']);
    let lines: Vec<&str> = table.lines().skip(1).collect();
    assert_eq!(lines.len(), 1_001);
    assert_eq!(table.matches("IDENTITY").count(), 1);
    assert_eq!(column(lines[0]), column(lines[1_000]));
}

#[test]
fn names_that_differ_still_differ() {
    let cases = [
        ("alice", "alice"),
        (
            "Zo\u{eb} \u{1f469}\u{200d}\u{1f680}",
            "Zo\u{eb} \u{1f469}\u{200d}\u{1f680}",
        ),
        ("ali\u{200b}ce", "ali\\u{200b}ce"),
        ("\x1b[2Jalice", "\\u{1b}[2Jalice"),
        ("\u{202e}ecila", "\\u{202e}ecila"),
        ("ali\u{200d}ce", r"ali\u{200d}ce"),
        ("ali\u{200c}ce", r"ali\u{200c}ce"),
        ("alice\u{fe0f}", r"alice\u{fe0f}"),
        ("al\u{a0}ice", r"al\u{a0}ice"),
        ("\u{3164}", r"\u{3164}"),
        ("\u{2800}\u{3000}", r"\u{2800}\u{3000}"),
        (" ", r"\u{20}"),
        (" alice", r"\u{20}alice"),
        ("alice ", r"alice\u{20}"),
        ("al  ice", r"al \u{20}ice"),
        // The one letter, and the letter with its mark.
        ("Zoe\u{308}", r"Zoe\u{308}"),
        ("\u{430}lice", r"\u{430}lice"),
        ("al\u{456}ce and alice", r"al\u{456}ce and alice"),
        ("\u{ff41}lice", r"\u{ff41}lice"),
        ("\u{1d41a}\u{1d41b}", r"\u{1d41a}\u{1d41b}"),
        // A whole word that reads as "Poca".
        (
            "\u{420}\u{43e}\u{441}\u{430}",
            r"\u{420}\u{43e}\u{441}\u{430}",
        ),
        ("a\r\nb\tc\u{9b}m", "a\\r\\nb\\tc\\u{9b}m"),
    ];
    for (name, expected) in cases {
        assert_eq!(sanitize::visible(name), expected);
    }
    // Words that read as no other: Cyrillic, Greek, Turkish and Polish, Vietnamese, Han and Kana,
    // Hangul, Arabic, Hebrew, Devanagari, a picture in its style.
    for name in [
        "\u{422}\u{43e}\u{43c}\u{430} \u{418}\u{432}\u{430}\u{43d}\u{43e}\u{432}\u{430}",
        "\u{393}\u{3b9}\u{3ce}\u{3c1}\u{3b3}\u{3bf}\u{3c2}",
        "Y\u{131}ld\u{131}z \u{141}ukasz",
        "Nguy\u{1ec5}n",
        "\u{7530}\u{4e2d} \u{3055}\u{304f}\u{3089}",
        "\u{c774}\u{c900}",
        "\u{645}\u{62d}\u{645}\u{62f}",
        "\u{5e9}\u{5dc}\u{5d5}\u{5dd}",
        "\u{905}\u{928}\u{940}\u{924}\u{93e}",
        "I \u{2764}\u{fe0f} you",
    ] {
        assert_eq!(sanitize::visible(name), name);
    }
    assert_eq!(sanitize::short(&"x".repeat(81), 80).len(), 80);
    assert_eq!(sanitize::short(&"x".repeat(80), 80), "x".repeat(80));
}

#[test]
fn a_failure_says_what_why_and_what_next() {
    let mut out = Vec::new();
    Failure::new(Exit::NotFound, "no room 'town\x1b[2J'")
        .because("the log has 2 rooms")
        .hint("roomledger rooms")
        .write(&mut out)
        .expect("a buffer takes everything");
    assert_eq!(
        plain(out).replace("\x1b[1;31m", ""),
        "error: no room 'town\\u{1b}[2J'\ncause: the log has 2 rooms\nhint: roomledger rooms\n"
    );
    let pipe = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
    assert_eq!(Failure::from(pipe).exit, Exit::Success);
    assert!(Failure::no().is_silent());
}

#[test]
fn moments_are_shown_in_the_zone_that_was_asked_for() {
    const NOON_US: i64 = 1_795_348_800_000_000;
    let now_us = NOON_US + 90_000_001;
    let cases = [
        (None, None, "2026-11-22T12:00:00.000000Z"),
        (
            Some(TimeStyle::Utc),
            Some("+02:00"),
            "2026-11-22T12:00:00.000000Z",
        ),
        (None, Some("+02:00"), "2026-11-22T14:00:00.000000+02:00"),
        (
            Some(TimeStyle::Local),
            Some("-03:30"),
            "2026-11-22T08:30:00.000000-03:30",
        ),
        (Some(TimeStyle::Relative), None, "1m30s ago"),
    ];
    for (style, zone, expected) in cases {
        let times = TimeFormat::new(style, zone, now_us).expect("a zone");
        assert_eq!(times.show(NOON_US), expected, "{style:?} {zone:?}");
    }
    for zone in ["", "UTC+2 ", "../../etc/passwd", "Middle/Earth", "25:00"] {
        let refused = TimeFormat::new(None, Some(zone), now_us).map(|_| ());
        assert_eq!(
            refused.map_err(|failure| failure.exit),
            Err(Exit::Usage),
            "{zone}"
        );
    }
}

/// Names as an attacker would choose them: mostly controls, escapes and formulas.
fn arb_name() -> impl Strategy<Value = String> {
    let nasty = proptest::char::ranges(
        vec![
            '\0'..='\u{20}',
            '\u{7f}'..='\u{9f}',
            '\u{200b}'..='\u{202e}',
            '\u{2060}'..='\u{206f}',
        ]
        .into(),
    );
    let letter = prop_oneof![
        nasty,
        any::<char>(),
        proptest::sample::select("=+-@\t\r\n,;\"'|<>[]()*_`\\#".chars().collect::<Vec<_>>()),
    ];
    proptest::collection::vec(letter, 0..100).prop_map(String::from_iter)
}

fn is_dangerous(letter: char) -> bool {
    (letter < ' ' && letter != '\n' && letter != '\t')
        || ('\u{7f}'..='\u{9f}').contains(&letter)
        || ('\u{202a}'..='\u{202e}').contains(&letter)
        || ('\u{2066}'..='\u{2069}').contains(&letter)
}

/// What an eye does not see, or takes for another, between letters of ASCII.
const UNSEEN: &[char] = &[
    '\u{ad}',
    '\u{34f}',
    '\u{61c}',
    '\u{115f}',
    '\u{180e}',
    '\u{200b}',
    '\u{200c}',
    '\u{200d}',
    '\u{200e}',
    '\u{2028}',
    '\u{202e}',
    '\u{2060}',
    '\u{2068}',
    '\u{2800}',
    '\u{3164}',
    '\u{fe0f}',
    '\u{feff}',
    '\u{ffa0}',
    '\u{e0041}',
    '\u{e0100}',
    '\u{a0}',
    '\u{1680}',
    '\u{2003}',
    '\u{202f}',
    '\u{205f}',
    '\u{3000}',
    '\u{301}',
    '\u{336}',
    '\u{20e3}',
    '\u{430}',
    '\u{435}',
    '\u{456}',
    '\u{391}',
    '\u{3bf}',
    '\u{585}',
    '\u{13aa}',
    '\u{217c}',
    '\u{212a}',
    '\u{ff41}',
    '\u{ff10}',
    '\u{1d41a}',
    '\u{251}',
];

#[test]
fn what_is_odd_about_a_text_is_said_in_words() {
    let cases = [
        ("alice", None),
        ("Zo\u{eb}", None),
        ("ali\u{200d}ce", Some("invisible characters")),
        (
            "\u{430}lice\u{a0}",
            Some("unusual spaces, look-alike letters"),
        ),
        (
            "e\u{301}\u{1b}",
            Some("control characters, combining marks"),
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(sanitize::oddities([text]).as_deref(), expected, "{text:?}");
    }
}

#[test]
fn a_log_line_keeps_its_layout_and_shows_what_is_in_it() {
    let mut written = Vec::new();
    let line = "2026-12-01  INFO request{room=\"ali\u{200d}ce\"}: \u{1b}[31m\u{430}b\n";
    let mut lines = sanitize::Lines(&mut written);
    std::io::Write::write_all(&mut lines, line.as_bytes()).expect("a buffer takes everything");
    let expected = "2026-12-01  INFO request{room=\"ali\\u{200d}ce\"}: \\u{1b}[31m\\u{430}b\n";
    assert_eq!(String::from_utf8(written).expect("UTF-8"), expected);
}

proptest! {
    #[test]
    fn no_form_hides_what_an_eye_does_not_see(
        before in "[a-z]{1,9}",
        unseen in proptest::sample::select(UNSEEN),
        after in "[a-z]{1,9}",
    ) {
        let name = format!("{before}{unseen}{after}");
        let row = row(&name, &name, &format!("{name} joined"));
        for &format in FORMATS {
            for text in [listed(format, std::slice::from_ref(&row)), recorded(format, &row)] {
                prop_assert!(!text.contains(unseen), "{:?}: {:?}", format, text);
                let code = format!("{:x}", u32::from(unseen));
                let is_pair = matches!(format, Format::Json | Format::Jsonl) && code.len() > 4;
                prop_assert!(is_pair || text.contains(&code), "{:?}: {:?}", format, text);
            }
        }
    }

    #[test]
    fn no_form_lets_a_control_through(names in proptest::collection::vec(arb_name(), 3)) {
        let row = row(&names[0], &names[1], &names[2]);
        for &format in FORMATS {
            for text in [listed(format, std::slice::from_ref(&row)), recorded(format, &row)] {
                prop_assert!(!text.contains(is_dangerous), "{:?}: {:?}", format, text);
            }
        }
    }

    #[test]
    fn a_row_is_a_line_whatever_the_names(names in proptest::collection::vec(arb_name(), 3)) {
        let row = row(&names[0], &names[1], &names[2]);
        let lines = |format| listed(format, std::slice::from_ref(&row)).matches('\n').count();
        for (format, expected) in [
            (Format::Tsv, 1), (Format::Csv, 2), (Format::Name, 1), (Format::Md, 1),
            (Format::Jsonl, 1), (Format::Table, 2),
        ] {
            prop_assert_eq!(lines(format), expected, "{:?}", format);
        }
        let tabs = listed(Format::Tsv, &[row]).matches('\t').count();
        prop_assert_eq!(tabs, COLUMNS.len() - 1);
    }

    #[test]
    fn json_keeps_the_value(names in proptest::collection::vec(arb_name(), 3)) {
        let row = row(&names[0], &names[1], &names[2]);
        let read = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        let line = listed(Format::Jsonl, std::slice::from_ref(&row));
        prop_assert_eq!(read(&line), row.record.clone());
        prop_assert_eq!(read(&recorded(Format::Json, &row)), row.record);
    }

    #[test]
    fn no_csv_field_is_a_formula(name in arb_name()) {
        let field = sanitize::csv(&name);
        // What a spreadsheet sees: a name that begins with a quote is text, not a formula.
        let inside = field.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let cell = inside.map_or_else(|| field.clone(), |inside| inside.replace("\"\"", "\""));
        prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{:?}", field);
        let quotes = field.matches('"').count();
        prop_assert!(quotes.is_multiple_of(2), "{:?}", field);
        prop_assert!(field.starts_with('"') || !field.contains([',', '"']), "{:?}", field);
    }
}
