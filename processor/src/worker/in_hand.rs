//! How much one lane of this process has in hand: jobs that are being read, and readings that cannot be
//! passed on yet.
//!
//! A job is taken only if what comes of it can be: while there is room in the stream of observations and not
//! too much in hand. The store's progress so decides the pace, and nothing is read to be thrown away. What was
//! read and finds the stream full all the same waits here; it is given back only by a stop.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use freshet_bus::{Bus, ROOM_LOOK_EVERY, StreamRoom};
use freshet_proto::message::Lane;
use freshet_proto::stream::{OBSERVATIONS, PAYLOAD_BYTES_MAX, observation_room_percent};
use tokio::sync::Notify;

use crate::config::InHandLimits;

/// What a push is expected to bring before one was seen: little, or the first ones would wait for each other.
const PUSH_EXPECTED_BYTES: u64 = 64 * 1024;
/// One reading is this part of what the next one is expected to be like.
const EXPECTED_FROM_READINGS: u64 = 32;

/// What one lane has in hand. Cheap to clone.
#[derive(Clone)]
pub(crate) struct InHand {
    /// The lane's room in the stream of observations.
    pub(crate) room: StreamRoom,
    lane: Lane,
    limits: InHandLimits,
    shared: Arc<SharedCounts>,
}

struct SharedCounts {
    counts: Mutex<InHandCounts>,
    /// Fires when something left the hand, or more is known about sizes.
    moved: Notify,
}

/// The counts. Pure.
#[derive(Clone, Copy, Debug)]
struct InHandCounts {
    jobs: usize,
    bytes: u64,
    /// Bytes one job is expected to bring.
    expected: u64,
}

/// The place of one job in hand; free again when it is dropped.
pub(crate) struct InHandPlace {
    shared: Arc<SharedCounts>,
    // Changed under the lock of the counts only.
    bytes: AtomicU64,
}

impl InHand {
    /// Nothing in hand yet.
    pub(crate) fn new(bus: &Bus, lane: Lane, limits: InHandLimits) -> Self {
        let percent = observation_room_percent(lane);
        Self {
            room: StreamRoom::new(bus.clone(), OBSERVATIONS, percent),
            lane,
            limits,
            shared: Arc::new(SharedCounts {
                counts: Mutex::new(InHandCounts::of_lane(lane)),
                moved: Notify::new(),
            }),
        }
    }

    /// Waits until jobs may be taken; how many, at most `batch_max`.
    ///
    /// Nothing is reserved, for nobody knows when jobs come: several workers may each take what they were
    /// allowed here, and no more.
    pub(crate) async fn admit_jobs(&self, batch_max: usize) -> usize {
        // A sweep waits until a whole batch fits: one call answers for all of it, and half-full batches
        // would double the calls of a large organisation. A push never waits for more than itself.
        let jobs_min = match self.lane {
            Lane::Hi => 1,
            Lane::Lo | Lane::Unspecified => batch_max,
        };
        loop {
            let moved = self.shared.moved.notified();
            tokio::pin!(moved);
            // Registered before looking, or what leaves the hand in between would wake nobody.
            moved.as_mut().enable();
            let free = self.room.free_bytes().await;
            let fitting = self.lock_counts().jobs_fitting(&self.limits, free);
            if fitting >= jobs_min {
                return fitting.min(batch_max);
            }
            // With empty hands a batch is taken whatever its size, if there is any room for it.
            if self.lock_counts().jobs == 0 && free > 0 {
                return batch_max;
            }
            tokio::select! {
                () = moved => {}
                () = tokio::time::sleep(ROOM_LOOK_EVERY) => {}
            }
        }
    }

    /// A place for a job that was taken.
    pub(crate) fn take_place(&self) -> InHandPlace {
        let mut counts = self.lock_counts();
        let bytes = counts.expected;
        counts.jobs += 1;
        counts.bytes += bytes;
        drop(counts);
        InHandPlace {
            shared: Arc::clone(&self.shared),
            bytes: AtomicU64::new(bytes),
        }
    }

    fn lock_counts(&self) -> MutexGuard<'_, InHandCounts> {
        self.shared.lock_counts()
    }
}

impl InHandPlace {
    /// What was read for the job takes so many bytes.
    pub(crate) fn note_bytes(&self, bytes: u64) {
        let mut counts = self.shared.lock_counts();
        let before = self.bytes.swap(bytes, Ordering::Relaxed);
        counts.bytes = counts.bytes - before + bytes;
        counts.learn_size(bytes);
        drop(counts);
        self.shared.moved.notify_waiters();
    }
}

impl Drop for InHandPlace {
    fn drop(&mut self) {
        let mut counts = self.shared.lock_counts();
        counts.jobs -= 1;
        counts.bytes -= self.bytes.load(Ordering::Relaxed);
        drop(counts);
        self.shared.moved.notify_waiters();
    }
}

impl SharedCounts {
    // Counts are valid at every step, so a poisoned lock is still good.
    fn lock_counts(&self) -> MutexGuard<'_, InHandCounts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InHandCounts {
    fn of_lane(lane: Lane) -> Self {
        Self {
            jobs: 0,
            bytes: 0,
            expected: match lane {
                Lane::Hi => PUSH_EXPECTED_BYTES,
                // The worst that one message can be: the first batch shows what is usual here.
                Lane::Lo | Lane::Unspecified => PAYLOAD_BYTES_MAX as u64,
            },
        }
    }

    /// How many more jobs fit, with so many bytes free in the stream.
    fn jobs_fitting(&self, limits: &InHandLimits, free: u64) -> usize {
        // What is in hand goes to the stream too, and before what is taken now.
        let bytes_left = limits.bytes_max.min(free).saturating_sub(self.bytes);
        let by_bytes = usize::try_from(bytes_left / self.expected.max(1)).unwrap_or(usize::MAX);
        limits.jobs_max.saturating_sub(self.jobs).min(by_bytes)
    }

    fn learn_size(&mut self, bytes: u64) {
        let others = self.expected - self.expected / EXPECTED_FROM_READINGS;
        self.expected = others + bytes / EXPECTED_FROM_READINGS;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: InHandLimits = InHandLimits {
        jobs_max: 10,
        bytes_max: 1_000,
    };

    #[track_caller]
    fn check((jobs, bytes, expected): (usize, u64, u64), free: u64, fitting: usize) {
        let counts = InHandCounts {
            jobs,
            bytes,
            expected,
        };
        assert_eq!(counts.jobs_fitting(&LIMITS, free), fitting);
    }

    #[test]
    fn jobs_fit_by_their_number_their_size_and_the_room_of_the_stream() {
        check((0, 0, 10), u64::MAX, 10);
        check((7, 70, 10), u64::MAX, 3);
        check((0, 0, 200), u64::MAX, 5);
        check((2, 700, 100), u64::MAX, 3);
        check((0, 0, 100), 250, 2);
        check((2, 200, 100), 250, 0);
        check((10, 0, 1), u64::MAX, 0);
        check((0, 0, 0), u64::MAX, 10);
    }

    #[test]
    fn what_the_next_reading_is_expected_to_be_like_follows_the_last_ones() {
        let mut counts = InHandCounts::of_lane(Lane::Lo);
        for _ in 0..300 {
            counts.learn_size(1_000);
        }
        assert!((900..1_200).contains(&counts.expected), "{counts:?}");
        counts.learn_size(33_000);
        assert!((1_900..2_200).contains(&counts.expected), "{counts:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_sweep_waits_for_a_whole_batch_and_a_push_does_not() {
        let bus = Bus::memory();
        let subjects = freshet_proto::subject::Subjects::default();
        bus.provision(&freshet_proto::stream::topology(&subjects, 1))
            .await
            .expect("an empty bus takes any topology");
        for (lane, admitted) in [(Lane::Hi, Some(8)), (Lane::Lo, None)] {
            let limits = InHandLimits {
                jobs_max: 10,
                bytes_max: u64::MAX,
            };
            let in_hand = InHand::new(&bus, lane, limits);
            assert_eq!(in_hand.admit_jobs(9).await, 9);
            let mut places = vec![in_hand.take_place(), in_hand.take_place()];
            let soon = std::time::Duration::from_secs(5);
            let waited = tokio::time::timeout(soon, in_hand.admit_jobs(9)).await;
            assert_eq!(waited.ok(), admitted);
            places.pop();
            assert_eq!(in_hand.admit_jobs(9).await, 9);
        }
    }
}
