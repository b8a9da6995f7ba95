//! The client of `--server`, against a server that answers from a script: paths, problems, and
//! a stream that is cut off.

use std::io::{BufRead, BufReader, Read as _, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};

use proptest::prelude::*;
use roomledger::cli::failure::{Exit, Failure};
use roomledger::cli::http::Client;
use roomledger::cli::read::{Reader, ServerReader};
use roomledger::cli::sse::{Message, Messages};
use serde_json::{Value, json};

/// Answers one connection with each text, then goes; gives back the head of every request, with its
/// body as a last line where it has one.
fn serve(answers: Vec<String>) -> (SocketAddr, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let server = thread::spawn(move || {
        let mut heads = Vec::new();
        for answer in answers {
            let (mut connection, _) = listener.accept().expect("a connection");
            let mut reader = BufReader::new(connection.try_clone().expect("a handle"));
            let lines = reader.by_ref().lines();
            let mut head: Vec<String> = lines
                .map(|line| line.expect("a line"))
                .take_while(|line| !line.is_empty())
                .collect();
            let length = head.iter().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.parse::<u64>())
            });
            if let Some(length) = length {
                let mut body = String::new();
                let mut rest = reader.take(length.expect("a number"));
                rest.read_to_string(&mut body).expect("a body");
                head.push(body);
            }
            heads.push(head.join("\n"));
            connection.write_all(answer.as_bytes()).expect("a reader");
        }
        heads
    });
    (address, server)
}

fn answer(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn stream(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/event-stream\r\n\r\n{body}")
}

const TOKEN: fn() -> Result<String, Failure> = || Ok("a.b.c".to_owned());

#[test]
fn names_travel_as_one_segment_and_the_token_as_bearer() {
    let (address, server) = serve(vec![answer("200 OK", "{\"position\": 4}")]);
    let client = Client::new(&format!("http://{address}/"), &TOKEN).expect("an address");
    let read = client.get(
        &["rooms", "a/../b c?\u{e9}"],
        &[("at", "start+5m"), ("live", "a&b")],
    );
    assert_eq!(read, Ok(json!({"position": 4})));
    let heads = server.join().expect("the server");
    let request = heads[0].lines().next().expect("a request line");
    assert_eq!(
        request,
        "GET /api/v1/rooms/a%2F..%2Fb%20c%3F%C3%A9?at=start%2B5m&live=a%26b HTTP/1.1"
    );
    assert!(
        heads[0]
            .to_lowercase()
            .contains("authorization: bearer a.b.c")
    );
}

#[test]
fn problems_become_exit_codes() {
    let problem = r#"{"type": "no-right", "title": "Not allowed", "detail": "needs audit"}"#;
    let cases = [
        ("404 Not Found", problem, Exit::NotFound, "needs audit"),
        (
            "401 Unauthorized",
            "{\"title\": \"No token\"}",
            Exit::Refused,
            "No token",
        ),
        ("403 Forbidden", problem, Exit::Refused, "needs audit"),
        (
            "500 Oops",
            "<html>",
            Exit::Refused,
            "the server answered 500",
        ),
        ("302 Found", "", Exit::Refused, "the server answered 302"),
    ];
    for (status, body, exit, error) in cases {
        let (address, server) = serve(vec![answer(status, body)]);
        let client = Client::new(&format!("http://{address}"), &TOKEN).expect("an address");
        let failure = client.get(&["rooms"], &[]).expect_err(status);
        assert_eq!(
            (failure.exit, failure.error.as_str()),
            (exit, error),
            "{status}"
        );
        server.join().expect("the server");
    }
}

#[test]
fn nobody_there_is_said_with_what_to_do() {
    // Bound and never listening: nobody else gets the port meanwhile.
    let taken = tokio::net::TcpSocket::new_v4().expect("a socket");
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    taken.bind(any).expect("a port");
    let address = taken.local_addr().expect("an address");
    let client = Client::new(&format!("http://{address}"), &TOKEN).expect("an address");
    let failure = client.get(&["rooms"], &[]).expect_err("nobody listens");
    assert_eq!(failure.exit, Exit::Refused);
    assert!(failure.error.contains(&address.to_string()) && failure.hint.is_some());
    for base in ["", "127.0.0.1:7880", "ftp://x", "http://"] {
        assert_eq!(
            Client::new(base, &TOKEN).err().map(|failure| failure.exit),
            Some(Exit::Usage)
        );
    }
}

#[test]
fn a_stream_that_is_cut_off_goes_on_where_it_was() {
    let (address, server) = serve(vec![
        stream(": hello\n\nid: 4-aa\nevent: note_added\ndata: {}\n\nid: 5-bb\ndata: {"),
        answer("503 Service Unavailable", "{}"),
        stream("id: 5-bb\nevent: no_effect\ndata: {}\n\n"),
        answer("410 Gone", "{\"type\": \"other-history\"}"),
    ]);
    let client = Client::new(&format!("http://{address}"), &TOKEN).expect("an address");
    let mut seen = Vec::new();
    let mut lost = 0;
    let mut each = |message: &Message| {
        seen.push((
            message.id.clone().unwrap_or_default(),
            message.event.clone(),
        ));
        Ok(())
    };
    let ended = client.follow(&[("after", "3")], &mut each, &mut |_| lost += 1);
    let heads = server.join().expect("the server");
    let own = |id: &str, event: &str| (id.to_owned(), event.to_owned());
    assert_eq!(seen, [own("4-aa", "note_added"), own("5-bb", "no_effect")]);
    assert_eq!((ended.exit, lost), (Exit::Refused, 3));
    let resumed: Vec<bool> = heads
        .iter()
        .map(|head| head.to_lowercase().contains("last-event-id: 4-aa"))
        .collect();
    assert_eq!(resumed, [false, true, true, false]);
    assert!(heads[3].to_lowercase().contains("last-event-id: 5-bb"));
}

/// A token is over every few minutes: that is no loss, and nothing of it is an event.
#[test]
fn a_stream_whose_token_is_over_goes_on_with_a_new_one() {
    let (address, server) = serve(vec![
        stream("id: 4-aa\nevent: note_added\ndata: {}\n\nevent: stream_ended\ndata: {}\n\n"),
        stream("id: 5-bb\nevent: no_effect\ndata: {}\n\nevent: stream_ended\ndata: {}\n\n"),
        answer("410 Gone", "{\"type\": \"other-history\"}"),
    ]);
    let client = Client::new(&format!("http://{address}"), &TOKEN).expect("an address");
    let (mut seen, mut lost) = (Vec::new(), 0);
    let mut each = |message: &Message| {
        seen.push(message.event.clone());
        Ok(())
    };
    client.follow(&[], &mut each, &mut |_| lost += 1);
    let heads = server.join().expect("the server");
    assert_eq!(
        (seen, lost),
        (vec!["note_added".to_owned(), "no_effect".to_owned()], 0)
    );
    assert!(heads[1].to_lowercase().contains("last-event-id: 4-aa"));
    assert!(heads[2].to_lowercase().contains("last-event-id: 5-bb"));
}

#[test]
fn the_reader_ends_a_stream() {
    let (address, server) = serve(vec![stream("id: 4\ndata: {}\n\n")]);
    let client = Client::new(&format!("http://{address}"), &TOKEN).expect("an address");
    let pipe = || std::io::Error::from(std::io::ErrorKind::BrokenPipe);
    let ended = client.follow(&[], &mut |_| Err(pipe().into()), &mut |_| {});
    assert_eq!(ended.exit, Exit::Success);
    server.join().expect("the server");
}

#[test]
fn a_line_without_end_is_refused() {
    let endless = "data: ".to_owned() + &"x".repeat(17 * 1024 * 1024);
    assert!(Messages::new(endless.as_bytes()).next_message().is_err());
    assert!(
        Messages::new(&b"data: \xff\n\n"[..])
            .next_message()
            .is_err()
    );
}

fn arb_message() -> impl Strategy<Value = Message> {
    let line = "[a-z {}:]{0,8}";
    (
        proptest::option::of("[0-9]{1,4}-[0-9a-f]{8}"),
        "[a-z_]{1,8}",
        proptest::collection::vec(line, 1..4),
    )
        .prop_map(|(id, event, lines)| Message {
            id,
            event,
            data: lines.join("\n"),
        })
}

fn written(message: &Message, end: &str) -> String {
    let id = message
        .id
        .as_ref()
        .map(|id| format!("id: {id}{end}"))
        .unwrap_or_default();
    let data = message.data.replace('\n', &format!("{end}data: "));
    format!("{id}event: {}{end}data: {data}{end}{end}", message.event)
}

proptest! {
    #[test]
    fn messages_are_read_back(
        messages in proptest::collection::vec(arb_message(), 0..5),
        end in prop_oneof![Just("\n"), Just("\r\n")],
    ) {
        let warm = |message| written(message, end) + ": warm\n\n";
        let text: String = messages.iter().map(warm).collect();
        let mut reader = Messages::new(text.as_bytes());
        for message in messages {
            prop_assert_eq!(reader.next_message().expect("text"), Some(message));
        }
        prop_assert_eq!(reader.next_message().expect("text"), None);
    }

    #[test]
    fn a_cut_never_makes_a_message(
        message in arb_message(),
        cut in any::<proptest::sample::Index>(),
    ) {
        let text = written(&message, "\n");
        let (before, _) = text.split_at(cut.index(text.len()));
        prop_assert_eq!(Messages::new(before.as_bytes()).next_message().expect("text"), None);
    }
}

/// `clock release` posts, shows what was recorded, and says so where there was nothing to release.
#[test]
fn a_release_of_the_clock_is_posted_and_its_outcome_shown() {
    let at = "2027-01-15T08:00:00.000000Z";
    let clock = format!("{{\"held\": false, \"now\": \"{at}\", \"wall\": \"{at}\"}}");
    let done = format!("{{\"released\": true, \"position\": 7, \"clock\": {clock}}}");
    let idle = format!("{{\"released\": false, \"position\": 7, \"clock\": {clock}}}");
    let problem = r#"{"type": "no-right", "title": "Not allowed", "detail": "needs admin"}"#;
    let cases = [
        (
            "200 OK",
            done.as_str(),
            0,
            "RECORDED\t#7\nLEDGER TIME\t2027",
            "",
        ),
        ("200 OK", idle.as_str(), 1, "", "is not held"),
        ("403 Forbidden", problem, 4, "", "needs admin"),
    ];
    for (status, body, code, shown, said) in cases {
        let (address, server) = serve(vec![answer(status, body)]);
        let mut command = crate::cli_run::roomledger(&["clock", "release"]);
        command.env("ROOMLEDGER_SERVER", format!("http://{address}"));
        command
            .env("LIVEKIT_API_KEY", "devkey")
            .env("LIVEKIT_API_SECRET", "secret");
        let output = command.output().expect("it runs");
        let out = String::from_utf8(output.stdout).expect("text");
        let err = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(code), "{out}{err}");
        assert!(out.contains(shown), "{out}");
        assert!(err.contains(said), "{err}");
        let heads = server.join().expect("the server");
        let request = heads[0].lines().next().expect("a request line");
        assert_eq!(request, "POST /api/v1/clock/release HTTP/1.1");
    }
}

/// `keys revoke` and `keys lift` say which tokens, and what came of it.
#[test]
#[expect(clippy::too_many_lines, reason = "most of it is the table of cases")]
fn tokens_are_taken_back_by_the_command_line_and_given_again() {
    let (done, idle) = (
        r#"{"changed": true, "position": 7}"#,
        r#"{"changed": false, "position": 7}"#,
    );
    let problem = r#"{"type": "no-right", "title": "Not allowed", "detail": "needs admin"}"#;
    let one = json!({ "jti": "tok-7" });
    let before = json!({ "before": "2026-11-22T14:03:00.000000Z" });
    let at = "2026-11-22T14:03:00Z";
    let cases: &[(&[&str], _, _, i32, Value, &str)] = &[
        (
            &["revoke", "dev key", "--jti", "tok-7"],
            "200 OK",
            done,
            0,
            one,
            "#7\nKEY\tdev key",
        ),
        (
            &["revoke", "dev key", "--before", at],
            "200 OK",
            done,
            0,
            before.clone(),
            "#7",
        ),
        (
            &["revoke", "dev key", "--before", at],
            "200 OK",
            idle,
            1,
            before,
            "nothing changed",
        ),
        (
            &["lift", "dev key"],
            "200 OK",
            done,
            0,
            json!({ "lift": true }),
            "#7",
        ),
        (
            &["lift", "dev key", "--jti", "x"],
            "403 Forbidden",
            problem,
            4,
            json!({ "lift": true, "jti": "x" }),
            "needs admin",
        ),
    ];
    for (words, status, body, code, sent, said) in cases {
        let (address, server) = serve(vec![answer(status, body)]);
        let words: Vec<&str> = ["keys"].iter().chain(*words).copied().collect();
        let mut command = crate::cli_run::roomledger(&words);
        command.env("ROOMLEDGER_SERVER", format!("http://{address}"));
        command
            .env("LIVEKIT_API_KEY", "devkey")
            .env("LIVEKIT_API_SECRET", "secret");
        let output = command.output().expect("it runs");
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8(told).expect("text");
        assert_eq!(output.status.code(), Some(*code), "{words:?}: {told}");
        assert!(told.contains(said), "{words:?}: {told}");
        let heads = server.join().expect("the server");
        let request = heads[0].lines().next().expect("a request line");
        assert_eq!(request, "POST /api/v1/keys/dev%20key/revocations HTTP/1.1");
        assert!(
            heads[0].ends_with(&sent.to_string()),
            "{words:?}: {}",
            heads[0]
        );
    }
}

#[test]
fn what_names_no_token_is_refused_before_a_server_is_asked() {
    for wrong in [
        &["revoke", "k"][..],
        &["revoke", "k", "--before", "#7"],
        &["revoke", "k", "--jti", "a", "--before", "now"],
    ] {
        let words: Vec<&str> = ["keys"].iter().chain(wrong).copied().collect();
        let mut command = crate::cli_run::roomledger(&words);
        command
            .env("LIVEKIT_API_KEY", "devkey")
            .env("LIVEKIT_API_SECRET", "secret");
        let output = command.output().expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{words:?}: {output:?}");
    }
}

/// A server cuts the lists of an event that is about very many; the reader joins all of them, at
/// whatever depth they stand, and nothing else.
#[test]
fn names_that_come_in_pieces_are_joined() {
    let piece = |names: [u32; 2], next: Option<u32>| {
        let names = json!(names);
        let mut event = json!({
            "position": 7, "room": "r", "version": 7, "kind": "permissions_changed",
            "recorded_at": "2026-11-22T14:03:00.000000Z", "wall_at": "2026-11-22T14:03:00.000000Z",
            "ruleset": 1, "actor": { "kind": "api_key", "id": "devkey" },
            "via": { "dialect": "ledger", "call": "update_permissions" }, "sentence": "It did.",
            "data": { "targets": names, "codes": ["a"], "groups": [
                { "targets": names, "count": 6, "numbers": [[1, 6]] }] },
            "command": 7, "commit": 9, "chain": "00",
        });
        if let Some(next) = next {
            event["names_next"] = json!(next);
        }
        answer("200 OK", &event.to_string())
    };
    let (address, server) = serve(vec![
        piece([1, 2], Some(2)),
        piece([3, 4], Some(4)),
        piece([5, 6], None),
    ]);
    let reader = ServerReader::new(&format!("http://{address}"), &TOKEN).expect("an address");
    let event = reader.event(7).expect("an event").event;
    let all = json!([1, 2, 3, 4, 5, 6]);
    assert_eq!(event.data["targets"], all);
    let groups = json!([{ "targets": all, "count": 6, "numbers": [[1, 6]] }]);
    assert_eq!(event.data["groups"], groups);
    assert_eq!(event.data["codes"], json!(["a"]));
    assert_eq!(event.names_next, None);
    let heads = server.join().expect("the server");
    let asked: Vec<&str> = heads
        .iter()
        .filter_map(|head| head.split(' ').nth(1))
        .collect();
    let path = "/api/v1/events/7";
    let expected = [
        path.to_owned(),
        format!("{path}?names_after=2"),
        format!("{path}?names_after=4"),
    ];
    assert_eq!(asked, expected);
}
