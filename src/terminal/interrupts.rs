//! Ctrl-C: it stops what runs, and never the program.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Listens for interrupts from here to the end of the program.
pub(super) struct Interrupts(Running);

type Running = Arc<Mutex<Option<CancellationToken>>>;

impl Interrupts {
    /// Begins to listen; `idle` is done when there is nothing to stop. Needs a runtime that is always driven.
    ///
    /// # Errors
    /// When the system does not let it listen.
    pub(super) fn watch(idle: impl Fn() + Send + 'static) -> io::Result<Self> {
        let mut interrupts = signal(SignalKind::interrupt())?;
        let running = Running::default();
        let watched = Arc::clone(&running);
        tokio::spawn(async move {
            while interrupts.recv().await.is_some() {
                match lock(&watched).take() {
                    Some(stop) => stop.cancel(),
                    None => idle(),
                }
            }
        });
        Ok(Self(running))
    }

    /// What the next interrupt stops, until this is dropped.
    pub(super) fn arm(&self) -> Armed<'_> {
        let stop = CancellationToken::new();
        *lock(&self.0) = Some(stop.clone());
        Armed { interrupts: self, stop }
    }
}

/// Something that an interrupt stops.
pub(super) struct Armed<'a> {
    interrupts: &'a Interrupts,
    pub(super) stop: CancellationToken,
}

impl Drop for Armed<'_> {
    fn drop(&mut self) {
        *lock(&self.interrupts.0) = None;
    }
}

fn lock(running: &Running) -> MutexGuard<'_, Option<CancellationToken>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}
