//! Names that somebody may have meant. Apart, since it knows nothing of logs. Never guesses: it
//! only offers.

/// Up to three of the names that are a few letters away from what was written, nearest first, each
/// in quotes.
pub(super) fn nearest<'n>(wanted: &str, names: impl Iterator<Item = &'n str>) -> Vec<String> {
    let wanted: Vec<char> = lower(wanted);
    let far = (wanted.len() / 2).clamp(1, 3);
    let mut near: Vec<(usize, &str)> = names
        .map(|name| (distance(&wanted, &lower(name)), name))
        .filter(|(distance, _)| *distance <= far)
        .collect();
    near.sort_unstable();
    near.dedup();
    near.iter()
        .take(OFFERED_MAX)
        .map(|(_, name)| format!("'{name}'"))
        .collect()
}

/// Letters to insert, drop or replace; both texts are short.
fn distance(one: &[char], other: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.iter().enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        let mut next = vec![left];
        for (above, against) in row.iter().skip(1).zip(other) {
            let replaced = diagonal + usize::from(letter != against);
            left = replaced.min(left + 1).min(above + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

fn lower(name: &str) -> Vec<char> {
    name.chars()
        .take(NAME_CHARS_MAX)
        .flat_map(char::to_lowercase)
        .collect()
}

/// More would be a list, and there is a command for that.
const OFFERED_MAX: usize = 3;

/// Who writes a longer name pastes it.
const NAME_CHARS_MAX: usize = 64;
