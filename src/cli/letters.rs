//! Which characters of a text do not show what they are: controls, what is invisible, spaces that
//! are none of ours, marks that join another letter, and letters that look like others. Apart
//! because it is a judgement of Unicode alone, by the facts of UTS #39; how a character is then
//! written is not decided here.

use std::fmt;

use unicode_security::skeleton;

/// Why a character does not show what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Oddity {
    /// A control (C0, DEL, C1).
    Control,
    /// Shows as nothing, or turns the order of what follows.
    Invisible,
    /// A space that is not U+0020, or one at an edge or beside another, where nobody sees it.
    Space,
    /// Joins the letter before it, so that two spellings show as one.
    Mark,
    /// Shows as a letter or digit of ASCII, and is another.
    LookAlike,
}

impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Control => "control characters",
            Self::Invisible => "invisible characters",
            Self::Space => "unusual spaces",
            Self::Mark => "combining marks",
            Self::LookAlike => "look-alike letters",
        })
    }
}

/// Every character with what is odd about it, in order.
pub fn judged(text: &str) -> Vec<(char, Option<Oddity>)> {
    let letters: Vec<char> = text.chars().collect();
    let alone = letters.iter().enumerate().map(|(at, &letter)| {
        let before = at.checked_sub(1).and_then(|at| letters.get(at)).copied();
        let after = letters.get(at + 1).copied();
        (letter, odd(letter, before, after))
    });
    let mut judged: Vec<_> = alone.collect();
    for word in judged.chunk_by_mut(|one, other| is_of_word(one.0) == is_of_word(other.0)) {
        judge_word(word);
    }
    judged
}

/// Whether nothing can be odd about a text: most are such, and are not looked at twice.
pub fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_printed = bytes.iter().all(|byte| (b' '..=b'~').contains(byte));
    is_printed && !text.starts_with(' ') && !text.ends_with(' ') && !text.contains("  ")
}

/// What is odd about a character by itself and its neighbours.
fn odd(letter: char, before: Option<char>, after: Option<char>) -> Option<Oddity> {
    if letter == ' ' {
        let is_unseen = before.is_none_or(char::is_whitespace) || after.is_none();
        return is_unseen.then_some(Oddity::Space);
    }
    if letter.is_control() {
        return Some(Oddity::Control);
    }
    // A sequence of emoji is one picture by its joiners, and another one without.
    let is_in_picture = before.is_some_and(is_picture)
        && (letter == EMOJI_STYLE || (letter == JOINER && after.is_some_and(is_picture)));
    if is_invisible(letter) {
        return (!is_in_picture).then_some(Oddity::Invisible);
    }
    if letter.is_whitespace() {
        return Some(Oddity::Space);
    }
    is_mark(letter).then_some(Oddity::Mark)
}

/// Marks the letters of a word that pass for ASCII: all that stand beside ASCII, and all of a word
/// that can be read as ASCII from its first letter to its last.
fn judge_word(word: &mut [(char, Option<Oddity>)]) {
    let is_first_of_word = word.first().is_some_and(|(letter, _)| is_of_word(*letter));
    if !is_first_of_word || word.iter().all(|(letter, _)| letter.is_ascii()) {
        return;
    }
    let has_ascii = word
        .iter()
        .any(|(letter, _)| letter.is_ascii_alphanumeric());
    let mut others = word.iter().filter(|(letter, _)| !letter.is_ascii());
    let is_read_as_ascii =
        others.all(|(letter, _)| is_of_rival_script(*letter) && passes_for_ascii(*letter));
    if !has_ascii && !is_read_as_ascii {
        return;
    }
    for (letter, oddity) in word {
        if oddity.is_none() && passes_for_ascii(*letter) {
            *oddity = Some(Oddity::LookAlike);
        }
    }
}

/// Whether a character belongs to a word, so that its neighbours tell how it is read.
fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || is_mark(letter) || is_invisible(letter)
}

/// Whether a letter or digit shows as one of ASCII (UTS #39: its skeleton). Those of European
/// alphabets are told apart by their readers, and have names full of them.
fn passes_for_ascii(letter: char) -> bool {
    if letter.is_ascii() || !letter.is_alphanumeric() || EUROPEAN.contains(&letter) {
        return false;
    }
    let mut buffer = [0; 4];
    let mut shown = skeleton(letter.encode_utf8(&mut buffer)).peekable();
    shown.peek().is_some() && shown.all(|shown| shown.is_ascii_alphanumeric())
}

/// Whether a script is written as Latin is, so that a whole word of it can pass for ASCII. A word
/// of Arabic or Hebrew has such letters too, and is read from the other side.
fn is_of_rival_script(letter: char) -> bool {
    !matches!(letter, '\u{590}'..='\u{8ff}' | '\u{3040}'..='\u{30ff}' | '\u{fb1d}'..='\u{fdff}'
        | '\u{fe70}'..='\u{feff}')
}

/// `Default_Ignorable_Code_Point`, and what else shows as nothing or moves what is around it: line
/// and paragraph separators, annotations, the blank pattern of Braille, a note without a head.
fn is_invisible(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d159}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// The marks of no script of their own, which join letters of any.
fn is_mark(letter: char) -> bool {
    matches!(letter,
        '\u{300}'..='\u{34e}' | '\u{350}'..='\u{36f}' | '\u{483}'..='\u{489}'
        | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
        | '\u{fe20}'..='\u{fe2f}')
}

/// Pictures that are joined to others, with the style and the skin tones behind them.
fn is_picture(letter: char) -> bool {
    matches!(letter,
        '\u{2190}'..='\u{27bf}' | '\u{2900}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}')
        || letter == EMOJI_STYLE
}

/// U+200D, zero width joiner.
const JOINER: char = '\u{200d}';
/// U+FE0F: what stands before it is shown as a picture.
const EMOJI_STYLE: char = '\u{fe0f}';
/// Latin-1 Supplement and Latin Extended-A, but for the long s at their end.
const EUROPEAN: std::ops::RangeInclusive<char> = '\u{c0}'..='\u{17e}';
