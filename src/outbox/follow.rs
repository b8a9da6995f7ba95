//! The task that reads the log for a receiver: it notes what is to be told, gives each room its
//! task, and saves the cursor. Apart from those tasks, which it never waits for.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::lane;
use super::receiver::{READ_PAUSE, Receiver};
use crate::domain::RoomName;
use crate::engine::{Delivery, Filter};

/// Reads the log for a receiver until it is told to stop, or the engine is shut down.
pub(crate) async fn run(receiver: Arc<Receiver>, stop: watch::Receiver<bool>) {
    let mut stop = stop;
    let is_ours = tokio::select! {
        is_ours = receiver.is_of_this_history() => is_ours,
        () = asked(&mut stop) => return,
    };
    if !is_ours {
        receiver.halt();
        return;
    }
    let mut lanes = JoinSet::new();
    for room in receiver.places.rooms() {
        lanes.spawn(lane::tell(Arc::clone(&receiver), room));
    }
    let mut records = receiver
        .engine
        .subscribe(receiver.places.through(), Filter::default());
    let mut saves = interval(receiver.save_every);
    saves.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut quiet = 0_u32;
    loop {
        tokio::select! {
            () = asked(&mut stop) => break,
            Some(ended) = lanes.join_next() => if let Err(error) = ended {
                // Its place is kept in the cursor.
                tracing::error!(%error, "telling of a room broke; it goes on after a restart");
            },
            next = records.next(), if lanes.len() < ROOMS_MAX => match next {
                Ok(Some(delivery)) => if let Some(room) = take(&receiver, &delivery) {
                    lanes.spawn(lane::tell(Arc::clone(&receiver), room));
                },
                Ok(None) => break,
                Err(error) => {
                    receiver.has_trouble(format!("the log cannot be read: {error}"));
                    sleep(READ_PAUSE).await;
                }
            },
            _ = saves.tick() => {
                receiver.save().await;
                quiet = quiet.saturating_sub(1);
                if quiet == 0 && receiver.complain() {
                    quiet = COMPLAINT_TICKS;
                }
            }
        }
    }
    lanes.shutdown().await;
    receiver.save().await;
}

/// Ready when the outbox is asked to stop, or is gone.
async fn asked(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Notes one record as read; gives the room that needs a task now.
fn take(receiver: &Receiver, delivery: &Delivery) -> Option<RoomName> {
    let record = &delivery.record;
    let room = record.room.as_ref();
    let told = room.filter(|_| receiver.notices.concerns(record.event.event.kind()));
    let told = told.map(|room| (room, record.version));
    let is_new = receiver
        .places
        .read(record.position, delivery.commit.chain, told);
    room.filter(|_| is_new).cloned()
}

/// Rooms with something untold: beyond that many the log is not read on until one is told.
const ROOMS_MAX: usize = 4_096;

/// Saves between two complaints about a receiver: a minute by default.
const COMPLAINT_TICKS: u32 = 60;
