//! Who comes to the town hall. Apart from what they do. The same seed gives the same people in
//! the same order.

use crate::engine::{IdSource, SeededIds};

/// Somebody who comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Guest {
    /// As the room knows them.
    pub(super) identity: String,
    /// As the others see them.
    pub(super) name: String,
}

/// So many people of the audience, in the order in which they come.
pub(super) fn audience(count: usize, seed: u64) -> Vec<Guest> {
    let draws = SeededIds::new(seed ^ CAST);
    let mut guests: Vec<(u128, Guest)> = (0..count)
        .map(|index| (draws.draw(), guest(index)))
        .collect();
    guests.sort_by_key(|(order, _)| *order);
    guests.into_iter().map(|(_, guest)| guest).collect()
}

fn guest(index: usize) -> Guest {
    let round = index / NAMES.len();
    let name = NAMES.get(index % NAMES.len()).copied().unwrap_or("Guest");
    let identity = name.to_lowercase();
    if round == 0 {
        Guest {
            identity,
            name: name.to_owned(),
        }
    } else {
        Guest {
            identity: format!("{identity}-{}", round + 1),
            name: format!("{name} {}", round + 1),
        }
    }
}

/// Another sequence than that of the ids.
const CAST: u64 = 0x0063_6173_7400;

const NAMES: [&str; 48] = [
    "Amara", "Ben", "Carla", "Daniel", "Elif", "Farid", "Grace", "Hugo", "Ines", "Jonas", "Kemi",
    "Leila", "Marco", "Nadia", "Oskar", "Paula", "Quentin", "Rosa", "Samir", "Tanja", "Uma",
    "Viktor", "Wanda", "Xavier", "Yuki", "Zoe", "Anton", "Bianca", "Chidi", "Dora", "Emil",
    "Fatima", "Gustav", "Hana", "Ivan", "Jana", "Karim", "Luisa", "Mira", "Nils", "Olga", "Pavel",
    "Ravi", "Sofia", "Timo", "Vera", "Willem", "Yara",
];
