//! A session that Google treats as a guest's without a word, although the guest gets the model that was asked for.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use gemini_gateway::standin::{DeadPrompt, Outcome, Record, Rule, When};
use serde_json::{Value, json};

use super::world::{PSID, PSIDTS, Plan, World, code, text};

/// Guests are served by this model: who asks for it is not told by the label.
const MODEL: &str = "gemini-flash-lite";
const FINE: &str = "[[stand-in: text=fine]]";

/// Dead sessions are answered as guests, and every answer needs a proof of its own.
fn unproven() -> Plan {
    let mut plan = Plan {
        overlay: json!({"limits": {"signin_proof_s": 0}}),
        ..Plan::default()
    };
    plan.standin.dead_prompt = DeadPrompt::Guest;
    plan.standin.side_cookies = false;
    plan
}

/// Dead sessions are answered as guests, and the proof of the sign-in at the start is still good.
fn proven() -> Plan {
    let mut plan = Plan::default();
    plan.standin.dead_prompt = DeadPrompt::Guest;
    plan
}

fn question(prompt: &str) -> Value {
    json!({"model": MODEL, "messages": [{"role": "user", "content": prompt}]})
}

async fn ask(world: &World, prompt: &str) -> (u16, Value) {
    world.ask(question(prompt)).await
}

async fn answers(world: &World) {
    let (status, answer) = ask(world, FINE).await;
    assert_eq!((status, text(&answer)), (200, "fine"), "{answer}");
}

/// How often the account was asked for its status.
fn account_calls(world: &World) -> usize {
    world
        .control
        .requests()
        .iter()
        .filter(|record| asks_the_account(record))
        .count()
}

fn asks_the_account(record: &Record) -> bool {
    record.calls.iter().any(|(id, _)| id == "otAQ7b")
}

/// A world in which nothing is under way any more: the account was asked at the sign-in and after the first rotation.
async fn quiet(plan: Plan) -> World {
    let world = World::with(plan).await;
    let asked_twice = |records: &[Record]| {
        let answered = |record: &&Record| asks_the_account(record) && record.outcome == Outcome::Done;
        records.iter().filter(answered).count() == 2
    };
    let asked_twice = world.control.wait_for(asked_twice);
    tokio::time::timeout(Duration::from_secs(20), asked_twice)
        .await
        .unwrap();
    world.control.clear_requests();
    world
}

fn account_rule(words: &str) -> Rule {
    Rule::new(When::Call("otAQ7b".to_owned()), words.parse().unwrap())
}

#[tokio::test]
async fn a_guests_answer_is_an_expired_session_and_none_of_it_is_delivered() {
    for plan in [unproven, proven] {
        let world = quiet(plan()).await;
        answers(&world).await;
        world.control.sign_out();
        world.control.clear_requests();
        let (status, answer) = ask(&world, FINE).await;
        assert_eq!((status, code(&answer)), (503, "upstream_auth_expired"), "{answer}");
        assert!(!answer.to_string().contains("fine"), "{answer}");
        assert_eq!(world.control.prompts().len(), 1, "nothing is sent for a dead session");
        let (status, health) = world.get("/health").await;
        assert_eq!(
            (status, health["upstreams"][0]["code"].as_str()),
            (503, Some("upstream_auth_expired")),
            "{health}"
        );
    }
}

#[tokio::test]
async fn a_guests_stream_fails_with_the_status_of_an_expired_session() {
    for plan in [unproven, proven] {
        let world = quiet(plan()).await;
        answers(&world).await;
        world.control.sign_out();
        let mut body = question("[[stand-in: len=400 frames=8 delay=20]]");
        body["stream"] = json!(true);
        let response = world.send(&body).await;
        let (status, body) = (response.status().as_u16(), response.text().await.unwrap());
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, code(&answer)), (503, "upstream_auth_expired"), "{answer}");
    }
}

#[tokio::test]
async fn a_guests_answer_of_another_family_is_an_expired_session_too() {
    let world = quiet(proven()).await;
    world.control.sign_out();
    let (status, answer) = world.chat(FINE).await;
    assert_eq!((status, code(&answer)), (503, "upstream_auth_expired"), "{answer}");
}

#[tokio::test]
async fn a_guest_who_is_kept_waiting_is_told_before_the_answer_begins() {
    let world = quiet(unproven()).await;
    answers(&world).await;
    world.control.sign_out();
    let started = Instant::now();
    let (status, answer) = ask(&world, "[[stand-in: text=late first=60000]]").await;
    assert_eq!((status, code(&answer)), (503, "upstream_auth_expired"), "{answer}");
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_rotation_mends_it_and_the_prompt_is_sent_once_more() {
    for plan in [unproven, proven] {
        let world = quiet(plan()).await;
        answers(&world).await;
        world.control.expire();
        world.control.clear_requests();
        answers(&world).await;
        let live: Vec<bool> = world.control.prompts().iter().map(|p| p.verdict.is_live()).collect();
        assert_eq!(live, [false, true]);
        assert_eq!(world.get("/health").await.0, 200);
    }
}

#[tokio::test]
async fn another_cookie_that_works_mends_it() {
    let dir = tempfile::tempdir().unwrap();
    let state: Option<PathBuf> = Some(dir.path().to_owned());
    let world = quiet(Plan { state, ..proven() }).await;
    answers(&world).await;
    // The account takes the configured value again, and the one that replaced it no more.
    world.control.seed(PSID, Some(PSIDTS));
    world.control.clear_requests();
    answers(&world).await;
    let live: Vec<bool> = world.control.prompts().iter().map(|p| p.verdict.is_live()).collect();
    assert_eq!(live, [false, true]);
    assert_eq!(world.control.rotations(), 0, "no rotation was needed");
}

#[tokio::test]
async fn everybody_gets_an_answer_of_the_mended_session_and_nobody_a_guests() {
    for plan in [unproven, proven] {
        let world = quiet(plan()).await;
        answers(&world).await;
        world.control.expire();
        world.control.clear_requests();
        join_all((0..20).map(|_| answers(&world))).await;
        let prompts = world.control.prompts();
        let live = prompts.iter().filter(|prompt| prompt.verdict.is_live()).count();
        assert_eq!(live, 20, "each delivered answer is one of the mended session");
        assert!(prompts.len() <= 40, "{} prompts", prompts.len());
    }
}

#[tokio::test]
async fn a_fresh_proof_costs_nothing() {
    let world = quiet(proven()).await;
    world.control.clear_requests();
    for _ in 0..3 {
        answers(&world).await;
    }
    assert_eq!(world.control.requests().len(), 3, "three prompts, and nothing else");
}

#[tokio::test]
async fn an_old_proof_is_renewed_once_for_all_who_need_it() {
    let world = quiet(unproven()).await;
    world.control.rule(account_rule("head=2500"));
    world.control.clear_requests();
    join_all((0..20).map(|_| answers(&world))).await;
    assert_eq!(account_calls(&world), 1);
    assert_eq!(world.control.prompts().len(), 20, "beside it, nobody waited to ask");
}

#[tokio::test]
async fn an_account_that_cannot_be_asked_fails_no_answer() {
    for words in ["http=500", "http=429", "drop", "reject=13", "head=inf"] {
        let mut plan = unproven();
        plan.overlay["limits"]["signin_wait_s"] = json!(1);
        let world = quiet(plan).await;
        world.control.rule(account_rule(words));
        world.control.clear_requests();
        answers(&world).await;
        answers(&world).await;
        assert_eq!(account_calls(&world), 2, "{words}: asked again for the next one");
        assert_eq!(world.control.prompts().len(), 2, "{words}: no prompt is sent twice");
        assert_eq!(world.get("/health").await.0, 200, "{words}");
    }
}

#[tokio::test]
async fn answers_that_stop_renewing_cookies_are_looked_into_once() {
    let world = quiet(proven()).await;
    answers(&world).await;
    world.control.configure(|settings| settings.side_cookies = false);
    world.control.clear_requests();
    for _ in 0..3 {
        answers(&world).await;
    }
    assert_eq!(account_calls(&world), 1, "the sign was wrong: it counts no more");
    assert_eq!(world.control.prompts().len(), 3);
}

#[tokio::test]
async fn lenient_mode_neither_asks_nor_waits_and_discloses_the_model() {
    let world = quiet(Plan {
        strict_model: false,
        ..unproven()
    })
    .await;
    answers(&world).await;
    world.control.sign_out();
    world.control.clear_requests();
    let response = world.send(&question(FINE)).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["x-gateway-served-label"], "3.5 Flash-Lite");
    assert_eq!(account_calls(&world), 0);
}
