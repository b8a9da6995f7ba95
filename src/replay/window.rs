//! Which connections an event shows by name: all of them, or a stretch of their numbers.
//!
//! Apart because an event may be about everybody in a large room, and every list in it has to be
//! cut at the same number, so that the rest can be asked for.

use crate::domain::event::Who;
use crate::domain::{ConnectionNumber, Event, Ranges};

/// A stretch of connection numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    after: u32,
    last: u32,
    is_cut: bool,
}

impl Window {
    /// Every number.
    pub(super) const ALL: Self = Self {
        after: 0,
        last: u32::MAX,
        is_cut: false,
    };

    /// The numbers after one, as many as come to at most `names_max` names in the lists of an
    /// event, and one at least.
    pub(super) fn of(event: &Event, after: ConnectionNumber, names_max: usize) -> Self {
        let after = after.0;
        let all = Self { after, ..Self::ALL };
        let lists = lists(event);
        let names = |last: u32| -> usize {
            let lists = lists.iter();
            lists.map(|list| between(list, after, last)).sum()
        };
        if names(u32::MAX) <= names_max {
            return all;
        }
        let first = lists
            .iter()
            .filter_map(|list| first_after(list, after))
            .min();
        let mut fits = first.unwrap_or(after);
        let mut exceeds = u32::MAX;
        while exceeds - fits > 1 {
            let middle = fits + (exceeds - fits) / 2;
            if names(middle) <= names_max {
                fits = middle;
            } else {
                exceeds = middle;
            }
        }
        Self {
            after,
            last: fits,
            is_cut: names(u32::MAX) > names(fits),
        }
    }

    /// Whether a connection is shown.
    pub(super) const fn holds(self, number: ConnectionNumber) -> bool {
        number.0 > self.after && number.0 <= self.last
    }

    /// Those of some numbers that are shown, in order.
    pub(super) fn of_list(
        self,
        list: &Ranges<ConnectionNumber>,
    ) -> impl Iterator<Item = ConnectionNumber> + '_ {
        let pairs = list.pairs().iter();
        let shown = pairs.flat_map(move |&(first, length)| {
            let end = first.saturating_add(length);
            let from = first.max(self.after.saturating_add(1));
            from..end.min(self.last.saturating_add(1))
        });
        shown.map(ConnectionNumber)
    }

    /// The number after which the lists go on, if they do.
    pub(super) const fn next(self) -> Option<ConnectionNumber> {
        if self.is_cut {
            Some(ConnectionNumber(self.last))
        } else {
            None
        }
    }
}

/// Every list of connections that an event shows.
fn lists(event: &Event) -> Vec<Ranges<ConnectionNumber>> {
    let of = |who: &Who| who.connections.clone();
    if let Event::RemovalRequested(it) = event {
        vec![of(&it.who)]
    } else if let Event::ConnectionsClosed(it) = event {
        vec![of(&it.who)]
    } else if let Event::MoveRequested(it) = event {
        vec![of(&it.who)]
    } else if let Event::SubscriptionsChanged(it) = event {
        let befores = it.before.iter().map(|before| before.connections.clone());
        std::iter::once(of(&it.who)).chain(befores).collect()
    } else if let Event::NoEffect(it) = event {
        it.who.iter().map(of).collect()
    } else if let Event::DataSent(it) = event {
        it.who.iter().map(of).collect()
    } else if let Event::PermissionsChanged(it) = event {
        let groups = it.groups.iter().map(|group| group.connections.clone());
        it.who.iter().map(of).chain(groups).collect()
    } else if let Event::ProfileChanged(it) = event {
        let texts = [&it.name, &it.metadata].into_iter().flatten();
        let texts = texts.map(|change| numbers(&change.before));
        let attributes = it.attributes.iter();
        let attributes = attributes.map(|change| numbers(&change.before));
        let befores = texts.chain(attributes);
        std::iter::once(of(&it.who)).chain(befores).collect()
    } else {
        Vec::new()
    }
}

fn numbers<T>(befores: &[(ConnectionNumber, T)]) -> Ranges<ConnectionNumber> {
    befores.iter().map(|(number, _)| *number).collect()
}

/// How many numbers of a list lie after one, up to and with another.
fn between(list: &Ranges<ConnectionNumber>, after: u32, last: u32) -> usize {
    let pairs = list.pairs().iter();
    let counts = pairs.map(|&(first, length)| {
        let from = first.max(after.saturating_add(1));
        let end = first.saturating_add(length).min(last.saturating_add(1));
        end.saturating_sub(from) as usize
    });
    counts.sum()
}

fn first_after(list: &Ranges<ConnectionNumber>, after: u32) -> Option<u32> {
    let mut pairs = list.pairs().iter();
    let (first, _) =
        pairs.find(|&&(first, length)| first.saturating_add(length) > after.saturating_add(1))?;
    Some((*first).max(after.saturating_add(1)))
}
