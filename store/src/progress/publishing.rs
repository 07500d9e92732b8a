//! How far the relay is with what is committed and not yet in the stream.

use freshet_model::Revision;
use freshet_runtime::progress::{ProgressBoard, Total, Wait, Work};

use super::PUBLISHING;
use super::reading::to_count;

/// Fewer changes than this are published before anybody asks how long it takes.
const BACKLOG_MIN: i64 = 1_000;

/// Tells how far the relay is while it has much to publish, or cannot.
pub(crate) struct PublishingProgress {
    board: ProgressBoard,
    backlog: Option<Backlog>,
}

struct Backlog {
    work: Work,
    /// Where the stream was when it began.
    from: Revision,
}

impl PublishingProgress {
    /// One that has nothing to tell.
    pub(crate) fn new(board: ProgressBoard) -> Self {
        Self {
            board,
            backlog: None,
        }
    }

    /// The stream is at `published`, the log at `committed`.
    pub(crate) fn note_reached(&mut self, published: Revision, committed: Revision) {
        let missing = committed.get() - published.get();
        if missing <= 0 {
            self.backlog = None;
        } else if self.backlog.is_some() || missing >= BACKLOG_MIN {
            self.show(published, committed, None);
        }
    }

    /// Nothing can be published for a reason, with the stream at `published` as far as is known.
    pub(crate) fn note_stuck(
        &mut self,
        published: Option<Revision>,
        committed: Revision,
        reason: String,
    ) {
        // Where nothing waits to be published, nobody waits for it.
        if published.unwrap_or_default() >= committed {
            return;
        }
        let wait = Wait {
            reason,
            until: None,
        };
        match (published, &self.backlog) {
            (Some(published), _) => self.show(published, committed, Some(wait)),
            (None, Some(backlog)) => backlog.work.set_wait(Some(wait)),
            (None, None) => {
                let work = self.board.begin(PUBLISHING);
                work.set_wait(Some(wait));
                let from = Revision::default();
                self.backlog = Some(Backlog { work, from });
            }
        }
    }

    fn show(&mut self, published: Revision, committed: Revision, wait: Option<Wait>) {
        let board = &self.board;
        let backlog = self.backlog.get_or_insert_with(|| Backlog {
            work: board.begin(PUBLISHING),
            from: published,
        });
        // Work that began before it was known where the stream is, or a stream that was put back.
        if backlog.work.progress().total() == Total::Unknown || published < backlog.from {
            backlog.from = published;
        }
        let since_begin = |revision: Revision| to_count(revision.get() - backlog.from.get());
        backlog
            .work
            .set_total(Total::Exactly(since_begin(committed)));
        backlog.work.set_done(since_begin(published));
        backlog.work.set_wait(wait);
    }
}

#[cfg(test)]
mod tests {
    use freshet_runtime::clock::Clock;
    use freshet_runtime::progress::Progress;

    use super::*;

    struct World {
        board: ProgressBoard,
        publishing: PublishingProgress,
    }

    impl World {
        fn new() -> Self {
            let (clock, _hand) = Clock::manual(0);
            let board = ProgressBoard::new(clock);
            let publishing = PublishingProgress::new(board.clone());
            Self { board, publishing }
        }

        fn reach(&mut self, published: i64, committed: i64) -> String {
            let (published, committed) = (Revision::new(published), Revision::new(committed));
            self.publishing.note_reached(published, committed);
            self.line()
        }

        fn stick(&mut self, published: Option<i64>, committed: i64) -> String {
            let published = published.map(Revision::new);
            let reason = "the bus is not connected".to_owned();
            self.publishing
                .note_stuck(published, Revision::new(committed), reason);
            self.line()
        }

        fn line(&self) -> String {
            let lines: Vec<String> = self.board.list().iter().map(Progress::to_line).collect();
            lines.join("\n")
        }
    }

    #[test]
    fn a_backlog_is_told_of_until_it_is_published() {
        let mut world = World::new();
        assert_eq!(world.reach(100, 1_099), "");
        assert_eq!(
            world.reach(100, 5_100),
            "publishing changes: 0 of 5,000 (0 %)"
        );
        assert_eq!(
            world.reach(1_100, 6_100),
            "publishing changes: 1,000 of 6,000 (16 %)"
        );
        assert_eq!(
            world.reach(6_000, 6_100),
            "publishing changes: 5,900 of 6,000 (98 %)"
        );
        assert_eq!(world.reach(6_100, 6_100), "");
    }

    #[test]
    fn what_cannot_be_published_says_why() {
        let mut world = World::new();
        assert_eq!(world.stick(Some(100), 100), "");
        assert_eq!(
            world.stick(Some(100), 103),
            "publishing changes: 0 of 3 (0 %), it waits: the bus is not connected"
        );
        assert_eq!(world.reach(101, 103), "publishing changes: 1 of 3 (33 %)");
        assert_eq!(world.reach(103, 103), "");
        assert_eq!(
            world.stick(None, 50),
            "publishing changes: for 0 s, it waits: the bus is not connected"
        );
        assert_eq!(world.reach(10, 50), "publishing changes: 0 of 40 (0 %)");
    }
}
