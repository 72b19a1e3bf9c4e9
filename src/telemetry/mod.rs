//! What the gateway says about itself: the log, the access line, the metrics.
//!
//! Nothing here ever sees a prompt, an answer's text, a credential, a raw path or a query.

pub(crate) mod access;
pub mod metrics;
pub(crate) mod troubles;

use std::panic::PanicHookInfo;

use tracing::{Level, Subscriber};
use tracing_subscriber::{Layer, Registry, filter::Targets, fmt, fmt::MakeWriter, layer::SubscriberExt};

use crate::config::LogFormat;

/// The target of access lines.
pub(crate) const ACCESS: &str = "access";

/// The log as configured, written by `writer`.
///
/// The gateway's own messages come at info level, or debug; those of libraries at warn and above always, because
/// some of them log headers, and so credentials, at debug.
pub fn subscriber<W>(format: LogFormat, debug: bool, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let own = if debug { Level::DEBUG } else { Level::INFO };
    let filter = Targets::new()
        .with_default(Level::WARN)
        .with_target("gemini_gateway", own)
        .with_target(ACCESS, Level::INFO);
    // Colours only suit a terminal, and escape sequences in a log collector suit nobody.
    let lines = fmt::layer().with_writer(writer).with_ansi(false);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match format {
        LogFormat::Text => Box::new(lines),
        LogFormat::Json => Box::new(
            lines
                .json()
                .flatten_event(true)
                .with_current_span(true)
                .with_span_list(false),
        ),
    };
    Registry::default().with(lines.with_filter(filter))
}

/// Sends panics to the log as a place without their message: a message may quote the text that was being handled.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic: &PanicHookInfo<'_>| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a defect of the gateway: panic");
    }));
}
