//! The body of an answer in time: waits, small writes, stalls, cuts.

use std::{io, sync::Arc};

use async_stream::try_stream;
use bytes::Bytes;
use futures_util::Stream;
use tokio::{task::yield_now, time::sleep};

use super::{
    record::Outcome,
    script::Script,
    serve::Ending,
    state::State,
    wire::{PREFIX, Wire},
    words::{Plan, Split},
};

/// The pieces of an answer, each to be written on its own. An error cuts the connection.
pub(super) fn pieces(
    state: &Arc<State>,
    id: u64,
    script: Arc<Script>,
    plan: Plan,
) -> impl Stream<Item = io::Result<Bytes>> + Send + use<> {
    let mut open = Open::new(state, id);
    try_stream! {
        let mut wire = Wire::new();
        let mut before = if plan.no_prefix { "" } else { PREFIX };
        for (number, step) in (1..).zip(&script.steps) {
            if plan.disconnect == Some(number - 1) {
                open.cut().await?;
            }
            if !step.wait.is_zero() {
                sleep(step.wait).await;
            }
            let mut data = Bytes::from([std::mem::take(&mut before), &script.write(step, &mut wire)].concat());
            let cut = plan.bytes.filter(|bytes| plan.disconnect == Some(number) && *bytes < data.len());
            data.truncate(cut.unwrap_or(data.len()));
            while let Some(piece) = next_piece(&mut data, plan.split) {
                yield piece;
                if plan.split.is_some() {
                    // Pending once: the connection writes out what it has before it asks for more.
                    yield_now().await;
                }
            }
            if let Some(time) = plan.stall.filter(|_| plan.stall_at.unwrap_or(1) == number) {
                sleep(time).await;
            }
        }
        if plan.disconnect.is_some_and(|at| at >= script.steps.len()) {
            open.cut().await?;
        }
        open.done();
    }
}

/// The next write of what is left.
fn next_piece(data: &mut Bytes, split: Option<Split>) -> Option<Bytes> {
    if data.is_empty() {
        return None;
    }
    let length = match split {
        None => data.len(),
        Some(Split::Every(bytes)) => bytes.min(data.len()),
        Some(Split::Random) => fastrand::usize(1..=64).min(data.len()),
    };
    Some(data.split_to(length))
}

/// Counts an answer as being sent, and notes how that ended.
struct Open {
    state: Arc<State>,
    ending: Ending,
}

impl Open {
    fn new(state: &Arc<State>, id: u64) -> Self {
        let mut inner = state.lock();
        inner.open_streams += 1;
        inner.peak_streams = inner.peak_streams.max(inner.open_streams);
        drop(inner);
        Self {
            state: Arc::clone(state),
            ending: Ending::new(state, id),
        }
    }

    fn done(&mut self) {
        self.ending.outcome = Outcome::Done;
    }

    /// Ends the body with an error once what was written before is on its way.
    async fn cut(&mut self) -> io::Result<()> {
        self.ending.outcome = Outcome::Cut;
        for _ in 0..3 {
            yield_now().await;
        }
        Err(io::Error::other("cut by a fault on demand"))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.state.lock().open_streams -= 1;
    }
}
