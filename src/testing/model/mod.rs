//! An oracle that is not the product: a second, naive telling of the rules, after the prose of
//! `docs/domain.md` and the vendors' pages.
//!
//! It shares the vocabulary (commands, ids, permissions, moments) and no rule: nothing of
//! `decide`, `evolve` or `state`. Rooms are flat maps that are copied whole before every command,
//! and every count, timer and name is looked for anew. It reads as a specification and is slow on
//! purpose. `testing::comparison` holds the product against it.
//!
//! It does not say which ids are minted (it learns them), how often a participant's `version`
//! grows, and which refusals are recorded in sum.

mod admission;
mod found;
mod lives;
mod people;
mod rights;
mod tracks;

use std::collections::BTreeMap;

use crate::domain::command::PermissionUpdate;
use crate::domain::event::{Kind, RoomConfig};
use crate::domain::{Code, Command, Identity, Rejection, Request, RoomName, Timestamp};
use crate::testing::facts::{Connection, Minted, Outcome, Person, Room, Session, Verdict};

/// All rooms of a ledger, as the rules have them.
#[derive(Clone, Debug)]
pub struct Model {
    defaults: RoomConfig,
    rooms: BTreeMap<RoomName, Room>,
}

impl Model {
    /// A ledger without rooms, on a server with these settings.
    pub const fn new(defaults: RoomConfig) -> Self {
        Self {
            defaults,
            rooms: BTreeMap::new(),
        }
    }

    /// Lets a request take effect at `now`, while the wall clock says `wall`. The ids that it
    /// mints are those of `minted`. A refused request changes nothing but what is on record.
    pub fn apply(
        &mut self,
        request: &Request,
        now: Timestamp,
        wall: Timestamp,
        minted: &Minted,
    ) -> Outcome {
        let turn = |name: &RoomName| Turn {
            room: self.room(name),
            name: name.clone(),
            now,
            wall,
            defaults: &self.defaults,
            minted,
            acting: None,
            kinds: Vec::new(),
            refused: None,
        };
        let mut here = turn(&request.room);
        let mut there = turn(&request.room);
        if let Command::Move { to_room, .. } = &request.command {
            there = turn(to_room);
        }
        let ruling = here.admit(request);
        let verdict = match ruling.and_then(|()| here.rule(request, &mut there)) {
            Ok(()) => match here.refused {
                None => verdict(&here.kinds),
                Some(code) => Verdict::Refused(vec![code]),
            },
            Err(codes) => {
                here = turn(&request.room);
                there = turn(&request.room);
                Verdict::Refused(codes)
            }
        };
        if matches!(verdict, Verdict::Refused(_)) {
            here.record_refusal(request);
        }
        let outcome = Outcome {
            verdict,
            here: here.kinds,
            there: there.kinds,
        };
        for (name, room) in [(there.name, there.room), (here.name, here.room)] {
            if room.version > self.room(&name).version {
                self.rooms.insert(name, room);
            }
        }
        outcome
    }

    /// The room as it is.
    pub fn room(&self, name: &RoomName) -> Room {
        self.rooms.get(name).cloned().unwrap_or_default()
    }
}

/// What a list of recorded kinds amounts to, where nothing was refused.
pub fn verdict(kinds: &[Kind]) -> Verdict {
    // A command that holds already may still mention somebody for the first time.
    let holds_already = |kind| matches!(kind, Kind::NoEffect | Kind::ParticipantRegistered);
    if kinds.is_empty() {
        Verdict::Unchanged
    } else if kinds.iter().copied().all(holds_already) {
        Verdict::NoEffect
    } else {
        Verdict::Accepted
    }
}

/// What a rule says: the reasons of a refusal where it says no.
type Ruling<T = ()> = Result<T, Vec<Code>>;

/// One command at work on a copy of one room.
#[derive(Debug)]
struct Turn<'a> {
    room: Room,
    name: RoomName,
    now: Timestamp,
    wall: Timestamp,
    defaults: &'a RoomConfig,
    minted: &'a Minted,
    /// Whom the command is given as.
    acting: Option<Identity>,
    kinds: Vec<Kind>,
    /// The answer no where something was done all the same.
    refused: Option<Code>,
}

impl Turn<'_> {
    /// What holds of every request, whatever its command.
    fn admit(&mut self, request: &Request) -> Ruling {
        if let Some(objection) = &request.objection {
            let reasons = objection.reasons().iter();
            return Err(reasons.map(Rejection::code).collect());
        }
        if let Some(expected) = request.expected_version {
            let since_changed = self.room.changed..=self.room.version;
            require(since_changed.contains(&expected.0), Code::VersionConflict)?;
        }
        if let Some(meant) = request.session {
            self.exists()?;
            let is_meant = self.room.open().is_some_and(|it| it.id == meant);
            let may_be_over = request.command == Command::EndSessionIfOpen;
            require(is_meant || may_be_over, Code::NoOpenSession)?;
        }
        if let Some(id) = &request.as_connection {
            let number = self.connection_live(id)?;
            self.acting = Some(self.get(number).identity.clone());
            self.may_administer(number, &request.command)?;
            self.may_give(number, &request.command)?;
        }
        Ok(())
    }

    /// Nobody gives an admin right that is not their own.
    fn may_give(&self, acting: u32, command: &Command) -> Ruling {
        let own = &self.get(acting).permission.admin;
        let given: Vec<&PermissionUpdate> = if let Command::UpdatePermissions(it) = command {
            it.targets.values().collect()
        } else if let Command::UpdateParticipant(it) = command {
            it.permission.iter().collect()
        } else {
            Vec::new()
        };
        let mut rights = given
            .iter()
            .filter_map(|it| it.patch.admin.as_ref())
            .flatten();
        require(rights.all(|right| own.contains(right)), Code::NoRight)
    }

    /// What an administrator asks needs a room, and is on record where it holds already; a report
    /// of what is known leaves nothing.
    fn rule(&mut self, request: &Request, there: &mut Self) -> Ruling {
        let command = &request.command;
        let is_report = names(REPORTS, command.name());
        if let Command::Move { to_room, .. } = command {
            require(*to_room != self.name, Code::SameRoom)?;
        }
        if !is_report && !matches!(command, Command::CreateRoom(_) | Command::AddNote { .. }) {
            self.exists()?;
        }
        self.carry_out(request, there)?;
        let mut kinds = self.kinds.iter();
        let holds = kinds.all(|kind| *kind == Kind::ParticipantRegistered);
        if holds && !is_report && self.refused.is_none() {
            self.record(Kind::NoEffect);
        }
        Ok(())
    }

    fn carry_out(&mut self, request: &Request, there: &mut Self) -> Ruling {
        match &request.command {
            Command::CreateRoom(it) => self.create(it)?,
            Command::UpdateRoom(it) => self.update_room(it)?,
            Command::DeleteRoom => self.delete(),
            Command::EndSession => self.end()?,
            Command::EndSessionIfOpen => self.end_if_open(request.session)?,
            Command::SetSessionData {
                data,
                merge,
                delete_keys,
            } => self.share(data, *merge, delete_keys)?,
            Command::Tick => self.tick(),
            Command::Join(it) => self.join(it)?,
            Command::Activate(id) => self.activate(id)?,
            Command::Interrupt(id) => self.interrupt(id, true)?,
            Command::Resume(id) => self.interrupt(id, false)?,
            Command::Leave { connection, reason } => self.leave(connection, reason.as_deref())?,
            Command::Remove(it) => self.remove(it)?,
            Command::RemoveEach(all) => self.remove_each(all)?,
            Command::Ban { identity, until } => self.ban(identity, *until)?,
            Command::Unban { identity } => self.unban(identity),
            Command::RevokeTokens { identity, before } => {
                self.revoke_tokens(identity.as_ref(), *before)?;
            }
            Command::LiftRevocation { identity } => self.lift_revocation(identity.as_ref()),
            Command::CloseLost {
                reporter,
                as_of,
                listed,
            } => self.close_lost(reporter, as_of.0, listed),
            Command::Move { target, .. } => self.move_to(there, target)?,
            Command::UpdatePermissions(it) => self.update_permissions(it)?,
            Command::UpdateParticipant(it) => self.update_participant(it)?,
            Command::UpdateOwnProfile {
                connection,
                profile,
            } => self.update_own_profile(connection, profile)?,
            Command::PublishTrack(it) => self.publish(it)?,
            Command::UpdateTrack {
                connection,
                track,
                muted,
                name,
                shape,
            } => self.update_track((connection, track), *muted, name.as_ref(), shape.as_ref())?,
            Command::UnpublishTrack { connection, track } => self.unpublish(connection, track)?,
            Command::MuteTrack(it) => self.mute(it)?,
            Command::UpdateSubscriptions {
                target,
                tracks,
                subscribe,
            } => self.subscribe(target, tracks, *subscribe)?,
            Command::SendData(it) => self.send(it)?,
            Command::AddNote { about, text } => self.note(about, text)?,
            Command::ReportActivity { items } => self.report(items)?,
            Command::Unread(_) => refuse(Code::Invalid)?,
        }
        Ok(())
    }

    fn record(&mut self, kind: Kind) {
        self.kinds.push(kind);
        self.room.version += 1;
        if !names(RECORD_ONLY, kind.as_str()) {
            self.room.changed = self.room.version;
        }
    }

    /// Refusals never create a room: those of one that is not there stand elsewhere. A join that is
    /// refused mentions its identity, unless the caller had no right to it.
    fn record_refusal(&mut self, request: &Request) {
        if self.room.life.is_none() {
            return;
        }
        if let (Command::Join(join), None) = (&request.command, &request.objection)
            && let Some(identity) = &join.identity
        {
            self.register(identity);
        }
        self.record(Kind::CommandRefused);
    }

    fn exists(&self) -> Ruling {
        require(self.room.life.is_some(), Code::NoSuchRoom)
    }

    /// Somebody, who is registered under the next number at the first mention.
    fn register(&mut self, identity: &Identity) -> &mut Person {
        if !self.room.people.contains_key(identity) {
            let last = self.room.people.values().map(|person| person.number).max();
            let person = Person {
                number: last.unwrap_or_default() + 1,
                ..Person::default()
            };
            self.room.people.insert(identity.clone(), person);
            self.record(Kind::ParticipantRegistered);
        }
        known(self.room.people.get_mut(identity))
    }

    fn get(&self, connection: u32) -> &Connection {
        known(self.room.connections.get(&connection))
    }

    fn edit(&mut self, connection: u32) -> &mut Connection {
        known(self.room.connections.get_mut(&connection))
    }

    fn session(&mut self) -> &mut Session {
        known(self.room.session.as_mut())
    }

    /// Somebody who counts is inside, or left.
    fn count(&mut self, is_inside: bool, left: bool) {
        let now = self.now;
        let session = self.session();
        session.joined_ever |= is_inside;
        if left {
            session.last_left_at = Some(now);
        }
    }
}

fn refuse<T>(code: Code) -> Ruling<T> {
    Err(vec![code])
}

fn require(holds: bool, code: Code) -> Ruling {
    if holds { Ok(()) } else { refuse(code) }
}

/// A value that must not be longer.
fn bounded(text: Option<&str>, bytes_max: usize) -> Ruling {
    let bytes = text.map_or(0, str::len);
    require(bytes <= bytes_max, Code::TooLarge)
}

/// Whether a table names something.
fn names(table: &str, name: &str) -> bool {
    table.split_whitespace().any(|one| one == name)
}

/// What a rule before has made sure of.
fn known<T>(it: Option<T>) -> T {
    it.unwrap_or_else(|| panic!("the rules speak of what the room does not have"))
}

/// Commands that report what happened, and the timers'.
const REPORTS: &str = "join activate interrupt resume leave publish_track update_track \
    unpublish_track update_own_profile report_activity close_lost tick";

/// `expected_version` conflicts only with events that changed state; these did not.
const RECORD_ONLY: &str = "data_sent activity_reported note_added no_effect command_refused \
    close_confirmed removal_requested move_requested session_end_requested participant_registered";
