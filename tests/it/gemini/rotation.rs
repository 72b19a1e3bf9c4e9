//! Rotated cookies: saved before use, found again after a restart, and honest about what came of it.

use std::{fs, time::Duration};

use gemini_gateway::standin::Rotation;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;

use super::world::{PSID, PSIDTS, Plan, World, code, text};

const PATIENCE: Duration = Duration::from_secs(20);

fn kept_in(dir: &TempDir) -> Plan {
    Plan {
        state: Some(dir.path().to_owned()),
        ..Plan::default()
    }
}

/// Rotates every second instead of every ten minutes.
fn fast() -> Value {
    json!({"rotation": {"interval_s": 1, "min_interval_s": 1}})
}

async fn rotated(world: &World, times: usize) {
    let enough = |records: &[gemini_gateway::standin::Record]| {
        records
            .iter()
            .filter(|record| record.path == "/RotateCookies" && record.status.is_some())
            .count()
            >= times
    };
    timeout(PATIENCE, world.control.wait_for(enough)).await.unwrap();
    // The answer that follows a rotation goes out with the cookie it issued.
    let (status, answer) = world.chat("[[stand-in: text=fine]]").await;
    assert_eq!((status, text(&answer)), (200, "fine"), "{answer}");
}

fn saved(dir: &TempDir) -> Value {
    serde_json::from_slice(&fs::read(dir.path().join("session.json")).unwrap()).unwrap()
}

#[tokio::test]
async fn a_fresh_start_rotates_once_and_keeps_the_new_value_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::with(kept_in(&dir)).await;
    rotated(&world, 1).await;
    timeout(PATIENCE, async {
        while saved(&dir)["psidts"].as_str() != world.control.current_psidts().as_deref() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    assert_ne!(saved(&dir)["psidts"], PSIDTS);
    assert_eq!(saved(&dir)["previous"], PSIDTS);
    assert!(
        !fs::read_to_string(dir.path().join("session.json"))
            .unwrap()
            .contains(PSID)
    );
}

#[tokio::test]
async fn rotation_goes_on_and_every_request_uses_the_newest_value() {
    let dir = tempfile::tempdir().unwrap();
    let mut plan = Plan {
        overlay: fast(),
        ..kept_in(&dir)
    };
    plan.standin.rotation_hint = 0;
    plan.standin.rotation_grace = Duration::from_secs(2);
    let world = World::with(plan).await;
    rotated(&world, 3).await;
    let verdicts: Vec<_> = world.control.requests().iter().map(|record| record.verdict).collect();
    assert!(verdicts.iter().all(|verdict| verdict.is_live()), "{verdicts:?}");
}

#[tokio::test]
async fn after_a_restart_the_saved_cookie_beats_the_stale_one_of_the_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::with(kept_in(&dir)).await;
    rotated(&world, 1).await;
    let world = world.restart(kept_in(&dir)).await;
    world.control.clear_requests();
    let (status, answer) = world.chat("[[stand-in: text=again]]").await;
    assert_eq!((status, text(&answer)), (200, "again"), "{answer}");
    let stale = world
        .control
        .requests()
        .into_iter()
        .filter(|record| !record.verdict.is_live())
        .count();
    assert_eq!(stale, 0, "the stale value was not even tried");
}

#[tokio::test]
async fn new_cookies_of_the_owner_are_used_although_a_file_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::with(kept_in(&dir)).await;
    rotated(&world, 1).await;
    world.control.seed(PSID, Some("sidts-pasted-by-the-owner"));
    let plan = Plan {
        psidts: Some("sidts-pasted-by-the-owner"),
        ..kept_in(&dir)
    };
    let world = world.restart(plan).await;
    world.control.clear_requests();
    let (status, answer) = world.chat("[[stand-in: text=new]]").await;
    assert_eq!((status, text(&answer)), (200, "new"), "{answer}");
    assert!(world.control.requests()[0].verdict.is_live());
}

#[tokio::test]
async fn with_both_cookies_dead_the_health_is_red_within_a_second_and_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::with(kept_in(&dir)).await;
    rotated(&world, 1).await;
    world.control.sign_out();
    let world = world.restart(kept_in(&dir)).await;
    let (status, health) = timeout(Duration::from_secs(1), world.get("/health")).await.unwrap();
    assert_eq!(
        (status, health["upstreams"][0]["code"].as_str()),
        (503, Some("upstream_auth_expired")),
        "{health}"
    );
    assert!(
        health["upstreams"][0]["reason"]
            .as_str()
            .unwrap()
            .contains("SECURE_1PSIDTS")
    );
}

#[tokio::test]
async fn what_a_rotation_came_to_is_in_the_health() {
    for (mode, words) in [
        (Rotation::Renew, "renewed"),
        (Rotation::NotIssued, "nothing new issued"),
        (Rotation::Refused, "refused"),
        (Rotation::DeviceBound, "bound to a device"),
        (Rotation::Throttled, "no result"),
        (Rotation::Forbidden, "not for this user agent"),
        (Rotation::Unavailable, "no result"),
    ] {
        let mut plan = Plan::default();
        plan.standin.rotation = mode;
        let world = World::with(plan).await;
        rotated(&world, 1).await;
        let told = timeout(PATIENCE, async {
            loop {
                let (status, health) = world.get("/health").await;
                assert_eq!(
                    status, 200,
                    "no outcome of a rotation ends a live session: {mode:?} {health}"
                );
                if let Some(told) = health["upstreams"][0]["details"]["rotation"].as_str() {
                    return told.to_owned();
                }
                tokio::task::yield_now().await;
            }
        });
        let told = told.await.unwrap();
        assert!(told.contains(words), "{mode:?}: {told}");
    }
}

#[tokio::test]
async fn a_cookie_rotated_away_by_another_browser_is_an_expired_session_with_the_cure() {
    let world = World::with(Plan::default()).await;
    rotated(&world, 1).await;
    world.control.configure(|settings| settings.require_psidts = true);
    world.control.rotate_elsewhere();
    let (status, answer) = world.chat("x").await;
    assert_eq!((status, code(&answer)), (503, "upstream_auth_expired"), "{answer}");
}
