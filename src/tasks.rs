//! Background tasks with an owner: nothing runs that nobody can stop or wait for.

use std::{future::Future, time::Duration};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// A group of tasks that end together.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// A group without tasks.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs a future as a task of this group, until it is done or the group is stopped. When stopped it is dropped
    /// where it waits, so it must be safe to drop at any await.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tracker.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = task => {}
            }
        });
    }

    /// How many tasks are running.
    #[must_use]
    pub fn running(&self) -> usize {
        self.tracker.len()
    }

    /// Waits until every task has ended by itself, at most so long. Returns whether they have.
    pub async fn finished_within(&self, time: Duration) -> bool {
        self.tracker.close();
        tokio::time::timeout(time, self.tracker.wait()).await.is_ok()
    }

    /// Stops every task and waits for the last one.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}
