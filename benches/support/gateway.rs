//! How the gateway is set up: real mode, its own settings, its upstreams on loopback.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::json;

use super::Result;

/// The key the load generator presents.
pub(super) const KEY: &str = "bench-key-0123456789";

/// Open answers the gateway has to allow: more than any load here needs.
const ROOM: &str = "1000";

/// The command that starts the gateway on this port, its state and working directory in `scratch`.
///
/// The environment is emptied and the working directory its own, so that neither a proxy variable nor an `.env` file
/// of the machine takes part. Logging stays on, as it is in use; the log itself goes nowhere unless it is asked for.
pub(super) fn command(port: u16, upstream: SocketAddr, scratch: &Path, show_log: bool) -> Result<Command> {
    let overlay = scratch.join("protocol.json");
    fs::write(&overlay, overlay_for(upstream))?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_gemini-gateway"));
    command
        .env_clear()
        .env("API_KEY", KEY)
        .env("SECURE_1PSID", "g.a000-bench")
        .env("SECURE_1PSIDTS", "sidts-bench")
        .env("HOST", "127.0.0.1")
        .env("PORT", port.to_string())
        .env("STATE_DIR", scratch)
        .env("MAX_CONCURRENT", ROOM)
        .env("MAX_CONNECTIONS", ROOM)
        .env("PROTOCOL_FILE", &overlay)
        .env("LOCAL_BASE_URL", format!("http://{upstream}/v1"))
        .current_dir(scratch)
        .stderr(if show_log { Stdio::inherit() } else { Stdio::null() });
    Ok(command)
}

/// The overlay that points every base URL of the protocol at the upstream.
fn overlay_for(upstream: SocketAddr) -> String {
    let base = format!("http://{upstream}");
    json!({ "hosts": { "app": base, "accounts": base, "google": base, "upload": base } }).to_string()
}
