//! Room in a stream that refuses what does not fit, as its publishers see it before they publish.
//!
//! Several lanes may share one stream. A lane that may fill only a part of it is told "no room" when the
//! whole stream has that much in it, and so leaves the rest to the others, however fast it is.
//!
//! Nothing is reserved on the server: publishers of other processes see only what is stored. So a look
//! allows its publisher a part of what is free, and then it looks again. What is overrun all the same, the
//! stream refuses.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::{Bus, StreamDepth};

/// How often a stream without room is looked at.
pub const ROOM_LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long an allowance counts; others have published meanwhile.
const ALLOWANCE_LASTS: Duration = Duration::from_millis(500);
/// So many publishers side by side cannot overrun a lane's part between two looks.
const PUBLISHERS_MAX: u64 = 8;
const PERCENT_WHOLE: u64 = 100;

/// The room one lane has in a stream. Clones share what was seen of it.
#[derive(Clone)]
pub struct StreamRoom(Arc<SharedRoom>);

struct SharedRoom {
    bus: Bus,
    stream: String,
    percent: u64,
    seen: Mutex<SeenRoom>,
    waiting: AtomicUsize,
}

/// What was seen of a stream, and what was put into it since. Pure: time is passed in.
#[derive(Debug)]
struct SeenRoom {
    looked_at: Option<Instant>,
    free: u64,
    /// How much of `free` may be taken without another look.
    allowance: u64,
    is_empty: bool,
    /// Whether there is room until the stream says otherwise, so that nobody looks.
    is_trusted: bool,
}

/// Says that somebody waits for room until it is dropped.
#[must_use]
pub struct RoomWait(Arc<SharedRoom>);

impl StreamRoom {
    /// The room of a lane that may fill `percent` of `stream`. One that may fill all of it looks only
    /// after it was refused.
    #[must_use]
    pub fn new(bus: Bus, stream: &str, percent: u64) -> Self {
        Self(Arc::new(SharedRoom {
            bus,
            stream: stream.to_owned(),
            percent,
            seen: Mutex::new(SeenRoom::unseen(percent >= PERCENT_WHOLE)),
            waiting: AtomicUsize::new(0),
        }))
    }

    /// Takes room for a message of so many bytes; `false` if there is none now. An empty stream has room
    /// for any message. If the stream cannot be looked at there is room too: publishing tells what is wrong.
    pub async fn take(&self, bytes: u64) -> bool {
        // Held while the stream is asked: many wait at the same time, and one look serves all.
        let mut seen = self.0.seen.lock().await;
        if let Some(decided) = seen.decide(bytes, Instant::now()) {
            return decided;
        }
        match self.0.bus.depth(&self.0.stream).await {
            Ok(depth) => {
                seen.note_depth(&depth, self.0.percent, Instant::now());
                seen.take(bytes)
            }
            Err(_) => true,
        }
    }

    /// Bytes that are free now, as far as is known; none known is all there could be.
    pub async fn free_bytes(&self) -> u64 {
        let mut seen = self.0.seen.lock().await;
        if let Some(free) = seen.free_bytes(Instant::now()) {
            return free;
        }
        match self.0.bus.depth(&self.0.stream).await {
            Ok(depth) => {
                seen.note_depth(&depth, self.0.percent, Instant::now());
                seen.free
            }
            Err(_) => u64::MAX,
        }
    }

    /// The stream refused a message for which there seemed to be room.
    pub async fn note_full(&self) {
        self.0.seen.lock().await.note_full(Instant::now());
    }

    /// Says that somebody waits for room while the guard lives.
    pub fn wait(&self) -> RoomWait {
        self.0.waiting.fetch_add(1, Ordering::Relaxed);
        RoomWait(Arc::clone(&self.0))
    }

    /// Whether somebody waits for room.
    #[must_use]
    pub fn is_waited_for(&self) -> bool {
        self.0.waiting.load(Ordering::Relaxed) > 0
    }
}

impl Drop for RoomWait {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl SeenRoom {
    fn unseen(is_trusted: bool) -> Self {
        Self {
            looked_at: None,
            free: 0,
            allowance: 0,
            is_empty: false,
            is_trusted,
        }
    }

    /// Whether a message fits; `None` if the stream must be looked at to tell.
    fn decide(&mut self, bytes: u64, now: Instant) -> Option<bool> {
        if self.is_trusted {
            return Some(true);
        }
        let age = now.duration_since(self.looked_at?);
        if age < ALLOWANCE_LASTS && bytes <= self.allowance {
            return Some(self.take(bytes));
        }
        // Nothing is gained by looking again at once, unless what was used up is the allowance alone.
        let is_full = bytes > self.free && !self.is_empty;
        (is_full && age < ROOM_LOOK_EVERY).then_some(false)
    }

    fn free_bytes(&self, now: Instant) -> Option<u64> {
        if self.is_trusted {
            return Some(u64::MAX);
        }
        let age = now.duration_since(self.looked_at?);
        (age < ROOM_LOOK_EVERY).then_some(self.free)
    }

    fn note_depth(&mut self, depth: &StreamDepth, percent: u64, now: Instant) {
        let limit = depth
            .bytes_max
            .map_or(u64::MAX, |max| max / PERCENT_WHOLE * percent);
        self.looked_at = Some(now);
        self.free = limit.saturating_sub(depth.bytes);
        self.allowance = self.free / PUBLISHERS_MAX;
        self.is_empty = depth.messages == 0;
        // A refusal is over when there is room again; from then on the stream is asked by publishing.
        self.is_trusted = percent >= PERCENT_WHOLE && self.free > 0;
    }

    fn take(&mut self, bytes: u64) -> bool {
        // One that is larger than all the room there could be would otherwise wait for ever.
        let fits = bytes <= self.free || self.is_empty;
        if fits {
            self.free = self.free.saturating_sub(bytes);
            self.allowance = self.allowance.saturating_sub(bytes);
            self.is_empty = false;
        }
        fits
    }

    fn note_full(&mut self, now: Instant) {
        *self = Self {
            looked_at: Some(now),
            ..Self::unseen(false)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth(messages: u64, bytes: u64) -> StreamDepth {
        StreamDepth {
            stream: "S".to_owned(),
            messages,
            bytes,
            bytes_max: Some(1_600),
        }
    }

    /// A lane that may fill `percent` of 1,600 bytes and has just seen so many in it.
    fn seen(percent: u64, messages: u64, bytes: u64, now: Instant) -> SeenRoom {
        let mut seen = SeenRoom::unseen(percent >= PERCENT_WHOLE);
        seen.note_depth(&depth(messages, bytes), percent, now);
        seen
    }

    #[test]
    fn a_lane_has_its_part_less_what_the_whole_stream_holds() {
        let now = Instant::now();
        for (percent, bytes, free) in [(50, 0, 800), (50, 300, 500), (50, 900, 0)] {
            assert_eq!(seen(percent, 1, bytes, now).free_bytes(now), Some(free));
        }
    }

    #[test]
    fn after_a_part_of_what_is_free_the_stream_is_looked_at_again() {
        let now = Instant::now();
        let mut seen = seen(50, 1, 0, now);
        assert_eq!(seen.decide(60, now), Some(true));
        assert_eq!(seen.decide(40, now), Some(true));
        assert_eq!(seen.decide(1, now), None, "an eighth of 800 is used up");
    }

    #[test]
    fn an_allowance_does_not_last() {
        let now = Instant::now();
        let mut seen = seen(50, 1, 0, now);
        assert_eq!(seen.decide(1, now + ALLOWANCE_LASTS), None);
    }

    #[test]
    fn a_stream_without_room_is_looked_at_now_and_then() {
        let now = Instant::now();
        let mut seen = seen(50, 1, 790, now);
        assert_eq!(seen.decide(11, now), Some(false));
        assert_eq!(seen.decide(11, now + ROOM_LOOK_EVERY), None);
        assert!(!seen.take(11));
    }

    #[test]
    fn an_empty_stream_takes_one_message_of_any_size() {
        let now = Instant::now();
        let mut seen = seen(50, 0, 0, now);
        assert!(seen.take(5_000));
        assert!(!seen.take(5_000), "then it is empty no more");
    }

    #[test]
    fn a_lane_that_may_fill_everything_looks_only_after_a_refusal() {
        let now = Instant::now();
        let mut seen = SeenRoom::unseen(true);
        assert_eq!(seen.decide(u64::MAX, now), Some(true));
        seen.note_full(now);
        assert_eq!(seen.decide(1, now), Some(false));
        assert_eq!(seen.decide(1, now + ROOM_LOOK_EVERY), None);
        seen.note_depth(&depth(3, 1_600), 100, now);
        assert_eq!(seen.free_bytes(now), Some(0), "it is still full");
        seen.note_depth(&depth(2, 1_000), 100, now);
        assert_eq!(seen.decide(u64::MAX, now), Some(true));
    }
}
