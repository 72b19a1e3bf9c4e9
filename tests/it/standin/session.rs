//! Cookies, page, token, rotation.

use std::time::Duration;

use gemini_gateway::standin::{DeadPrompt, Page, PageToken, Rotation, Rule, Verdict, When};
use serde_json::json;

use super::{Bench, FIRST, PSID, scraped};

#[tokio::test]
async fn the_page_of_a_session_has_what_a_client_scrapes() {
    let bench = Bench::start().await;
    let page = bench.get("/app").await.text().await.unwrap();
    for key in ["SNlM0e", "cfb2h", "FdrFJe", "TuX5cc", "qKIAYe"] {
        assert!(scraped(&page, key).is_some(), "{key}");
    }
    assert!(page.contains("not Gemini"));
    assert_eq!(
        bench.call("otAQ7b", json!([])).await.unwrap().pointer("/14"),
        Some(&json!(1000))
    );
}

#[tokio::test]
async fn a_page_without_the_token_is_healed_by_the_400() {
    let bench = Bench::start().await;
    bench
        .control
        .configure(|settings| settings.page_token = PageToken::Never);
    let page = bench.get("/u/1/app").await.text().await.unwrap();
    assert_eq!(scraped(&page, "SNlM0e"), None);
    assert!(scraped(&page, "cfb2h").is_some());

    let refused = bench.prompt_with("hi", "", json!(null)).await.unwrap();
    assert_eq!(refused.status(), 400);
    let body = refused.text().await.unwrap();
    let (_, rest) = body.split_once("[\"xsrf\",\"").unwrap();
    let fresh = rest.split_once('"').unwrap().0;
    assert_eq!(bench.prompt_with("hi", fresh, json!(null)).await.unwrap().status(), 200);

    let log = bench.control.requests();
    assert_eq!(log[0].account_index, Some(1));
    let matches: Vec<_> = bench
        .control
        .prompts()
        .iter()
        .map(|record| record.token_matches)
        .collect();
    assert_eq!(matches, [None, Some(true)]);
}

#[tokio::test]
async fn redirects_and_pages_on_demand() {
    let bench = Bench::start().await;
    for (page, host, status) in [
        (Page::SignInRedirect, "accounts.google.com/ServiceLogin", 200),
        (Page::ConsentRedirect, "consent.google.com/ml", 200),
        (Page::SorryRedirect, "www.google.com/sorry/index", 429),
    ] {
        bench.control.configure(|settings| settings.page = page);
        let answer = bench.get("/app").await;
        assert_eq!(answer.status(), 302);
        let to = answer.headers()["location"].to_str().unwrap();
        assert!(to.contains(host), "{to}");
        assert_eq!(bench.http.get(to).send().await.unwrap().status(), status, "{to}");
    }
    bench.control.configure(|settings| settings.page = Page::Status(503));
    assert_eq!(bench.get("/app").await.status(), 503);
}

#[tokio::test]
async fn large_headers_and_anonymous_cookies() {
    let bench = Bench::start().await;
    bench.control.configure(|settings| settings.page_header_bytes = 40_000);
    let answer = bench.get("/app").await;
    assert_eq!(answer.headers()["content-security-policy"].len(), 40_000);
    let home = bench.http.get(bench.url("/")).send().await.unwrap();
    let cookies: Vec<_> = home.headers().get_all("set-cookie").iter().collect();
    assert_eq!(cookies.len(), 2);
}

#[tokio::test]
async fn rotation_makes_the_old_cookie_stale() {
    let mut bench = Bench::start().await;
    let answer = bench.rotate().await;
    assert_eq!(answer.status(), 200);
    let cookies = answer.headers().get_all("set-cookie").iter();
    let renewed = cookies.filter_map(|cookie| cookie.to_str().unwrap().strip_prefix("__Secure-1PSIDTS="));
    let renewed = renewed
        .map(|cookie| cookie.split_once(';').unwrap().0.to_owned())
        .next()
        .unwrap();
    assert_eq!(
        answer.text().await.unwrap(),
        ")]}'\n\n[[\"identity.hfcr\",600],[\"di\",41]]"
    );
    assert_eq!(bench.control.rotations(), 1);
    assert_eq!(bench.control.current_psidts().as_ref(), Some(&renewed));

    bench.get("/app").await;
    bench.psidts = Some(renewed);
    bench.get("/app").await;
    bench.psidts = None;
    bench.get("/app").await;
    let verdicts: Vec<_> = bench.control.requests().iter().map(|record| record.verdict).collect();
    assert_eq!(
        verdicts,
        [Verdict::Live, Verdict::Stale, Verdict::Live, Verdict::LiveWithoutPsidts]
    );
}

#[tokio::test]
async fn a_grace_time_keeps_the_old_cookie_good() {
    let bench = Bench::start().await;
    bench
        .control
        .configure(|settings| settings.rotation_grace = Duration::from_secs(60));
    bench.rotate().await;
    bench.token().await;
    assert_eq!(bench.control.requests()[1].verdict, Verdict::LiveInGrace);
}

#[tokio::test]
async fn rotation_outcomes_on_demand() {
    let bench = Bench::start().await;
    for (mode, status, said) in [
        (Rotation::NotIssued, 200, "600"),
        (Rotation::Refused, 401, "identity.hfcr"),
        (Rotation::Forbidden, 403, "2147483647"),
        (Rotation::Throttled, 429, "unusual traffic"),
        (Rotation::Unavailable, 503, "503"),
    ] {
        bench.control.configure(|settings| settings.rotation = mode);
        let answer = bench.rotate().await;
        assert_eq!(answer.status(), status, "{mode:?}");
        assert!(answer.text().await.unwrap().contains(said), "{mode:?}");
    }
    bench
        .control
        .configure(|settings| settings.rotation = Rotation::DeviceBound);
    let answer = bench.rotate().await;
    assert_eq!(answer.status(), 401);
    assert!(answer.headers().contains_key("sec-session-google-challenge"));
    assert_eq!(bench.control.rotations(), 0);
    assert_eq!(bench.control.current_psidts().as_deref(), Some(FIRST));
}

#[tokio::test]
async fn only_the_exact_rotation_body_is_taken_and_not_too_often() {
    let bench = Bench::start().await;
    bench
        .control
        .configure(|settings| settings.rotation_min_gap = Duration::from_secs(60));
    let request = bench.with_cookies(bench.http.post(bench.url("/RotateCookies")));
    assert_eq!(request.body("[0,\"0\"]").send().await.unwrap().status(), 400);
    assert_eq!(bench.rotate().await.status(), 200);
    let mut bench = bench;
    bench.psidts = bench.control.current_psidts();
    assert_eq!(bench.rotate().await.status(), 429);
}

#[tokio::test]
async fn expired_sessions_revive_and_signed_out_ones_do_not() {
    let mut bench = Bench::start().await;
    bench.token().await;
    bench.control.expire();
    assert_eq!(bench.prompt_with("hi", "", json!(null)).await.unwrap().status(), 401);
    assert_eq!(bench.rotate().await.status(), 200);
    bench.psidts = bench.control.current_psidts();
    assert_eq!(bench.prompt("hi").await.unwrap().status(), 200);

    bench.control.sign_out();
    assert_eq!(bench.rotate().await.status(), 401);
    let page = bench.get("/app").await.text().await.unwrap();
    assert_eq!(scraped(&page, "SNlM0e"), None);
    assert!(scraped(&page, "FdrFJe").is_some(), "a guest's page");
}

#[tokio::test]
async fn dead_sessions_get_what_is_set_for_them() {
    let bench = Bench::start().await;
    bench.token().await;
    bench.control.rotate_elsewhere();
    for (mode, status, said) in [
        (DeadPrompt::Status(403), 403, "\"er\""),
        (DeadPrompt::Guest, 200, "3.5 Flash-Lite"),
        (DeadPrompt::Denied, 200, "null,null,null,null,[7]"),
        (DeadPrompt::FreshToken, 400, "xsrf"),
    ] {
        bench.control.configure(|settings| settings.dead_prompt = mode);
        let answer = bench.prompt_with("hi", "", json!(null)).await.unwrap();
        assert_eq!(answer.status(), status, "{mode:?}");
        let body = answer.text().await.unwrap();
        assert!(body.contains(said), "{mode:?}: {body}");
    }
    let log = bench.control.prompts();
    assert!(log.iter().all(|record| record.verdict == Verdict::Stale));
}

#[tokio::test]
async fn unknown_cookies_are_refused_where_only_seeded_ones_count() {
    let bench = Bench::start().await;
    bench.control.configure(|settings| settings.accept_unknown = false);
    bench.get("/app").await;
    bench.control.seed(PSID, Some(FIRST));
    bench.get("/app").await;
    let verdicts: Vec<_> = bench.control.requests().iter().map(|record| record.verdict).collect();
    assert_eq!(verdicts, [Verdict::Unknown, Verdict::Live]);
}

#[tokio::test]
async fn account_status_and_refused_calls() {
    let bench = Bench::start().await;
    bench.control.set_status(1060);
    let status = bench.call("otAQ7b", json!([])).await.unwrap();
    assert_eq!((&status[14], &status[15]), (&json!(1060), &json!(null)));
    let fault = "reject=7".parse().unwrap();
    bench
        .control
        .rule(Rule::new(When::Call("hNvQHb".to_owned()), fault).times(1));
    assert_eq!(bench.call("hNvQHb", json!(["c_0", 10])).await, Err(7));
    assert_eq!(bench.call("hNvQHb", json!(["c_0", 10])).await, Ok(json!([])));
}

#[tokio::test]
async fn a_stale_build_label_is_405() {
    let bench = Bench::start().await;
    bench.control.configure(|settings| settings.check_build_label = true);
    assert_eq!(bench.prompt("hi").await.unwrap().status(), 405);
}

#[tokio::test]
async fn the_log_holds_no_secret() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    bench.prompt("hello").await.unwrap();
    let log = format!("{:?}", bench.control.requests());
    assert!(log.contains("__Secure-1PSIDTS") && log.contains("hello"));
    for secret in [PSID, FIRST, token.as_str()] {
        assert!(!log.contains(secret));
    }
}
