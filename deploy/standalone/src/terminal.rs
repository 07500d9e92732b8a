//! The terminal that `freshet serve` is started on, if it is one: log lines, and below them how far long work is.
//!
//! Both go through one writer. A log line takes the bars away, is written, and puts them back, so that neither
//! garbles the other. In a pipe or a file there are no bars.

use std::io::{self, IsTerminal as _, Write};
use std::sync::{Arc, Mutex, PoisonError};

use freshet_runtime::progress::Progress;
use freshet_runtime::telemetry::LogOutput;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Columns of a bar between its brackets.
const BAR_COLUMNS: u64 = 24;
/// How often the bars are drawn at most.
const DRAWN_PER_SECOND: u8 = 10;

/// What the process may do to its standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Abilities {
    has_bars: bool,
    has_colours: bool,
}

/// The terminal of the process; clones share it.
#[derive(Clone)]
pub(crate) struct Terminal(Arc<Screen>);

struct Screen {
    lines: MultiProgress,
    bars: Mutex<Vec<ProgressBar>>,
    abilities: Abilities,
}

/// Writes one log line between the bars.
struct LineWriter(Terminal);

impl Terminal {
    /// The terminal of this process, by its standard error and `read_variable` for `TERM` and `NO_COLOR`.
    #[must_use]
    pub(crate) fn of_process(read_variable: impl Fn(&str) -> Option<String>) -> Self {
        let abilities = Abilities::of(
            io::stderr().is_terminal(),
            read_variable("TERM").as_deref(),
            read_variable("NO_COLOR").as_deref(),
        );
        let target = if abilities.has_bars {
            ProgressDrawTarget::stderr_with_hz(DRAWN_PER_SECOND)
        } else {
            ProgressDrawTarget::hidden()
        };
        Self(Arc::new(Screen {
            lines: MultiProgress::with_draw_target(target),
            bars: Mutex::default(),
            abilities,
        }))
    }

    /// Where the log goes.
    #[must_use]
    pub(crate) fn log_output(&self) -> LogOutput {
        let Abilities {
            has_bars,
            has_colours,
        } = self.0.abilities;
        let output = if has_colours {
            LogOutput::coloured()
        } else {
            LogOutput::plain()
        };
        if !has_bars {
            return output;
        }
        let terminal = self.clone();
        output.through(move || LineWriter(terminal.clone()))
    }

    /// Whether it shows how far long work is.
    #[must_use]
    pub(crate) fn has_bars(&self) -> bool {
        self.0.abilities.has_bars
    }

    /// Shows how far long work is, a line for each; nothing takes the lines away.
    pub(crate) fn show(&self, progresses: &[Progress]) {
        let mut bars = self.0.bars.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = progresses.len().min(bars.len());
        for ended in bars.drain(kept..) {
            ended.finish_and_clear();
            self.0.lines.remove(&ended);
        }
        while bars.len() < progresses.len() {
            bars.push(self.0.lines.add(new_bar()));
        }
        for (bar, progress) in bars.iter().zip(progresses) {
            bar.set_message(render_bar(progress));
        }
    }

    /// Lets something else write to the terminal meanwhile.
    pub(crate) fn suspended<T>(&self, write: impl FnOnce() -> T) -> T {
        self.0.lines.suspend(write)
    }
}

impl Write for LineWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspended(|| io::stderr().write(bytes))
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        // Whole, or the bars could come back in the middle of a line.
        self.0.suspended(|| io::stderr().write_all(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl Abilities {
    /// By whether it is a terminal, and which one. An empty `NO_COLOR` says nothing, as <https://no-color.org> has it.
    fn of(is_terminal: bool, term: Option<&str>, no_color: Option<&str>) -> Self {
        // Without a name it cannot be known what moves the cursor, and `dumb` says that nothing does.
        let can_move = is_terminal && term.is_some_and(|term| !term.is_empty() && term != "dumb");
        Self {
            has_bars: can_move,
            has_colours: can_move && no_color.is_none_or(str::is_empty),
        }
    }
}

/// A line that is cut at the edge of the terminal: one that is wrapped cannot be taken away whole.
fn new_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_msg}").expect("a template with one known key");
    ProgressBar::new_spinner().with_style(style)
}

/// How far work is, as one line: a bar where it is known how much there is, and what the log is told too.
fn render_bar(progress: &Progress) -> String {
    let line = progress.to_line();
    match (progress.total().so_far(), progress.percent()) {
        (Some(total), Some(_)) => {
            let done = u128::from(progress.done().min(total));
            let filled = done * u128::from(BAR_COLUMNS) / u128::from(total.max(1));
            let filled = usize::try_from(filled).unwrap_or_default();
            let columns = usize::try_from(BAR_COLUMNS).unwrap_or_default();
            let empty = columns.saturating_sub(filled);
            format!("[{}{}] {line}", "#".repeat(filled), "-".repeat(empty))
        }
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use freshet_runtime::progress::Total;

    use super::*;

    #[track_caller]
    fn check(done: u64, total: Total, expected: &str) {
        let mut progress = Progress::begin("loading the view", 0);
        progress.look(0, done, total);
        assert_eq!(render_bar(&progress), expected);
    }

    #[test]
    fn a_bar_is_as_full_as_the_work_is_done() {
        let all = Total::Exactly(1_000);
        check(
            0,
            all,
            "[------------------------] loading the view: 0 of 1,000 (0 %)",
        );
        check(
            310,
            all,
            "[#######-----------------] loading the view: 310 of 1,000 (31 %)",
        );
        check(
            999,
            all,
            "[#######################-] loading the view: 999 of 1,000 (99 %)",
        );
        check(
            1_000,
            all,
            "[########################] loading the view: 1,000 of 1,000 (100 %)",
        );
        check(
            2_000,
            all,
            "[########################] loading the view: 2,000 of 1,000 (100 %)",
        );
        check(
            u64::MAX,
            Total::Exactly(u64::MAX),
            "[########################] loading the view: 18,446,744,073,709,551,615 of 18,446,744,073,709,551,615 (100 %)",
        );
    }

    #[test]
    fn there_is_no_bar_while_it_is_open_how_much_there_is() {
        check(5, Total::Unknown, "loading the view: 5");
        check(5, Total::AtLeast(300), "loading the view: 5 of 300 so far");
        check(0, Total::Exactly(0), "loading the view: 0 of 0");
    }

    #[test]
    fn bars_and_colours_are_for_terminals_that_have_them() {
        let of = |is_terminal, term, no_color| {
            let abilities = Abilities::of(is_terminal, term, no_color);
            (abilities.has_bars, abilities.has_colours)
        };
        assert_eq!(of(true, Some("xterm-256color"), None), (true, true));
        assert_eq!(of(true, Some("xterm"), Some("1")), (true, false));
        assert_eq!(of(true, Some("xterm"), Some("")), (true, true));
        assert_eq!(of(true, Some("dumb"), None), (false, false));
        assert_eq!(of(true, None, None), (false, false));
        assert_eq!(of(false, Some("xterm"), None), (false, false));
    }
}
