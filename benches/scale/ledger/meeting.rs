//! What happens in one room: people come, speak, are muted, removed, refused, and go. Apart from
//! the order of the rooms.

use std::collections::BTreeMap;

use roomledger::domain::command::{
    CreateRoom, NoteTarget, PermissionUpdate, Remove, SendData, UpdateParticipant,
    UpdatePermissions, UpdateRoom,
};
use roomledger::domain::event::UpdateMode;
use roomledger::domain::{Command, Digest, Identity, NameError, PermissionPatch, RoomName, Target};
use roomledger::engine::Call;

use super::calls::{By, call, join, metadata, mute, publish};
use super::random::Random;

/// A room and its people.
#[derive(Debug)]
pub(crate) struct Meeting {
    pub(crate) room: RoomName,
    /// Events that it is to have, and those that it has.
    pub(crate) events: u64,
    pub(crate) made: u64,
    /// Whether its session stays open at the end.
    stays: bool,
    people: Vec<Person>,
    acts: u64,
    random: Random,
    is_over: bool,
}

#[derive(Debug)]
struct Person {
    number: u64,
    identity: Identity,
    /// The connection while they are inside.
    connection: Option<String>,
    /// The track while they publish one, and whether it is muted.
    track: Option<(String, bool)>,
    is_banned: bool,
}

impl Person {
    fn comes(&mut self, act: u64) -> Result<(By, Command), NameError> {
        let connection = format!("c{act}");
        let command = join(&self.identity, format!("User {}", self.number), &connection)?;
        self.connection = Some(connection);
        Ok((By::MediaServer, command))
    }

    fn is_gone(&mut self) {
        (self.connection, self.track) = (None, None);
    }
}

impl Meeting {
    /// A room for some of a `population`, numbered for its name and its part of the seed.
    pub(crate) fn new(
        room: &str,
        random: Random,
        people: u64,
        population: u64,
    ) -> Result<Self, NameError> {
        let mut random = random;
        let mut found = BTreeMap::new();
        while (found.len() as u64) < people.min(population) {
            let number = random.low(population);
            let identity = Identity::new(&format!("u{number}"))?;
            found.insert(number, identity);
        }
        let people = found.into_iter().map(|(number, identity)| Person {
            number,
            identity,
            connection: None,
            track: None,
            is_banned: false,
        });
        Ok(Self {
            room: RoomName::new(room)?,
            events: 0,
            made: 0,
            stays: false,
            people: people.collect(),
            acts: 0,
            random,
            is_over: false,
        })
    }

    /// How many events it is to have, and whether people stay inside at the end.
    pub(crate) fn lasting(mut self, events: u64, stays: bool) -> Self {
        (self.events, self.stays) = (events, stays);
        self
    }

    /// The next command; `None` when all is done.
    pub(crate) fn next(&mut self) -> Result<Option<Call>, NameError> {
        if self.is_over {
            return Ok(None);
        }
        let act = self.acts;
        self.acts += 1;
        let (by, command) = if act == 0 {
            self.opening()
        } else if self.made >= self.events {
            self.is_over = true;
            if self.stays {
                return Ok(None);
            }
            (By::Application(self.random.below(7)), Command::EndSession)
        } else if act.is_multiple_of(SESSION_ACTS) {
            self.people.iter_mut().for_each(Person::is_gone);
            (By::Moderator(self.random.low(200)), Command::EndSession)
        } else {
            self.act(act)?
        };
        Ok(Some(call(&self.room, &by, command)))
    }

    fn opening(&mut self) -> (By, Command) {
        let create = CreateRoom {
            metadata: Some(format!("{{\"topic\":{}}}", self.random.below(1_000))),
            ..CreateRoom::default()
        };
        (
            By::Application(self.random.below(7)),
            Command::CreateRoom(create),
        )
    }

    /// One person does something, or has something done to them.
    #[expect(clippy::too_many_lines, reason = "one arm for each act")]
    fn act(&mut self, act: u64) -> Result<(By, Command), NameError> {
        let moderator = By::Moderator(self.random.low(200));
        let drawn = self.random.below(1_000);
        let value = self.random.next();
        let count = self.people.len() as u64;
        let place = usize::try_from(self.random.below(count)).unwrap_or_default();
        let Some(person) = self.people.get_mut(place) else {
            return Ok((moderator, Command::EndSession));
        };
        let target = Target::Identity(person.identity.clone());
        let Some(connection) = person.connection.clone() else {
            // Banned for a while: else the people of a long room would run out.
            if std::mem::take(&mut person.is_banned) && drawn < 500 {
                let identity = person.identity.clone();
                return Ok((moderator, Command::Unban { identity }));
            }
            return person.comes(act);
        };
        Ok(match drawn {
            0..80 => {
                person.is_gone();
                let reason = None;
                (By::MediaServer, Command::Leave { connection, reason })
            }
            80..100 => {
                person.is_gone();
                let ban = drawn >= 97;
                person.is_banned = ban;
                (
                    moderator,
                    Command::Remove(Remove {
                        ban,
                        ..Remove::new(target)
                    }),
                )
            }
            100..500 => track(person, act, &connection, drawn, moderator)?,
            // Few may.
            500..510 => {
                let profile = metadata(act);
                let update = Command::UpdateOwnProfile {
                    connection,
                    profile,
                };
                (By::MediaServer, update)
            }
            510..800 => {
                let (profile, permission) = (metadata(act), None);
                let update = UpdateParticipant {
                    target,
                    profile,
                    permission,
                };
                (
                    By::Application(value % 7),
                    Command::UpdateParticipant(update),
                )
            }
            800..850 => (moderator, permit(target, value)),
            850..920 => (By::Application(value % 7), send(value)),
            920..960 => (moderator, mute(&person.identity, "no-such-track")),
            960..980 => {
                let (about, text) = (NoteTarget::Target(target), format!("seen at act {act}"));
                (moderator, Command::AddNote { about, text })
            }
            _ => {
                let metadata = Some(format!("{{\"topic\":{}}}", value % 1_000));
                let update = UpdateRoom {
                    metadata,
                    ..UpdateRoom::default()
                };
                (By::Application(value % 7), Command::UpdateRoom(update))
            }
        })
    }
}

/// A person's microphone appears, is muted or is unmuted.
fn track(
    person: &mut Person,
    act: u64,
    connection: &str,
    drawn: u64,
    moderator: By,
) -> Result<(By, Command), NameError> {
    let Some((track, muted)) = &mut person.track else {
        let track = format!("t{act}");
        let command = publish(connection, &track)?;
        person.track = Some((track, false));
        return Ok((By::MediaServer, command));
    };
    if drawn < 250 && !*muted {
        *muted = true;
        return Ok((moderator, mute(&person.identity, track)));
    }
    *muted = !*muted;
    let update = Command::UpdateTrack {
        connection: connection.to_owned(),
        track: track.clone(),
        muted: Some(*muted),
        name: None,
        shape: None,
    };
    Ok((By::MediaServer, update))
}

fn permit(target: Target, value: u64) -> Command {
    let patch = PermissionPatch {
        data: Some(value.is_multiple_of(2)),
        ..PermissionPatch::default()
    };
    let update = PermissionUpdate {
        patch,
        ..PermissionUpdate::default()
    };
    Command::UpdatePermissions(UpdatePermissions {
        mode: UpdateMode::Patch,
        targets: BTreeMap::from([(target, update)]),
        refuse_unknown: false,
    })
}

fn send(value: u64) -> Command {
    Command::SendData(SendData {
        topic: Some("chat".to_owned()),
        lossy: false,
        bytes: 20 + value % 200,
        digest: Digest::of(&value.to_le_bytes()),
        targets: Vec::new(),
    })
}

/// Long enough that small rooms have one session, and the largest many.
const SESSION_ACTS: u64 = 20_000;
