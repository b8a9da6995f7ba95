//! What a server looks at before it routes: the host that is named, the proxy in front, how many
//! connections an address has. The right values are those of RFC 9112 and RFC 7239.

use roomledger::server::{Hosts, Network};
use serde_json::json;

use crate::served::{Caller, Served, all_rights, output, roomledger};
use crate::server_protection::{Header, Wire, head, header, token};

/// What the first answer to these bytes is.
fn told(served: &Served, bytes: &str) -> Option<u16> {
    let mut wire = Wire::open(served);
    wire.send(bytes.as_bytes());
    wire.status()
}

fn get(host: &str) -> String {
    format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

#[test]
fn a_development_server_answers_for_loopback_names_only() {
    let place = tempfile::tempdir().expect("a directory");
    let served = Served::with(place.path(), &["--host", "dev.example"]);
    for (host, status) in [
        ("localhost", 200),
        ("LOCALHOST", 200),
        ("localhost:7880", 200),
        ("localhost:", 200),
        ("127.0.0.1", 200),
        ("127.0.0.1:80", 200),
        ("[::1]", 200),
        ("[::1]:7880", 200),
        ("[0:0::1]", 200),
        ("dev.example:1", 200),
        ("rebind.evil.example", 421),
        ("rebind.evil.example:7880", 421),
        ("localhost.evil.example", 421),
        ("evil.localhost", 421),
        ("127.0.0.1.evil.example", 421),
        ("127.0.0.2", 421),
        ("[::2]", 421),
        ("0.0.0.0", 421),
        ("", 400),
        ("evil.example/\"x", 400),
        ("localhost@evil.example", 400),
        ("localhost:7880:7880", 400),
        ("localhost:99999", 400),
        ("localhost, evil.example", 400),
        ("[::1", 400),
        ("[localhost]", 400),
        ("::1", 400),
    ] {
        assert_eq!(told(&served, &get(host)), Some(status), "{host:?}");
    }
    // With a token that everybody can sign, on every path, and before anything is done.
    let bearer = format!("Authorization: Bearer {}", token());
    for path in [
        "/api/v1/events",
        "/daily/v1/rooms",
        "/videosdk/v2/rooms",
        "/metrics",
        "/",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: evil.example\r\n{bearer}\r\n\r\n");
        assert_eq!(told(&served, &request), Some(421), "{path}");
    }
    // The target's own host outranks the header.
    for (target, status) in [
        ("http://localhost/healthz", 200),
        ("http://evil.example/", 421),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(told(&served, &request), Some(status), "{target}");
    }
}

#[test]
fn requests_without_one_host_are_no_requests() {
    let place = tempfile::tempdir().expect("a directory");
    let served = Served::dev(place.path());
    for (request, status) in [
        ("GET /healthz HTTP/1.1\r\n\r\n", 400),
        (
            "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
            400,
        ),
        (
            "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
            400,
        ),
        (
            "CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n",
            400,
        ),
        (
            "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n",
            400,
        ),
        ("GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n", 200),
        ("GET /healthz HTTP/1.0\r\n\r\n", 200),
    ] {
        assert_eq!(told(&served, request), Some(status), "{request:?}");
    }
}

#[test]
fn names_are_given_without_scheme_and_port() {
    for named in ["app.example", "10.0.0.7", "::1", "[::1]", "my_service"] {
        assert!(Hosts::only([named]).is_ok(), "{named}");
    }
    for named in [
        "",
        "https://app.example",
        "app.example:7880",
        "[::1]:80",
        "a b",
        "*",
        "a/b",
    ] {
        let refused = Hosts::only([named]).expect_err("no host").to_string();
        assert!(refused.contains("is no host"), "{named}: {refused}");
    }
    for network in [
        "10.0.0.0/8",
        "127.0.0.1",
        "::1",
        "fd00::/8",
        "0.0.0.0/0",
        "::/0",
    ] {
        assert!(network.parse::<Network>().is_ok(), "{network}");
    }
    for network in [
        "",
        "10.0.0.1/8",
        "10.0.0.0/33",
        "::/129",
        "10.0.0.0/",
        "all",
        "fd00::1/8",
    ] {
        assert!(network.parse::<Network>().is_err(), "{network}");
    }
}

/// No page may read an answer of a server whose secret everybody knows.
#[test]
fn a_development_server_allows_no_page_unless_told() {
    let place = tempfile::tempdir().expect("a directory");
    let page = "https://evil.example";
    for (options, is_allowed) in [(&[][..], false), (&["--cors-origin", "*"], true)] {
        let served = Served::with(place.path(), options);
        for method in ["POST", "OPTIONS"] {
            let headers = [("Origin", page), ("Access-Control-Request-Method", "POST")];
            let mut wire = Wire::open(&served);
            let path = "/twirp/livekit.RoomService/CreateRoom";
            wire.send(head(method, path, &headers).as_bytes());
            let (_, head, _) = wire.answer();
            let allowed = header(&head, "access-control-allow-origin");
            assert_eq!(
                allowed.is_some(),
                is_allowed,
                "{options:?} {method}: {head}"
            );
        }
    }
}

#[test]
fn plain_http_is_served_on_loopback_unless_told() {
    let place = tempfile::tempdir().expect("a directory");
    let data = place.path().join("data");
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:192.0.2.1]:0"] {
        let mut serve = roomledger();
        let secret = "0123456789abcdef0123456789abcdef";
        serve
            .args(["serve", "--listen", listen, "--data"])
            .arg(&data)
            .env("LIVEKIT_API_KEY", "key")
            .env("LIVEKIT_API_SECRET", secret);
        let (code, _, err) = output(&mut serve);
        assert_eq!(code, Some(2), "{listen}: {err}");
        for part in ["loopback only", "--plain-http", "docs/deploy.md"] {
            assert!(err.contains(part), "{listen}: {err}");
        }
    }
    assert!(!data.exists(), "nothing was opened");
}

#[test]
fn one_address_has_not_all_connections() {
    let place = tempfile::tempdir().expect("a directory");
    let options = ["--connections-per-address", "2", "--connections-max", "9"];
    let served = Served::with(place.path(), &options);
    let open = || {
        let mut wire = Wire::open(&served);
        wire.send(get("localhost").as_bytes());
        (wire.answer(), wire)
    };
    let held = [open(), open()];
    assert!(held.iter().all(|((status, ..), _)| *status == 200));
    let ((status, head, body), _) = open();
    assert_eq!(status, 503, "{head}");
    assert_eq!(header(&head, "retry-after").as_deref(), Some("1"));
    assert!(
        body.starts_with(b"your address has too many connections"),
        "{body:?}"
    );
    drop(held);
    while open().0.0 != 200 {}
    // A proxy is everybody.
    let options = [
        "--connections-per-address",
        "2",
        "--trusted-proxy",
        "127.0.0.0/8",
    ];
    drop(served);
    let served = Served::with(place.path(), &options);
    let held: Vec<Wire> = (0..6).map(|_| Wire::open(&served)).collect();
    for mut wire in held {
        wire.send(get("localhost").as_bytes());
        assert_eq!(wire.status(), Some(200));
    }
}

/// The address of the newest event, and the URL that Daily's dialect gives, of a call with these
/// headers.
fn recorded(served: &Served, number: usize, headers: &[(&str, &str)]) -> (String, String) {
    let body = json!({"name": format!("room-{number}")}).to_string();
    let length = body.len().to_string();
    let all = [
        &[
            ("Authorization", "Bearer secret"),
            ("Content-Type", "application/json"),
            ("Content-Length", length.as_str()),
        ],
        headers,
    ];
    let mut wire = Wire::open(served);
    wire.send(format!("{}{body}", head("POST", "/daily/v1/rooms", &all.concat())).as_bytes());
    let (status, told, body) = wire.answer();
    assert_eq!(status, 200, "{told}");
    let room: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    let position = header(&told, "x-ledger-position").expect("a position");
    let event = Caller::with_token(&served.url, &all_rights())
        .get(&format!("/api/v1/events/{position}"))
        .expect("an answer");
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let url = text(&room["url"]);
    let scheme = url.split("://").next().unwrap_or_default().to_owned();
    (text(&event.body["source_ip"]), scheme)
}

/// Hops are read from the right, up to the first that is no proxy (RFC 7239, section 7.4; the same
/// as nginx's `real_ip_recursive`).
#[test]
fn a_caller_behind_a_trusted_proxy_has_its_own_address() {
    let trusting = [
        "--trusted-proxy",
        "127.0.0.1",
        "--trusted-proxy",
        "10.0.0.0/8",
    ];
    for is_trusted in [true, false] {
        let place = tempfile::tempdir().expect("a directory");
        let options: &[&str] = if is_trusted {
            &trusting
        } else {
            &["--trusted-proxy", "10.0.0.0/8"]
        };
        let served = Served::with(place.path(), options);
        Caller::new(&served.url).await_history();
        for (number, (headers, address, scheme)) in HOPS.iter().enumerate() {
            let found = recorded(&served, number, headers);
            let expected = if is_trusted {
                (*address, *scheme)
            } else {
                (HERE, "http")
            };
            let expected = (expected.0.to_owned(), expected.1.to_owned());
            assert_eq!(found, expected, "trusted: {is_trusted}, {headers:?}");
        }
    }
}

const HERE: &str = "127.0.0.1";

/// What a proxy says, and the address and the scheme of the caller.
const HOPS: &[(&[Header<'_>], &str, &str)] = &[
    (&[], HERE, "http"),
    (&[("X-Forwarded-For", "203.0.113.9")], "203.0.113.9", "http"),
    (
        &[("X-Forwarded-For", "198.51.100.1, 203.0.113.9")],
        "203.0.113.9",
        "http",
    ),
    (
        &[("X-Forwarded-For", "203.0.113.9, 10.1.2.3")],
        "203.0.113.9",
        "http",
    ),
    (
        &[("X-Forwarded-For", "10.9.9.9, 10.1.2.3")],
        "10.9.9.9",
        "http",
    ),
    (
        &[
            ("X-Forwarded-For", "198.51.100.1"),
            ("X-Forwarded-For", "203.0.113.9"),
        ],
        "203.0.113.9",
        "http",
    ),
    (
        &[("X-Forwarded-For", "203.0.113.9:4711")],
        "203.0.113.9",
        "http",
    ),
    (
        &[("X-Forwarded-For", "[2001:db8::9]:4711")],
        "2001:db8::9",
        "http",
    ),
    (&[("X-Forwarded-For", "2001:db8::9")], "2001:db8::9", "http"),
    (
        &[("X-Forwarded-For", "::ffff:203.0.113.9")],
        "203.0.113.9",
        "http",
    ),
    (&[("X-Forwarded-For", "203.0.113.9, unknown")], HERE, "http"),
    (
        &[("X-Forwarded-For", "203.0.113.9, nonsense, 10.1.2.3")],
        "10.1.2.3",
        "http",
    ),
    (&[("X-Forwarded-For", "203.0.113.9,")], HERE, "http"),
    (
        &[("Forwarded", "for=203.0.113.9;proto=https")],
        "203.0.113.9",
        "https",
    ),
    (
        &[("Forwarded", "For=\"[2001:db8::9]:4711\"")],
        "2001:db8::9",
        "http",
    ),
    (
        &[(
            "Forwarded",
            "for=198.51.100.1, for=203.0.113.9;by=\"a,b;c\"",
        )],
        "203.0.113.9",
        "http",
    ),
    (
        &[("Forwarded", "for=203.0.113.9, for=_hidden")],
        HERE,
        "http",
    ),
    (
        &[
            ("Forwarded", "for=198.51.100.1"),
            ("X-Forwarded-For", "203.0.113.9"),
        ],
        "203.0.113.9",
        "http",
    ),
    (
        &[
            ("X-Forwarded-For", ""),
            ("X-Forwarded-For", "203.0.113.9"),
            ("Forwarded", "for=198.51.100.1"),
        ],
        "203.0.113.9",
        "http",
    ),
    (
        &[("X-Forwarded-For", ""), ("Forwarded", "for=198.51.100.1")],
        HERE,
        "http",
    ),
    (&[("X-Forwarded-Proto", "https")], HERE, "https"),
    (&[("X-Forwarded-Proto", "https, http")], HERE, "http"),
    (&[("X-Forwarded-Proto", "gopher")], HERE, "http"),
];
