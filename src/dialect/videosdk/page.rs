//! VideoSDK's pages: `page` and `perPage` of a query, and `pageInfo` of an answer. Apart because
//! all lists have them; every member of a list that stays the same is on exactly one page.

use serde::Serialize;

use crate::dialect::videosdk::error::{ApiError, cut};

/// Which page is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Paging {
    page: usize,
    per_page: usize,
}

/// `pageInfo`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageInfo {
    current_page: usize,
    per_page: usize,
    last_page: usize,
    total: usize,
}

/// One page as it is answered.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page<T> {
    pub(super) page_info: PageInfo,
    pub(super) data: T,
}

impl Paging {
    /// Reads the query of a list that can be narrowed by `filters`; the first page of 20 where it
    /// does not say, at most 100 at once.
    ///
    /// # Errors
    /// 400 for what is no number from 1 on, and for a parameter that would leave the list wider
    /// than the caller expects: one that is unknown, empty or given twice.
    pub(super) fn of(query: &[(String, String)], filters: &[&str]) -> Result<Self, ApiError> {
        narrows(query, filters)?;
        Ok(Self {
            page: number(query, "page")?.unwrap_or(1),
            per_page: number(query, "perPage")?
                .unwrap_or(PER_PAGE)
                .min(PER_PAGE_MAX),
        })
    }

    /// The page of a list, and where in the list it is. The list is counted, and not held.
    pub(super) fn cut<T>(self, all: impl Iterator<Item = T>) -> (Vec<T>, PageInfo) {
        let skipped = (self.page - 1).saturating_mul(self.per_page);
        let mut total: usize = 0;
        let mut cut = Vec::new();
        for one in all {
            if total >= skipped && cut.len() < self.per_page {
                cut.push(one);
            }
            total += 1;
        }
        let info = PageInfo {
            current_page: self.page,
            per_page: self.per_page,
            last_page: total.div_ceil(self.per_page).max(1),
            total,
        };
        (cut, info)
    }
}

/// Refuses the query of a call that takes none.
///
/// # Errors
/// 400 that names the first parameter.
pub(super) fn takes_none(query: &[(String, String)]) -> Result<(), ApiError> {
    let Some((name, _)) = query.first() else {
        return Ok(());
    };
    let words = format!(
        "the parameter {:?} is unknown here: known are none",
        cut(name)
    );
    Err(ApiError::invalid(words))
}

/// The parameter of that name in a query that [`Paging::of`] has read.
pub(super) fn text<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut found = query.iter().filter(|(given, _)| given == name);
    found.next().map(|(_, value)| value.as_str())
}

fn narrows(query: &[(String, String)], filters: &[&str]) -> Result<(), ApiError> {
    let wrong = |name: &str, problem: &str| {
        let words = format!("the parameter {:?} {problem}", cut(name));
        Err(ApiError::invalid(words))
    };
    for (name, value) in query {
        let is_known = PAGES.iter().chain(filters).any(|known| known == name);
        if !is_known {
            let known = [PAGES, filters].concat().join(", ");
            return wrong(name, &format!("is unknown here: known are {known}"));
        }
        if value.is_empty() {
            return wrong(name, "is empty: leave it out to ask without it");
        }
        if query.iter().filter(|(given, _)| given == name).count() > 1 {
            return wrong(name, "is given twice");
        }
    }
    Ok(())
}

fn number(query: &[(String, String)], name: &str) -> Result<Option<usize>, ApiError> {
    let wrong = || ApiError::invalid(format!("{name} has to be a number from 1 on"));
    let Some(text) = text(query, name) else {
        return Ok(None);
    };
    let number: usize = text.parse().map_err(|_| wrong())?;
    if number == 0 {
        Err(wrong())
    } else {
        Ok(Some(number))
    }
}

/// What every list takes.
const PAGES: &[&str] = &["page", "perPage"];
const PER_PAGE: usize = 20;
/// More at once would be a fold of too many rooms for one answer.
const PER_PAGE_MAX: usize = 100;
