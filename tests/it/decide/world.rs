//! What plays the lines of the tables: a room, another one, a clock, and the words for commands.

use std::collections::BTreeMap;

use roomledger::domain::command::{
    ConfigPatch, CreateRoom, Join, MuteTrack, NoteTarget, PermissionUpdate, ProfileUpdate,
    PublishTrack, Remove, SendData, SessionDataMerge, UpdateParticipant, UpdatePermissions,
    UpdateRoom,
};
use roomledger::domain::event::{
    ConnectionKind, Credential, DuplicatePolicy, TrackKind, TrackShape, UpdateMode,
};
use roomledger::domain::{
    AdminRight, Alias, Allowed, Command, Context, Defaults, Digest, Identity, NewEvent,
    PermissionPatch, Rejection, Request, Room, RoomName, Source, Target, Timestamp, Version,
    decide, decide_move, evolve,
};

/// A room, another one to move to, and a clock.
pub(super) struct World {
    room: Room,
    other: Room,
    now: Timestamp,
    entropy: u128,
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
        }
    }

    pub(super) fn play(&mut self, line: &str) -> String {
        let mut words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
        let mut request = Request::new(self.room.name.clone(), Command::Tick);
        if words[0] == "as" {
            request.as_connection = Some(self.newest(words[1]));
            words.drain(..2);
        }
        if words[0] == "expecting" {
            request.expected_version = Some(Version(words[1].parse().unwrap()));
            words.drain(..2);
        }
        request.command = self.command(&words);
        self.entropy = self
            .entropy
            .wrapping_mul(0x2545_f491_4f6c_dd1d)
            .wrapping_add(99);
        let defaults = Defaults::default();
        let context = Context {
            now: self.now,
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
                said
            }
            Err(no) => refused(&no),
        }
    }

    fn accept(&mut self, here: &[NewEvent], there: &[NewEvent]) -> String {
        let mut said = Vec::new();
        let start = self.room.version.0;
        for event in here {
            let version = self.room.version.next();
            evolve(&mut self.room, version, self.now, event);
            let cause = event
                .cause
                .as_ref()
                .map(|cause| format!("<{}", cause.version.0.saturating_sub(start)));
            said.push(format!(
                "{}{}",
                event.event.kind().as_str(),
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
            "unmute-self" => Command::UpdateTrack {
                connection: self.newest(first),
                track: rest[1].to_owned(),
                muted: Some(false),
                name: None,
                shape: None,
            },
            "remove" => Command::Remove(Remove {
                target: target(first),
                ban: rest.contains(&"ban"),
                revoke_before: rest.contains(&"revoke").then_some(self.now),
            }),
            "ban" => Command::Ban {
                identity: identity(first),
                until: value(rest, "for").map(|s| self.now.plus_seconds(s.parse().unwrap())),
            },
            "unban" => Command::Unban {
                identity: identity(first),
            },
            "revoke" => Command::RevokeTokens {
                identity: (first != "all").then(|| identity(first)),
                before: self.now,
            },
            "move" => Command::Move {
                target: target(first),
                to_room: self.other.name.clone(),
            },
            _ => self.other_command(words),
        }
    }

    fn other_command(&self, words: &[&str]) -> Command {
        let rest = &words[1..];
        let first = rest.first().copied().unwrap_or_default();
        match words[0] {
            "sync" => Command::CloseLost {
                reporter: first.to_owned(),
                as_of: self.room.version,
                listed: vec![self.newest(value(rest, "keeps").unwrap())],
            },
            "permit" => permit(first, &rest[1..]),
            "profile" => Command::UpdateParticipant(UpdateParticipant {
                target: target(first),
                profile: profile(&rest[1..]),
                permission: None,
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
                targets: vec![target(first)],
            }),
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
                ..CreateRoom::default()
            }),
            "update" => Command::UpdateRoom(self.update_room(rest)),
            "delete" => Command::DeleteRoom,
            "end" => Command::EndSession,
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
        config.disabled = (!words.is_empty()).then(|| words.contains(&"disabled"));
        config.enable_remote_unmute = words.contains(&"unmute").then_some(true);
        config.duplicate_identity = words.contains(&"doubles").then_some(DuplicatePolicy::Allow);
        config.not_before = later("opens").or(Some(None));
        config.expires_at = later("expires");
        update
    }

    fn join(&self, who: &str, words: &[&str]) -> Join {
        let issued_s = value(words, "token").map(|offset| offset.parse::<i64>().unwrap());
        let issued = issued_s.map(|s| Timestamp::from_seconds(self.now.seconds() + s));
        Join {
            identity: Some(identity(who)),
            alias: value(words, "alias").map(|alias| Alias::new(alias).unwrap()),
            active: !words.contains(&"joining"),
            kind: if words.contains(&"agent") {
                ConnectionKind::Agent
            } else {
                ConnectionKind::Standard
            },
            profile: ProfileUpdate::default(),
            permission: None,
            credential: Credential {
                not_before: issued,
                ..Credential::default()
            },
            reporter: value(words, "on").map(str::to_owned),
            eject_at: None,
            config: ConfigPatch::default(),
            room_metadata: None,
            moved_from: None,
        }
    }

    fn publish(&self, who: &str, words: &[&str]) -> PublishTrack {
        let (kind, source) = match words[0] {
            "camera" => (TrackKind::Video, Source::Camera),
            "microphone" => (TrackKind::Audio, Source::Microphone),
            other => panic!("no source {other:?}"),
        };
        PublishTrack {
            connection: self.newest(who),
            alias: value(words, "id").map(|alias| Alias::new(alias).unwrap()),
            kind,
            source,
            name: String::new(),
            muted: false,
            shape: TrackShape::default(),
        }
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

fn refused(no: &Rejection) -> String {
    let codes: Vec<&str> = no
        .reasons()
        .iter()
        .map(|reason| reason.code().as_str())
        .collect();
    format!("! {}", codes.join(" "))
}

fn permit(targets: &str, words: &[&str]) -> Command {
    let on = |key| value(words, key).map(|word: &str| word == "on");
    let patch = PermissionPatch {
        send_enabled: on("send"),
        send_allowed: value(words, "only").map(|_| Allowed::Listed(vec![Source::Camera])),
        data: on("data"),
        admin: words
            .contains(&"admin")
            .then(|| [AdminRight::Participants].into()),
        update_own_metadata: on("own"),
        ..PermissionPatch::default()
    };
    // `*,bob` changes both alike; `*|bob` names bob with nothing to change.
    let empty = PermissionUpdate::default();
    let update = PermissionUpdate {
        patch,
        ..PermissionUpdate::default()
    };
    let mut aimed = BTreeMap::new();
    for (at, name) in targets.split(['|', ',']).enumerate() {
        let spared = at > 0 && targets.contains('|');
        aimed.insert(
            target(name),
            if spared {
                empty.clone()
            } else {
                update.clone()
            },
        );
    }
    Command::UpdatePermissions(UpdatePermissions {
        mode: UpdateMode::Patch,
        targets: aimed,
        refuse_unknown: true,
    })
}

fn profile(words: &[&str]) -> ProfileUpdate {
    let mut update = ProfileUpdate::default();
    for word in words {
        match word.split_once('=') {
            Some(("name", value)) => update.name = Some(value.to_owned()),
            Some(("metadata", value)) => update.metadata = Some(value.to_owned()),
            Some((key, value)) => {
                update
                    .attributes
                    .insert(key.to_owned(), Some(value.to_owned()));
            }
            None => {
                update.attributes.insert((*word).to_owned(), None);
            }
        }
    }
    update
}

fn target(word: &str) -> Target {
    if word == "*" {
        Target::Everyone
    } else {
        Target::Identity(identity(word))
    }
}

fn identity(word: &str) -> Identity {
    Identity::new(word).unwrap()
}

fn value<'a>(words: &[&'a str], key: &str) -> Option<&'a str> {
    words
        .iter()
        .find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
}
