//! UmaDB in this process: its page file is synced at each append, one after the other; groups are
//! made by its server alone.

use std::path::Path;
use std::sync::Arc;

use umadb_core::db::UmaDb;
use umadb_core::mvcc::{Mvcc, StorageOptions};
use umadb_dcb::{DcbEvent, DcbEventStoreSync, DcbQuery, DcbQueryItem};

use crate::{Caller, Fallible, Peer};

struct Embedded(UmaDb);

pub(crate) fn open(dir: &Path) -> Fallible<Box<dyn Peer>> {
    let mvcc = Mvcc::new(false, StorageOptions::default().db_path(dir))?;
    Ok(Box::new(Embedded(UmaDb::from_arc(Arc::new(mvcc)))))
}

impl Peer for Embedded {
    fn caller(&self) -> Fallible<Box<dyn Caller + '_>> {
        Ok(Box::new(Appender(&self.0)))
    }

    fn read(&self) -> Fallible<u64> {
        let mut count = 0;
        for event in self.0.read(Some(query()), None, false, None)? {
            event?;
            count += 1;
        }
        Ok(count)
    }

    fn close(self: Box<Self>) -> Fallible<()> {
        Ok(())
    }
}

struct Appender<'a>(&'a UmaDb);

impl Caller for Appender<'_> {
    fn append(&mut self, payload: &str) -> Fallible<()> {
        self.0.append(vec![event(payload)], None, None)?;
        Ok(())
    }
}

pub(crate) fn event(payload: &str) -> DcbEvent {
    DcbEvent::new()
        .event_type("updated")
        .data(payload)
        .tags(["stream"])
}

pub(crate) fn query() -> DcbQuery {
    DcbQuery::new().item(DcbQueryItem::new().tags(["stream"]))
}
