//! Percent-encoding, as paths, queries and forms have it. Apart, so that a caller's bytes become
//! text in one place; it never guesses: what is no UTF-8 is no text.

/// The pairs of a query or a form, in order; what cannot be read makes the whole unreadable.
pub fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let written = text.split('&').filter(|pair| !pair.is_empty());
    written
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((with_blanks(name)?, with_blanks(value)?))
        })
        .collect()
}

/// One segment of a path, where `+` stands for itself.
pub fn segment(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let high = hex(rest.next()?)?;
            bytes.push(high * 16 + hex(rest.next()?)?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn with_blanks(text: &str) -> Option<String> {
    segment(&text.replace('+', " "))
}

fn hex(byte: u8) -> Option<u8> {
    let digit = char::from(byte).to_digit(16)?;
    u8::try_from(digit).ok()
}
