//! What lost to another writer is tried again, where no message would come again by itself.

use std::future::Future;

use crate::consumer::CONFLICT_ATTEMPTS;
use crate::repo::Trouble;

/// Makes the attempt until it does not lose to another transaction, or has lost too often.
///
/// # Errors
///
/// That of the last attempt; anything but a conflict at once.
pub(crate) async fn retry_conflicts<T, E, F>(
    trouble_of: impl Fn(&E) -> Trouble,
    attempt: impl Fn() -> F,
) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
{
    let mut attempts = 1;
    loop {
        match attempt().await {
            Err(error)
                if trouble_of(&error) == Trouble::Conflict && attempts < CONFLICT_ATTEMPTS =>
            {
                attempts += 1;
            }
            ended => return ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// How often something that fails so is attempted.
    #[track_caller]
    fn check(trouble: Trouble, expected: usize) {
        let attempts = Cell::new(0);
        let ended: Result<(), Trouble> = futures::executor::block_on(retry_conflicts(
            |trouble| *trouble,
            || {
                attempts.set(attempts.get() + 1);
                std::future::ready(Err(trouble))
            },
        ));
        assert_eq!((ended, attempts.get()), (Err(trouble), expected));
    }

    #[test]
    fn only_what_lost_to_another_is_tried_again_and_not_for_ever() {
        check(Trouble::Conflict, CONFLICT_ATTEMPTS);
        check(Trouble::Outage, 1);
        check(Trouble::Defect, 1);
    }
}
