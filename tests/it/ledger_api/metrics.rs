//! `/metrics`: every line by Prometheus' own grammar, and figures that move as they should.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request};
use roomledger::engine::Filter;
use serde_json::json;
use tower::ServiceExt as _;

use super::support::Server;

/// Samples by name and labels, as they are written.
pub(crate) type Samples = BTreeMap<String, f64>;

pub(super) fn scrape(server: &Server) -> (String, Samples) {
    let text = server.runtime.block_on(async {
        let request = Request::get("/metrics").body(Body::empty()).unwrap();
        let response = server.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        let kind = response.headers()["content-type"].to_str().unwrap();
        assert_eq!(kind, "text/plain; version=0.0.4");
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    });
    let samples = parse(&text);
    (text, samples)
}

/// Reads strictly: a family is declared once, before its samples, and no sample comes twice.
pub(crate) fn parse(text: &str) -> Samples {
    let mut samples = Samples::new();
    let mut kinds: BTreeMap<&str, &str> = BTreeMap::new();
    let mut helped: BTreeSet<&str> = BTreeSet::new();
    let mut family = "";
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').unwrap();
            assert!(helped.insert(name) && !words.is_empty(), "{line}");
            family = name;
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert_eq!(name, family, "{line}");
            assert!(matches!(kind, "counter" | "gauge" | "histogram"), "{line}");
            assert!(name.ends_with("_total") == (kind == "counter"), "{line}");
            kinds.insert(name, kind);
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            let is_name = |it: char| it.is_ascii_lowercase() || it == '_';
            assert!(
                name.starts_with("roomledger_") && name.chars().all(is_name),
                "{line}"
            );
            let part = name.strip_prefix(family).unwrap_or("_other");
            let parts: &[&str] = match kinds[family] {
                "histogram" => &["_bucket", "_sum", "_count"],
                _ => &[""],
            };
            assert!(parts.contains(&part), "{line} in {family}");
            assert_eq!(labels.matches('"').count() % 2, 0, "{line}");
            assert!(labels.ends_with('}'), "{line}");
            let value: f64 = value.parse().unwrap();
            assert!(samples.insert(series.to_owned(), value).is_none(), "{line}");
        }
    }
    samples
}

#[test]
fn figures_move_with_what_happens() {
    let server = Server::new();
    let (_, before) = scrape(&server);
    let joined = server.join("secret-room", "secret-alice");
    server.join("secret-room", "bob");
    let connection = joined["connection"].as_str().unwrap();
    server.get("/rooms/secret-room").expect(200);
    server.get("/no/such/secret-route").expect(404);
    let remove = json!({ "command": "remove", "target": "identity:nobody" });
    server
        .post("/rooms/secret-room/commands", &remove)
        .expect(404);
    let report = |id: &str| {
        let path = format!("/rooms/secret-room/connections/{connection}/interrupt");
        server.post_with(&path, &[("idempotency-key", id)], &json!({}));
    };
    report("secret-id");
    report("secret-id");
    server
        .send(Method::PUT, "/rooms", &[], Vec::new())
        .expect(405);
    let (text, after) = scrape(&server);
    let check = |series: &str, expected: f64| {
        let grown = after[series] - before.get(series).copied().unwrap_or_default();
        assert!(
            (grown - expected).abs() < f64::EPSILON,
            "{series} grew by {grown}\n{text}"
        );
    };
    let requests = |call: &str, status: u16, expected: f64| {
        let labels = format!("dialect=\"ledger\",call=\"{call}\",status=\"{status}\"");
        check(&format!("roomledger_requests_total{{{labels}}}"), expected);
    };
    requests("POST /api/v1/rooms/{room}/joins", 201, 2.0);
    requests("GET /api/v1/rooms/{room}", 200, 1.0);
    requests("POST /api/v1/rooms/{room}/commands", 404, 1.0);
    requests("GET other", 404, 1.0);
    requests("GET /metrics", 200, 1.0);
    let labels = "dialect=\"ledger\",call=\"POST /api/v1/rooms/{room}/joins\"";
    check(
        &format!("roomledger_request_duration_seconds_count{{{labels}}}"),
        2.0,
    );
    let infinite = format!("roomledger_request_duration_seconds_bucket{{{labels},le=\"+Inf\"}}");
    check(&infinite, 2.0);
    // Two joins, a refusal, an interruption; the repeat commits nothing.
    check("roomledger_commit_duration_seconds_count", 4.0);
    check("roomledger_commit_events_count", 4.0);
    let head = server.engine.head().0 - 2;
    check(
        "roomledger_commit_events_sum",
        f64::from(u32::try_from(head).unwrap()),
    );
    check("roomledger_refusals_total", 1.0);
    check("roomledger_repeats_total", 1.0);
    check("roomledger_overloaded_total", 0.0);
    check("roomledger_queue_commands", 0.0);
    check("roomledger_live_rooms", 1.0);
    check("roomledger_live_participants", 2.0);
    check("roomledger_live_connections", 2.0);
    check("roomledger_poisoned", 0.0);
    assert!(
        !text.contains("secret") && !text.contains("devkey"),
        "{text}"
    );
}

#[test]
fn open_streams_are_counted_and_end() {
    let server = Server::new();
    let subscriptions = || scrape(&server).1["roomledger_subscriptions"];
    let first = server
        .engine
        .subscribe(server.engine.head(), Filter::default());
    let second = server
        .engine
        .subscribe(server.engine.head(), Filter::default());
    assert!((subscriptions() - 2.0).abs() < f64::EPSILON);
    drop(first);
    assert!((subscriptions() - 1.0).abs() < f64::EPSILON);
    drop(second);
    assert!(subscriptions().abs() < f64::EPSILON);
}

/// Buckets hold what is up to their bound, and each holds those before.
#[test]
fn a_histogram_counts_up_to_its_bounds() {
    let histogram = roomledger::engine::Histogram::new(&[10, 20]);
    for value in [0, 10, 11, 20, 21, 1_000] {
        histogram.observe(value);
    }
    let expected = [(Some(10), 2), (Some(20), 4), (None, 6)];
    assert_eq!(histogram.cumulative(), expected);
    assert_eq!(histogram.sum(), 1_062);
}
