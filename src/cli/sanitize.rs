//! Makes text that strangers chose safe to show. Apart, because every output passes through it.
//! Never hides anything: two names that differ still differ when they are shown.

use std::borrow::Cow;

/// The text with every control, bidirectional and invisible character written out as an escape
/// (`\u{1b}`), so that no name can move the cursor, reorder a line or pass for another one.
pub fn visible(text: &str) -> Cow<'_, str> {
    replaced(text, is_unsafe, |letter| {
        letter.escape_default().to_string()
    })
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
    if shown.contains([',', '"', ';']) || shown.starts_with(' ') || shown.ends_with(' ') {
        format!("\"{guard}{}\"", shown.replace('"', "\"\""))
    } else {
        format!("{guard}{shown}")
    }
}

/// Text that Markdown shows as it is: its punctuation escaped, so that a name can be no link,
/// image or tag.
pub fn markdown(text: &str) -> String {
    let is_markup = |letter: char| MARKDOWN_PUNCTUATION.contains(&letter);
    replaced(&visible(text), is_markup, |letter| format!("\\{letter}")).into_owned()
}

/// Serialised JSON with the unsafe characters that JSON itself leaves alone as `\u` escapes; they
/// can only stand inside of strings, so the value stays the same. Line feeds of the layout stay.
pub fn json(text: &str) -> Cow<'_, str> {
    let is_escaped = |letter: char| letter != '\n' && is_unsafe(letter);
    replaced(text, is_escaped, |letter| {
        let units = letter.encode_utf16(&mut [0; 2]).to_vec();
        let escapes = units.iter().map(|unit| format!("\\u{unit:04x}"));
        escapes.collect::<Vec<_>>().concat()
    })
}

fn replaced(
    text: &str,
    is_found: impl Fn(char) -> bool,
    replacement: impl Fn(char) -> String,
) -> Cow<'_, str> {
    if !text.contains(&is_found) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_found(letter) {
            shown.push_str(&replacement(letter));
        } else {
            shown.push(letter);
        }
    }
    Cow::Owned(shown)
}

/// Whether a character is a control (C0, DEL, C1), a line separator, a bidirectional control, or
/// shows as nothing at all. Joiners (U+200C, U+200D) are part of ordinary names and stay.
fn is_unsafe(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

const ELLIPSIS: &str = "...";

/// What makes a spreadsheet calculate, also in the full-width forms that some of them fold.
const FORMULA_STARTS: &[char] = &[
    '=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
];

const MARKDOWN_PUNCTUATION: &[char] =
    &['\\', '`', '*', '_', '[', ']', '<', '>', '|', '~', '&', '$'];
