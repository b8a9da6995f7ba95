//! Commands and their authors. Apart so that the scripts of rooms read as what happens in them.

use roomledger::domain::command::{Join, MuteTrack, ProfileUpdate, PublishTrack};
use roomledger::domain::event::{TrackKind, TrackShape};
use roomledger::domain::{
    Actor, ActorKind, Alias, Command, Identity, NameError, Personal, Provenance, Request, RoomName,
    Source, Target,
};
use roomledger::engine::Call;

/// The author of a command.
#[derive(Clone, Debug)]
pub(crate) enum By {
    /// One of the API keys of the applications.
    Application(u64),
    /// A moderator, by an application's key.
    Moderator(u64),
    /// The media server, which reports what people did.
    MediaServer,
}

/// A command about a room, with the provenance that its dialect would give it.
pub(crate) fn call(room: &RoomName, by: &By, command: Command) -> Call {
    let (actor, dialect) = match by {
        By::Application(number) => (
            Actor::of_key(&format!("app-{number}"), None),
            DIALECTS.iter().cycle().nth((number % 3) as usize),
        ),
        By::Moderator(number) => (
            Actor::of_key("app-0", Some(&format!("mod-{number}"))),
            DIALECTS.first(),
        ),
        By::MediaServer => (Actor::of_key("media", None), Some(&"ledger")),
    };
    let mut provenance = Provenance::of_engine(ActorKind::ApiKey, command.name());
    provenance.actor = actor;
    dialect
        .copied()
        .unwrap_or_default()
        .clone_into(&mut provenance.via.dialect);
    if matches!(by, By::Moderator(_)) {
        provenance.reason = Some(Personal::from("house rules"));
    }
    Call::new(Request::new(room.clone(), command), provenance)
}

pub(crate) fn join(identity: &Identity, name: String, alias: &str) -> Result<Command, NameError> {
    Ok(Command::Join(Join {
        alias: Some(Alias::new(alias)?),
        profile: ProfileUpdate {
            name: Some(name),
            ..ProfileUpdate::default()
        },
        ..Join::new(identity.clone())
    }))
}

pub(crate) fn publish(connection: &str, track: &str) -> Result<Command, NameError> {
    Ok(Command::PublishTrack(PublishTrack {
        connection: connection.to_owned(),
        alias: Some(Alias::new(track)?),
        kind: TrackKind::Audio,
        source: Source::Microphone,
        name: String::new(),
        muted: false,
        shape: TrackShape::default(),
    }))
}

pub(crate) fn mute(identity: &Identity, track: &str) -> Command {
    Command::MuteTrack(MuteTrack {
        target: Target::Identity(identity.clone()),
        track: track.to_owned(),
        muted: true,
    })
}

/// New metadata, of the size that applications keep there.
pub(crate) fn metadata(number: u64) -> ProfileUpdate {
    ProfileUpdate {
        metadata: Some(format!(
            "{{\"turn\":{number},\"hand\":\"raised\",\"seat\":\"b\"}}"
        )),
        ..ProfileUpdate::default()
    }
}

const DIALECTS: [&str; 3] = ["livekit", "daily", "videosdk"];
