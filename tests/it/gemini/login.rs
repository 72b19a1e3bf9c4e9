//! Signing in, staying signed in, and saying so when it is over.

use std::time::{Duration, Instant};

use gemini_gateway::standin::{DeadPrompt, Page, PageToken, Rotation, Settings};

use super::world::{Plan, World, code, text};

async fn answers(world: &World) {
    let (status, answer) = world.chat("[[stand-in: text=fine]]").await;
    assert_eq!((status, text(&answer)), (200, "fine"), "{answer}");
}

async fn fails(world: &World, status: u16, expected: &str) {
    let (got, answer) = world.chat("[[stand-in: text=fine]]").await;
    assert_eq!((got, code(&answer)), (status, expected), "{answer}");
}

fn standin(change: impl FnOnce(&mut Settings)) -> Plan {
    let mut plan = Plan::default();
    change(&mut plan.standin);
    plan
}

#[tokio::test]
async fn the_page_token_is_found_or_taken_from_the_refusal() {
    answers(&World::with(standin(|settings| settings.page_token = PageToken::Never)).await).await;
    let world = World::new().await;
    answers(&world).await;
    world.control.new_tokens();
    answers(&world).await;
    let refused = world
        .control
        .prompts()
        .iter()
        .filter(|record| record.status == Some(400))
        .count();
    assert_eq!(refused, 1, "one refusal, and the token in it is used");
    answers(&world).await;
    assert_eq!(
        world
            .control
            .prompts()
            .iter()
            .filter(|record| record.status == Some(400))
            .count(),
        1
    );
}

#[tokio::test]
async fn very_large_response_headers_are_no_obstacle() {
    answers(&World::with(standin(|settings| settings.page_header_bytes = 40_000)).await).await;
}

#[tokio::test]
async fn a_stale_build_label_is_read_anew() {
    let world = World::with(standin(|settings| settings.check_build_label = true)).await;
    answers(&world).await;
    world
        .control
        .configure(|settings| settings.build_label = "boq_gemini-web-uiserver_20261101.00_p0".to_owned());
    answers(&world).await;
}

#[tokio::test]
async fn pages_that_are_not_the_app_are_told_apart() {
    for (page, status, code) in [
        (Page::SorryRedirect, 503, "upstream_ip_blocked"),
        (Page::ConsentRedirect, 503, "upstream_consent_required"),
        (Page::SignIn, 503, "upstream_auth_expired"),
        (Page::SignInRedirect, 503, "upstream_auth_expired"),
        (Page::Status(429), 429, "rate_limit_exceeded"),
        (Page::Status(500), 502, "upstream_unavailable"),
    ] {
        let plan = standin(|settings| {
            (settings.page, settings.dead_page, settings.rotation) = (page, page, Rotation::Refused);
        });
        let world = World::with(plan).await;
        fails(&world, status, code).await;
        let (health, body) = world.get("/health").await;
        assert_eq!(
            (health, body["upstreams"][0]["code"].as_str()),
            (503, Some(code)),
            "{body}"
        );
    }
}

#[tokio::test]
async fn the_accounts_own_status_decides() {
    for (status, expected) in [
        (1014, "upstream_account_restricted"),
        (1016, "upstream_auth_expired"),
        (1021, "upstream_account_restricted"),
        (1040, "upstream_account_restricted"),
        (1060, "upstream_region_blocked"),
        (9999, "upstream_account_restricted"),
    ] {
        let world = World::with(standin(|settings| settings.status = status)).await;
        fails(&world, 503, expected).await;
    }
}

#[tokio::test]
async fn an_expired_session_is_renewed_by_a_rotation_once_for_everybody() {
    let world = World::new().await;
    answers(&world).await;
    let pages = |world: &World| {
        world
            .control
            .requests()
            .iter()
            .filter(|record| record.path == "/app")
            .count()
    };
    let before = pages(&world);
    world.control.expire();
    let all = futures_util::future::join_all((0..20).map(|_| answers(&world)));
    all.await;
    // One page for each set of known cookies, all signed out, and one after the rotation.
    assert!(pages(&world) - before <= 4, "{} pages", pages(&world) - before);
}

#[tokio::test]
async fn a_dead_session_is_red_at_once_and_says_what_to_do() {
    let world = World::new().await;
    answers(&world).await;
    world.control.sign_out();
    fails(&world, 503, "upstream_auth_expired").await;
    let prompts = world.control.prompts().len();
    let started = Instant::now();
    fails(&world, 503, "upstream_auth_expired").await;
    let (status, health) = world.get("/health").await;
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!(
        world.control.prompts().len(),
        prompts,
        "nothing is sent for a session known to be dead"
    );
    assert_eq!(
        (status, health["upstreams"][0]["state"].as_str()),
        (503, Some("failed")),
        "{health}"
    );
    let reason = health["upstreams"][0]["reason"].as_str().unwrap();
    assert!(
        reason.contains("SECURE_1PSID") && reason.contains("Firefox"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_session_that_dies_quietly_is_noticed_whatever_the_upstream_answers() {
    for dead in [
        DeadPrompt::Status(401),
        DeadPrompt::Status(403),
        DeadPrompt::Denied,
        DeadPrompt::FreshToken,
    ] {
        let world = World::with(standin(|settings| settings.dead_prompt = dead)).await;
        answers(&world).await;
        world.control.sign_out();
        let (status, answer) = world.chat("[[stand-in: text=fine]]").await;
        assert_eq!(
            (status, code(&answer)),
            (503, "upstream_auth_expired"),
            "{dead:?}: {answer}"
        );
    }
}

#[tokio::test]
async fn a_device_bound_session_is_named_as_such() {
    let world = World::with(standin(|settings| settings.rotation = Rotation::DeviceBound)).await;
    answers(&world).await;
    world.control.sign_out();
    let (status, answer) = world.chat("x").await;
    assert_eq!((status, code(&answer)), (503, "upstream_device_bound"), "{answer}");
    assert!(answer["error"]["message"].as_str().unwrap().contains("Firefox"));
}

#[tokio::test]
async fn without_cookies_in_force_the_port_is_open_and_models_are_listed() {
    let world = World::with(standin(|settings| {
        (settings.accept_unknown, settings.rotation) = (false, Rotation::Refused)
    }))
    .await;
    let (status, health) = world.get("/health").await;
    assert_eq!(
        (status, health["upstreams"][0]["code"].as_str()),
        (503, Some("upstream_auth_expired"))
    );
    let (status, models) = world.get("/v1/models").await;
    assert_eq!((status, models["data"][0]["source"].as_str()), (200, Some("static")));
}
