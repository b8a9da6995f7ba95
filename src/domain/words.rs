//! A caller's words where an answer repeats and a record keeps them. Apart because both shorten
//! them alike.

/// Shortens a text to at most so many bytes, and marks it as shortened.
pub(super) fn cut(text: &mut String, bytes_max: usize) {
    if text.len() <= bytes_max {
        return;
    }
    if bytes_max < MARK.len() {
        text.clear();
        return;
    }
    let mut end = bytes_max - MARK.len();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text.push_str(MARK);
}

const MARK: &str = "...";
