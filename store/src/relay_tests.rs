//! Where a relay begins, and which streams it leaves alone.

use super::*;
use crate::change::sample::change_row;

/// The log `e1` holds revisions 5 to 9; the stream ends with sequence `sequence`, whose message has
/// this epoch and revision.
#[track_caller]
fn check(sequence: u64, message: Option<(&str, &str)>, expected: &Result<i64, StreamMismatch>) {
    let meta = LogState {
        epoch: "e1".to_owned(),
        revision: Revision::new(9),
        oldest: Revision::new(5),
    };
    let tail = Tail {
        last_sequence: sequence,
        message: message.map(|(epoch, revision)| StoredMessage {
            sequence,
            subject: String::new(),
            headers: vec![
                (EPOCH_HEADER.to_owned(), epoch.to_owned()),
                (REVISION_HEADER.to_owned(), revision.to_owned()),
            ],
        }),
    };
    let published = Some(StreamCursor {
        revision: Revision::new(8),
        sequence: 80,
    });
    let located = locate_cursor(&tail, &meta, published).map(|cursor| {
        assert_eq!(cursor.sequence, sequence);
        cursor.revision.get()
    });
    assert_eq!(located, *expected);
}

#[test]
fn the_last_message_is_the_cursor() {
    check(40, Some(("e1", "7")), &Ok(7));
    check(40, Some(("e1", "9")), &Ok(9));
    check(40, Some(("e1", "4")), &Ok(4));
}

#[test]
fn a_new_stream_takes_the_whole_log() {
    check(0, None, &Ok(4));
}

#[test]
fn a_stream_whose_messages_aged_out_is_continued_if_its_end_is_known() {
    check(80, None, &Ok(8));
    check(81, None, &Ok(4));
}

fn row(committed_at: i64) -> ChangeRow {
    ChangeRow {
        committed_at,
        ..change_row(7)
    }
}

#[test]
fn a_stream_of_a_log_that_went_another_way_is_told_by_its_last_message() {
    let last = StoredMessage {
        sequence: 40,
        subject: String::new(),
        headers: Publication::new(&row(1), "e1", "").headers(),
    };
    assert!(is_same_change(&last, &row(1), "e1"));
    assert!(!is_same_change(&last, &row(2), "e1"));
}

#[test]
fn a_stream_that_does_not_fit_is_left_alone() {
    check(
        40,
        Some(("e1", "10")),
        &Err(StreamMismatch::Ahead {
            stream: Revision::new(10),
            database: Revision::new(9),
        }),
    );
    check(
        40,
        Some(("e1", "3")),
        &Err(StreamMismatch::Behind {
            stream: Revision::new(3),
            oldest: Revision::new(5),
        }),
    );
    check(40, Some(("e1", "x")), &Err(StreamMismatch::Foreign));
    let (found, expected) = ("e0".to_owned(), "e1".to_owned());
    check(
        40,
        Some(("e0", "7")),
        &Err(StreamMismatch::OtherEpoch { found, expected }),
    );
}
