//! Lists are pages, which hold while the room goes on, and no answer is longer than it may be.

use serde_json::{Value, json};

use super::support::Server;

/// All members of a list, page by page, with something that happens after each page.
fn walk(server: &Server, path: &str, list: &str, limit: usize, between: impl Fn()) -> Vec<Value> {
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let sign = if path.contains('?') { '&' } else { '?' };
        let page = server.read(&format!("{path}{sign}limit={limit}{cursor}"));
        let members = page[list].as_array().unwrap();
        assert!(members.len() <= limit, "{page}");
        found.extend(members.iter().cloned());
        let Some(next) = page.get("cursor") else {
            return found;
        };
        let next = next
            .as_str()
            .map_or_else(|| next.to_string(), str::to_owned);
        cursor = format!("&cursor={next}");
        between();
    }
}

fn column(list: &[Value], member: &str) -> Vec<String> {
    let text = |one: &Value| one[member].as_str().unwrap().to_owned();
    list.iter().map(text).collect()
}

#[test]
fn sessions_come_in_pages() {
    let server = Server::new();
    for run in 0..7 {
        for who in 0..=run {
            server.join("town", &format!("p{who}"));
        }
        server.advance(5);
        server.command("town", &json!({"command": "end_session"}));
    }
    let whole = server.read("/rooms/town/sessions");
    assert!(whole.get("cursor").is_none());
    let whole = whole["sessions"].as_array().unwrap().clone();
    assert_eq!(whole.len(), 7);
    for limit in 1..9 {
        let paged = walk(&server, "/rooms/town/sessions", "sessions", limit, || ());
        assert_eq!(paged, whole, "{limit}");
    }
    let at = "/rooms/town/sessions?at=start";
    assert_eq!(
        walk(&server, at, "sessions", 3, || ()),
        server.read(at)["sessions"].as_array().unwrap()[..]
    );
    // A session that begins while they are read is the last one.
    let more = walk(&server, "/rooms/town/sessions", "sessions", 4, || {
        server.join("town", "late");
    });
    assert_eq!(more[..7], whole);
    assert_eq!(more.len(), 8);
    for wrong in ["cursor=x", "limit=0", "limit=1001", "cursor="] {
        server
            .get(&format!("/rooms/town/sessions?{wrong}"))
            .expect(400);
    }
}

#[test]
fn who_leaves_between_two_pages_hides_nobody() {
    let server = Server::new();
    let joined: Vec<String> = (0..9)
        .map(|at| {
            server.join("town", &format!("p{at}"))["connection"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let leaving = std::cell::Cell::new(0);
    // The last of the page before is gone when the next is asked for.
    let found = walk(&server, "/rooms/town/present", "present", 2, || {
        leaving.set(leaving.get() + 2);
        let gone = &joined[leaving.get() - 1];
        server
            .post(&format!("/rooms/town/connections/{gone}/leave"), &json!({}))
            .expect(200);
    });
    assert_eq!(column(&found, "connection"), joined);
}

#[test]
fn live_rooms_are_found_from_their_prefix_on() {
    let server = Server::new();
    for room in ["a", "b", "b1", "b2", "b3", "b4", "c"] {
        server.join(room, "alice");
    }
    server.command("b3", &json!({"command": "end_session"}));
    for live in ["", "&live=true", "&live=false"] {
        let expected: &[&str] = match live {
            "" => &["b", "b1", "b2", "b3", "b4"],
            "&live=true" => &["b", "b1", "b2", "b4"],
            _ => &["b3"],
        };
        for limit in 1..7 {
            let path = format!("/rooms?prefix=b{live}");
            let found = walk(&server, &path, "rooms", limit, || ());
            assert_eq!(column(&found, "room"), expected, "{live} {limit}");
        }
    }
    let all = walk(&server, "/rooms?live=true", "rooms", 2, || ());
    assert_eq!(column(&all, "room"), ["a", "b", "b1", "b2", "b4", "c"]);
}

/// Texts that take six times as many bytes in JSON, and reasons beside them.
#[test]
fn a_page_of_events_ends_before_it_is_too_long() {
    let server = Server::new();
    let joined = server.join("town", "alice")["position"].clone();
    let (text, reason) = ("\u{1}".repeat(4_096), "%01".repeat(4_096));
    for _ in 0..720 {
        let note = json!({"command": "add_note", "about": joined, "text": text});
        let headers = [("x-audit-reason", reason.as_str())];
        server
            .post_with("/rooms/town/commands", &headers, &note)
            .expect(200);
    }
    let mut notes = 0;
    let mut after = 0;
    loop {
        let path = format!("/events?room=town&kind=note_added&limit=1000&after={after}");
        let page = server.read(&path);
        let shown = page["events"].as_array().unwrap().len();
        assert!(page.to_string().len() < 10 << 20);
        notes += shown;
        match page["next"].as_u64() {
            Some(next) => after = next,
            None => break,
        }
    }
    assert_eq!(notes, 720);
}

#[test]
fn what_is_too_long_says_what_to_ask_for() {
    let server = Server::new();
    let metadata = "m".repeat(512 * 1024);
    for at in 0..70 {
        let join = json!({"identity": format!("p{at}"), "metadata": metadata});
        server.post("/rooms/town/joins", &join).expect(201);
    }
    let refused = server.get("/rooms/town").expect(413);
    assert_eq!(refused["type"], "too-large");
    let detail = refused["detail"].as_str().unwrap();
    for word in ["33554432", "/present", "/events"] {
        assert!(detail.contains(word), "{detail}");
    }
    server.get("/rooms/town/participants/p3").expect(200);
    assert_eq!(
        server.read("/rooms/town/present")["present"]
            .as_array()
            .unwrap()
            .len(),
        70
    );
}
