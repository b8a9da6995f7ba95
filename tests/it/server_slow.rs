//! Clients that take their time with a real server: each holds its connection only so long. The
//! server has one place, so who comes next is served only once the slow one was let go.

use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::served::{Caller, Served};
use crate::server_protection::{Wire, head, token};

/// A server with one place, whose limits are a second each.
fn narrow(data: &std::path::Path, timeout: &str) -> Served {
    Served::start(data, &["--connections-max", "1", timeout, "1s"], "warn")
}

/// Waits until the one place is free: whoever comes meanwhile is told 503, or let go, where this
/// machine took longer than the limit to ask. Gives the connection that had it.
fn served_again(served: &Served) -> Wire {
    loop {
        let mut wire = Wire::open(served);
        wire.send(head("GET", "/healthz", &[]).as_bytes());
        match wire.status() {
            Some(200) => return wire,
            told => assert!(matches!(told, None | Some(503)), "{told:?}"),
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Says one byte of `text` after another, as long as somebody listens.
fn dribble(wire: &mut Wire, text: &[u8]) {
    use std::io::Write as _;
    for byte in text {
        if wire.0.write_all(&[*byte]).is_err() {
            return;
        }
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_head_that_dribbles_is_not_waited_for() {
    let place = tempfile::tempdir().expect("a directory");
    let served = narrow(place.path(), "--head-timeout");
    let mut slow = Wire::open(&served);
    slow.send(b"GET /healthz HTTP/1.1\r\n");
    // A byte every tenth of a second would hold a limit of silence for ever, not one of time.
    let dribbling = thread::spawn(move || {
        dribble(&mut slow, &b"X-Slow: yes\r\n".repeat(20));
        slow.rest()
    });
    served_again(&served);
    let rest = dribbling.join().expect("it ends");
    assert!(!rest.contains(" 200 "), "{rest}");
}

#[test]
fn a_connection_that_says_nothing_is_let_go() {
    let place = tempfile::tempdir().expect("a directory");
    let served = narrow(place.path(), "--head-timeout");
    let mut silent = Wire::open(&served);
    served_again(&served);
    assert!(!silent.rest().contains(" 200 "));
    // So is one that had its answer and stays.
    let mut idle = served_again(&served);
    served_again(&served);
    assert!(!idle.rest().contains(" 200 "));
}

#[test]
fn a_body_that_dribbles_is_answered_without_its_end() {
    let place = tempfile::tempdir().expect("a directory");
    let served = narrow(place.path(), "--answer-timeout");
    let bearer = format!("Bearer {}", token());
    let mut slow = Wire::open(&served);
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Length", "1000"),
    ];
    slow.send(head("POST", "/api/v1/rooms/r/commands", &headers).as_bytes());
    let mut writing = Wire(slow.0.try_clone().expect("a second handle"));
    let dribbling = thread::spawn(move || dribble(&mut writing, &[b' '; 200]));
    let (status, _, _) = slow.answer();
    assert_eq!(status, 408);
    served_again(&served);
    dribbling.join().expect("it ends");
}

#[test]
fn an_answer_that_nobody_reads_is_not_held() {
    let place = tempfile::tempdir().expect("a directory");
    let served = narrow(place.path(), "--stall-timeout");
    {
        let metadata = "m".repeat(500_000);
        let body = json!({"command": "create_room", "metadata": metadata});
        let caller = Caller::new(&served.url);
        let made = caller.post("/api/v1/rooms/r/commands", "large", &body);
        assert_eq!(made.expect("an answer").status, 200);
    }
    served_again(&served);
    let bearer = format!("Bearer {}", token());
    let request = head("GET", "/api/v1/rooms/r", &[("Authorization", &bearer)]);
    // Far more than the buffers between the two take, and not one byte of it read.
    let mut deaf = Wire::open(&served);
    let requests = request.repeat(200);
    deaf.send(requests.as_bytes());
    served_again(&served);
    // The same for a stream that is not read; what it missed stands in the log.
    let mut deaf = Wire::open(&served);
    let path = "/api/v1/stream?after=0";
    deaf.send(head("GET", path, &[("Authorization", &bearer)]).as_bytes());
    drop(deaf);
    served_again(&served);
}
