//! What happens at the town hall: people come, somebody is given the floor, abuses it, is muted,
//! loses the right to publish, is removed, and does not get back in. Apart, as it is only a story.

use std::collections::BTreeMap;

use crate::cli::demo::cast::{Guest, audience};
use crate::cli::demo::questions::Question;
use crate::cli::demo::stage::{By, KEY, ROOM, Stage};
use crate::cli::failure::{Exit, Failure};
use crate::domain::command::{
    ConfigPatch, CreateRoom, Join, MuteTrack, NoteTarget, PermissionUpdate, ProfileUpdate,
    PublishTrack, Remove, UpdatePermissions,
};
use crate::domain::event::{ConnectionKind, Credential, TrackKind, TrackShape, UpdateMode};
use crate::domain::{
    AdminRight, Alias, Allowed, Command, Digest, Identity, Permission, PermissionPatch, Send,
    Source, Target, Timestamp,
};

/// Plays the whole of it for so many people.
///
/// # Errors
/// What the engine says.
pub(super) fn play(stage: &Stage, people: u32, seed: u64) -> Result<Vec<Question>, Failure> {
    let crowd = usize::try_from(people)
        .unwrap_or(usize::MAX)
        .saturating_sub(CHARACTERS.len());
    let guests = audience(crowd, seed);
    gather(stage, &guests)?;
    give_the_floor(stage)?;
    take_it_away(stage)?;
    part(stage, &guests)?;
    Ok(vec![
        Question::new("Who removed her?", &format!("who {ROOM} --removed")),
        Question::new(
            "Who could speak at that moment, 14:03?",
            &format!("who {ROOM} --can publish:microphone --at 14:03"),
        ),
        Question::new(
            "What did the moderator change?",
            &format!("log {ROOM} --actor {MODERATOR}"),
        ),
    ])
}

fn gather(stage: &Stage, guests: &[Guest]) -> Result<(), Failure> {
    let host = by(HOST, "quarterly town hall");
    stage.done(
        host,
        Command::CreateRoom(CreateRoom {
            config: ConfigPatch {
                default_permission: Some(Some(listening())),
                ..ConfigPatch::default()
            },
            metadata: Some("Quarterly town hall".to_owned()),
            ..CreateRoom::default()
        }),
    )?;
    for identity in [HOST, MODERATOR, "priya", "tomas"] {
        stage.wait_until(stage.second() + 20)?;
        stage.done(
            MEDIA,
            join(stage, identity, Some(speaking(identity == MODERATOR)))?,
        )?;
        stage.done(MEDIA, publish(identity, Source::Microphone)?)?;
        stage.done(MEDIA, publish(identity, Source::Camera)?)?;
    }
    let per_arrival = guests.len().div_ceil(ARRIVALS).max(1);
    for group in guests.chunks(per_arrival) {
        stage.wait_until(stage.second() + 5)?;
        let joins = group.iter().map(|guest| join_as(stage, guest, None));
        stage.all_done(MEDIA, joins.collect::<Result<_, _>>()?)?;
    }
    stage.wait_until(MINUTE * 4 + 50)?;
    stage.done(MEDIA, join(stage, ALICE, None)?)?;
    stage.wait_until(MINUTE * 5)?;
    stage.done(MEDIA, publish(HOST, Source::ScreenShare)?)?;
    stage.wait_until(MINUTE * 6 + 12)?;
    stage.done(MEDIA, join(stage, "nora", None)?).map(drop)
}

fn give_the_floor(stage: &Stage) -> Result<(), Failure> {
    stage.wait_until(MINUTE * 7)?;
    let change = PermissionPatch {
        send_enabled: Some(true),
        send_allowed: Some(Allowed::Listed(vec![
            Source::Microphone,
            Source::ScreenShare,
        ])),
        ..PermissionPatch::default()
    };
    stage.done(by(MODERATOR, "asked for the floor"), permit(change)?)?;
    stage.wait_until(MINUTE * 7 + 8)?;
    stage.done(MEDIA, publish(ALICE, Source::Microphone)?)?;
    stage.wait_until(MINUTE * 7 + 15)?;
    stage.done(MEDIA, publish(ALICE, Source::ScreenShare)?)?;
    stage.wait_until(MINUTE * 7 + 40)?;
    stage.done(by(MODERATOR, "talks over the host"), mute(ALICE, true)?)?;
    stage.wait_until(MINUTE * 7 + 48)?;
    stage
        .done(
            MEDIA,
            Command::UpdateTrack {
                connection: connection(ALICE),
                track: track(ALICE, Source::Microphone),
                muted: Some(false),
                name: None,
                shape: None,
            },
        )
        .map(drop)
}

fn take_it_away(stage: &Stage) -> Result<(), Failure> {
    stage.wait_until(MINUTE * 8 + 20)?;
    let change = PermissionPatch {
        send_enabled: Some(false),
        ..PermissionPatch::default()
    };
    stage.done(
        by(MODERATOR, "advertising on the shared screen"),
        permit(change)?,
    )?;
    stage.wait_until(MINUTE * 8 + 55)?;
    let removed = stage.done(
        by(MODERATOR, "went on advertising in the chat after a warning"),
        Command::Remove(Remove {
            target: Target::Identity(identity(ALICE)?),
            ban: false,
            revoke_before: Some(stage.now()),
        }),
    )?;
    stage.wait_until(MINUTE * 9 + 10)?;
    stage.refused(MEDIA, join(stage, ALICE, None)?)?;
    stage.wait_until(MINUTE * 10)?;
    stage.done(
        MEDIA,
        Command::UpdateTrack {
            connection: connection("tomas"),
            track: track("tomas", Source::Microphone),
            muted: Some(true),
            name: None,
            shape: None,
        },
    )?;
    stage.wait_until(MINUTE * 10 + 30)?;
    stage.refused(by(MODERATOR, "his question is next"), mute("tomas", false)?)?;
    stage.wait_until(MINUTE * 12)?;
    let request = removed
        .records
        .first()
        .map(|record| record.version)
        .unwrap_or_default();
    stage
        .done(
            by(HOST, "review"),
            Command::AddNote {
                about: NoteTarget::Event(request),
                text: "Seen with the recording: the removal was right.".to_owned(),
            },
        )
        .map(drop)
}

fn part(stage: &Stage, guests: &[Guest]) -> Result<(), Failure> {
    let crowd = guests
        .iter()
        .map(|guest| guest.identity.as_str())
        .chain(["nora"]);
    let people: Vec<&str> = crowd.collect();
    stage.wait_until(MINUTE * 35)?;
    for group in people.chunks(people.len().div_ceil(ARRIVALS).max(1)) {
        stage.wait_until(stage.second() + 3)?;
        stage.all_done(
            MEDIA,
            group.iter().map(|identity| leave(identity)).collect(),
        )?;
    }
    stage.wait_until(MINUTE * 38)?;
    let rest = ["tomas", "priya", MODERATOR, HOST];
    stage.all_done(MEDIA, rest.iter().map(|identity| leave(identity)).collect())?;
    // The session ends by itself, twenty seconds after the last one left.
    stage.wait_until(MINUTE * 39)
}

fn join(stage: &Stage, who: &str, permission: Option<Permission>) -> Result<Command, Failure> {
    let name = CHARACTERS.iter().find(|(identity, _)| *identity == who);
    let guest = Guest {
        identity: who.to_owned(),
        name: name.map_or(who, |(_, name)| name).to_owned(),
    };
    join_as(stage, &guest, permission)
}

fn join_as(
    stage: &Stage,
    guest: &Guest,
    permission: Option<Permission>,
) -> Result<Command, Failure> {
    let day = |at: Timestamp| at.seconds() - at.seconds().rem_euclid(DAY_S);
    let issued = Timestamp::from_seconds(day(stage.now()) + ISSUED_S);
    // Everybody has one token for the whole afternoon, as from a link in an invitation.
    let credential = Credential {
        kind: "ledger".to_owned(),
        key_id: Some(KEY.to_owned()),
        token_digest: Some(Digest::of(
            format!("invitation of {}", guest.identity).as_bytes(),
        )),
        not_before: Some(issued),
        issued_at: Some(issued),
        expires_at: Some(issued.plus_seconds(VALID_S)),
        token_id: None,
    };
    let is_there = guest.identity == ALICE && stage.second() > MINUTE * 9;
    let again = if is_there { "-again" } else { "" };
    Ok(Command::Join(Join {
        identity: Some(identity(&guest.identity)?),
        alias: Some(alias(&format!("{}{again}", connection(&guest.identity)))?),
        active: true,
        kind: ConnectionKind::Standard,
        profile: ProfileUpdate {
            name: Some(guest.name.clone()),
            ..ProfileUpdate::default()
        },
        permission: permission.map(|permission| PermissionUpdate {
            patch: PermissionPatch::replacing(permission),
            ..PermissionUpdate::default()
        }),
        credential,
        reporter: Some("sfu-1".to_owned()),
        eject_at: None,
        eject_after_s: None,
        config: ConfigPatch::default(),
        room_metadata: None,
        unheeded: BTreeMap::new(),
        moved_from: None,
    }))
}

fn publish(who: &str, source: Source) -> Result<Command, Failure> {
    let kind = if source == Source::Microphone {
        TrackKind::Audio
    } else {
        TrackKind::Video
    };
    Ok(Command::PublishTrack(PublishTrack {
        connection: connection(who),
        alias: Some(alias(&track(who, source))?),
        kind,
        source,
        name: String::new(),
        muted: false,
        shape: TrackShape::default(),
    }))
}

fn mute(who: &str, muted: bool) -> Result<Command, Failure> {
    Ok(Command::MuteTrack(MuteTrack {
        target: Target::Identity(identity(who)?),
        track: track(who, Source::Microphone),
        muted,
    }))
}

fn permit(patch: PermissionPatch) -> Result<Command, Failure> {
    let update = PermissionUpdate {
        patch,
        ..PermissionUpdate::default()
    };
    Ok(Command::UpdatePermissions(UpdatePermissions {
        mode: UpdateMode::Patch,
        targets: [(Target::Identity(identity(ALICE)?), update)].into(),
        refuse_unknown: true,
    }))
}

fn leave(who: &str) -> Command {
    Command::Leave {
        connection: connection(who),
        reason: Some("CLIENT_INITIATED".to_owned()),
    }
}

/// What the audience may do: listen, watch and chat.
fn listening() -> Permission {
    Permission {
        send: Send {
            enabled: false,
            allowed: Allowed::All,
        },
        ..Permission::standard()
    }
}

fn speaking(is_moderator: bool) -> Permission {
    let admin = is_moderator.then_some(AdminRight::Participants);
    Permission {
        admin: admin.into_iter().collect(),
        ..Permission::standard()
    }
}

fn connection(who: &str) -> String {
    format!("c-{who}")
}

fn track(who: &str, source: Source) -> String {
    format!("t-{who}-{}", source.as_str())
}

const fn by<'a>(person: &'a str, reason: &'a str) -> By<'a> {
    By {
        person: Some(person),
        reason: Some(reason),
    }
}

fn identity(text: &str) -> Result<Identity, Failure> {
    Identity::new(text).map_err(|error| Failure::new(Exit::No, error.to_string()))
}

fn alias(text: &str) -> Result<Alias, Failure> {
    Alias::new(text).map_err(|error| Failure::new(Exit::No, error.to_string()))
}

/// The media server reports what it sees, on nobody's behalf.
const MEDIA: By<'static> = By {
    person: None,
    reason: None,
};

const HOST: &str = "host-1";
const MODERATOR: &str = "mod-1";
const ALICE: &str = "alice";

/// Those with a part in the story, and their names.
const CHARACTERS: [(&str, &str); 6] = [
    (HOST, "Helena Host"),
    (MODERATOR, "Morgan Moderator"),
    ("priya", "Priya"),
    ("tomas", "Tomas"),
    (ALICE, "Alice"),
    ("nora", "Nora"),
];

/// In so many groups the audience comes and goes.
const ARRIVALS: usize = 34;

const MINUTE: i64 = 60;
const DAY_S: i64 = 24 * 60 * 60;

/// 13:00, an hour before the town hall.
const ISSUED_S: i64 = 13 * 60 * 60;

/// Until 17:00.
const VALID_S: u32 = 4 * 60 * 60;
