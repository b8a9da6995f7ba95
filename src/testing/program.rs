//! Random histories: programs of steps that mostly make valid commands.
//!
//! A step is a few small numbers; which command it stands for is worked out against the room it
//! meets, so that targets mostly exist and programs shrink to few, simple steps.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::{Strategy, any};

use crate::domain::command::{
    ConfigPatch, CreateRoom, Join, MuteTrack, NoteTarget, PermissionUpdate, ProfileUpdate,
    PublishTrack, Remove, SendData, SessionDataMerge, UpdateParticipant, UpdatePermissions,
    UpdateRoom,
};
use crate::domain::event::{
    ActivityItem, ConnectionKind, Credential, DuplicatePolicy, NewEvent, TrackKind, TrackShape,
    UpdateMode,
};
use crate::domain::{
    AdminRight, Alias, Allowed, Command, Context, Decision, Defaults, Digest, Identity,
    PermissionPatch, Personal, ReceiveRule, Rejection, Request, Room, RoomName, Source, Target,
    Timestamp, Version, decide, with_refusal,
};

/// One step of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which command.
    pub kind: u8,
    /// Whom it means, modulo those there are.
    pub who: u8,
    /// Which variant of the command.
    pub variant: u8,
    /// How long after the step before.
    pub wait_s: u16,
    /// The entropy of its decision.
    pub entropy: u128,
}

/// Programs of at most `steps_max` steps.
pub fn programs(steps_max: usize) -> impl Strategy<Value = Vec<Step>> {
    // Waits mostly stay below every timer, and now and then pass all of them.
    let wait_s = proptest::prop_oneof![8 => 0_u16..5, 1 => 5_u16..90, 1 => 90_u16..700];
    let step = (any::<u8>(), 0_u8..8, any::<u8>(), wait_s, any::<u128>()).prop_map(
        |(kind, who, variant, wait_s, entropy)| Step {
            kind,
            who,
            variant,
            wait_s,
            entropy,
        },
    );
    vec(step, 0..=steps_max)
}

/// One recorded event of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its place.
    pub version: Version,
    /// When it was recorded.
    pub at: Timestamp,
    /// The event.
    pub event: NewEvent,
}

/// What one step came to.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The request the step stood for.
    pub request: Request,
    /// The room before.
    pub before: Room,
    /// The room after, as the decision itself folded it.
    pub after: Room,
    /// What was recorded.
    pub recorded: Vec<Recorded>,
    /// The refusal, where there was one.
    pub refused: Option<Rejection>,
}

/// Runs a program on an empty room, refusals recorded as the engine would.
pub fn run(program: &[Step]) -> Vec<Taken> {
    let defaults = Defaults::default();
    let mut room = Room::new(room_name("town"));
    let mut now = Timestamp::from_seconds(1_700_000_000);
    let mut taken = Vec::new();
    for step in program {
        now = now.plus_seconds(step.wait_s.into());
        let context = Context {
            now,
            wall: now,
            defaults: &defaults,
            entropy: step.entropy,
        };
        for request in [
            Request::new(room.name.clone(), Command::Tick),
            step.request(&room, now),
        ] {
            let done = take(&room, request, &context);
            room = done.after.clone();
            taken.push(done);
        }
    }
    taken
}

fn take(room: &Room, request: Request, context: &Context<'_>) -> Taken {
    let asked = (Digest::of(b""), 0);
    let decided = decide(room, &request, context).unwrap_or_else(|no| Decision {
        events: Vec::new(),
        room: room.clone(),
        refused: Some(no),
    });
    let refused = decided.refused.clone();
    let decision = if decided.room.life.is_some() {
        with_refusal(decided, &request, context, asked)
    } else {
        decided
    };
    let mut version = room.version;
    let recorded = decision.events.into_iter().map(|event| {
        version = version.next();
        Recorded {
            version,
            at: context.now,
            event,
        }
    });
    Taken {
        request,
        before: room.clone(),
        recorded: recorded.collect(),
        after: decision.room,
        refused,
    }
}

impl Step {
    /// The request that this step stands for in that room.
    pub fn request(&self, room: &Room, now: Timestamp) -> Request {
        let command = self.command(room, now);
        let mut request = Request::new(room.name.clone(), command);
        if self.variant == 255 {
            request.expected_version = Some(room.changed);
        }
        if self.variant == 254 {
            request.as_connection = Some(self.connection(room));
        }
        request
    }

    fn command(&self, room: &Room, now: Timestamp) -> Command {
        if room.life.is_none() && !self.kind.is_multiple_of(4) {
            return Command::Join(self.join(now));
        }
        // Joins and tracks come often: they are what the rest acts on.
        match self.kind % 32 {
            0..=6 => Command::Join(self.join(now)),
            7..=10 => Command::PublishTrack(self.publish(room)),
            11..=15 => self.admin(room, now),
            16..=19 => self.report(room),
            20..=23 => self.rights(room),
            24 => Command::CreateRoom(CreateRoom {
                opens_session: self.odd(),
                metadata: Some(self.text()),
                replaces_expired: self.variant.is_multiple_of(3),
                ..CreateRoom::default()
            }),
            25 => self.settings(now),
            26 => self.ending(),
            27 => self.message(room),
            28 => Command::AddNote {
                about: if self.odd() {
                    NoteTarget::Event(Version(u64::from(self.variant)))
                } else {
                    NoteTarget::Target(self.target(room))
                },
                text: self.text(),
            },
            29 => Command::SetSessionData {
                data: format!("{{\"k{}\":{}}}", self.who, self.variant),
                merge: if self.odd() {
                    SessionDataMerge::Shallow
                } else {
                    SessionDataMerge::Replace
                },
                delete_keys: vec![format!("k{}", self.variant % 8)],
            },
            30 => Command::CloseLost {
                reporter: format!("sfu-{}", self.variant % 2),
                as_of: room.version,
                listed: vec![self.connection(room)],
            },
            _ => Command::Tick,
        }
    }

    fn join(&self, now: Timestamp) -> Join {
        let kinds = [
            ConnectionKind::Standard,
            ConnectionKind::Agent,
            ConnectionKind::Sip,
        ];
        let kind = usize::from(self.variant / 64)
            .checked_sub(1)
            .and_then(|at| kinds.get(at));
        Join {
            identity: (self.variant % 16 != 15).then(|| self.identity()),
            alias: Alias::new(&format!("c{}", self.entropy % 64))
                .ok()
                .filter(|_| self.odd()),
            active: self.variant % 4 != 3,
            kind: kind.copied().unwrap_or(ConnectionKind::Standard),
            profile: self.profile(),
            permission: (self.variant.is_multiple_of(3)).then(|| self.update()),
            credential: Credential {
                kind: "none".to_owned(),
                issued_at: (!self.variant.is_multiple_of(5)).then_some(now),
                ..Credential::default()
            },
            reporter: Some(format!("sfu-{}", self.variant % 2)),
            eject_at: (self.variant % 32 == 9).then(|| now.plus_seconds(50)),
            config: ConfigPatch::default(),
            room_metadata: None,
            moved_from: None,
        }
    }

    fn publish(&self, room: &Room) -> PublishTrack {
        let source = self.source();
        PublishTrack {
            connection: self.connection(room),
            alias: Alias::new(&format!("t{}", self.entropy % 64))
                .ok()
                .filter(|_| self.odd()),
            kind: match source {
                Source::Camera | Source::ScreenShare | Source::CustomVideo => TrackKind::Video,
                Source::Microphone | Source::ScreenShareAudio | Source::CustomAudio => {
                    TrackKind::Audio
                }
                Source::Unknown => TrackKind::Data,
            },
            source,
            name: self.text(),
            muted: self.odd(),
            shape: TrackShape::default(),
        }
    }

    fn admin(&self, room: &Room, now: Timestamp) -> Command {
        match self.variant % 8 {
            0 => Command::Remove(self.removal(room, now)),
            1 => Command::RemoveEach(vec![
                self.removal(room, now),
                Remove::new(Target::Connection(self.connection(room))),
            ]),
            2 => Command::Ban {
                identity: self.identity(),
                until: (self.variant >= 128).then(|| now.plus_seconds(60)),
            },
            3 => Command::Unban {
                identity: self.identity(),
            },
            4 if self.entropy.is_multiple_of(4) => Command::LiftRevocation {
                identity: (self.variant >= 64).then(|| self.identity()),
            },
            4 => Command::RevokeTokens {
                identity: (self.variant >= 64).then(|| self.identity()),
                before: now,
            },
            5 | 6 => Command::MuteTrack(MuteTrack {
                target: Target::Connection(self.connection(room)),
                track: self.track(room),
                muted: self.variant >= 128,
            }),
            _ => Command::UpdateSubscriptions {
                target: self.target(room),
                tracks: vec![self.track(room), "TR_nobody".to_owned()],
                subscribe: self.variant >= 128,
            },
        }
    }

    fn removal(&self, room: &Room, now: Timestamp) -> Remove {
        Remove {
            target: self.target(room),
            ban: (self.variant / 8).is_multiple_of(4),
            revoke_before: (self.variant / 8 % 4 == 1).then_some(now),
        }
    }

    fn report(&self, room: &Room) -> Command {
        let connection = self.connection(room);
        match self.variant % 8 {
            0 => Command::Activate(connection),
            1 => Command::Interrupt(connection),
            2 => Command::Resume(connection),
            3 | 4 => Command::Leave {
                connection,
                reason: Some("CLIENT_INITIATED".to_owned()),
            },
            5 => Command::UpdateTrack {
                connection,
                track: self.track(room),
                muted: Some(self.variant >= 128),
                name: None,
                shape: None,
            },
            6 => Command::UnpublishTrack {
                connection,
                track: self.track(room),
            },
            _ => Command::UpdateOwnProfile {
                connection,
                profile: self.profile(),
            },
        }
    }

    fn rights(&self, room: &Room) -> Command {
        if self.odd() {
            return Command::UpdateParticipant(UpdateParticipant {
                target: self.target(room),
                profile: self.profile(),
                permission: (self.variant % 4 != 1).then(|| self.update()),
            });
        }
        let everyone = (Target::Everyone, self.update());
        let one = (self.target(room), self.update());
        Command::UpdatePermissions(UpdatePermissions {
            mode: if self.variant >= 128 {
                UpdateMode::Replace
            } else {
                UpdateMode::Patch
            },
            targets: BTreeMap::from([everyone, one]),
            refuse_unknown: self.variant.is_multiple_of(8),
        })
    }

    fn settings(&self, now: Timestamp) -> Command {
        let config = ConfigPatch {
            max_participants: Some(u32::from(self.variant % 4)),
            enable_remote_unmute: Some(self.odd()),
            duplicate_identity: (self.variant % 8 == 1).then_some(DuplicatePolicy::Allow),
            expires_at: (self.variant % 16 == 2).then(|| Some(now.plus_seconds(120))),
            eject_at_expiry: Some(self.variant >= 128),
            ..ConfigPatch::default()
        };
        let metadata = Some(self.text());
        Command::UpdateRoom(UpdateRoom {
            config,
            metadata,
            session_only: self.variant.is_multiple_of(5),
            refuse_expired: self.variant.is_multiple_of(7),
        })
    }

    fn ending(&self) -> Command {
        if self.variant.is_multiple_of(4) {
            Command::DeleteRoom
        } else {
            Command::EndSession
        }
    }

    fn message(&self, room: &Room) -> Command {
        if self.odd() {
            let item = ActivityItem {
                kind: "speaking".to_owned(),
                connection: None,
                occurred_at: None,
                detail: Personal::from("{}"),
            };
            return Command::ReportActivity {
                items: vec![(item, Some(self.connection(room)))],
            };
        }
        Command::SendData(SendData {
            topic: Some(self.text()),
            lossy: self.variant >= 128,
            bytes: self.variant.into(),
            digest: Digest::of(&[self.variant]),
            targets: vec![self.target(room)],
        })
    }

    fn update(&self) -> PermissionUpdate {
        let bit = |at: u8| (self.variant >> at) & 1 == 1;
        let patch = PermissionPatch {
            presence: bit(0).then(|| bit(1)),
            send_enabled: bit(2).then(|| bit(3)),
            send_allowed: bit(1).then(|| {
                if bit(4) {
                    Allowed::All
                } else {
                    Allowed::Listed(vec![self.source()])
                }
            }),
            send_is_coarse: bit(5),
            data: bit(4).then(|| bit(5)),
            receive_any: bit(6).then(|| bit(7)),
            receive_base: bit(7).then(|| ReceiveRule::all(bit(2))),
            admin: bit(3).then(|| [AdminRight::Participants].into()),
            update_own_metadata: bit(5).then(|| bit(6)),
            agent: (self.variant % 16 == 7).then(|| bit(7)),
            ..PermissionPatch::default()
        };
        let receive_by_identity =
            bit(0).then(|| BTreeMap::from([(self.identity(), ReceiveRule::all(bit(3)))]));
        PermissionUpdate {
            patch,
            receive_by_identity,
            receive_by_connection: None,
        }
    }

    fn profile(&self) -> ProfileUpdate {
        let value = (!self.variant.is_multiple_of(4)).then(|| self.text());
        ProfileUpdate {
            name: (self.variant.is_multiple_of(3)).then(|| self.text()),
            metadata: (self.variant % 3 == 1).then(|| self.text()),
            attributes: BTreeMap::from([(format!("a{}", self.who % 3), value)]),
        }
    }

    fn target(&self, room: &Room) -> Target {
        match self.variant % 7 {
            0 => Target::Everyone,
            1..=3 => Target::Connection(self.connection(room)),
            _ => Target::Identity(self.identity()),
        }
    }

    /// Mostly an open connection, sometimes a closed one, never none.
    fn connection(&self, room: &Room) -> String {
        let Some(session) = &room.session else {
            return "PA_nobody".to_owned();
        };
        let live: Vec<_> = session.live().collect();
        let at = usize::from(self.who);
        if self.variant.is_multiple_of(11) || live.is_empty() {
            let any = session
                .connections
                .get(at % session.connections.len().max(1));
            return any.map_or_else(|| "PA_nobody".to_owned(), |connection| connection.name_id());
        }
        let chosen = live.get(at % live.len());
        chosen.map_or_else(|| "PA_nobody".to_owned(), |connection| connection.sid())
    }

    fn track(&self, room: &Room) -> String {
        let connection = room.connection_by_ref(&self.connection(room));
        let tracks = connection
            .map(|connection| &connection.tracks[..])
            .unwrap_or_default();
        let chosen = tracks.get(usize::from(self.variant) % tracks.len().max(1));
        chosen.map_or_else(|| "TR_nobody".to_owned(), |track| track.sid())
    }

    fn source(&self) -> Source {
        let all = [
            Source::Camera,
            Source::Microphone,
            Source::ScreenShare,
            Source::ScreenShareAudio,
            Source::CustomAudio,
            Source::CustomVideo,
            Source::Unknown,
        ];
        all.get(usize::from(self.variant) % all.len())
            .copied()
            .unwrap_or(Source::Camera)
    }

    fn identity(&self) -> Identity {
        let name = format!("p{}", self.who % 5);
        Identity::new(&name).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn text(&self) -> String {
        format!("text {}", self.variant % 4)
    }

    fn odd(&self) -> bool {
        self.variant % 2 == 1
    }
}

fn room_name(name: &str) -> RoomName {
    RoomName::new(name).unwrap_or_else(|error| panic!("{name}: {error}"))
}
