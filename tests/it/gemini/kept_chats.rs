//! With temporary chats off: broken answers are read back, own chats are deleted, others are left alone.

use std::time::Duration;

use serde_json::json;
use sha2::{Digest, Sha256};

use tokio::time::timeout;

use super::world::{Plan, World, code, text};

const PATIENCE: Duration = Duration::from_secs(20);

fn digest(account: &str) -> String {
    Sha256::digest(account)[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn kept() -> Plan {
    Plan {
        temporary_chats: false,
        idle_timeout: Duration::from_millis(500),
        ..Plan::default()
    }
}

fn listed(world: &World) -> impl Iterator<Item = String> {
    world
        .control
        .chats()
        .into_iter()
        .filter(|chat| !chat.temporary)
        .map(|chat| chat.id)
}

async fn chats_are_gone(world: &World) {
    let deleted = timeout(PATIENCE, async {
        while listed(world).next().is_some() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    deleted.await.expect("own chats are deleted");
}

#[tokio::test]
async fn a_broken_answer_is_read_back_and_never_asked_for_again() {
    let world = World::with(kept()).await;
    let (_, plain) = world.chat("[[stand-in: len=400 frames=6]]").await;
    for words in [
        "disconnect=4",
        "stall=inf stall_at=4",
        "empty",
        "disconnect=4 after=1500",
    ] {
        let before = world.control.prompts().len();
        let prompt = format!("[[stand-in: len=400 frames=6 delay=5 {words}]]");
        let (status, answer) = world.chat(&prompt).await;
        assert_eq!(status, 200, "{words}: {answer}");
        assert_eq!(text(&answer), text(&plain), "{words}, whole");
        let streamed = world.stream(&prompt).await;
        assert_eq!(
            (streamed.text.as_str(), streamed.finish.as_deref()),
            (text(&plain), Some("stop")),
            "{words}, streamed"
        );
        assert_eq!(world.control.prompts().len() - before, 2, "{words}: one prompt each");
    }
    chats_are_gone(&world).await;
}

#[tokio::test]
async fn a_turn_that_was_never_stored_cannot_be_read_back() {
    let mut plan = kept();
    // The account never shows it, so only the request's own deadline ends the looking.
    plan.overlay = json!({"limits": {"recovery_s": 2}});
    let world = World::with(plan).await;
    let (status, answer) = world
        .chat("[[stand-in: len=400 frames=6 disconnect=4 persist=0]]")
        .await;
    assert_eq!((status, code(&answer)), (502, "upstream_interrupted"));
}

#[tokio::test]
async fn what_a_killed_gateway_left_over_is_deleted_by_the_next_and_nothing_else_is() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::with(Plan::default()).await;
    assert_eq!(world.chat("sign in").await.0, 200);
    // A chat of the owner's own, and one of the gateway's that its list still names.
    let ours = world.control.add_chat("left over").unwrap();
    let owners = world.control.add_chat("the owner's").unwrap();
    // What the gateway itself has written there, were it killed before it could delete that chat.
    let list = json!({"account": digest(super::world::PSID), "open": [&ours]});
    std::fs::write(dir.path().join("chats.json"), list.to_string()).unwrap();
    let world = world
        .restart(Plan {
            state: Some(dir.path().to_owned()),
            ..kept()
        })
        .await;
    assert_eq!(world.chat("[[stand-in: text=ok]]").await.0, 200);
    let left = timeout(PATIENCE, async {
        loop {
            let chats: Vec<_> = listed(&world).collect();
            if chats == [owners.clone()] {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    left.await.expect("only the owner's chat is left");
}
