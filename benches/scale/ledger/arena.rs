//! The giant room: everybody comes, and nearly everybody stays. Apart from the other rooms because
//! it grows by its people, not by what they do.

use roomledger::domain::command::Remove;
use roomledger::domain::{Command, Identity, NameError, RoomName, Target};
use roomledger::engine::Call;

use super::calls::{By, call, join, publish};

#[derive(Debug)]
pub(crate) struct Arena {
    room: RoomName,
    /// How many people come.
    people: u64,
    person: u64,
    step: u8,
}

impl Arena {
    pub(crate) fn new(people: u64) -> Result<Self, NameError> {
        Ok(Self {
            room: RoomName::new("arena")?,
            people,
            person: 0,
            step: 0,
        })
    }

    /// The share of people who have come, in thousandths.
    pub(crate) fn thousandths(&self) -> u64 {
        (self.person * 1_000)
            .checked_div(self.people)
            .unwrap_or(1_000)
    }

    /// Everybody joins; each tenth publishes a microphone; one in a hundred is removed again, and
    /// one in a thousand banned as well.
    pub(crate) fn next(&mut self) -> Result<Option<Call>, NameError> {
        if self.person >= self.people {
            return Ok(None);
        }
        let (person, step) = (self.person, self.step);
        let identity = Identity::new(&format!("p{person}"))?;
        let connection = format!("c{person}");
        let (by, command) = match step {
            0 => (
                By::MediaServer,
                join(&identity, format!("Person {person}"), &connection)?,
            ),
            1 => (
                By::MediaServer,
                publish(&connection, &format!("t{person}"))?,
            ),
            _ => {
                let ban = person % 1_000 == 50;
                let remove = Remove {
                    ban,
                    ..Remove::new(Target::Identity(identity))
                };
                (By::Moderator(person % 10), Command::Remove(remove))
            }
        };
        let steps = match person % 100 {
            50 => 3,
            place if place.is_multiple_of(10) => 2,
            _ => 1,
        };
        self.step += 1;
        if self.step == steps {
            (self.step, self.person) = (0, person + 1);
        }
        Ok(Some(call(&self.room, &by, command)))
    }
}
