//! New cookies while the gateway runs: tried on the side, classified, in use only if they work, found again afterwards.

use std::{fs, path::Path, time::Duration};

use gemini_gateway::standin::{Page, Rotation, Rule, When};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::world::{PSID, PSIDTS, Plan, World, code, text};

const NEW: &str = "g.a000-entered";
const NEW_TS: &str = "sidts-entered";
/// The remote call that deletes a chat.
const DELETE: &str = "GzXR5e";
const PATIENCE: Duration = Duration::from_secs(30);

fn login(psid: &str, psidts: &str) -> Value {
    json!({"cookies": {"__Secure-1PSID": psid, "__Secure-1PSIDTS": psidts}})
}

async fn enter(world: &World, body: &Value) -> Value {
    let response = timeout(PATIENCE, world.post("/session/cookies", body)).await.unwrap();
    let status = response.status().as_u16();
    let answer = response.text().await.unwrap();
    assert!(!answer.contains(NEW) && !answer.contains(NEW_TS), "{answer}");
    assert_eq!(status, 200, "{answer}");
    serde_json::from_str(&answer).unwrap()
}

/// Verdict, and whether the cookies are in use and kept.
fn told(answer: &Value) -> (&str, bool, bool) {
    let flag = |name: &str| answer[name].as_bool().unwrap();
    (answer["verdict"].as_str().unwrap(), flag("in_use"), flag("kept"))
}

async fn answers(world: &World) {
    let (status, answer) = world.chat("[[stand-in: text=fine]]").await;
    assert_eq!((status, text(&answer)), (200, "fine"), "{answer}");
}

fn kept_in(dir: &Path) -> Plan {
    Plan {
        state: Some(dir.to_owned()),
        ..Plan::default()
    }
}

fn nothing_configured() -> Plan {
    Plan {
        psid: None,
        ..Plan::default()
    }
}

#[tokio::test]
async fn a_dead_session_is_replaced_without_a_restart_and_a_restart_finds_the_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::with(kept_in(dir.path())).await;
    answers(&world).await;
    world.control.sign_out();
    let (status, dead) = world.chat("x").await;
    assert_eq!((status, code(&dead)), (503, "upstream_auth_expired"));

    let answer = enter(&world, &login(NEW, NEW_TS)).await;
    assert_eq!(told(&answer), ("renewable", true, true), "{answer}");
    assert!(
        answer["message"].as_str().unwrap().contains("kept over restarts"),
        "{answer}"
    );
    assert_eq!(
        answer["found"],
        json!([
            "Read as a JSON export: 2 cookies.",
            "Found __Secure-1PSID and __Secure-1PSIDTS."
        ])
    );
    answers(&world).await;
    let (status, health) = world.get("/health").await;
    assert_eq!(status, 200, "{health}");

    let world = world.restart(kept_in(dir.path())).await;
    world.control.clear_requests();
    answers(&world).await;
    assert!(world.control.requests().iter().all(|record| record.verdict.is_live()));
}

#[tokio::test]
async fn cookies_configured_afterwards_win_over_those_that_were_entered() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::with(kept_in(dir.path())).await;
    assert_eq!(told(&enter(&world, &login(NEW, NEW_TS)).await).0, "renewable");
    world.control.sign_out();
    world.control.seed("g.a000-later", Some("sidts-later"));
    let later = Plan {
        psid: Some("g.a000-later"),
        psidts: Some("sidts-later"),
        ..kept_in(dir.path())
    };
    let world = world.restart(later).await;
    answers(&world).await;
    assert!(
        !fs::read_to_string(dir.path().join("session.json"))
            .unwrap()
            .contains(NEW)
    );
}

#[tokio::test]
async fn a_gateway_without_any_cookies_gets_its_first_from_the_page() {
    let dir = tempfile::tempdir().unwrap();
    let plan = || Plan {
        state: Some(dir.path().to_owned()),
        ..nothing_configured()
    };
    let world = World::with(plan()).await;
    let (status, none) = world.chat("x").await;
    assert_eq!((status, code(&none)), (503, "upstream_not_configured"), "{none}");
    let header = format!("Cookie: NID=1; __Secure-1PSIDTS={NEW_TS}; __Secure-1PSID={NEW}");
    let answer = enter(&world, &json!({"cookies": header})).await;
    assert_eq!(told(&answer), ("renewable", true, true), "{answer}");
    answers(&world).await;
    let (_, models) = world.get("/v1/models").await;
    assert_eq!(models["data"][0]["source"], "account", "{models}");
    answers(&world.restart(plan()).await).await;
}

#[tokio::test]
async fn without_a_place_to_keep_them_the_answer_says_so() {
    let world = World::with(nothing_configured()).await;
    let answer = enter(&world, &login(NEW, NEW_TS)).await;
    assert_eq!(told(&answer), ("renewable", true, false), "{answer}");
    assert!(
        answer["message"].as_str().unwrap().contains("in memory only"),
        "{answer}"
    );
    answers(&world).await;
}

#[tokio::test]
async fn cookies_that_do_not_sign_in_leave_the_session_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::with(kept_in(dir.path())).await;
    let before = fs::read(dir.path().join("session.json")).unwrap();
    type Fault = fn(&World);
    let faults: [(&str, Option<&str>, Fault); 6] = [
        ("guest", Some("upstream_auth_expired"), |world| {
            world
                .control
                .configure(|settings| (settings.accept_unknown, settings.rotation) = (false, Rotation::Refused));
        }),
        ("device_bound", Some("upstream_device_bound"), |world| {
            world
                .control
                .configure(|settings| settings.rotation = Rotation::DeviceBound);
        }),
        ("blocked", Some("upstream_ip_blocked"), |world| {
            world.control.configure(|settings| {
                (settings.accept_unknown, settings.page, settings.dead_page) =
                    (true, Page::SorryRedirect, Page::SorryRedirect);
            });
        }),
        ("blocked", Some("upstream_consent_required"), |world| {
            world
                .control
                .configure(|settings| settings.page = Page::ConsentRedirect);
        }),
        ("unreachable", Some("upstream_unavailable"), |world| {
            world.control.configure(|settings| settings.page = Page::Status(503));
        }),
        ("unreachable", Some("upstream_unreachable"), |world| {
            world
                .control
                .rule(Rule::new(When::Path("/app".to_owned()), "drop".parse().unwrap()));
        }),
    ];
    for (verdict, code, fault) in faults {
        fault(&world);
        let answer = enter(&world, &login(NEW, NEW_TS)).await;
        assert_eq!(told(&answer), (verdict, false, false), "{answer}");
        assert_eq!(answer["code"].as_str(), code, "{answer}");
        let message = answer["message"].as_str().unwrap();
        assert!(message.contains("The session that works was kept."), "{message}");
        answers(&world).await;
        assert_eq!(fs::read(dir.path().join("session.json")).unwrap(), before, "{verdict}");
        assert!(!dir.path().join("session-trial.json").exists(), "{verdict}");
    }
    world.control.clear_rules();
    world.control.configure(|settings| {
        (settings.page, settings.rotation) = (Page::App, Rotation::Renew);
    });
    assert_eq!(
        told(&enter(&world, &login(NEW, NEW_TS)).await),
        ("renewable", true, true)
    );
}

#[tokio::test]
async fn cookies_that_cannot_be_renewed_are_used_only_where_nothing_better_is() {
    for (rotation, verdict) in [(Rotation::DeviceBound, "device_bound"), (Rotation::Refused, "stale")] {
        let world = World::new().await;
        world.control.configure(|settings| settings.rotation = rotation);
        let answer = enter(&world, &login(NEW, NEW_TS)).await;
        assert_eq!(told(&answer), (verdict, false, false), "{answer}");
        assert!(answer["message"].as_str().unwrap().contains("Firefox"), "{answer}");
        answers(&world).await;
        // Asked again at once, Google says "too often", which says nothing.
        world
            .control
            .configure(|settings| settings.rotation = Rotation::Throttled);
        assert_eq!(told(&enter(&world, &login(NEW, NEW_TS)).await), (verdict, false, false));

        let world = World::with(nothing_configured()).await;
        world.control.configure(|settings| settings.rotation = rotation);
        let answer = enter(&world, &login(NEW, NEW_TS)).await;
        assert_eq!(told(&answer), (verdict, true, false), "{answer}");
        answers(&world).await;
    }
}

#[tokio::test]
async fn a_rotation_that_proves_nothing_is_said_to_prove_nothing() {
    for rotation in [
        Rotation::NotIssued,
        Rotation::Throttled,
        Rotation::Forbidden,
        Rotation::Unavailable,
    ] {
        let world = World::with(nothing_configured()).await;
        world.control.configure(|settings| settings.rotation = rotation);
        let answer = enter(&world, &login(NEW, NEW_TS)).await;
        assert_eq!(told(&answer), ("unproven", true, false), "{rotation:?} {answer}");
        answers(&world).await;
    }
}

#[tokio::test]
async fn signed_out_cookies_that_a_rotation_mends_are_used() {
    let world = World::with(nothing_configured()).await;
    world.control.seed(NEW, Some(NEW_TS));
    world.control.expire();
    let answer = enter(&world, &login(NEW, NEW_TS)).await;
    assert_eq!(told(&answer), ("renewable", true, false), "{answer}");
    answers(&world).await;
    assert_eq!(
        world.control.rotations(),
        1,
        "the rotation that mended them is proof enough"
    );
}

#[tokio::test]
async fn what_a_failed_trial_rotated_is_taken_up_when_the_same_cookies_come_again() {
    for dir in [None, Some(tempfile::tempdir().unwrap())] {
        let world = World::with(Plan {
            state: dir.as_ref().map(|dir| dir.path().to_owned()),
            ..nothing_configured()
        })
        .await;
        world.control.configure(|settings| settings.require_psidts = true);
        world.control.seed(NEW, Some(NEW_TS));
        world.control.expire();
        // The first sign-in finds them expired, the rotation renews them, and the second sign-in gets no answer.
        let no_answer = Rule::new(When::Path("/app".to_owned()), "drop".parse().unwrap());
        world.control.rule(no_answer.after(1).times(1));
        let answer = enter(&world, &login(NEW, NEW_TS)).await;
        assert_eq!(told(&answer), ("unreachable", false, false), "{answer}");
        assert_eq!(world.control.rotations(), 1);
        let answer = enter(&world, &login(NEW, NEW_TS)).await;
        assert_eq!(told(&answer), ("renewable", true, dir.is_some()), "{answer}");
        answers(&world).await;
    }
}

#[tokio::test]
async fn the_cookies_in_use_are_recognised_and_only_the_account_is_asked() {
    let world = World::new().await;
    answers(&world).await;
    world.control.clear_requests();
    let answer = enter(&world, &login(PSID, PSIDTS)).await;
    assert_eq!(told(&answer), ("unchanged", true, false), "{answer}");
    let asked: Vec<_> = world
        .control
        .requests()
        .iter()
        .map(|record| record.calls.len())
        .collect();
    assert_eq!(asked, [1], "neither a page nor a rotation");
    // Entered because something seems wrong, and something is.
    world.control.sign_out();
    let answer = enter(&world, &login(PSID, PSIDTS)).await;
    assert_eq!(told(&answer), ("guest", false, false), "{answer}");
}

#[tokio::test]
async fn newer_cookies_of_the_same_account_take_over() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::with(kept_in(dir.path())).await;
    // Renewed in the browser: the gateway's own copy is stale.
    world.control.seed(PSID, Some(NEW_TS));
    world.control.configure(|settings| settings.require_psidts = true);
    let answer = enter(&world, &login(PSID, NEW_TS)).await;
    // The account was asked for a rotation at the start, under a minute ago: not again.
    assert_eq!(told(&answer), ("unproven", true, true), "{answer}");
    answers(&world).await;
    assert!(
        !fs::read_to_string(dir.path().join("session.json"))
            .unwrap()
            .contains(PSID)
    );
    answers(&world.restart(kept_in(dir.path())).await).await;
}

#[tokio::test]
async fn of_two_at_once_one_waits_for_the_other() {
    let world = World::new().await;
    world.control.clear_requests();
    let (first, other) = (login(NEW, NEW_TS), login("g.a000-other", "sidts-other"));
    let (one, two) = tokio::join!(enter(&world, &first), enter(&world, &other));
    assert_eq!(
        (told(&one), told(&two)),
        (("renewable", true, false), ("renewable", true, false))
    );
    answers(&world).await;
    // Page, account, rotation of one trial all come before the page of the next.
    let paths: Vec<String> = world.control.requests().into_iter().map(|record| record.path).collect();
    let turns: Vec<&str> = paths
        .iter()
        .filter_map(|path| match path.as_str() {
            "/app" => Some("page"),
            "/RotateCookies" => Some("rotation"),
            _ => None,
        })
        .collect();
    assert!(turns.chunks(2).all(|turn| turn == ["page", "rotation"]), "{turns:?}");
}

#[tokio::test]
async fn kept_chats_are_deleted_in_whichever_account_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::with(Plan {
        temporary_chats: false,
        ..kept_in(dir.path())
    })
    .await;
    let long = world.stream("[[stand-in: len=600 frames=8 delay=100]]");
    let entered = async {
        let asked = |records: &[gemini_gateway::standin::Record]| records.iter().any(|record| record.is_prompt());
        timeout(PATIENCE, world.control.wait_for(asked)).await.unwrap();
        enter(&world, &login(NEW, NEW_TS)).await
    };
    let (streamed, answer) = tokio::join!(long, entered);
    assert_eq!((streamed.text.len(), told(&answer).0), (600, "renewable"), "{answer}");
    answers(&world).await;
    assert_eq!(told(&enter(&world, &login(NEW, "sidts-newer")).await).0, "guest");
    world.control.seed(NEW, Some("sidts-newer"));
    assert!(
        told(&enter(&world, &login(NEW, "sidts-newer")).await).1,
        "the same account, another session"
    );
    answers(&world).await;
    // Each of the three is deleted by the session it was made in, or by that session's successor.
    let deleted = |records: &[gemini_gateway::standin::Record]| {
        let calls = records.iter().flat_map(|record| &record.calls);
        calls.filter(|(id, _)| id == DELETE).count() >= 3
    };
    timeout(PATIENCE, world.control.wait_for(deleted)).await.unwrap();
    let gone = async {
        while !world.control.chats().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, gone).await.unwrap();
}

#[tokio::test]
async fn an_answer_under_way_is_not_cut() {
    let world = World::new().await;
    let long = world.stream("[[stand-in: len=600 frames=12 delay=100]]");
    let entered = async {
        timeout(
            PATIENCE,
            world
                .control
                .wait_for(|records| records.iter().any(|record| record.is_prompt())),
        )
        .await
        .unwrap();
        enter(&world, &login(NEW, NEW_TS)).await
    };
    let (streamed, answer) = tokio::join!(long, entered);
    assert_eq!(told(&answer).0, "renewable", "{answer}");
    assert_eq!(
        (streamed.text.len(), streamed.finish.as_deref()),
        (600, Some("stop")),
        "{streamed:?}"
    );
    answers(&world).await;
}

#[tokio::test]
async fn who_waits_for_a_dead_session_gets_the_new_one() {
    let world = World::with(nothing_configured()).await;
    assert_eq!(told(&enter(&world, &login(PSID, PSIDTS)).await).0, "renewable");
    world.control.sign_out();
    world.control.seed(NEW, Some(NEW_TS));
    // The dead session is found out by a prompt, and its sign-in hangs while the new cookies come.
    let slow = Rule::new(When::Path("/RotateCookies".to_owned()), "head=1500".parse().unwrap());
    world.control.rule(slow.times(1));
    world.control.clear_requests();
    let waiting = world.chat("[[stand-in: text=fine]]");
    let entered = async {
        let rotating =
            |records: &[gemini_gateway::standin::Record]| records.iter().any(|record| record.path == "/RotateCookies");
        timeout(PATIENCE, world.control.wait_for(rotating)).await.unwrap();
        enter(&world, &login(NEW, NEW_TS)).await
    };
    let ((status, answered), answer) = tokio::join!(waiting, entered);
    assert_eq!(told(&answer), ("renewable", true, false), "{answer}");
    assert_eq!((status, text(&answered)), (200, "fine"), "{answered}");
}

#[tokio::test]
async fn the_door_needs_a_key_a_post_and_cookies() {
    let world = World::new().await;
    let (status, _) = world.get("/session/cookies").await;
    assert_eq!(status, 405);
    let response = world
        .post("/session/cookies", &json!({"cookies": "NID=my-secret"}))
        .await;
    let status = response.status().as_u16();
    let answer = response.text().await.unwrap();
    assert_eq!(status, 400, "{answer}");
    assert!(
        answer.contains("__Secure-1PSID") && !answer.contains("my-secret"),
        "{answer}"
    );
    answers(&world).await;
}

#[tokio::test]
async fn an_owner_may_close_the_door() {
    let gateway = crate::support::Setup::default()
        .env("COOKIE_UPDATES", "false")
        .start()
        .await;
    let body = r#"{"cookies":"__Secure-1PSID=g.a000-x; __Secure-1PSIDTS=sidts-x"}"#;
    let reply = gateway.send("POST", "/session/cookies", body).await;
    assert_eq!((reply.status, reply.code().as_str()), (404, "unknown_url"));
    assert!(reply.body.contains("COOKIE_UPDATES"), "{}", reply.body);
}

#[tokio::test]
async fn the_owners_view_tells_what_failed_lately() {
    let world = World::new().await;
    let (status, _) = world.chat("[[stand-in: http=500]]").await;
    assert_eq!(status, 502);
    let (status, session) = world.get("/session").await;
    assert_eq!((status, session["status"].as_str()), (200, Some("ready")), "{session}");
    let error = &session["errors"][0];
    assert_eq!(error["code"], "upstream_unavailable", "{session}");
    assert!(error["message"].as_str().unwrap().contains("Try again"), "{session}");
    assert_eq!(error["count"], 1);
    let (_, health) = world.get("/health").await;
    assert!(health.get("errors").is_none(), "{health}");
}
