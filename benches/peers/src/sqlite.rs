//! SQLite, bundled with its crate: a write-ahead log, which `synchronous = FULL` syncs at each
//! commit. One connection behind a lock, since it has one writer at a time in any case.
//!
//! As an event store it numbers a stream within the transaction; bare it inserts a row and no more.

use std::path::Path;
use std::sync::Mutex;

use rusqlite::{Connection, params};

use crate::{Caller, Fallible, Peer};

struct Sqlite {
    connection: Mutex<Connection>,
    insert: &'static str,
    read: &'static str,
}

pub(crate) fn open_events(dir: &Path) -> Fallible<Box<dyn Peer>> {
    open(
        dir,
        "CREATE TABLE IF NOT EXISTS events (
           position INTEGER PRIMARY KEY AUTOINCREMENT,
           stream TEXT NOT NULL, version INTEGER NOT NULL, kind TEXT NOT NULL,
           recorded_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, data TEXT NOT NULL,
           UNIQUE (stream, version))",
        "INSERT INTO events (stream, version, kind, data)
         SELECT 'stream', 1 + COALESCE(MAX(version), 0), 'updated', ?1
         FROM events WHERE stream = 'stream'",
        "SELECT position, data FROM events WHERE stream = 'stream' ORDER BY version",
    )
}

pub(crate) fn open_bare(dir: &Path) -> Fallible<Box<dyn Peer>> {
    open(
        dir,
        "CREATE TABLE IF NOT EXISTS log (id INTEGER PRIMARY KEY, data TEXT NOT NULL)",
        "INSERT INTO log (data) VALUES (?1)",
        "SELECT id, data FROM log ORDER BY id",
    )
}

fn open(
    dir: &Path,
    table: &str,
    insert: &'static str,
    read: &'static str,
) -> Fallible<Box<dyn Peer>> {
    let connection = Connection::open(dir.join("events.sqlite"))?;
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")?;
    connection.execute_batch(table)?;
    Ok(Box::new(Sqlite {
        connection: Mutex::new(connection),
        insert,
        read,
    }))
}

impl Peer for Sqlite {
    fn caller(&self) -> Fallible<Box<dyn Caller + '_>> {
        Ok(Box::new(Appender(self)))
    }

    fn read(&self) -> Fallible<u64> {
        let connection = self.connection.lock().map_err(|_| "a caller panicked")?;
        let mut statement = connection.prepare_cached(self.read)?;
        let mut rows = statement.query([])?;
        let (mut count, mut bytes) = (0, 0);
        while let Some(row) = rows.next()? {
            bytes += row.get::<_, String>(1)?.len();
            count += 1;
        }
        std::hint::black_box(bytes);
        Ok(count)
    }

    fn close(self: Box<Self>) -> Fallible<()> {
        let connection = self
            .connection
            .into_inner()
            .map_err(|_| "a caller panicked")?;
        connection.close().map_err(|(_, error)| error.into())
    }
}

struct Appender<'a>(&'a Sqlite);

impl Caller for Appender<'_> {
    fn append(&mut self, payload: &str) -> Fallible<()> {
        let connection = self.0.connection.lock().map_err(|_| "a caller panicked")?;
        connection
            .prepare_cached(self.0.insert)?
            .execute(params![payload])?;
        Ok(())
    }
}
