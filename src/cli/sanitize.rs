//! Makes text that strangers chose safe to show. Apart, because every output passes through it.
//! Never hides anything: two names that differ still differ, for the eye too, when they are shown.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, Write};

use crate::cli::letters::{Oddity, is_plain, judged};

/// The text with every character that does not show what it is written out as an escape
/// (`\u{1b}`), so that no name can move the cursor, reorder a line or pass for another one.
pub fn visible(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    let escape = |letter: char| match letter {
        ' ' => r"\u{20}".to_owned(),
        // Beyond ASCII the short forms are none.
        letter => letter.escape_default().to_string(),
    };
    written(text, |oddity| oddity.is_some(), escape)
}

/// What is odd about the characters of some texts, in words; `None` where nothing is.
pub fn oddities<'a>(texts: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let odd = texts.into_iter().filter(|text| !is_plain(text));
    let odd = odd.flat_map(|text| judged(text).into_iter().filter_map(|(_, oddity)| oddity));
    let kinds: BTreeSet<Oddity> = odd.collect();
    let kinds: Vec<String> = kinds.iter().map(ToString::to_string).collect();
    (!kinds.is_empty()).then(|| kinds.join(", "))
}

/// [`visible`], and cut to `chars_max` characters with `...` in the last places.
pub fn short(text: &str, chars_max: usize) -> Cow<'_, str> {
    let shown = visible(text);
    if shown.chars().count() <= chars_max {
        return shown;
    }
    let kept = chars_max.saturating_sub(ELLIPSIS.len());
    Cow::Owned(shown.chars().take(kept).chain(ELLIPSIS.chars()).collect())
}

/// A CSV field (RFC 4180): quoted where it must be, and with a leading `'` where a spreadsheet
/// would take it for a formula.
pub fn csv(text: &str) -> String {
    let shown = visible(text);
    let guard = if shown.starts_with(FORMULA_STARTS) {
        "'"
    } else {
        ""
    };
    if shown.contains([',', '"', ';']) {
        format!("\"{guard}{}\"", shown.replace('"', "\"\""))
    } else {
        format!("{guard}{shown}")
    }
}

/// Text that Markdown shows as it is: its punctuation escaped, so that a name can be no link,
/// image or tag.
pub fn markdown(text: &str) -> String {
    let shown = visible(text);
    let mut marked = String::with_capacity(shown.len());
    for letter in shown.chars() {
        if MARKDOWN_PUNCTUATION.contains(&letter) {
            marked.push('\\');
        }
        marked.push(letter);
    }
    marked
}

/// Serialised JSON with the odd characters that JSON itself leaves alone as `\u` escapes; they can
/// only stand inside of strings, so the value stays the same. The layout stays.
pub fn json(text: &str) -> Cow<'_, str> {
    let escape = |letter: char| {
        let units = letter.encode_utf16(&mut [0; 2]).to_vec();
        let escapes = units.iter().map(|unit| format!("\\u{unit:04x}"));
        escapes.collect::<Vec<_>>().concat()
    };
    line_by_line(text, escape)
}

/// A log line, or several, as [`visible`] shows them, but for the spaces of their layout.
pub fn lines(text: &str) -> Cow<'_, str> {
    line_by_line(text, |letter| letter.escape_default().to_string())
}

/// Writes each line as [`lines`] shows it.
pub struct Lines<W>(pub W);

impl<W: Write> Write for Lines<W> {
    /// Takes all that it is given, which a log writes event by event.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        self.0.write_all(lines(&text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The same, with spaces and line feeds as they are.
fn line_by_line(text: &str, escape: impl Fn(char) -> String) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte == b'\n' || (b' '..=b'~').contains(&byte);
    if text.bytes().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = line
            .strip_suffix('\n')
            .map_or((line, ""), |line| (line, "\n"));
        let is_layout = |letter: char| letter == ' ';
        for (letter, oddity) in judged(line) {
            if oddity.is_some() && !is_layout(letter) {
                shown.push_str(&escape(letter));
            } else {
                shown.push(letter);
            }
        }
        shown.push_str(end);
    }
    Cow::Owned(shown)
}

fn written(
    text: &str,
    is_escaped: impl Fn(Option<Oddity>) -> bool,
    escape: impl Fn(char) -> String,
) -> Cow<'_, str> {
    let judged = judged(text);
    if !judged.iter().any(|(_, oddity)| is_escaped(*oddity)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for (letter, oddity) in judged {
        if is_escaped(oddity) {
            shown.push_str(&escape(letter));
        } else {
            shown.push(letter);
        }
    }
    Cow::Owned(shown)
}

const ELLIPSIS: &str = "...";

/// What makes a spreadsheet calculate, also in the full-width forms that some of them fold.
const FORMULA_STARTS: &[char] = &[
    '=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
];

const MARKDOWN_PUNCTUATION: &[char] =
    &['\\', '`', '*', '_', '[', ']', '<', '>', '|', '~', '&', '$'];
