//! From a configuration to a running server, and to its end.

use std::{io, sync::Arc};

use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use crate::{
    app::App,
    config::Config,
    server::{self, Outcome},
};

/// Listens where the configuration says and serves until SIGTERM or SIGINT, then drains.
///
/// # Errors
/// When the address cannot be listened on, or signals cannot be received.
pub async fn serve(config: &Config, app: App) -> io::Result<Outcome> {
    let listener = TcpListener::bind(config.listen()).await?;
    let stop = stop_signal()?;
    announce(config, &app, &listener)?;
    Ok(server::run(listener, Arc::new(app), stop).await)
}

/// What the owner should know at start-up; never a value of a secret.
fn announce(config: &Config, app: &App, listener: &TcpListener) -> io::Result<()> {
    let health = app.upstream.health();
    tracing::info!(
        address = %listener.local_addr()?,
        version = env!("CARGO_PKG_VERSION"),
        keys = config.api_keys.len() + usize::from(config.hf_token.is_some()),
        upstream = app.upstream_name,
        exit = config.outbound_proxy.as_ref().map_or("direct", |proxy| proxy.shown.as_str()),
        state_dir = config.state_dir.as_ref().map(|path| tracing::field::display(path.display())),
        "listening"
    );
    if let Some(notice) = app.stand_in {
        tracing::warn!("{notice}");
    }
    if app.keyring.is_empty() {
        tracing::warn!("no client key is configured, so nobody is served: set API_KEY and restart");
    }
    if let Some(reason) = health.reason {
        tracing::warn!(code = health.code, "{reason}");
    }
    Ok(())
}

/// Ready at the first SIGTERM or SIGINT. Registered at once, so that a signal that comes early is not lost.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
