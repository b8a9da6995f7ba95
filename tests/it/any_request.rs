//! Requests that mean nothing, of words that mean something somewhere: what the properties of every
//! dialect's router send.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

/// JSON of any shape; most of its texts and names are one of these words.
pub(crate) fn any_json(words: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        2 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        4 => select(words).prop_map(Value::from),
        1 => any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 32, 5, move |inner| {
        let word = prop_oneof![4 => select(words).prop_map(str::to_owned), 1 => any::<String>()];
        prop_oneof![
            1 => vec(inner.clone(), 0..4).prop_map(Value::from),
            3 => vec((word, inner), 0..6).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// One of these words, seldom another.
pub(crate) fn any_word(words: &'static [&'static str]) -> impl Strategy<Value = String> + Clone {
    prop_oneof![4 => select(words).prop_map(str::to_owned), 1 => "[!-~]{0,12}"]
}

/// A word as one segment of a path.
pub(crate) fn segment(word: &str) -> String {
    word.replace(['/', '?', '#', ' '], "_")
}

/// A path with parameters behind it.
pub(crate) fn with_query(path: String, parameters: &[(impl AsRef<str>, String)]) -> String {
    let pairs = parameters.iter();
    let pairs = pairs.map(|(name, value)| format!("{}={value}", name.as_ref()));
    let query = pairs.collect::<Vec<_>>().join("&").replace([' ', '#'], "+");
    if query.is_empty() {
        path
    } else {
        format!("{path}?{query}")
    }
}

/// As the fuzz targets of routers read it.
pub(crate) fn written(method: &str, path: &str, kind: &str, body: Vec<u8>) -> Vec<u8> {
    let mut bytes = format!("{method} {path}\nContent-Type: {kind}\n\n").into_bytes();
    bytes.extend(body);
    bytes
}
