//! Sizes in bytes as they are typed: `268435456`, `64KiB`, `256MiB`, `1GiB`. Apart, since a flag is
//! read before anything runs.

/// Reads a size of memory for bodies, in bytes.
///
/// # Errors
/// How a size is written, or the least there can be.
pub fn parse(text: &str) -> Result<usize, String> {
    let end = text.find(|it: char| !it.is_ascii_digit());
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let unit = UNITS.iter().find(|(name, _)| *name == unit);
    let bytes = match (number.parse::<usize>(), unit) {
        (Ok(number), Some((_, bytes))) => number.checked_mul(*bytes),
        (Err(_), _) | (_, None) => None,
    };
    match bytes {
        Some(bytes @ BYTES_MIN..) => Ok(bytes),
        Some(_) => Err("10MiB is the least: one body may be as large".to_owned()),
        None => Err("a size is written 64MiB: a number of B, KiB, MiB or GiB".to_owned()),
    }
}

const UNITS: [(&str, usize); 5] = [
    ("", 1),
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

const BYTES_MIN: usize = 10 << 20;
