//! Postgres with the table, the indexes and the writing function of Message DB: `fsync` and
//! `synchronous_commit` are on, and each write holds the lock of its category until it is durable,
//! as Message DB's `write_message` does. A connection for each caller, over a Unix socket.
//!
//! Postgres is taken from the system (/usr/lib/postgresql, or POSTGRES_BIN) and never runs as root.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread::sleep;
use std::time::Duration;

use postgres::{Client, NoTls, Statement};

use crate::{Caller, Fallible, Peer};

struct MessageDb {
    server: Child,
    socket: String,
    reader: Mutex<Client>,
}

pub(crate) fn open(dir: &Path) -> Fallible<Box<dyn Peer>> {
    let dir = dir.canonicalize()?;
    let bin = bin()?;
    let data = dir.join("data");
    // A path of a socket is short.
    let socket = std::env::temp_dir().join(format!("peers-{}", std::process::id()));
    std::fs::create_dir_all(&socket)?;
    let is_new = !data.exists();
    if is_new {
        std::fs::create_dir(&data)?;
    }
    if is_root()? {
        chown(&data, Some(NOBODY), Some(NOBODY))?;
        chown(&socket, Some(NOBODY), Some(NOBODY))?;
    }
    if is_new {
        let made = as_nobody(&bin.join("initdb"))?
            .args(["-U", "peers", "-A", "trust", "-E", "UTF8", "-D"])
            .arg(&data)
            .stdout(Stdio::null())
            .status()?;
        if !made.success() {
            return Err("initdb failed".into());
        }
    }
    let server = as_nobody(&bin.join("postgres"))?
        .arg("-D")
        .arg(&data)
        .args(["-c", "listen_addresses=", "-c", "max_connections=300", "-c"])
        .arg(format!("unix_socket_directories={}", socket.display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let socket = format!("host={} user=peers dbname=postgres", socket.display());
    let mut tries = 0;
    let mut reader = loop {
        match Client::connect(&socket, NoTls) {
            Ok(client) => break client,
            Err(error) if tries == 1_000 => return Err(error.into()),
            Err(_) => tries += 1,
        }
        sleep(Duration::from_millis(10));
    };
    reader.batch_execute(SHAPE)?;
    Ok(Box::new(MessageDb {
        server,
        socket,
        reader: Mutex::new(reader),
    }))
}

impl Peer for MessageDb {
    fn caller(&self) -> Fallible<Box<dyn Caller + '_>> {
        let mut client = Client::connect(&self.socket, NoTls)?;
        let write = client.prepare("SELECT write_message('stream-1', 'Updated', $1)")?;
        Ok(Box::new(Appender { client, write }))
    }

    fn read(&self) -> Fallible<u64> {
        let mut reader = self.reader.lock().map_err(|_| "a caller panicked")?;
        let mut count = 0;
        // Pages of a thousand, as get_stream_messages has them.
        loop {
            let position = i64::try_from(count)?;
            let rows = reader.query(READ, &[&position])?;
            if rows.is_empty() {
                return Ok(count);
            }
            count += rows.len() as u64;
        }
    }

    fn close(mut self: Box<Self>) -> Fallible<()> {
        drop(self.reader);
        let id = self.server.id().to_string();
        Command::new("kill").args(["-INT", &id]).status()?;
        self.server.wait()?;
        Ok(())
    }
}

struct Appender {
    client: Client,
    write: Statement,
}

impl Caller for Appender {
    fn append(&mut self, payload: &str) -> Fallible<()> {
        self.client.query_one(&self.write, &[&payload])?;
        Ok(())
    }
}

fn bin() -> Fallible<PathBuf> {
    if let Some(given) = std::env::var_os("POSTGRES_BIN") {
        return Ok(given.into());
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql").map_err(|_| "no Postgres is here")?;
    let newest = versions
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .max();
    Ok(newest.ok_or("no Postgres is here")?.join("bin"))
}

fn as_nobody(program: &Path) -> Fallible<Command> {
    let mut command = Command::new(program);
    command.current_dir("/");
    if is_root()? {
        command.uid(NOBODY).gid(NOBODY);
    }
    Ok(command)
}

fn is_root() -> Fallible<bool> {
    use std::os::unix::fs::MetadataExt as _;
    Ok(std::fs::metadata("/proc/self")?.uid() == 0)
}

const NOBODY: u32 = 65_534;
const READ: &str = "SELECT id, stream_name, type, position, global_position, data::text, \
    metadata::text FROM messages WHERE stream_name = 'stream-1' AND position >= $1 \
    ORDER BY position LIMIT 1000";
const SHAPE: &str = "
CREATE TABLE IF NOT EXISTS messages (
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  stream_name text NOT NULL, type text NOT NULL, position bigint NOT NULL,
  global_position bigserial PRIMARY KEY, data jsonb, metadata jsonb,
  time timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'utc'));
CREATE UNIQUE INDEX IF NOT EXISTS messages_id ON messages (id);
CREATE UNIQUE INDEX IF NOT EXISTS messages_stream ON messages (stream_name, position);
CREATE INDEX IF NOT EXISTS messages_category
  ON messages (split_part(stream_name, '-', 1), global_position);
CREATE OR REPLACE FUNCTION write_message(stream text, kind text, content text) RETURNS bigint AS $$
DECLARE next bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext(split_part(stream, '-', 1)));
  SELECT COALESCE(MAX(position), -1) + 1 INTO next FROM messages WHERE stream_name = stream;
  INSERT INTO messages (stream_name, type, position, data)
    VALUES (stream, kind, next, content::jsonb);
  RETURN next;
END $$ LANGUAGE plpgsql";
