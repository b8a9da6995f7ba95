//! Requests that are nearly right: one that succeeds, changed in one place at a time. Apart from
//! who sends them; it knows no call, so that a new one is met without a word here.

use serde_json::{Map, Value, json};

/// The same request, each time with one change: of what it says of itself, of its method and path,
/// of its body. `tokens` are those that it could be sent with as well.
pub(crate) fn changed<'a>(
    request: &'a [u8],
    tokens: impl Iterator<Item = &'a str>,
) -> Vec<Vec<u8>> {
    let text = std::str::from_utf8(request).expect("what is written is text");
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut all = heads(head, tokens);
    for head in &mut all {
        head.push_str("\n\n");
        head.push_str(body);
    }
    let bodies = bodies(body).into_iter();
    all.extend(bodies.map(|body| format!("{head}\n\n{body}")));
    all.into_iter().map(String::into_bytes).collect()
}

/// Which parameters and members a request has: others of the same shape meet the same errors.
pub(crate) fn shape(request: &[u8]) -> String {
    let text = std::str::from_utf8(request).expect("what is written is text");
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let query = head.lines().next().and_then(|first| first.split_once('?'));
    let names = query.map_or("", |(_, query)| query).split('&');
    let names = names.filter_map(|pair| Some(pair.split_once('=')?.0));
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let members = body.as_object().into_iter().flat_map(Map::keys);
    names
        .chain(members.map(String::as_str))
        .collect::<Vec<_>>()
        .join(" ")
}

/// The same request and one that cannot be the same, under one id.
pub(crate) fn reused(request: &[u8]) -> [Vec<u8>; 2] {
    let text = std::str::from_utf8(request).expect("what is written is text");
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    ["", " "].map(|end| format!("{head}\nidempotency-key: once\n\n{body}{end}").into_bytes())
}

fn heads<'a>(head: &str, tokens: impl Iterator<Item = &'a str>) -> Vec<String> {
    let (first, headers) = head.split_once('\n').unwrap_or((head, ""));
    let others = |name: &str| -> String {
        let lines = headers.lines().filter(|line| !line.starts_with(name));
        lines.flat_map(|line| ["\n", line]).collect()
    };
    let anonymous = format!("{first}{}", others("authorization: "));
    let untyped = format!("{first}{}", others("content-type: "));
    let scheme = if headers.contains(": Bearer ") {
        "Bearer "
    } else {
        ""
    };
    let mut all: Vec<String> = tokens
        .chain(["nonsense"])
        .map(|token| format!("{anonymous}\nauthorization: {scheme}{token}"))
        .collect();
    all.push(anonymous);
    all.push(format!("{untyped}\ncontent-type: text/plain"));
    all.push(format!("{head}\ncontent-encoding: gzip"));
    all.push(format!("{head}\nidempotency-key: {}", "r".repeat(300)));
    all.extend(lines(first).map(|first| format!("{first}\n{headers}")));
    all
}

/// Other methods, other segments, other parameters.
fn lines(first: &str) -> impl Iterator<Item = String> {
    let (method, uri) = first.split_once(' ').expect("METHOD PATH");
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let methods = METHODS.iter().filter(|other| **other != method);
    let mut all: Vec<String> = methods.map(|other| format!("{other} {uri}")).collect();
    let segments: Vec<&str> = path.split('/').collect();
    for at in 1..segments.len() {
        for word in SEGMENTS {
            let mut segments = segments.clone();
            segments[at] = word;
            all.push(format!("{method} {}?{query}", segments.join("/")));
        }
    }
    let long = "n".repeat(300);
    let end = path.trim_end_matches(segments[segments.len() - 1]);
    all.push(format!("{method} {end}{long}?{query}"));
    all.push(format!("{method} {path}?{query}&unknown=1"));
    all.push(format!("{method} {path}?{query}&%ff"));
    for (name, _) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        for value in ["nonsense", "-1", "1", "100000"] {
            all.push(format!("{method} {path}?{query}&{name}={value}"));
            all.push(format!("{method} {path}?{name}={value}"));
        }
    }
    all.into_iter()
}

fn bodies(body: &str) -> Vec<String> {
    let mut all = vec![
        "{".to_owned(),
        "[]".to_owned(),
        "=%ff".to_owned(),
        String::new(),
        " ".repeat(TOO_LARGE_BYTES),
    ];
    if let Ok(Value::Object(members)) = serde_json::from_str(body) {
        all.extend(objects(&members).iter().map(Value::to_string));
    }
    all
}

/// The same object with one member more, with one less, or with one of another value.
fn objects(members: &Map<String, Value>) -> Vec<Value> {
    let mut all = vec![with(members, "unknown", json!(1))];
    for (name, value) in members {
        let mut less = members.clone();
        less.remove(name);
        all.push(Value::Object(less));
        let mut renamed = members.clone();
        renamed.remove(name);
        all.push(with(&renamed, "nowhere", value.clone()));
        let changed = values(value).into_iter();
        all.extend(changed.map(|value| with(members, name, value)));
    }
    all
}

fn with(members: &Map<String, Value>, name: &str, value: Value) -> Value {
    let mut members = members.clone();
    members.insert(name.to_owned(), value);
    Value::Object(members)
}

/// Other values in a value's place, and the same with a change inside of it.
fn values(value: &Value) -> Vec<Value> {
    let mut all = vec![
        Value::Null,
        json!(true),
        json!(false),
        json!(-1),
        json!(1e300),
        json!(""),
        json!("nowhere"),
        json!("a\tb"),
        json!("n".repeat(300)),
        json!([]),
        json!({}),
        json!(vec!["nowhere"; 101]),
    ];
    match value {
        Value::String(text) => {
            all.push(json!("n".repeat(LONG_BYTES)));
            all.push(json!([text]));
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                all.extend(values(item).into_iter().map(|item| {
                    let mut items = items.clone();
                    items[at] = item;
                    Value::Array(items)
                }));
            }
            let one = items.first().filter(|one| !one.is_object());
            all.extend(one.map(|one| Value::Array(vec![one.clone(); MANY])));
        }
        Value::Object(members) => all.extend(objects(members)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    all
}

const METHODS: &[&str] = &["GET", "POST", "PUT", "DELETE"];
const SEGMENTS: &[&str] = &["nowhere", "%ff", "a%00b", ""];
/// More than any body may have.
const TOO_LARGE_BYTES: usize = (10 << 20) + 1;
/// More than any value may have.
const LONG_BYTES: usize = 600_000;
/// More than any list may have.
const MANY: usize = 100_001;
