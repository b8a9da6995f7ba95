//! A receiver of webhooks that behaves as it is told, on a socket of its own.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// What a receiver does with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 200, and the connection can be used again.
    Take,
    /// This status.
    Status(u16),
    /// 302 to wherever `Location` says.
    Redirect,
    /// Nothing, for ever.
    Hang,
    /// The connection is closed.
    Close,
    /// Half a head, and the connection is closed.
    HalfHead,
    /// A head that never ends.
    EndlessHead,
    /// 200 with half of the body, and the connection is closed.
    HalfBody,
    /// 200 with a body that never ends.
    EndlessBody,
}

impl Answer {
    /// Whether the sender may take it for a yes.
    pub(crate) fn is_yes(self) -> bool {
        matches!(self, Self::Take | Self::HalfBody | Self::EndlessBody)
    }
}

/// One request, and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
    pub(crate) answer: Answer,
}

impl Seen {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn id(&self) -> String {
        self.json()["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn kind(&self) -> String {
        self.json()["event"].as_str().unwrap().to_owned()
    }

    pub(crate) fn room(&self) -> String {
        self.json()["room"]["name"].as_str().unwrap().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        &self.headers[name]
    }
}

type Decide = dyn FnMut(&Seen) -> Answer + Send;

/// A running receiver.
#[derive(Clone)]
pub(crate) struct Hook {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    decide: Arc<Mutex<Box<Decide>>>,
}

impl Hook {
    /// Takes everything.
    pub(crate) fn good() -> Self {
        Self::deciding(|_| Answer::Take)
    }

    /// Answers what `decide` says of each request.
    pub(crate) fn deciding(decide: impl FnMut(&Seen) -> Answer + Send + 'static) -> Self {
        Self::at(TcpListener::bind("127.0.0.1:0").unwrap(), decide)
    }

    pub(crate) fn at(
        listener: TcpListener,
        decide: impl FnMut(&Seen) -> Answer + Send + 'static,
    ) -> Self {
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        let hook = Self {
            url,
            seen: Arc::default(),
            decide: Arc::new(Mutex::new(Box::new(decide))),
        };
        let served = hook.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let hook = served.clone();
                thread::spawn(move || hook.converse(stream));
            }
        });
        hook
    }

    /// From now on.
    pub(crate) fn decide(&self, decide: impl FnMut(&Seen) -> Answer + Send + 'static) {
        *self.decide.lock().unwrap() = Box::new(decide);
    }

    /// Every request so far, in the order of arrival.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// What was answered with a yes.
    pub(crate) fn taken(&self) -> Vec<Seen> {
        let mut seen = self.seen();
        seen.retain(|seen| seen.answer.is_yes());
        seen
    }

    /// Waits for so many requests that were taken.
    pub(crate) fn wait_for(&self, taken: usize) -> Vec<Seen> {
        let count = || {
            let seen = self.seen.lock().unwrap();
            seen.iter().filter(|seen| seen.answer.is_yes()).count()
        };
        until(
            || count() >= taken,
            || format!("{taken} taken: {:?}", self.seen()),
        );
        self.taken()
    }

    fn converse(&self, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while let Some(mut seen) = read(&mut reader) {
            // Decided and noted under one lock, so that the list is in the order of decisions.
            let mut list = self.seen.lock().unwrap();
            seen.answer = (self.decide.lock().unwrap())(&seen);
            let answer = seen.answer;
            list.push(seen);
            drop(list);
            if !reply(&mut stream, answer, &self.url) {
                return;
            }
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut line = String::new();
    reader
        .read_line(&mut line)
        .ok()
        .filter(|bytes| *bytes > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    assert!(line.starts_with("POST "), "{line}");
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    Some(Seen {
        path,
        headers,
        body: String::from_utf8(body).unwrap(),
        answer: Answer::Hang,
    })
}

/// `true` when the connection goes on. Who sends may be gone at any time.
fn reply(stream: &mut TcpStream, answer: Answer, url: &str) -> bool {
    let mut say = |text: &str| stream.write_all(text.as_bytes()).is_ok();
    match answer {
        Answer::Take => return say("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"),
        Answer::Status(status) => {
            return say(&format!(
                "HTTP/1.1 {status} No\r\ncontent-length: 0\r\n\r\n"
            ));
        }
        Answer::Redirect => {
            let to = format!("{url}/elsewhere");
            let head = format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n");
            return say(&head);
        }
        Answer::Hang => {
            // Until the other side goes.
            let _ = stream.read(&mut [0; 1]);
        }
        Answer::Close => {}
        Answer::HalfHead => {
            say("HTTP/1.1 200 OK\r\ncontent-le");
        }
        Answer::EndlessHead => {
            say("HTTP/1.1 200 OK\r\n");
            while say("x-more: and more\r\n") {}
        }
        Answer::HalfBody => {
            say("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
        }
        Answer::EndlessBody => {
            say("HTTP/1.1 200 OK\r\n\r\n");
            while say("and so on ") {}
        }
    }
    false
}

/// Polls; gives up after five minutes, far longer than anything here takes on a busy machine.
pub(crate) fn until(mut is_so: impl FnMut() -> bool, what: impl FnOnce() -> String) {
    for _ in 0..6_000 {
        if is_so() {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("never came: {}", what());
}
