//! An oracle that is not the product: a second, naive telling of the rules, after the prose of
//! `docs/domain.md` and the vendors' pages.
//!
//! It shares the vocabulary (commands, ids, permissions, moments) and no rule: nothing of
//! `decide`, `evolve` or `state`. Rooms are flat maps that are copied whole before every command,
//! and every count, timer and name is looked for anew. It reads as a specification and is slow on
//! purpose.
//!
//! It does not say which ids are minted (it learns them), how often a participant's `version`
//! grows, and which refusals are recorded in sum.

mod admission;
mod compare;
mod facts;
mod lives;
mod moving;
mod people;
mod rights;
mod tracks;

use std::collections::{BTreeMap, VecDeque};

pub use compare::{Minted, difference, seen};
pub use facts::{Closed, Connection, Life, Named, Person, Room, Session, Track};

use crate::domain::command::PermissionUpdate;
use crate::domain::event::{Kind, RoomConfig};
use crate::domain::{Code, Command, Id, Identity, Rejection, Request, RoomName, Timestamp};

/// What a command came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Something was recorded that happened.
    Accepted,
    /// It held already, which is on record.
    NoEffect,
    /// A report told nothing new.
    Unchanged,
    /// No, for these reasons; the first decides the answer.
    Refused(Vec<Code>),
}

/// A verdict, with the kinds of the events that each room records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What it came to.
    pub verdict: Verdict,
    /// What the room of the request records.
    pub here: Vec<Kind>,
    /// What the destination of a move records.
    pub there: Vec<Kind>,
}

/// What a reader sees of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// All that is stored of it.
    pub room: Room,
    /// The settings in force.
    pub config: Option<RoomConfig>,
    /// The metadata in force.
    pub metadata: Option<String>,
    /// Connections that count.
    pub participants: usize,
    /// Connections that count and publish or may.
    pub publishers: usize,
    /// The open connections of each person, oldest first.
    pub inside: BTreeMap<Identity, Vec<u32>>,
    /// When the next timer is due.
    pub due: Option<Timestamp>,
}

/// All rooms of a ledger, as the rules have them.
#[derive(Clone, Debug)]
pub struct Model {
    defaults: RoomConfig,
    rooms: BTreeMap<RoomName, Room>,
    past: VecDeque<(RoomName, View)>,
}

impl Model {
    /// A ledger without rooms, on a server with these settings.
    pub const fn new(defaults: RoomConfig) -> Self {
        Self {
            defaults,
            rooms: BTreeMap::new(),
            past: VecDeque::new(),
        }
    }

    /// Lets a request take effect at `now`, while the wall clock says `wall`. The ids that it
    /// mints are those of `minted`.
    pub fn apply(
        &mut self,
        request: &Request,
        now: Timestamp,
        wall: Timestamp,
        minted: &Minted,
    ) -> Outcome {
        let defaults = self.defaults.clone();
        let turn = |room: Room, name: &RoomName| Turn {
            room,
            name: name.clone(),
            now,
            wall,
            defaults: &defaults,
            minted,
            acting: None,
            kinds: Vec::new(),
            refused: None,
        };
        let before = self.room(&request.room);
        let mut here = turn(before.clone(), &request.room);
        let mut there = None;
        let admitted = here.admit(request);
        let ruling = if let Command::Move { target, to_room } = &request.command
            && *to_room != request.room
        {
            let mut other = turn(self.room(to_room), to_room);
            let ruling = admitted.and_then(|()| here.move_to(&mut other, target));
            there = Some(other);
            ruling
        } else {
            admitted.and_then(|()| here.rule(request))
        };
        let verdict = match ruling {
            Ok(()) => match here.refused {
                None => verdict(&here.kinds),
                Some(code) => {
                    here.record_refusal(request);
                    Verdict::Refused(vec![code])
                }
            },
            Err(codes) => {
                here = turn(before, &request.room);
                there = None;
                here.record_refusal(request);
                Verdict::Refused(codes)
            }
        };
        let there = there.filter(|turn| !turn.kinds.is_empty());
        let there_kinds = there.as_ref().map(|turn| turn.kinds.clone());
        self.keep(&request.room, here.room);
        if let Some(there) = there {
            self.keep(&there.name, there.room);
        }
        Outcome {
            verdict,
            here: here.kinds,
            there: there_kinds.unwrap_or_default(),
        }
    }

    /// The names of all rooms that something ever happened in.
    pub fn names(&self) -> impl Iterator<Item = &RoomName> {
        self.rooms.keys()
    }

    /// The room as it is.
    pub fn view(&self, name: &RoomName) -> View {
        view(self.room(name))
    }

    /// The room as it was right after a command that left it at `version`; `None` where no command
    /// did, or too long ago.
    pub fn view_at(&self, name: &RoomName, version: u64) -> Option<&View> {
        let mut past = self.past.iter().rev();
        past.find(|(of, view)| of == name && view.room.version == version)
            .map(|(_, view)| view)
    }

    /// The views of the past that are kept, oldest first.
    pub fn past(&self) -> impl Iterator<Item = (&RoomName, &View)> {
        self.past.iter().map(|(name, view)| (name, view))
    }

    fn room(&self, name: &RoomName) -> Room {
        self.rooms.get(name).cloned().unwrap_or_default()
    }

    fn keep(&mut self, name: &RoomName, room: Room) {
        if room.version == 0 || self.rooms.get(name) == Some(&room) {
            return;
        }
        self.past.push_back((name.clone(), view(room.clone())));
        if self.past.len() > PAST_MAX {
            self.past.pop_front();
        }
        self.rooms.insert(name.clone(), room);
    }
}

/// What a list of recorded kinds amounts to, where nothing was refused.
pub fn verdict(kinds: &[Kind]) -> Verdict {
    if kinds.is_empty() {
        Verdict::Unchanged
    } else if kinds.iter().copied().all(holds_already) {
        Verdict::NoEffect
    } else {
        Verdict::Accepted
    }
}

/// A command that holds already may still mention somebody for the first time.
const fn holds_already(kind: Kind) -> bool {
    matches!(kind, Kind::NoEffect | Kind::ParticipantRegistered)
}

/// A room with what follows from it.
pub fn view(mut room: Room) -> View {
    let mut inside: BTreeMap<Identity, Vec<u32>> = BTreeMap::new();
    for (number, connection) in room.live() {
        inside
            .entry(connection.identity.clone())
            .or_default()
            .push(number);
    }
    let publishers = room
        .live()
        .filter(|(_, it)| it.counts() && it.is_publisher)
        .count();
    let view = View {
        config: room.config().cloned(),
        metadata: room.metadata().map(str::to_owned),
        participants: room.counted(),
        publishers,
        inside,
        due: room.due(),
        room: Room::default(),
    };
    // Shown as the metadata in force; the generation is for the model's own rules.
    if let Some(session) = &mut room.session {
        session.metadata = None;
        session.generation = 0;
    }
    // Whether the transport was broken when a connection closed is not kept.
    for connection in room.connections.values_mut() {
        connection.interrupted &= connection.is_live();
    }
    View { room, ..view }
}

/// What a rule says: the reasons of a refusal where it says no.
type Ruling<T = ()> = Result<T, Vec<Code>>;

fn refuse<T>(code: Code) -> Ruling<T> {
    Err(vec![code])
}

/// One command at work on a copy of one room.
#[derive(Clone, Debug)]
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
        if let Some(expected) = request.expected_version
            && !(self.room.changed..=self.room.version).contains(&expected.0)
        {
            return refuse(Code::VersionConflict);
        }
        if let Some(meant) = request.session {
            self.exists()?;
            let open = self.room.session.as_ref().filter(|it| it.ended.is_none());
            let is_meant = open.is_some_and(|session| session.id == meant);
            if !is_meant && request.command != Command::EndSessionIfOpen {
                return refuse(Code::NoOpenSession);
            }
        }
        match &request.as_connection {
            Some(id) => {
                let number = self.connection_live(id)?;
                let acting = self.room.connections.get(&number);
                self.acting = acting.map(|it| it.identity.clone());
                self.may_administer(id, &request.command)?;
                self.may_give(number, &request.command)
            }
            None => Ok(()),
        }
    }

    /// Nobody gives an admin right that is not their own.
    fn may_give(&self, acting: u32, command: &Command) -> Ruling {
        let own = self.room.connections.get(&acting);
        let own = own.map(|it| &it.permission.admin);
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
        if rights.all(|right| own.is_some_and(|own| own.contains(right))) {
            Ok(())
        } else {
            refuse(Code::NoRight)
        }
    }

    fn rule(&mut self, request: &Request) -> Ruling {
        match &request.command {
            Command::CreateRoom(it) => self.create(it),
            Command::UpdateRoom(it) => self.update_room(it),
            Command::DeleteRoom => self.delete(),
            Command::EndSession => self.end(),
            Command::EndSessionIfOpen => self.end_if_open(request.session),
            Command::SetSessionData {
                data,
                merge,
                delete_keys,
            } => self.share(data, *merge, delete_keys),
            Command::Tick => {
                self.tick();
                Ok(())
            }
            Command::Join(it) => self.join(it),
            Command::Activate(id) => self.activate(id),
            Command::Interrupt(id) => self.interrupt(id),
            Command::Resume(id) => self.resume(id),
            Command::Leave { connection, reason } => self.leave(connection, reason.as_deref()),
            Command::Remove(it) => self.remove(it),
            Command::RemoveEach(all) => self.remove_each(all),
            Command::Ban { identity, until } => self.ban(identity, *until),
            Command::Unban { identity } => self.unban(identity),
            Command::RevokeTokens { identity, before } => self.revoke(identity.as_ref(), *before),
            Command::LiftRevocation { identity } => self.lift_revocation(identity.as_ref()),
            Command::CloseLost {
                reporter,
                as_of,
                listed,
            } => {
                self.close_lost(reporter, as_of.0, listed);
                Ok(())
            }
            Command::Move { .. } => refuse(Code::SameRoom),
            Command::UpdatePermissions(it) => self.update_permissions(it),
            Command::UpdateParticipant(it) => self.update_participant(it),
            Command::UpdateOwnProfile {
                connection,
                profile,
            } => self.update_own_profile(connection, profile),
            Command::Unread(_) => refuse(Code::Invalid),
            Command::PublishTrack(_)
            | Command::UpdateTrack { .. }
            | Command::UnpublishTrack { .. }
            | Command::MuteTrack(_)
            | Command::UpdateSubscriptions { .. }
            | Command::SendData(_)
            | Command::AddNote { .. }
            | Command::ReportActivity { .. } => self.rule_of_tracks(&request.command),
        }
    }

    fn record(&mut self, kind: Kind) {
        self.kinds.push(kind);
        self.room.version += 1;
        if !RECORD_ONLY.contains(&kind) {
            self.room.changed = self.room.version;
        }
    }

    /// Refusals never create a room: those of one that is not there stand elsewhere. A join that is
    /// refused mentions its identity, unless the caller had no right to it.
    fn record_refusal(&mut self, request: &Request) {
        if self.room.life.is_none() {
            return;
        }
        if let Command::Join(join) = &request.command
            && let Some(identity) = join
                .identity
                .as_ref()
                .filter(|_| request.objection.is_none())
        {
            self.register(identity);
        }
        self.record(Kind::CommandRefused);
    }

    #[expect(clippy::unnecessary_wraps, reason = "it is what a rule comes to")]
    fn no_effect(&mut self) -> Ruling {
        self.record(Kind::NoEffect);
        Ok(())
    }

    fn exists(&self) -> Ruling {
        if self.room.life.is_none() {
            return refuse(Code::NoSuchRoom);
        }
        Ok(())
    }

    /// The number of somebody, who is registered at the first mention.
    fn register(&mut self, identity: &Identity) -> u32 {
        if let Some(person) = self.room.people.get(identity) {
            return person.number;
        }
        let number = u32::try_from(self.room.people.len()).unwrap_or(u32::MAX) + 1;
        let person = Person {
            number,
            ..Person::default()
        };
        self.room.people.insert(identity.clone(), person);
        self.record(Kind::ParticipantRegistered);
        number
    }

    fn minted_connection(&self, number: u32) -> Id {
        let found = self.minted.connections.get(&(self.name.clone(), number));
        found.copied().unwrap_or_default()
    }
}

/// A value that must not be longer.
fn bounded(text: Option<&str>, bytes_max: usize) -> Ruling {
    if text.is_some_and(|text| text.len() > bytes_max) {
        return refuse(Code::TooLarge);
    }
    Ok(())
}

/// `expected_version` conflicts only with events that changed state; these did not.
const RECORD_ONLY: [Kind; 10] = [
    Kind::DataSent,
    Kind::ActivityReported,
    Kind::NoteAdded,
    Kind::NoEffect,
    Kind::CommandRefused,
    Kind::CloseConfirmed,
    Kind::RemovalRequested,
    Kind::MoveRequested,
    Kind::SessionEndRequested,
    Kind::ParticipantRegistered,
];

/// Views of the past that are kept, of all rooms together: a program of the laws fits in.
const PAST_MAX: usize = 512;
