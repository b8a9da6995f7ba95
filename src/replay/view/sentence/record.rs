//! What happened to tracks, and what only went on record, in words. Apart for their number.

use super::clause::{Clause, counted};
use super::people::{one, whom};
use crate::domain::event::{
    ActivityReported, ByWhom, CommandRefused, DataSent, NoEffect, NoteAbout, NoteAdded,
    SubscriptionsChanged, TrackMuteChanged, TrackPublished, TrackUpdated, TracksUnpublished,
};
use crate::domain::{Ranges, TrackNumber};
use crate::replay::view::resolve::Resolver;

pub(super) fn subscriptions(it: &SubscriptionsChanged, resolver: &Resolver<'_>) -> String {
    let verb = if it.subscribe {
        "subscribed"
    } else {
        "unsubscribed"
    };
    let way = if it.subscribe { "to" } else { "from" };
    let what = tracks(&it.tracks, resolver);
    format!("{verb} {} {way} {what}", whom(&it.who, resolver))
}

pub(super) fn published(it: &TrackPublished, resolver: &Resolver<'_>) -> String {
    let muted = if it.muted { ", muted" } else { "" };
    let (whose, what) = (one(it.connection, resolver), track(it.number, resolver));
    format!("{whose} published {what}{muted}")
}

pub(super) fn mute(it: &TrackMuteChanged, resolver: &Resolver<'_>) -> Clause {
    let verb = if it.muted { "muted" } else { "unmuted" };
    let (whose, what) = (one(it.connection, resolver), track(it.track, resolver));
    match it.by {
        ByWhom::Itself => Clause::Happened(format!("{whose} {verb} its own {what}")),
        ByWhom::Admin => Clause::Did(format!("{verb} {what} of {whose}")),
    }
}

pub(super) fn updated(it: &TrackUpdated, resolver: &Resolver<'_>) -> String {
    let (whose, what) = (one(it.connection, resolver), track(it.track, resolver));
    format!("{whose} changed its {what}")
}

pub(super) fn unpublished(it: &TracksUnpublished, resolver: &Resolver<'_>) -> String {
    let (whose, what) = (one(it.connection, resolver), tracks(&it.tracks, resolver));
    match it.closing {
        Some(_) => format!("{what} of {whose} ended with the connection"),
        None => format!("{what} of {whose} ended"),
    }
}

pub(super) fn sent(it: &DataSent, resolver: &Resolver<'_>) -> String {
    let to: Vec<String> = it.who.iter().map(|who| whom(who, resolver)).collect();
    let topic = it.topic.as_ref();
    let topic = topic.map(|topic| format!(" on {:?}", topic.as_str()));
    format!(
        "sent {} bytes{} to {}",
        it.bytes,
        topic.unwrap_or_default(),
        to.join(", ")
    )
}

pub(super) fn activity(it: &ActivityReported) -> String {
    format!("{} of activity reported", counted(it.items.len(), "item"))
}

pub(super) fn note(it: &NoteAdded, resolver: &Resolver<'_>) -> Clause {
    let about = match it.about {
        NoteAbout::Room => "the room".to_owned(),
        NoteAbout::Event(version) => match resolver.position(version) {
            Some(position) => format!("#{position}"),
            None => format!("version {version}"),
        },
        NoteAbout::Participant(number) => resolver.identity(number),
        NoteAbout::Connection(number) => one(number, resolver),
    };
    Clause::Told(
        format!("noted about {about}"),
        format!("{:?}", it.text.as_str()),
    )
}

pub(super) fn no_effect(it: &NoEffect, resolver: &Resolver<'_>) -> Clause {
    let who = it.who.as_ref().map(|who| whom(who, resolver));
    let on = who.map(|who| format!(" on {who}"));
    let on = on.unwrap_or_default();
    Clause::Told(
        format!("gave {}{on} without effect", it.command),
        it.why.clone(),
    )
}

pub(super) fn refused(it: &CommandRefused, resolver: &Resolver<'_>) -> Clause {
    let who = it.who.as_ref().and_then(|who| resolver.asked(who));
    let on = who.map(|who| format!(" on {who}"));
    let because: Vec<String> = it
        .because
        .iter()
        .filter_map(|at| resolver.place(at))
        .map(|position| format!(" (see #{position})"))
        .collect();
    Clause::Told(
        format!("was refused {}{}", it.command, on.unwrap_or_default()),
        format!("{}{}", it.reason.value(), because.concat()),
    )
}

fn track(number: TrackNumber, resolver: &Resolver<'_>) -> String {
    let track = resolver.track(number);
    match track.source {
        Some(source) => format!("{} {}", source.as_str().replace('_', " "), track.sid),
        None => format!("track {}", track.sid),
    }
}

fn tracks(numbers: &Ranges<TrackNumber>, resolver: &Resolver<'_>) -> String {
    if numbers.len() > NAMED_MAX {
        return counted(numbers.len(), "track");
    }
    let names: Vec<String> = numbers
        .iter()
        .map(|number| track(number, resolver))
        .collect();
    if names.is_empty() {
        return "no track".to_owned();
    }
    names.join(", ")
}

/// More names than these make a line hard to read.
const NAMED_MAX: usize = 4;
