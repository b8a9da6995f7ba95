//! Rules for what media servers report, and for messages and notes.
//!
//! Apart because a report that tells nothing new records nothing, while an admin's command always
//! leaves a trace.

use std::collections::BTreeSet;

use super::draft::Draft;
use super::target::{each_once, selector, text_of};
use crate::domain::command::{NoteTarget, SendData, Target};
use crate::domain::event::{
    ActivityItem, ActivityReported, CloseCause, CloseConfirmed, Closing, ConnectionActivated,
    ConnectionInterrupted, ConnectionResumed, DataSent, NoteAbout, NoteAdded, Selector, Who,
};
use crate::domain::id::{ConnectionNumber, Version};
use crate::domain::personal::Personal;
use crate::domain::ranges::Ranges;
use crate::domain::rejection::Rejection;
use crate::domain::state::{Aliased, ConnectionState, Session};

impl Draft<'_> {
    pub(super) fn activate(&mut self, id: &str) -> Result<(), Rejection> {
        let connection = self.open_connection(id)?;
        if !connection.was_active {
            self.push(ConnectionActivated {
                connection: connection.number,
            });
        }
        Ok(())
    }

    pub(super) fn interrupt(&mut self, id: &str) -> Result<(), Rejection> {
        let connection = self.open_connection(id)?;
        if connection.state != ConnectionState::Interrupted {
            self.push(ConnectionInterrupted {
                connection: connection.number,
            });
        }
        Ok(())
    }

    pub(super) fn resume(&mut self, id: &str) -> Result<(), Rejection> {
        let connection = self.open_connection(id)?;
        if connection.state == ConnectionState::Interrupted {
            self.push(ConnectionResumed {
                connection: connection.number,
            });
        }
        Ok(())
    }

    /// A stint closes once. The first leave after a removal confirms it; any later one is old news.
    pub(super) fn leave(&mut self, id: &str, reason: Option<&str>) -> Result<(), Rejection> {
        let connection = match self.any_connection(id) {
            // Of a session that is over, and so closed long since.
            Err(_) if self.is_of_another_session(id) => return Ok(()),
            found => found?,
        };
        let reported_reason = reason.map(str::to_owned);
        match &connection.closed {
            None => {
                let closing = Closing {
                    cause: CloseCause::Left,
                    reported_reason,
                    due_at: None,
                };
                let asked = Selector::Connection(connection.number);
                self.close(asked, &[connection.number], closing, None);
            }
            Some(closed) if closed.cause == CloseCause::Removed && !closed.confirmed => {
                let cause = closed.version;
                self.push_because(
                    CloseConfirmed {
                        connection: connection.number,
                        reported_reason,
                    },
                    cause,
                );
            }
            Some(_) => {}
        }
        Ok(())
    }

    fn is_of_another_session(&self, id: &str) -> bool {
        let taken = self.room.taken(id);
        taken.is_some_and(|taken| matches!(taken.by, Aliased::Connection(_)))
    }

    /// Closes what a media server no longer lists, but for those who joined after its list.
    pub(super) fn close_lost(&mut self, reporter: &str, as_of: Version, listed: &[String]) {
        let kept: BTreeSet<ConnectionNumber> = listed
            .iter()
            .filter_map(|id| self.room.connection_by_ref(id))
            .map(|connection| connection.number)
            .collect();
        let lost: Vec<ConnectionNumber> = self
            .room
            .open_session()
            .into_iter()
            .flat_map(Session::live)
            .filter(|connection| connection.reporter.as_deref() == Some(reporter))
            .filter(|connection| connection.opened <= as_of && !kept.contains(&connection.number))
            .map(|connection| connection.number)
            .collect();
        if !lost.is_empty() {
            let cause = CloseCause::ReporterLost;
            let closing = Closing {
                cause,
                reported_reason: None,
                due_at: None,
            };
            self.close(Selector::Chosen, &lost, closing, None);
        }
    }

    pub(super) fn report_activity(
        &mut self,
        items: &[(ActivityItem, Option<String>)],
    ) -> Result<(), Rejection> {
        self.require_room()?;
        let resolve = |(item, id): &(ActivityItem, Option<String>)| {
            let connection = match id {
                Some(id) => Some(self.any_connection(id)?.number),
                None => None,
            };
            Ok(ActivityItem {
                connection,
                ..item.clone()
            })
        };
        let items = items
            .iter()
            .map(resolve)
            .collect::<Result<Vec<_>, Rejection>>()?;
        if !items.is_empty() {
            self.push(ActivityReported { items });
        }
        Ok(())
    }

    /// Who is unknown is recorded as such; the message goes to the others. Targets are a set: who
    /// is named again is meant once.
    pub(super) fn send_data(&mut self, it: &SendData) -> Result<(), Rejection> {
        self.require_session()?;
        let everyone = [Target::Everyone];
        let targets = if it.targets.is_empty() {
            &everyone[..]
        } else {
            &it.targets[..]
        };
        let who = each_once(targets)
            .map(|target| match self.find(target) {
                Some(found) => self.who(target, &found),
                None => Who {
                    asked: Selector::Unknown(Personal::new(text_of(target))),
                    connections: Ranges::new(),
                },
            })
            .collect();
        self.push(DataSent {
            topic: it.topic.as_deref().map(Personal::from),
            lossy: it.lossy,
            bytes: it.bytes,
            digest: it.digest,
            who,
        });
        Ok(())
    }

    pub(super) fn add_note(&mut self, about: &NoteTarget, text: &str) -> Result<(), Rejection> {
        if self.room.version == Version(0) {
            return Err(self.no_such_room());
        }
        let about = match about {
            NoteTarget::Room => NoteAbout::Room,
            NoteTarget::Event(version) => self.note_about_event(*version)?,
            NoteTarget::Target(target) => match selector(&self.room, target) {
                Selector::Participant(number) => NoteAbout::Participant(number),
                Selector::Connection(number) => NoteAbout::Connection(number),
                Selector::Everyone => NoteAbout::Room,
                Selector::Chosen | Selector::Unknown(_) => {
                    return Err(self.no_such_participant(target));
                }
            },
        };
        self.push(NoteAdded {
            about,
            text: Personal::from(text),
        });
        Ok(())
    }

    fn note_about_event(&self, version: Version) -> Result<NoteAbout, Rejection> {
        let head = self.room.version;
        if version == Version(0) || version > head {
            return Err(Rejection::NoSuchVersion {
                room: self.name(),
                version,
                head,
            });
        }
        Ok(NoteAbout::Event(version))
    }
}
