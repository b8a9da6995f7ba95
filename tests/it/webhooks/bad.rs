//! Bad receivers: each is told again until it takes what it is told, holds up nobody else, and
//! never gets an event before the one that it did not take.

use std::net::TcpListener;
use std::time::Duration;

use super::hook::{Answer, Hook, Seen, until};
use super::stage::{Stage, heard};

const BAD: &[Answer] = &[
    Answer::Status(500),
    Answer::Status(400),
    Answer::Status(410),
    Answer::Redirect,
    Answer::Close,
    Answer::HalfHead,
    Answer::EndlessHead,
];

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_failure_is_told_again_until_it_is_taken() {
    for bad in BAD {
        let mut requests = 0_u32;
        let hook = Hook::deciding(move |_| {
            requests += 1;
            // Two failures before every yes.
            if requests.is_multiple_of(3) {
                Answer::Take
            } else {
                *bad
            }
        });
        let stage = Stage::new(&[&hook.url]);
        let running = stage.start();
        stage.visit("r", "alice").await;
        let all = stage.told_of("r");
        hook.wait_for(all.len());
        running.stop().await;
        let seen = hook.seen();
        for (event, attempts) in all.iter().zip(seen.chunks(3)) {
            for (number, attempt) in attempts.iter().enumerate() {
                assert_eq!(attempt.body, *event, "{bad:?}");
                let said = attempt.header("x-ledger-attempt");
                assert_eq!(said, (number + 1).to_string(), "{bad:?}");
                assert_eq!(attempt.path, "/hooks", "no redirect is followed");
            }
        }
        assert_eq!(seen.len(), all.len() * 3, "{bad:?}");
    }
}

/// 199 is a promise of an answer that never comes.
#[tokio::test(flavor = "multi_thread")]
async fn no_answer_in_time_is_a_failure() {
    for bad in [Answer::Hang, Answer::Status(199)] {
        let mut requests = 0_u32;
        let hook = Hook::deciding(move |_| {
            requests += 1;
            if requests > 3 { Answer::Take } else { bad }
        });
        let mut stage = Stage::new(&[&hook.url]);
        stage.config.attempt_max = Duration::from_millis(300);
        let running = stage.start();
        stage.visit("r", "alice").await;
        let all = stage.told_of("r");
        until(
            || distinct(&hook).len() == all.len(),
            || format!("{:?}", running.status()),
        );
        running.stop().await;
        assert!(
            hook.seen()[..4].iter().all(|seen| seen.body == all[0]),
            "{bad:?}"
        );
        assert_eq!(distinct(&hook), all, "{bad:?}");
    }
}

/// What was taken, but for repeats: on a busy machine a yes may come too late.
fn distinct(hook: &Hook) -> Vec<String> {
    let mut bodies: Vec<String> = Vec::new();
    for seen in hook.taken() {
        if !bodies.contains(&seen.body) {
            bodies.push(seen.body);
        }
    }
    bodies
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_is_a_yes_whatever_comes_after_it() {
    for yes in [Answer::HalfBody, Answer::EndlessBody, Answer::Take] {
        let hook = Hook::deciding(move |_| yes);
        let stage = Stage::new(&[&hook.url]);
        let running = stage.start();
        stage.visit("r", "alice").await;
        hook.wait_for(5);
        running.stop().await;
        let bodies: Vec<String> = hook.seen().into_iter().map(|seen| seen.body).collect();
        assert_eq!(bodies, stage.told_of("r"), "{yes:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_not_there_yet_hears_it_all_when_it_comes() {
    // An address that no other test takes a port of.
    let listener = TcpListener::bind("127.77.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let stage = Stage::new(&[&format!("http://{address}/hooks")]);
    let running = stage.start();
    stage.visit("r", "alice").await;
    until(
        || running.status()[0].failed > 3,
        || format!("{:?}", running.status()),
    );
    let hook = Hook::at(TcpListener::bind(address).unwrap(), |_| Answer::Take);
    let seen = hook.wait_for(5);
    let bodies: Vec<String> = seen.into_iter().map(|seen| seen.body).collect();
    assert_eq!(bodies, stage.told_of("r"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_is_refused_holds_up_no_other() {
    let refused = |seen: &Seen| match seen.room().as_str() {
        "bad" => Answer::Status(500),
        _ => Answer::Take,
    };
    let hook = Hook::deciding(refused);
    let stage = Stage::new(&[&hook.url]);
    let running = stage.start();
    stage.visit("bad", "alice").await;
    for room in 0..40 {
        stage.visit(&format!("good-{room}"), "alice").await;
    }
    hook.wait_for(200);
    stage.visit("bad", "bob").await;
    let attempts = |seen: Vec<Seen>| seen.iter().filter(|seen| seen.room() == "bad").count();
    until(
        || attempts(hook.seen()) > 3,
        || format!("{:?}", running.status()),
    );
    assert!(hook.taken().iter().all(|seen| seen.room() != "bad"));
    heard(&running, &hook.url, 200);
    running.stop().await;

    // The others' cursor went on: after a restart only the refused room is told.
    hook.decide(|_| Answer::Take);
    let running = stage.start();
    let taken = hook.wait_for(209);
    running.stop().await;
    let of_bad = taken.iter().filter(|seen| seen.room() == "bad");
    let of_bad: Vec<String> = of_bad.map(|seen| seen.body.clone()).collect();
    assert_eq!(of_bad, stage.told_of("bad"));
    assert_eq!(hook.taken().len(), 209, "nothing was told twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_hangs_holds_up_neither_another_nor_the_end() {
    let (hanging, good) = (Hook::deciding(|_| Answer::Hang), Hook::good());
    let mut stage = Stage::new(&[&hanging.url, &good.url]);
    // Longer than any test may take: waiting for it would be seen.
    stage.config.attempt_max = Duration::from_secs(86_400);
    let running = stage.start();
    // More rooms than attempts may be under way.
    for room in 0..30 {
        stage.visit(&format!("room-{room}"), "alice").await;
    }
    good.wait_for(150);
    heard(&running, &good.url, 150);
    assert!(!hanging.seen().is_empty());
    running.stop().await;
    assert!(hanging.taken().is_empty());

    // And it is told in the end.
    hanging.decide(|_| Answer::Take);
    let running = stage.start();
    hanging.wait_for(150);
    running.stop().await;
    assert_eq!(good.seen().len(), 150, "nothing was told twice");
}
