//! How much one transaction handles. Pure.

use crate::config::StoreConfig;

/// What is this many times as large as a batch is applied in several.
const WHOLE_BATCHES_MAX: usize = 2;
/// One message is this part of how large the next one is taken to be.
const SIZE_FROM_MESSAGES: usize = 8;

/// What one transaction may handle. One message is handled whatever its size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchLimits {
    /// Most messages.
    pub(crate) messages_max: usize,
    /// Most bytes of payload. A transaction in which a hundred large files come in takes seconds, and neither a push
    /// nor a stop can wait for that.
    pub(crate) bytes_max: usize,
}

impl From<&StoreConfig> for BatchLimits {
    fn from(config: &StoreConfig) -> Self {
        Self {
            messages_max: config.batch_max,
            bytes_max: config.batch_bytes_max,
        }
    }
}

impl BatchLimits {
    /// Most bytes of one observation that is applied in one transaction; a larger one is applied in slices.
    pub(crate) fn whole_bytes_max(&self) -> usize {
        self.bytes_max.saturating_mul(WHOLE_BATCHES_MAX)
    }

    /// How many messages of about this size are handled together.
    pub(crate) fn usual_messages(&self, message_bytes: usize) -> usize {
        let fitting = self.bytes_max / message_bytes.max(1);
        fitting.clamp(1, self.messages_max.max(1))
    }

    /// How many of these messages, by their sizes in bytes, are handled together.
    pub(crate) fn count_fitting(&self, sizes: impl Iterator<Item = usize>) -> usize {
        let mut bytes = 0_usize;
        let sizes = sizes.take(self.messages_max.max(1)).enumerate();
        let fitting = sizes.take_while(|(index, size)| {
            bytes = bytes.saturating_add(*size);
            *index == 0 || bytes <= self.bytes_max
        });
        fitting.count()
    }
}

/// About how large messages are, after one more of so many bytes.
pub(crate) fn learn_size(usual_bytes: usize, bytes: usize) -> usize {
    usual_bytes - usual_bytes / SIZE_FROM_MESSAGES + bytes / SIZE_FROM_MESSAGES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sizes: &[usize], expected: usize) {
        let limits = BatchLimits {
            messages_max: 4,
            bytes_max: 100,
        };
        assert_eq!(limits.count_fitting(sizes.iter().copied()), expected);
    }

    #[test]
    fn a_batch_is_bounded_in_messages_and_in_bytes_and_takes_one_of_any_size() {
        check(&[], 0);
        check(&[1; 9], 4);
        check(&[40, 60, 1], 2);
        check(&[40, 61, 1], 1);
        check(&[500, 1], 1);
        check(&[1, 500], 1);
        check(&[usize::MAX, usize::MAX], 1);
    }

    #[test]
    fn the_usual_size_follows_the_last_messages() {
        let usual = (0..100).fold(0, |usual, _| learn_size(usual, 80_000));
        assert!((79_000..=80_000).contains(&usual), "{usual}");
        let usual = (0..100).fold(usual, |usual, _| learn_size(usual, 800));
        assert!((750..=900).contains(&usual), "{usual}");
    }

    #[test]
    fn fewer_messages_are_received_the_larger_they_are() {
        let limits = BatchLimits {
            messages_max: 4,
            bytes_max: 100,
        };
        for (bytes, messages) in [(0, 4), (10, 4), (40, 2), (500, 1)] {
            assert_eq!(limits.usual_messages(bytes), messages);
        }
    }
}
