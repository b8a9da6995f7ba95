//! What a permission lets through, and what a change makes of it.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use roomledger::domain::{
    AdminRight, Allowed, ConnectionNumber, ParticipantNumber, Permission, PermissionPatch, Receive,
    ReceiveRule, Send, Source,
};

const SOURCES: [(Source, &str); 7] = [
    (Source::Camera, "camera"),
    (Source::Microphone, "microphone"),
    (Source::ScreenShare, "screen_share"),
    (Source::ScreenShareAudio, "screen_share_audio"),
    (Source::CustomAudio, "custom_audio"),
    (Source::CustomVideo, "custom_video"),
    (Source::Unknown, "unknown"),
];

fn custom(source: Source) -> bool {
    matches!(source, Source::CustomAudio | Source::CustomVideo)
}

/// Each source allows itself; the unknown one and the two custom ones stand for each other.
#[test]
fn a_listed_source_allows_itself_and_what_it_stands_for() {
    for (listed, name) in SOURCES {
        assert_eq!(listed.as_str(), name);
        let seen = if custom(listed) {
            Source::Unknown
        } else {
            listed
        };
        assert_eq!(listed.coarse(), seen);
        for (sent, _) in SOURCES {
            let both = [listed, sent];
            let stands_for = both.contains(&Source::Unknown) && both.into_iter().any(custom);
            for enabled in [true, false] {
                let send = |allowed| Send { enabled, allowed };
                assert!(!send(Allowed::Listed(Vec::new())).allows(sent));
                assert_eq!(send(Allowed::All).allows(sent), enabled);
                assert_eq!(
                    send(Allowed::Listed(vec![listed])).allows(sent),
                    enabled && (listed == sent || stands_for),
                    "{listed:?} listed, {sent:?} sent"
                );
            }
        }
    }
}

/// A rule in which one field alone is `true`, the others `false`.
fn only(field: usize) -> ReceiveRule {
    let named = |at: usize| Some(BTreeMap::from([("n".to_owned(), at == field)]));
    ReceiveRule {
        camera: Some(field == 0),
        microphone: Some(field == 1),
        screen_share: Some(field == 2),
        screen_share_audio: Some(field == 3),
        custom_video: Some(field == 4),
        custom_audio: Some(field == 5),
        custom_video_by_name: named(6),
        custom_audio_by_name: named(7),
    }
}

#[test]
fn anything_is_receivable_when_any_rule_lets_anything_through() {
    assert!(!ReceiveRule::default().any() && !Receive::all(false).any() && !only(8).any());
    assert!(Receive::all(true).any());
    for field in 0..8 {
        assert!(only(field).any(), "field {field}");
        let by_participant = Receive {
            by_participant: [(ParticipantNumber(1), only(field))].into(),
            ..Receive::all(false)
        };
        let by_connection = Receive {
            by_connection: [(ConnectionNumber(1), only(field))].into(),
            ..Receive::all(false)
        };
        assert!(by_participant.any() && by_connection.any(), "field {field}");
    }
    let all = ReceiveRule::all(true);
    let fields = [
        all.camera,
        all.microphone,
        all.screen_share,
        all.screen_share_audio,
        all.custom_video,
        all.custom_audio,
    ];
    assert_eq!(fields, [Some(true); 6]);
}

fn rule() -> impl Strategy<Value = ReceiveRule> {
    (0..9_usize, any::<bool>()).prop_map(|(field, some)| {
        if some {
            only(field)
        } else {
            ReceiveRule::default()
        }
    })
}

fn sources() -> impl Strategy<Value = Allowed> {
    let listed = proptest::collection::vec(0..SOURCES.len(), 0..4);
    prop_oneof![
        Just(Allowed::All),
        listed.prop_map(|at| Allowed::Listed(at.into_iter().map(|at| SOURCES[at].0).collect())),
    ]
}

prop_compose! {
    fn permission()(
        bits in any::<[bool; 8]>(),
        allowed in sources(),
        (base, one, other) in (rule(), rule(), rule()),
        admin in any::<bool>(),
    ) -> Permission {
        Permission {
            presence: bits[0],
            send: Send { enabled: bits[1], allowed },
            data: bits[2],
            receive: Receive {
                base,
                by_participant: [(ParticipantNumber(1), one)].into(),
                by_connection: [(ConnectionNumber(1), other)].into(),
            },
            admin: admin.then_some(AdminRight::Streaming).into_iter().collect(),
            update_own_metadata: bits[3],
            subscribe_metrics: bits[4],
            manage_agent_session: bits[5],
            recorder: bits[6],
            agent: bits[7],
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_change_that_says_nothing_changes_nothing_and_one_that_says_all_replaces(
        before in permission(), after in permission()
    ) {
        prop_assert_eq!(PermissionPatch::default().apply(&before), before.clone());
        prop_assert_eq!(PermissionPatch::replacing(after.clone()).apply(&before), after);
    }

    /// Each field of a change moves that field and no other.
    #[test]
    fn a_field_that_is_given_changes_alone(before in permission(), after in permission()) {
        let to = after.clone();
        let whole = PermissionPatch::replacing(after);
        let nothing = PermissionPatch::default;
        let mut expected = before.clone();
        let mut patch = nothing();
        macro_rules! given {
            ($($field:ident => $($path:ident).+),* $(,)?) => { $(
                let one = PermissionPatch { $field: whole.$field.clone(), ..nothing() };
                let mut alone = before.clone();
                alone.$($path).+ = to.$($path).+.clone();
                prop_assert_eq!(one.apply(&before), alone);
                patch.$field = whole.$field.clone();
                expected.$($path).+ = to.$($path).+.clone();
                prop_assert_eq!(patch.apply(&before), expected.clone());
            )* };
        }
        given!(
            presence => presence,
            send_enabled => send.enabled,
            send_allowed => send.allowed,
            data => data,
            receive_base => receive.base,
            receive_by_participant => receive.by_participant,
            receive_by_connection => receive.by_connection,
            admin => admin,
            update_own_metadata => update_own_metadata,
            subscribe_metrics => subscribe_metrics,
            manage_agent_session => manage_agent_session,
            recorder => recorder,
            agent => agent,
        );
        prop_assert_eq!(expected, to);
    }

    /// A view that knows less leaves what it cannot show alone where it gives back what it was
    /// shown, and otherwise shows afterwards what was written.
    #[test]
    fn what_a_coarse_view_was_shown_and_gives_back_stays(
        before in permission(), enabled in any::<bool>(), allowed in sources(), any in any::<bool>()
    ) {
        // Such a view has no empty list.
        prop_assume!(allowed != Allowed::Listed(Vec::new()));
        let written = |enabled, allowed: &Allowed| PermissionPatch {
            send_enabled: Some(enabled),
            send_allowed: Some(allowed.clone()),
            send_is_coarse: true,
            ..PermissionPatch::default()
        };
        let (shown_enabled, shown_allowed) = coarsely(&before.send);
        let back = written(shown_enabled, &shown_allowed);
        prop_assert_eq!(back.apply(&before), before.clone());
        let after = written(enabled, &allowed).apply(&before);
        let plainly = match &allowed {
            Allowed::All => Allowed::All,
            Allowed::Listed(sources) => {
                Allowed::Listed(sources.iter().map(|source| source.coarse()).collect())
            }
        };
        prop_assert_eq!(coarsely(&after.send), (enabled, plainly));
        let patch = PermissionPatch { receive_any: Some(any), ..PermissionPatch::default() };
        let same = any == before.receive.any();
        let expected = if same { before.receive.clone() } else { Receive::all(any) };
        prop_assert_eq!(patch.apply(&before).receive, expected);
    }
}

#[cfg(feature = "server")]
proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// `lk` reads a permission, merges its flags into it and writes it back.
    #[test]
    fn what_livekit_reads_and_writes_back_changes_nothing(before in permission()) {
        use roomledger::dialect::livekit::permission::{rendered, replacement};
        let shown = rendered(&before);
        prop_assert_eq!(replacement(&shown).unwrap().apply(&before), before.clone());
        for can_publish in [true, false] {
            let mut written = shown.clone();
            written.can_publish = can_publish;
            let after = replacement(&written).unwrap().apply(&before);
            prop_assert_eq!(rendered(&after), written);
        }
    }
}

/// The right to send as a view shows it that has neither custom sources nor an empty list.
fn coarsely(send: &Send) -> (bool, Allowed) {
    match &send.allowed {
        Allowed::All => (send.enabled, Allowed::All),
        Allowed::Listed(sources) if sources.is_empty() => (false, Allowed::All),
        Allowed::Listed(sources) => {
            let sources = sources.iter().map(|source| source.coarse());
            (send.enabled, Allowed::Listed(sources.collect()))
        }
    }
}

/// Two rules about one sender are one where no medium gets two answers.
#[test]
fn two_rules_that_do_not_differ_are_one() {
    for field in 0..8 {
        for other in 0..8 {
            let (one, two) = (part(field, true), part(other, false));
            let both = one.clone().union(two.clone());
            assert_eq!(both.is_err(), field == other, "fields {field} and {other}");
            assert_eq!(both, two.union(one.clone()), "fields {field} and {other}");
            assert_eq!(one.clone().union(one.clone()), Ok(one));
        }
    }
}

/// A rule about one field alone.
fn part(field: usize, allowed: bool) -> ReceiveRule {
    let some = |at: usize| (at == field).then_some(allowed);
    let named = |at: usize| (at == field).then(|| BTreeMap::from([("n".to_owned(), allowed)]));
    ReceiveRule {
        camera: some(0),
        microphone: some(1),
        screen_share: some(2),
        screen_share_audio: some(3),
        custom_video: some(4),
        custom_audio: some(5),
        custom_video_by_name: named(6),
        custom_audio_by_name: named(7),
    }
}

#[test]
fn nothing_is_to_be_seen_and_the_standard_adds_sending_and_receiving() {
    let none = Permission::none();
    let standard = Permission::standard();
    assert!(none.presence && !none.send.enabled && !none.data && !none.receive.any());
    assert!(standard.presence && standard.send.enabled && standard.data);
    assert_eq!(standard.send.allowed, Allowed::All);
    assert_eq!(standard.receive, Receive::all(true));
    for permission in [none, standard] {
        assert_eq!(permission.admin, BTreeSet::new());
        assert!(!permission.update_own_metadata && !permission.subscribe_metrics);
        assert!(!permission.manage_agent_session && !permission.recorder && !permission.agent);
    }
}
