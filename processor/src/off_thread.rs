//! Work that would hold up every other job of a thread of the runtime, done where it does not.

/// From this size on a file is handed over: a few megabytes of YAML take long enough to hold up others,
/// and handing a small file over costs more than it takes.
const BLOCKING_FROM_BYTES: usize = 64 * 1024;

/// Does work on so many bytes where it does not hold up others.
pub(crate) async fn run_off_thread<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    if bytes < BLOCKING_FROM_BYTES {
        return work();
    }
    run_blocking(work).await
}

/// Does work of which its size does not tell how long it takes, such as matching patterns.
pub(crate) async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        // The panic belongs to the job: whoever handles that counts it.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[tokio::test]
    async fn only_large_work_leaves_the_thread() {
        let here = thread::current().id();
        let at = |bytes| run_off_thread(bytes, || thread::current().id());
        assert_eq!(at(BLOCKING_FROM_BYTES - 1).await, here);
        assert_ne!(at(BLOCKING_FROM_BYTES).await, here);
        assert_ne!(run_blocking(|| thread::current().id()).await, here);
    }
}
