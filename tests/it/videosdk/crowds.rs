//! Sessions of many people: whole in every shape that shows them, however long it is.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::Request;
use roomledger::domain::command::{Join, ProfileUpdate};
use roomledger::domain::{Command, Identity};
use serde_json::Value;

use super::support::{Server, application};

/// The answer as text and read.
fn got(server: &Server, path: &str) -> (usize, Value) {
    let request = Request::get(path)
        .header("Authorization", application())
        .body(Body::empty());
    let (head, body) = server.send(request.unwrap());
    assert_eq!(head.status, 200, "{path}");
    (body.len(), serde_json::from_slice(&body).expect(path))
}

/// Everybody who was there, in the order of the first join with media, with the number of their
/// stints: told by the test, as it makes them.
fn crowd(server: &Server) -> Vec<(String, usize)> {
    let mut order: Vec<String> = Vec::new();
    let mut stints: BTreeMap<String, usize> = BTreeMap::new();
    for at in 0..900_usize {
        // Some come again, some never send anything, some do only the second time.
        let who = format!("p{}", at % 500);
        let active = at % 7 != 0 && at % 11 != 3;
        let mut join = Join::new(Identity::new(&who).unwrap());
        join.active = active;
        join.profile = ProfileUpdate {
            name: Some("n".repeat(200)),
            ..ProfileUpdate::default()
        };
        server.execute("town", Command::Join(join));
        if active {
            if !order.contains(&who) {
                order.push(who.clone());
            }
            *stints.entry(who).or_default() += 1;
        }
    }
    order
        .into_iter()
        .map(|who| (who.clone(), stints[&who]))
        .collect()
}

fn shown(participants: &Value) -> Vec<(String, usize)> {
    let all = participants.as_array().unwrap().iter();
    all.map(|it| {
        let who = it["participantId"].as_str().unwrap().to_owned();
        (who, it["timelog"].as_array().unwrap().len())
    })
    .collect()
}

#[test]
fn everybody_of_a_long_session_is_shown_once_and_in_order() {
    let server = Server::new();
    let expected = crowd(&server);
    let listed = got(&server, "/videosdk/v2/sessions").1;
    let id = listed["data"][0]["id"].as_str().unwrap().to_owned();
    let one = format!("/videosdk/v2/sessions/{id}");
    let older = format!("/videosdk/v1/meeting-sessions/{id}");
    for path in [one.as_str(), &older] {
        let (bytes, session) = got(&server, path);
        assert!(bytes > 64 * 1024, "several pieces");
        assert_eq!(shown(&session["participants"]), expected, "{path}");
    }
    for path in ["/videosdk/v2/sessions", "/videosdk/v1/meeting-sessions"] {
        let listed = got(&server, path).1;
        assert_eq!(
            shown(&listed["data"][0]["participants"]),
            expected,
            "{path}"
        );
        assert_eq!(listed["pageInfo"]["total"], 1, "{path}");
    }
    let mut paged = Vec::new();
    for page in 1..=6 {
        let page = format!("{one}/participants?page={page}&perPage=100");
        paged.extend(shown(&got(&server, &page).1["data"]["participants"]));
    }
    assert_eq!(paged, expected);
    let (who, stints) = expected.last().unwrap();
    let alone = got(&server, &format!("{one}/participants/{who}")).1;
    assert_eq!(alone["timelog"].as_array().unwrap().len(), *stints);
    server.call("GET", &format!("{one}/participants/nobody"), "");

    let body = format!(r#"{{"roomId":"town","sessionId":"{id}"}}"#);
    let ended = server.fine(&application(), "POST", "/videosdk/v2/sessions/end", &body);
    assert_eq!(shown(&ended["participants"]), expected);
}
