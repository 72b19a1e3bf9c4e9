//! The real program, killed without warning while it rotates.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use gemini_gateway::standin::{Options, Record, Settings, StandIn};
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::world::{KEY, PSID, PSIDTS, overlay};

const ROUNDS: u64 = 12;

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // SIGKILL: no handler runs.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(dir: &Path, port: u16) -> Killed {
    let log = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(dir.join("log"))
        .unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_gemini-gateway"))
        .env_clear()
        .envs([
            ("API_KEY", KEY),
            ("SECURE_1PSID", PSID),
            ("SECURE_1PSIDTS", PSIDTS),
            ("HOST", "127.0.0.1"),
            ("DEBUG", "true"),
        ])
        .env("PORT", port.to_string())
        .env("STATE_DIR", dir.join("state"))
        .env("PROTOCOL_FILE", dir.join("overlay.json"))
        .current_dir(dir)
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    Killed(child)
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// The status of the first chat after a start.
async fn answered(client: &reqwest::Client, port: u16) -> Option<u16> {
    let answered = timeout(Duration::from_secs(20), async {
        loop {
            if let Some(status) = chat(client, port).await {
                return status;
            }
            sleep(Duration::from_millis(5)).await;
        }
    });
    answered.await.ok()
}

/// The status of one chat, or none while the port is not open yet.
async fn chat(client: &reqwest::Client, port: u16) -> Option<u16> {
    let body = json!({"model": "gemini-flash", "messages": [{"role": "user", "content": "[[stand-in: text=ok]]"}]});
    let request = client
        .post(format!("http://127.0.0.1:{port}/v1/chat/completions"))
        .bearer_auth(KEY);
    let answer = request
        .header("content-type", "application/json")
        .body(body.to_string())
        .send()
        .await;
    Some(answer.ok()?.status().as_u16())
}

#[tokio::test]
async fn killed_at_any_instant_it_comes_back_with_the_newest_cookie() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let dir = tempfile::tempdir().unwrap();
    // The old cookie dies with each rotation, as if there were no grace at all.
    let settings = Settings {
        rotation_hint: 0,
        ..Settings::default()
    };
    let standin = StandIn::start(Options { port: 0, settings }).await.unwrap();
    let control = standin.control();
    let rotate_fast = json!({"rotation": {"interval_s": 1, "min_interval_s": 1}});
    fs::write(
        dir.path().join("overlay.json"),
        overlay(&standin.base_url(), &rotate_fast),
    )
    .unwrap();
    let port = free_port();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for round in 0..ROUNDS {
        let gateway = start(dir.path(), port);
        assert_eq!(
            answered(&client, port).await,
            Some(200),
            "round {round}: {}",
            log(dir.path())
        );
        // Somewhere around the next rotation: before it, in the middle of it, after it.
        let rotations = rotation_requests(&control.requests());
        let next = control.wait_for(|records| rotation_requests(records) > rotations);
        let next = timeout(Duration::from_secs(20), next);
        assert!(next.await.is_ok(), "round {round}: no rotation: {}", log(dir.path()));
        sleep(Duration::from_millis(round % 4)).await;
        drop(gateway);
    }
    assert!(control.rotations() >= ROUNDS);
    assert!(!log(dir.path()).contains("sidts-"), "no cookie in the log");
}

fn rotation_requests(records: &[Record]) -> usize {
    records.iter().filter(|record| record.path == "/RotateCookies").count()
}

fn log(dir: &Path) -> String {
    fs::read_to_string(dir.join("log")).unwrap()
}

#[tokio::test]
async fn killed_while_new_cookies_are_tried_it_comes_back_with_the_old_or_the_new_ones() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let dir = tempfile::tempdir().unwrap();
    let standin = StandIn::start(Options::default()).await.unwrap();
    let control = standin.control();
    // The partner cookie counts: who lost a rotation that was used is signed out.
    control.configure(|settings| settings.require_psidts = true);
    fs::write(
        dir.path().join("overlay.json"),
        overlay(&standin.base_url(), &json!({})),
    )
    .unwrap();
    let port = free_port();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for round in 0..ROUNDS {
        let gateway = start(dir.path(), port);
        assert_eq!(
            answered(&client, port).await,
            Some(200),
            "round {round}: {}",
            log(dir.path())
        );
        let cookies =
            json!({"__Secure-1PSID": format!("{PSID}-{round}"), "__Secure-1PSIDTS": format!("{PSIDTS}-{round}")});
        let entering = client
            .post(format!("http://127.0.0.1:{port}/session/cookies"))
            .bearer_auth(KEY)
            .header("content-type", "application/json")
            .body(json!({"cookies": cookies}).to_string());
        let rotations = rotation_requests(&control.requests());
        let entering = tokio::spawn(entering.send());
        // From before the rotation to after the switch.
        let rotating = control.wait_for(|records| rotation_requests(records) > rotations);
        assert!(
            timeout(Duration::from_secs(20), rotating).await.is_ok(),
            "round {round}: {}",
            log(dir.path())
        );
        sleep(Duration::from_millis(round % 6)).await;
        drop(gateway);
        let _ = entering.await;
    }
    let gateway = start(dir.path(), port);
    assert_eq!(answered(&client, port).await, Some(200), "{}", log(dir.path()));
    drop(gateway);
    assert!(
        !log(dir.path()).contains("sidts-") && !log(dir.path()).contains(PSID),
        "no cookie in the log"
    );
}
