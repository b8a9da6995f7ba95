//! sled 0.34.7, bare: a key counted up, a value, and `flush` at each append. On Linux that flush is
//! sync_file_range, which a power cut does not respect: it is less durable than the others.

use std::path::Path;

use crate::{Caller, Fallible, Peer};

struct Sled(sled::Db);

pub(crate) fn open(dir: &Path) -> Fallible<Box<dyn Peer>> {
    Ok(Box::new(Sled(sled::open(dir.join("sled"))?)))
}

impl Peer for Sled {
    fn caller(&self) -> Fallible<Box<dyn Caller + '_>> {
        Ok(Box::new(Sled(self.0.clone())))
    }

    fn read(&self) -> Fallible<u64> {
        let mut count = 0;
        for entry in self.0.iter() {
            std::hint::black_box(entry?);
            count += 1;
        }
        Ok(count)
    }

    fn close(self: Box<Self>) -> Fallible<()> {
        self.0.flush()?;
        Ok(())
    }
}

impl Caller for Sled {
    fn append(&mut self, payload: &str) -> Fallible<()> {
        let id = self.0.generate_id()?;
        self.0.insert(id.to_be_bytes(), payload)?;
        self.0.flush()?;
        Ok(())
    }
}
