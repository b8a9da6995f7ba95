//! Small untidy files, each with what the checker must say of it, and tidy ones that look
//! untidy. Data only.

/// File, source, and a part of the finding that it must raise.
pub(super) const VIOLATIONS: &[(&str, &str, &str)] = &[
    (
        "domain/room.rs",
        "//! x\nuse crate::store::EventStore;",
        "domain must not import store",
    ),
    (
        "domain/room.rs",
        "//! x\nfn f() { crate::engine::go() }",
        "must not import engine",
    ),
    (
        "store/mod.rs",
        "//! x\nuse crate::{\n domain::Id,\n engine::Go};",
        "import engine",
    ),
    (
        "store/a/b.rs",
        "//! x\nuse super::super::super::engine::Go;",
        "must not import engine",
    ),
    (
        "engine/mod.rs",
        "//! x\nuse crate::Room;",
        "engine must not import Room",
    ),
    (
        "web/page.rs",
        "//! x\nuse crate::dialect::livekit::X;",
        "web must not import dialect",
    ),
    ("attic/mod.rs", "//! x\n", "`attic` is missing from LAYERS"),
    (
        "engine/mod.rs",
        "//! x\nuse roomledger::domain::Id;",
        "`roomledger` belongs",
    ),
    (
        "domain/room.rs",
        "//! x\nuse tokio::sync::mpsc;",
        "`tokio` belongs to",
    ),
    (
        "domain/room.rs",
        "//! x\n#[tokio::main]\nfn f() {}",
        "`tokio` belongs to",
    ),
    (
        "store/memory.rs",
        "//! x\nfn f() { bincode::serde::x() }",
        "`bincode` belongs to",
    ),
    (
        "engine/mod.rs",
        "//! x\nuse ::sled as tree;",
        "`sled` belongs to store/sled/",
    ),
    (
        "engine/mod.rs",
        "//! x\nuse std::{io, fs};",
        "`std::fs` belongs to",
    ),
    (
        "domain/room.rs",
        "//! x\nfn f() { SystemTime::now(); }",
        "`SystemTime::now` belongs",
    ),
    (
        "domain/room.rs",
        "//! x\nfn f() { std::time::Instant::now(); }",
        "`Instant::now`",
    ),
    (
        "store/mod.rs",
        "//! x\nasync fn f() {}",
        "`async` belongs to",
    ),
    (
        "domain/room.rs",
        "//! x\nuse std::collections::HashMap;",
        "`HashMap` belongs to nobody",
    ),
    (
        "domain/room.rs",
        "//! x\nfn f(x: f64) {}",
        "`f64` belongs to",
    ),
    (
        "engine/mod.rs",
        "//! x\nconst A: &str = \"twirp\";",
        "word `twirp` belongs",
    ),
    (
        "domain/room.rs",
        "//! x\nlet canSend = 1;",
        "word `canSend` belongs",
    ),
    (
        "dialect/livekit/x.rs",
        "//! x\nstruct MeetingId;",
        "word `meetingId` belongs",
    ),
    (
        "cli/serve.rs",
        "//! x\nconst A: &str = \"livekit\";",
        "word `livekit` belongs",
    ),
    ("domain/room.rs", "use std::fmt;", "first line"),
    ("domain/room.rs", "//! caf\u{e9}\n", "not ASCII"),
];

/// File and source (behind its first line) in which nothing may be found.
pub(super) const INNOCENT: &[(&str, &str)] = &[
    ("store/mod.rs", "pub(in crate::engine) struct A;"),
    (
        "store/mod.rs",
        "#[expect(clippy::x, reason = \"LiveKit's own list\")]",
    ),
    ("domain/room.rs", "fn can_send() {}"),
    (
        "store/sled/mod.rs",
        "use crate::domain::Event;\nuse sled::Db;",
    ),
    ("store/mod.rs", "mod sled;\npub use self::sled::SledStore;"),
    (
        "server.rs",
        "use crate::store::sled::SledStore;\nuse crate::dialect::livekit;",
    ),
    ("server.rs", "fn f() { livekit::router() }"),
    (
        "domain/room.rs",
        "// LiveKit answers canSend; TwirpError\n/* std::fs */ fn f() {}",
    ),
    (
        "domain/room.rs",
        "const A: &str = r#\"tokio::spawn // \"#; const B: char = '\"';",
    ),
    (
        "domain/room.rs",
        "fn f<'a>(x: &'a str) { g(x.async_id, \"\\\"async\") }",
    ),
    (
        "cli/serve.rs",
        "const KEY: &str = \"LIVEKIT_API_KEY\";\nuse crate::dialect::auth::mint;",
    ),
    (
        "engine/clock.rs",
        "use std::time::SystemTime;\nfn f() { SystemTime::now(); }",
    ),
    (
        "domain/a.rs",
        "mod tests {\n use super::*;\n use super::super::Id;\n}",
    ),
];
