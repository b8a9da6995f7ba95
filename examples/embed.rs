//! Opens a ledger, removes somebody, and reads who did it.

use std::sync::Arc;

use roomledger::domain::command::{Join, Remove};
use roomledger::domain::{Command, Identity, Provenance, Request, RoomName, Target, Version};
use roomledger::engine::{Call, Engine, EngineConfig, RandomIds, SystemClock};

