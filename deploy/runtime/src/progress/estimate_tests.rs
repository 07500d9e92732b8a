//! What is said about work, by what was seen of it.

use super::*;

const SECOND: i64 = 1_000_000;

/// Work of which somebody saw these (second, done, total).
fn progress(looks: &[(i64, u64, Total)]) -> Progress {
    let mut progress = Progress::begin("reading sources", 0);
    for (second, done, total) in looks {
        progress.look(second * SECOND, *done, *total);
    }
    progress
}

/// The same at a steady pace, looked at each second.
fn steady(seconds: i64, per_second: u64, total: Total) -> Progress {
    let looks: Vec<(i64, u64, Total)> = (1..=seconds)
        .map(|second| (second, second.unsigned_abs() * per_second, total))
        .collect();
    progress(&looks)
}

#[track_caller]
fn check(progress: &Progress, expected: &str) {
    assert_eq!(progress.to_line(), expected);
}

#[test]
fn the_line_says_how_far_it_is_and_how_long_it_still_takes() {
    let total = Total::Exactly(10_000);
    check(
        &steady(22, 142, total),
        "reading sources: 3,124 of 10,000 (31 %), 142/s, about 49 s left",
    );
    check(
        &steady(20, 1, total),
        "reading sources: 20 of 10,000 (0 %), 1.0/s, about 2 h 46 min left",
    );
}

#[test]
fn there_is_no_estimate_before_a_pace_shows() {
    let total = Total::Exactly(100);
    check(&progress(&[]), "reading sources: for 0 s");
    check(
        &progress(&[(0, 0, total)]),
        "reading sources: 0 of 100 (0 %)",
    );
    check(&steady(2, 10, total), "reading sources: 20 of 100 (20 %)");
    check(
        &steady(3, 10, total),
        "reading sources: 30 of 100 (30 %), 10/s, about 7 s left",
    );
    // A single batch is no pace, however long ago it was.
    check(
        &progress(&[(1, 50, total), (9, 50, total)]),
        "reading sources: 50 of 100 (50 %)",
    );
}

#[test]
fn there_is_no_share_and_no_estimate_while_more_is_being_found() {
    check(
        &steady(10, 20, Total::AtLeast(300)),
        "reading sources: 200 of 300 so far, 20/s",
    );
    let mut found = steady(10, 20, Total::AtLeast(300));
    found.look(11 * SECOND, 220, Total::Exactly(1_000));
    check(
        &found,
        "reading sources: 220 of 1,000 (22 %), 20/s, about 39 s left",
    );
}

#[test]
fn work_that_cannot_be_counted_says_how_long_it_takes() {
    check(
        &progress(&[(5, 0, Total::Unknown), (75, 0, Total::Unknown)]),
        "reading sources: for 1 min 15 s",
    );
    check(&steady(10, 5, Total::Unknown), "reading sources: 50, 5.0/s");
}

#[test]
fn nothing_is_divided_by_nothing() {
    check(
        &progress(&[(0, 0, Total::Exactly(0))]),
        "reading sources: 0 of 0",
    );
    check(
        &progress(&[(0, 5, Total::Exactly(0)), (0, 9, Total::Exactly(0))]),
        "reading sources: 9 of 0",
    );
    let standing: Vec<_> = (1..=40).map(|it| (it, 7, Total::Exactly(9))).collect();
    check(
        &progress(&standing),
        "reading sources: 7 of 9 (77 %), 0/min",
    );
    let full = progress(&[(1, u64::MAX, Total::Exactly(u64::MAX))]);
    assert_eq!(
        (full.percent(), full.left()),
        (Some(100), Some(Duration::ZERO))
    );
}

#[test]
fn an_estimate_of_weeks_is_not_given() {
    let looks: Vec<_> = (1..=30_i64)
        .map(|second| {
            (
                second,
                second.unsigned_abs() / 10,
                Total::Exactly(1_000_000),
            )
        })
        .collect();
    check(
        &progress(&looks),
        "reading sources: 3 of 1,000,000 (0 %), 6/min",
    );
}

#[test]
fn what_is_in_the_way_is_said_instead_of_an_estimate() {
    let mut waiting = steady(20, 100, Total::Exactly(10_000));
    waiting.set_wait(Some(Wait {
        reason: "the rate limit of github.com".to_owned(),
        until: Some(1_700_000_645 * SECOND),
    }));
    check(
        &waiting,
        "reading sources: 2,000 of 10,000 (20 %), it waits: the rate limit of github.com until 22:24:05 UTC",
    );
    assert_eq!(waiting.left(), None);
    waiting.set_wait(Some(Wait {
        reason: "the bus is not connected".to_owned(),
        until: None,
    }));
    check(
        &waiting,
        "reading sources: 2,000 of 10,000 (20 %), it waits: the bus is not connected",
    );
    waiting.set_wait(None);
    assert_eq!(waiting.left(), Some(Duration::from_secs(80)));
}

#[test]
fn what_is_counted_beside_it_has_a_pace_of_its_own() {
    let mut progress = Progress::begin("reading sources", 0);
    for second in 1..=10_u64 {
        let now = i64::try_from(second).expect("short") * SECOND;
        progress.look(now, second * 10, Total::AtLeast(300));
        progress.look_beside(now, "entities", 1_000 + second * 150);
        progress.look_beside(now, "pages of listings", 7);
    }
    check(
        &progress,
        "reading sources: 100 of 300 so far, 10/s; 2,500 entities, 150/s; 7 pages of listings",
    );
}

#[test]
fn the_last_line_has_the_amounts_and_the_duration() {
    let last = |progress: &Progress, remark| progress.to_last_line(remark);
    assert_eq!(
        last(&steady(70, 143, Total::Exactly(10_010)), None),
        "reading sources: done, 10,010 in 1 min 10 s (143/s)"
    );
    assert_eq!(
        last(&progress(&[(40, 0, Total::Unknown)]), None),
        "reading sources: done in 40 s"
    );
    let mut partly = progress(&[(10, 95, Total::Exactly(100))]);
    partly.look_beside(10 * SECOND, "entities", 1_200);
    assert_eq!(
        last(&partly, Some("5 could not be read and are tried again")),
        "reading sources: ended with 95 of 100 in 10 s (9.5/s); 1,200 entities; 5 could not be read and are tried again"
    );
    // In no time at all.
    assert_eq!(
        last(&progress(&[(0, 3, Total::Exactly(3))]), None),
        "reading sources: done, 3 in 0 s"
    );
}
