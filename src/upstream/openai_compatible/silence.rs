//! The upstream's silence while an answer streams.

use std::{pin::Pin, time::Duration};

use tokio::time::{Instant, Sleep, sleep_until};

/// The clock of a silence. One timer serves the whole answer: it is set further only when it fires too early, so that an
/// event costs no timer operation.
pub(super) struct Silence {
    longest: Duration,
    deadline: Instant,
    /// Never later than the end of the silence that is waited for.
    timer: Pin<Box<Sleep>>,
}

impl Silence {
    /// No silence may be longer than `longest`, and none may last beyond the deadline. The first one begins now.
    pub(super) fn new(longest: Duration, deadline: Instant) -> Self {
        Self {
            longest,
            deadline,
            timer: Box::pin(sleep_until(deadline.min(Instant::now() + longest))),
        }
    }

    /// Waits until a silence has lasted too long that begins with the first poll. Safe to drop while it waits.
    pub(super) async fn lasts(&mut self) {
        let due = self.deadline.min(Instant::now() + self.longest);
        loop {
            self.timer.as_mut().await;
            if Instant::now() >= due {
                return;
            }
            self.timer.as_mut().reset(due);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    const LONGEST: Duration = Duration::from_millis(100);
    const FAR: Duration = Duration::from_secs(1000);

    #[tokio::test]
    async fn only_one_silence_counts_and_not_the_sum_of_them() {
        let mut silence = Silence::new(LONGEST, Instant::now() + FAR);
        for _ in 0..6 {
            // However late this is polled: the event is due first, and looked at first.
            let heard = tokio::select! {
                biased;
                () = sleep(LONGEST / 3) => true,
                () = silence.lasts() => false,
            };
            assert!(heard);
        }
        let begin = Instant::now();
        silence.lasts().await;
        assert!(begin.elapsed() >= LONGEST);
    }

    #[tokio::test]
    async fn none_outlasts_the_deadline() {
        let begin = Instant::now();
        let mut silence = Silence::new(FAR, begin + LONGEST);
        silence.lasts().await;
        assert!((LONGEST..FAR).contains(&begin.elapsed()));
    }
}
