use super::*;

/// How many of messages with these sizes are one batch of at most three and ten bytes.
#[track_caller]
fn check(sizes: &[usize], expected: usize) {
    let bounds = BatchBounds {
        messages: 3,
        bytes: 10,
    };
    assert_eq!(bounds.count(sizes.iter().copied()), expected, "{sizes:?}");
}

#[test]
fn a_batch_ends_with_what_is_reached_first() {
    check(&[], 0);
    check(&[1, 1, 1, 1], 3);
    check(&[5, 5, 1], 2);
    check(&[4, 4, 4], 2);
}

#[test]
fn a_message_that_is_too_large_is_a_batch_alone() {
    check(&[11, 1], 1);
    check(&[1, 11], 1);
    check(&[usize::MAX, usize::MAX], 1);
}
