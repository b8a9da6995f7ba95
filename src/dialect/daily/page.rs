//! A page of a list, by the ids of what stands before and behind it. Apart because every list has
//! one; it never sorts.

use crate::dialect::daily::error::Error;
use crate::dialect::daily::query::Query;

/// Which part of a list is asked for.
pub(super) struct Page {
    limit: usize,
    /// The names of both ends, as they are given.
    after: &'static str,
    before: &'static str,
    starting_after: Option<String>,
    ending_before: Option<String>,
}

impl Page {
    /// Reads the three parameters.
    ///
    /// # Errors
    /// 400 when one is wrong, or when both ends are given.
    pub(super) fn read(query: &mut Query) -> Result<Self, Error> {
        Self::read_as(query, "starting_after", "ending_before")
    }

    /// As [`Page::read`], where the ends have names of their own.
    ///
    /// # Errors
    /// As there.
    pub(super) fn read_as(
        query: &mut Query,
        after: &'static str,
        before: &'static str,
    ) -> Result<Self, Error> {
        let page = Self {
            limit: query.limit()?,
            after,
            before,
            starting_after: query.filter(after)?,
            ending_before: query.filter(before)?,
        };
        if page.starting_after.is_some() && page.ending_before.is_some() {
            return Err(Error::invalid(format!(
                "give `{after}` or `{before}`, not both"
            )));
        }
        Ok(page)
    }

    /// The part of `all`, which stands newest first: `limit` right behind `starting_after`, or
    /// right before `ending_before`, whose value `OLDEST` is behind the last. What is not shown can
    /// still be an end: a list is read on after one of its members was deleted.
    ///
    /// # Errors
    /// 400 when an end is the id of nothing.
    pub(super) fn of<'a, T>(
        &self,
        all: &'a [T],
        is_named: impl Fn(&T, &str) -> bool,
        is_shown: impl Fn(&T) -> bool,
    ) -> Result<Vec<&'a T>, Error> {
        let place = |name: &str, id: &str| {
            let place = all.iter().position(|it| is_named(it, id));
            place.ok_or_else(|| Error::invalid(format!("`{name}` is the id of nothing here")))
        };
        if let Some(end) = &self.ending_before {
            let place = match end.as_str() {
                OLDEST => all.len(),
                id => place(self.before, id)?,
            };
            let before = all.get(..place).unwrap_or_default().iter().rev();
            let mut part: Vec<&T> = before.filter(|it| is_shown(it)).take(self.limit).collect();
            part.reverse();
            return Ok(part);
        }
        let first = match &self.starting_after {
            Some(id) => place(self.after, id)?.saturating_add(1),
            None => 0,
        };
        let behind = all.get(first..).unwrap_or_default().iter();
        Ok(behind.filter(|it| is_shown(it)).take(self.limit).collect())
    }
}

/// What stands for the place behind the last.
pub(super) const OLDEST: &str = "OLDEST";
