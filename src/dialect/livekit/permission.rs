//! LiveKit's view of a permission, both ways. Apart because a write must change what the view
//! shows, wholly, and nothing that it cannot show; it never touches the right to administer.

use crate::dialect::livekit::proto::models::{ParticipantPermission, TrackSource};
use crate::domain::{Allowed, Permission, PermissionPatch, Source};

/// A permission as LiveKit shows it.
pub fn rendered(permission: &Permission) -> ParticipantPermission {
    // LiveKit has no word for an empty list: to it that means every source.
    let send = permission.send.coarse();
    let listed = match &send.allowed {
        Allowed::All => &[][..],
        Allowed::Listed(sources) => &sources[..],
    };
    ParticipantPermission {
        can_subscribe: permission.receive.any(),
        can_publish: send.enabled,
        can_publish_data: permission.data,
        can_publish_sources: listed.iter().map(|source| wire(*source).into()).collect(),
        hidden: !permission.presence,
        recorder: permission.recorder,
        can_update_metadata: permission.update_own_metadata,
        agent: permission.agent,
        can_subscribe_metrics: permission.subscribe_metrics,
        can_manage_agent_session: permission.manage_agent_session,
    }
}

/// A whole replacement, as LiveKit means it: what is left out is off, no sources means all.
///
/// # Errors
/// The number of a source that LiveKit has no name for.
pub fn replacement(it: &ParticipantPermission) -> Result<PermissionPatch, i32> {
    let sources: Result<Vec<Source>, i32> = it
        .can_publish_sources
        .iter()
        .map(|number| {
            let known = TrackSource::try_from(*number).map_err(|_| *number)?;
            Ok(source(known))
        })
        .collect();
    let sources = sources?;
    let allowed = if sources.is_empty() {
        Allowed::All
    } else {
        Allowed::Listed(sources)
    };
    Ok(PermissionPatch {
        presence: Some(!it.hidden),
        send_enabled: Some(it.can_publish),
        send_allowed: Some(allowed),
        send_is_coarse: true,
        data: Some(it.can_publish_data),
        receive_any: Some(it.can_subscribe),
        update_own_metadata: Some(it.can_update_metadata),
        subscribe_metrics: Some(it.can_subscribe_metrics),
        manage_agent_session: Some(it.can_manage_agent_session),
        recorder: Some(it.recorder),
        agent: Some(it.agent),
        ..PermissionPatch::default()
    })
}

/// A source under LiveKit's name, which has no custom ones.
pub const fn wire(source: Source) -> TrackSource {
    match source {
        Source::Camera => TrackSource::Camera,
        Source::Microphone => TrackSource::Microphone,
        Source::ScreenShare => TrackSource::ScreenShare,
        Source::ScreenShareAudio => TrackSource::ScreenShareAudio,
        Source::CustomAudio | Source::CustomVideo | Source::Unknown => TrackSource::Unknown,
    }
}

const fn source(wire: TrackSource) -> Source {
    match wire {
        TrackSource::Unknown => Source::Unknown,
        TrackSource::Camera => Source::Camera,
        TrackSource::Microphone => Source::Microphone,
        TrackSource::ScreenShare => Source::ScreenShare,
        TrackSource::ScreenShareAudio => Source::ScreenShareAudio,
    }
}
