//! The hooks GitHub has sent, as its delivery log shows them.

use std::sync::Arc;

use freshet_github_emulator::{DeliveryRecord, GithubEmulator};
use freshet_wait::eventually;

/// What an accepted hook is answered with.
const ACCEPTED: u16 = 202;
/// What a hook is answered with that cannot be kept.
const UNAVAILABLE: u16 = 503;

/// The delivery log.
///
/// An attempt is in it when its answer has come back, which may be after everything that followed from it.
pub struct Deliveries(pub(crate) Arc<GithubEmulator>);

impl Deliveries {
    /// Waits until so many attempts were accepted, and returns them, oldest first.
    pub async fn are_accepted(&self, count: usize) -> Vec<DeliveryRecord> {
        self.are_answered(ACCEPTED, count).await
    }

    /// Waits until one was refused, so that GitHub keeps it.
    pub async fn are_refused(&self) {
        self.are_answered(UNAVAILABLE, 1).await;
    }

    /// Sends the newest one again until it is accepted.
    pub async fn are_repeated_until_accepted(&self) {
        loop {
            let last = eventually("a hook is sent", || async {
                self.0.deliveries().pop().ok_or_else(|| "none".to_owned())
            })
            .await;
            if last.status == Some(ACCEPTED) {
                return;
            }
            // One after the other: a repetition says nothing while another one is under way.
            self.0.redeliver(last.id);
            eventually("the repetition is answered", || async {
                let newest = self.0.deliveries().pop().ok_or("none")?;
                (newest.id > last.id)
                    .then_some(())
                    .ok_or_else(|| format!("{newest:?}"))
            })
            .await;
        }
    }

    async fn are_answered(&self, status: u16, count: usize) -> Vec<DeliveryRecord> {
        let what = format!("{count} hooks are answered {status}");
        eventually(&what, || async {
            let all = self.0.deliveries();
            let mut answered = all.clone();
            answered.retain(|delivery| delivery.status == Some(status));
            if answered.len() >= count {
                Ok(answered)
            } else {
                Err(format!("{all:?}"))
            }
        })
        .await
    }
}
