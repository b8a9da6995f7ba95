//! What plays the lines of the tables: a room, another one, a clock, and the words for commands.

use roomledger::domain::command::{
    ConfigPatch, CreateRoom, Join, MuteTrack, NoteTarget, PermissionUpdate, ProfileUpdate,
    PublishTrack, Remove, SendData, SessionDataMerge, UpdateParticipant, UpdateRoom,
};
use roomledger::domain::event::{
    ActivityItem, ConnectionKind, Credential, DuplicatePolicy, Selector, TrackKind, TrackShape, Who,
};
use roomledger::domain::{
    Alias, Command, Context, Decision, Defaults, Digest, Event, Id, NewEvent, PermissionPatch,
    Personal, Request, Room, RoomName, Source, Timestamp, Version, decide, decide_move, evolve,
    refusal,
};
use roomledger::testing::invariants::broken;

use super::seen::seen;
use super::words::{identity, permit, profile, properties, refused, target, value};

/// A room, another one to move to, and a clock.
pub(super) struct World {
    room: Room,
    other: Room,
    now: Timestamp,
    entropy: u128,
    /// How far the wall clock is before the ledger's time.
    skew_s: i64,
    /// The sessions that began here, in order.
    sessions: Vec<Id>,
}

impl World {
    pub(super) fn new() -> Self {
        let room = |name| Room::new(RoomName::new(name).unwrap());
        let now = Timestamp::from_seconds(1_700_000_000);
        Self {
            room: room("town"),
            other: room("city"),
            now,
            entropy: 1,
            skew_s: 0,
            sessions: Vec::new(),
        }
    }

    pub(super) fn play(&mut self, line: &str) -> String {
        let mut words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
        if words[0] == "see" {
            return seen(&self.room, words[1], self.now);
        }
        if words[0] == "there" {
            return seen(&self.other, words[2], self.now);
        }
        if words[0] == "skew" {
            self.skew_s = words[1].parse().unwrap();
            return String::new();
        }
        if words[0] == "swap" {
            std::mem::swap(&mut self.room, &mut self.other);
            return String::new();
        }
        let told = ["told", "refused", "whom"]
            .contains(&words[0])
            .then(|| words.remove(0));
        let mut request = self.conditions(&mut words);
        request.command = self.command(&words);
        self.entropy = self
            .entropy
            .wrapping_mul(0x2545_f491_4f6c_dd1d)
            .wrapping_add(99);
        let defaults = Defaults::default();
        let context = Context {
            now: self.now,
            wall: Timestamp::from_seconds(self.now.seconds() + self.skew_s),
            defaults: &defaults,
            entropy: self.entropy,
        };
        let decided = if let Command::Move { .. } = request.command {
            decide_move(&self.room, &self.other, &request, &context)
                .map(|decision| (decision.from, Some(decision.to)))
        } else {
            decide(&self.room, &request, &context).map(|decision| (decision, None))
        };
        match decided {
            Ok((here, there)) => {
                let said = self.accept(&here.events, there.as_ref().map_or(&[], |it| &it.events));
                assert_eq!(self.room, here.room, "decide folds as evolve does");
                assert_eq!(self.other, there.map_or(self.other.clone(), |it| it.room));
                for room in [&self.room, &self.other] {
                    assert_eq!(broken(room), Vec::<String>::new(), "after {line}");
                }
                if told == Some("whom") {
                    return whom(&here.events);
                }
                said
            }
            Err(no) => match told {
                Some("told") => no.to_string(),
                Some(_) => self.record(&refusal(
                    &self.room,
                    &request,
                    &no,
                    &context,
                    (Digest::of(b""), 0),
                )),
                None => refused(&no),
            },
        }
    }

    /// A request with what the line begins with: as whom, at which version, in which session.
    fn conditions(&self, words: &mut Vec<&str>) -> Request {
        let mut request = Request::new(self.room.name.clone(), Command::Tick);
        if words[0] == "as" {
            request.as_connection = Some(self.newest(words[1]));
            words.drain(..2);
        }
        if words[0] == "expecting" {
            request.expected_version = Some(Version(words[1].parse().unwrap()));
            words.drain(..2);
        }
        if words[0] == "meaning" {
            let number: usize = words[1].parse().unwrap();
            request.session = Some(self.sessions[number - 1]);
            words.drain(..2);
        }
        request
    }

    /// Records a refusal, and tells whom the record names.
    fn record(&mut self, decision: &Decision) -> String {
        let said = self.accept(&decision.events, &[]);
        let who = decision.events.iter().find_map(|new| {
            if let Event::CommandRefused(it) = &new.event {
                it.who.clone()
            } else {
                None
            }
        });
        let who = match who {
            None => "nobody".to_owned(),
            Some(Selector::Everyone) => "*".to_owned(),
            Some(Selector::Chosen) => "chosen".to_owned(),
            Some(Selector::Participant(number)) => format!("participant {number}"),
            Some(Selector::Connection(number)) => format!("connection {number}"),
            Some(Selector::Unknown(text)) => format!("unknown {:?}", text.value()),
        };
        format!("{said} {who}")
    }

    fn accept(&mut self, here: &[NewEvent], there: &[NewEvent]) -> String {
        let mut said = Vec::new();
        let start = self.room.version.0;
        for event in here {
            let version = self.room.version.next();
            evolve(&mut self.room, version, self.now, event);
            if let Event::SessionOpened(opened) = &event.event {
                self.sessions.push(opened.session_id);
            }
            let cause = event
                .cause
                .as_ref()
                .map(|cause| format!("<{}", cause.version.0.saturating_sub(start)));
            said.push(format!(
                "{}{}{}",
                event.event.kind().as_str(),
                about(&event.event),
                cause.unwrap_or_default()
            ));
        }
        if !there.is_empty() {
            said.push("/".to_owned());
        }
        for event in there {
            let version = self.other.version.next();
            evolve(&mut self.other, version, self.now, event);
            said.push(event.event.kind().as_str().to_owned());
        }
        said.join(" ")
    }

    fn command(&mut self, words: &[&str]) -> Command {
        let rest = &words[1..];
        let first = rest.first().copied().unwrap_or_default();
        match words[0] {
            "wait" => {
                self.now = self.now.plus_seconds(first.parse().unwrap());
                Command::Tick
            }
            "join" => Command::Join(self.join(first, &rest[1..])),
            "activate" => Command::Activate(self.newest(first)),
            "interrupt" => Command::Interrupt(self.newest(first)),
            "resume" => Command::Resume(self.newest(first)),
            "leave" => Command::Leave {
                connection: self.newest(first),
                reason: None,
            },
            "publish" => Command::PublishTrack(self.publish(first, &rest[1..])),
            "unpublish" => Command::UnpublishTrack {
                connection: self.newest(first),
                track: rest[1].to_owned(),
            },
            "mute" | "unmute" => Command::MuteTrack(MuteTrack {
                target: target(first),
                track: rest[1].to_owned(),
                muted: words[0] == "mute",
            }),
            "unmute-self" | "mute-self" | "track" => Command::UpdateTrack {
                connection: self.newest(first),
                track: rest[1].to_owned(),
                muted: (words[0] != "track").then(|| words[0] == "mute-self"),
                name: value(rest, "name").map(str::to_owned),
                shape: value(rest, "width").map(|width| TrackShape {
                    width: width.parse().unwrap(),
                    ..TrackShape::default()
                }),
            },
            "subscribe" | "unsubscribe" => Command::UpdateSubscriptions {
                target: target(first),
                tracks: rest[1..].iter().map(|track| (*track).to_owned()).collect(),
                subscribe: words[0] == "subscribe",
            },
            "remove" => Command::Remove(self.removal(first, rest)),
            "remove-each" => {
                let each = first.split(',').map(|who| self.removal(who, rest));
                Command::RemoveEach(each.collect())
            }
            "ban" => Command::Ban {
                identity: identity(first),
                until: value(rest, "for").map(|s| self.now.plus_seconds(s.parse().unwrap())),
            },
            "unban" => Command::Unban {
                identity: identity(first),
            },
            "revoke" => Command::RevokeTokens {
                identity: (first != "all").then(|| identity(first)),
                before: Timestamp::from_seconds(
                    self.now.seconds() + value(rest, "at").map_or(0, |s| s.parse().unwrap()),
                ),
            },
            "move" => Command::Move {
                target: target(first),
                to_room: if rest.contains(&"nowhere") {
                    self.room.name.clone()
                } else {
                    self.other.name.clone()
                },
            },
            _ => self.other_command(words),
        }
    }

    fn removal(&self, who: &str, rest: &[&str]) -> Remove {
        Remove {
            target: target(who),
            ban: rest.contains(&"ban"),
            revoke_before: rest.contains(&"revoke").then_some(self.now),
        }
    }

    fn other_command(&self, words: &[&str]) -> Command {
        let rest = &words[1..];
        let first = rest.first().copied().unwrap_or_default();
        match words[0] {
            "sync" => Command::CloseLost {
                reporter: first.to_owned(),
                as_of: value(rest, "as-of")
                    .map_or(self.room.version, |it| Version(it.parse().unwrap())),
                listed: value(rest, "keeps")
                    .map(|who| self.newest(who))
                    .into_iter()
                    .collect(),
            },
            "permit" => permit(first, &rest[1..]),
            "profile" => Command::UpdateParticipant(UpdateParticipant {
                target: target(first),
                profile: profile(&rest[1..]),
                permission: None,
            }),
            "appoint" => Command::UpdateParticipant(UpdateParticipant {
                target: target(first),
                profile: ProfileUpdate {
                    name: value(rest, "name").map(str::to_owned),
                    ..ProfileUpdate::default()
                },
                permission: Some(PermissionUpdate {
                    patch: PermissionPatch {
                        data: value(rest, "data").map(|word| word == "on"),
                        ..PermissionPatch::default()
                    },
                    ..PermissionUpdate::default()
                }),
            }),
            "profile-self" => Command::UpdateOwnProfile {
                connection: self.newest(first),
                profile: profile(&rest[1..]),
            },
            "data" => Command::SendData(SendData {
                topic: None,
                lossy: false,
                bytes: 2,
                digest: Digest::of(b"hi"),
                targets: (!first.is_empty())
                    .then(|| target(first))
                    .into_iter()
                    .collect(),
            }),
            "activity" => Command::ReportActivity {
                items: rest
                    .iter()
                    .map(|who| {
                        let item = ActivityItem {
                            kind: "speaking".to_owned(),
                            connection: None,
                            occurred_at: None,
                            detail: Personal::from(""),
                        };
                        (item, (*who != "room").then(|| self.newest(who)))
                    })
                    .collect(),
            },
            "note" => Command::AddNote {
                about: match first.parse() {
                    Ok(version) => NoteTarget::Event(Version(version)),
                    Err(_) if first == "room" => NoteTarget::Room,
                    Err(_) => NoteTarget::Target(target(first)),
                },
                text: "noted".to_owned(),
            },
            _ => self.room_command(words),
        }
    }

    fn room_command(&self, words: &[&str]) -> Command {
        let rest = &words[1..];
        let share = |merge| Command::SetSessionData {
            data: rest[0].to_owned(),
            merge,
            delete_keys: Vec::new(),
        };
        match words[0] {
            "create" => Command::CreateRoom(CreateRoom {
                opens_session: rest.contains(&"session"),
                config: ConfigPatch {
                    max_participants: value(rest, "max").map(|max| max.parse().unwrap()),
                    eject_after_s: value(rest, "eject").map(|s| Some(s.parse().unwrap())),
                    properties: properties(rest),
                    ..ConfigPatch::default()
                },
                metadata: value(rest, "metadata").map(str::to_owned),
                aliases: value(rest, "alias")
                    .map(str::to_owned)
                    .into_iter()
                    .collect(),
                replaces_expired: rest.contains(&"anew"),
                refuse_existing: rest.contains(&"only"),
            }),
            "update" => Command::UpdateRoom(self.update_room(rest)),
            "delete" => Command::DeleteRoom,
            "end" => Command::EndSession,
            "end-if-open" => Command::EndSessionIfOpen,
            "share" => share(SessionDataMerge::Replace),
            "merge" => share(SessionDataMerge::Shallow),
            other => panic!("no command {other:?}"),
        }
    }

    fn update_room(&self, words: &[&str]) -> UpdateRoom {
        let mut update = UpdateRoom::default();
        let config = &mut update.config;
        let later =
            |key| value(words, key).map(|s: &str| Some(self.now.plus_seconds(s.parse().unwrap())));
        config.max_participants = value(words, "max").map(|max| max.parse().unwrap());
        config.properties = properties(words);
        config.disabled = (!words.is_empty()).then(|| words.contains(&"disabled"));
        config.enable_remote_unmute = words.contains(&"unmute").then_some(true);
        config.duplicate_identity = words.contains(&"doubles").then_some(DuplicatePolicy::Allow);
        config.not_before = later("opens").or(Some(None));
        config.expires_at = later("expires");
        config.eject_at_expiry = words.contains(&"eject").then_some(true);
        update.metadata = value(words, "metadata").map(str::to_owned);
        update.session_only = words.contains(&"session");
        update.refuse_expired = words.contains(&"unexpired");
        update
    }

    fn join(&self, who: &str, words: &[&str]) -> Join {
        let issued_s = value(words, "token").map(|offset| offset.parse::<i64>().unwrap());
        let issued = issued_s.map(|s| Timestamp::from_seconds(self.now.seconds() + s));
        let later = |key| {
            let seconds = value(words, key).map(|s| s.parse::<i64>().unwrap());
            seconds.map(|s| Timestamp::from_seconds(self.now.seconds() + s))
        };
        let marked = value(words, "marked");
        Join {
            identity: Some(identity(who)),
            alias: self.alias(words, "alias"),
            active: !words.contains(&"joining"),
            kind: if words.contains(&"agent") {
                ConnectionKind::Agent
            } else {
                ConnectionKind::Standard
            },
            profile: ProfileUpdate {
                name: value(words, "name").map(str::to_owned),
                attributes: value(words, "a")
                    .map(|it| ("a".to_owned(), Some(it.to_owned())))
                    .into_iter()
                    .collect(),
                ..ProfileUpdate::default()
            },
            permission: marked.map(|mark| PermissionUpdate {
                patch: PermissionPatch {
                    agent: Some(mark == "agent"),
                    recorder: Some(mark == "recorder"),
                    ..PermissionPatch::default()
                },
                ..PermissionUpdate::default()
            }),
            credential: Credential {
                not_before: issued,
                expires_at: later("expires"),
                ..Credential::default()
            },
            reporter: value(words, "on").map(str::to_owned),
            eject_at: later("eject"),
            config: ConfigPatch {
                max_participants: value(words, "max").map(|max| max.parse().unwrap()),
                ..ConfigPatch::default()
            },
            room_metadata: value(words, "metadata").map(str::to_owned),
            unheeded: std::collections::BTreeMap::new(),
            eject_after_s: None,
            moved_from: None,
        }
    }

    fn publish(&self, who: &str, words: &[&str]) -> PublishTrack {
        let (kind, source) = match words[0] {
            "camera" => (TrackKind::Video, Source::Camera),
            "data" => (TrackKind::Data, Source::Unknown),
            "screen" => (TrackKind::Video, Source::ScreenShare),
            "microphone" => (TrackKind::Audio, Source::Microphone),
            other => panic!("no source {other:?}"),
        };
        PublishTrack {
            connection: self.newest(who),
            alias: self.alias(words, "id"),
            kind,
            source,
            name: String::new(),
            muted: false,
            shape: TrackShape::default(),
        }
    }

    /// An id of the caller's own, or the one that somebody's connection has got.
    fn alias(&self, words: &[&str], key: &str) -> Option<Alias> {
        let alias = value(words, key)?;
        let taken = alias.strip_prefix("the:").map(|who| self.newest(who));
        Some(Alias::new(taken.as_deref().unwrap_or(alias)).unwrap())
    }

    /// The newest connection of somebody, open or not.
    fn newest(&self, who: &str) -> String {
        let person = self
            .room
            .person_by_identity(&identity(who))
            .map(|(_, person)| person);
        let newest = person.and_then(|person| self.room.connection(person.newest?));
        newest.map_or_else(|| who.to_owned(), |connection| connection.sid())
    }
}

/// The connections that each target of a change of permissions came to.
fn whom(events: &[NewEvent]) -> String {
    let targets = events.iter().find_map(|new| {
        if let Event::PermissionsChanged(it) = &new.event {
            Some(&it.who)
        } else {
            None
        }
    });
    let numbers = |who: &Who| {
        let numbers: Vec<String> = who.connections.iter().map(|it| it.to_string()).collect();
        numbers.join(",")
    };
    let each: Vec<String> = targets.into_iter().flatten().map(numbers).collect();
    each.join(" / ")
}

/// Whom a report of activity is about; of other events their kind tells enough.
fn about(event: &Event) -> String {
    let Event::ActivityReported(it) = event else {
        return String::new();
    };
    let number = |item: &ActivityItem| item.connection.map_or("-".to_owned(), |it| it.to_string());
    let numbers: Vec<String> = it.items.iter().map(number).collect();
    format!(":{}", numbers.join(","))
}
