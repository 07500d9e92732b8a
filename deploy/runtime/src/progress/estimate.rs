//! How far one piece of work is, and what is said about it. Pure.

use std::time::Duration;

use super::pace::{Pace, as_float};
use super::text::{spell_count, spell_duration, spell_pace, spell_time_of_day};

/// An estimate beyond this is a guess.
const LEFT_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How much there is to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Total {
    /// Nobody knows.
    #[default]
    Unknown,
    /// This much so far, and more is still being found.
    AtLeast(u64),
    /// This much.
    Exactly(u64),
}

impl Total {
    /// The number, whether or not it is the last word.
    #[must_use]
    pub fn so_far(self) -> Option<u64> {
        match self {
            Self::Unknown => None,
            Self::AtLeast(total) | Self::Exactly(total) => Some(total),
        }
    }
}

/// What work waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// What is in the way, as the end of "it waits: …".
    pub reason: String,
    /// Until when, if that is known, microseconds UTC.
    pub until: Option<i64>,
}

/// What is counted beside the work itself, such as entities while sources are read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Beside {
    unit: &'static str,
    count: u64,
    pace: Pace,
}

/// How far one piece of work is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    title: &'static str,
    /// Microseconds UTC.
    started_at: i64,
    /// When somebody last looked, microseconds UTC.
    seen_at: i64,
    done: u64,
    total: Total,
    pace: Pace,
    wait: Option<Wait>,
    besides: Vec<Beside>,
}

impl Progress {
    /// Work that begins `now`, in microseconds UTC. The title is what is done, such as "reading sources".
    #[must_use]
    pub fn begin(title: &'static str, now: i64) -> Self {
        let mut pace = Pace::default();
        pace.look(now, 0);
        Self {
            title,
            started_at: now,
            seen_at: now,
            done: 0,
            total: Total::Unknown,
            pace,
            wait: None,
            besides: Vec::new(),
        }
    }

    /// Takes in how far it is `now`.
    pub fn look(&mut self, now: i64, done: u64, total: Total) {
        self.seen_at = now;
        (self.done, self.total) = (done, total);
        self.pace.look(now, done);
    }

    /// Takes in what is counted beside it. A unit that was not counted before is shown after the others.
    pub fn look_beside(&mut self, now: i64, unit: &'static str, count: u64) {
        let known = self.besides.iter_mut().find(|beside| beside.unit == unit);
        match known {
            Some(beside) => {
                beside.count = count;
                beside.pace.look(now, count);
            }
            None => {
                let mut pace = Pace::default();
                pace.look(now, count);
                self.besides.push(Beside { unit, count, pace });
            }
        }
    }

    /// Says what it waits for, or that it does not.
    pub fn set_wait(&mut self, wait: Option<Wait>) {
        self.wait = wait;
    }

    /// What is done, such as "reading sources".
    #[must_use]
    pub fn title(&self) -> &'static str {
        self.title
    }

    /// How much is done.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.done
    }

    /// How much there is.
    #[must_use]
    pub fn total(&self) -> Total {
        self.total
    }

    /// What it waits for.
    #[must_use]
    pub fn wait(&self) -> Option<&Wait> {
        self.wait.as_ref()
    }

    /// How long it has taken so far.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        let micros = self.seen_at.saturating_sub(self.started_at);
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }

    /// How much is done in a second, lately; `None` before that means something.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        self.pace.per_second()
    }

    /// How long it will still take; `None` where that would be a guess: while it waits, while more is being found, and
    /// before a pace shows.
    #[must_use]
    pub fn left(&self) -> Option<Duration> {
        let Total::Exactly(total) = self.total else {
            return None;
        };
        let missing = total.saturating_sub(self.done);
        if missing == 0 {
            return Some(Duration::ZERO);
        }
        if self.wait.is_some() {
            return None;
        }
        let rate = self.rate().filter(|rate| *rate > 0.0)?;
        let left = Duration::try_from_secs_f64(as_float(missing) / rate).ok()?;
        (left <= LEFT_MAX).then_some(left)
    }

    /// Share that is done, in whole percent; `None` while it is open how much there is.
    #[must_use]
    pub fn percent(&self) -> Option<u64> {
        match self.total {
            Total::Exactly(total) if total > 0 => {
                let percent = u128::from(self.done.min(total)) * 100 / u128::from(total);
                u64::try_from(percent).ok()
            }
            Total::Exactly(_) | Total::AtLeast(_) | Total::Unknown => None,
        }
    }

    /// One line while it goes on: `reading sources: 3,120 of 10,000 (31 %), 142/s, about 49 s left`.
    #[must_use]
    pub fn to_line(&self) -> String {
        let mut line = format!("{}: {}", self.title, self.spell_amount());
        line.push_str(&self.spell_outlook());
        for beside in &self.besides {
            line.push_str("; ");
            line.push_str(&beside.spell());
        }
        line
    }

    /// The line with which it ends: how much was done, and how long that took. `remark` says what was left undone.
    #[must_use]
    pub fn to_last_line(&self, remark: Option<&str>) -> String {
        let elapsed = self.elapsed();
        let (done, took) = (spell_count(self.done), spell_duration(elapsed));
        let mut line = match self.total.so_far() {
            Some(total) if total > self.done => {
                let total = spell_count(total);
                format!("{}: ended with {done} of {total} in {took}", self.title)
            }
            // What cannot be counted has nothing to say but how long it took.
            None if self.done == 0 => format!("{}: done in {took}", self.title),
            Some(_) | None => format!("{}: done, {done} in {took}", self.title),
        };
        let seconds = elapsed.as_secs_f64();
        if self.done > 0 && seconds >= 1.0 {
            let mean = spell_pace(as_float(self.done) / seconds);
            line.push_str(&format!(" ({mean})"));
        }
        for beside in &self.besides {
            line.push_str(&format!("; {} {}", spell_count(beside.count), beside.unit));
        }
        if let Some(remark) = remark {
            line.push_str("; ");
            line.push_str(remark);
        }
        line
    }

    fn spell_amount(&self) -> String {
        let done = spell_count(self.done);
        match self.total {
            Total::Exactly(total) => {
                let percent = self.percent().map(|percent| format!(" ({percent} %)"));
                let percent = percent.unwrap_or_default();
                format!("{done} of {}{percent}", spell_count(total))
            }
            Total::AtLeast(total) => format!("{done} of {} so far", spell_count(total)),
            Total::Unknown if self.done == 0 => {
                format!("for {}", spell_duration(self.elapsed()))
            }
            Total::Unknown => done,
        }
    }

    fn spell_outlook(&self) -> String {
        if let Some(Wait { reason, until }) = &self.wait {
            let until = until.map(|until| format!(" until {}", spell_time_of_day(until)));
            return format!(", it waits: {reason}{}", until.unwrap_or_default());
        }
        let mut outlook = String::new();
        // How long something takes that cannot be counted is its amount already.
        let is_counted = self.done > 0 || self.total != Total::Unknown;
        if let Some(rate) = self.rate().filter(|_| is_counted) {
            outlook.push_str(&format!(", {}", spell_pace(rate)));
        }
        if let Some(left) = self.left().filter(|left| !left.is_zero()) {
            // Whole seconds: a fraction would read as if somebody had measured it.
            let left = Duration::from_millis(999).saturating_add(left);
            let left = Duration::from_secs(left.as_secs());
            outlook.push_str(&format!(", about {} left", spell_duration(left)));
        }
        outlook
    }
}

impl Beside {
    fn spell(&self) -> String {
        let count = spell_count(self.count);
        match self.pace.per_second() {
            Some(pace) if pace > 0.0 => format!("{count} {}, {}", self.unit, spell_pace(pace)),
            Some(_) | None => format!("{count} {}", self.unit),
        }
    }
}

#[cfg(test)]
#[path = "estimate_tests.rs"]
mod tests;
