//! Names of models, their list, and what `/health` says.

use std::time::Duration;

use gemini_gateway::upstream::HealthState;
use serde_json::json;

use super::*;

#[tokio::test]
async fn configured_models_are_listed_with_their_owner_and_no_other_is_taken() {
    let lab = Lab::start().await;
    let gateway = with(&lab).env("LAB_MODELS", "org/a:p,b").start().await;
    let list = gateway.send("GET", "/v1/models", "").await.json();
    let of_the_lab: Vec<&Value> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|model| model["owned_by"] == "lab")
        .collect();
    assert_eq!(
        of_the_lab.iter().map(|model| &model["id"]).collect::<Vec<_>>(),
        ["lab:org/a:p", "lab:b"]
    );
    assert!(
        list["data"]
            .as_array()
            .unwrap()
            .iter()
            .any(|model| model["owned_by"] == "google")
    );
    let one = gateway.send("GET", "/v1/models/lab:org/a:p", "").await;
    assert_eq!((one.status, &one.json()["owned_by"]), (200, &json!("lab")));
    // By its plain name too, since nobody else has it.
    assert_eq!(ask(&gateway, "b", "").await.status, 200);
    assert_eq!(lab.asked()[0].json()["model"], "b");
    let unknown = ask(&gateway, "lab:c", "").await;
    assert_eq!((unknown.status, unknown.code().as_str()), (404, "model_not_found"));
    assert!(unknown.body.contains("lab:org/a:p, lab:b"), "{}", unknown.body);
    let nobodys = ask(&gateway, "gpt-4", "").await;
    assert!(
        nobodys.status == 404 && nobodys.body.contains("lab:…"),
        "{}",
        nobodys.body
    );
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_never_reaches_an_upstream() {
    let lab = Lab::start().await;
    let gateway = with(&lab)
        .env("HF_API_URL", &format!("http://{}/models/{{model}}", lab.address))
        .env("HF_API_TOKEN", "hf_x")
        .start()
        .await;
    for name in [
        "../v1/admin",
        "a/../../b",
        "a//b",
        "a b",
        "a?x=y",
        "a#b",
        "a%2f..",
        "ä",
        "",
    ] {
        for upstream in ["lab", "hf"] {
            let reply = ask(&gateway, &format!("{upstream}:{name}"), "").await;
            assert_eq!(reply.status, 404, "{upstream}:{name}: {}", reply.body);
        }
    }
    assert!(lab.asked().is_empty());
    // One segment, whatever slashes it has; a name with slashes and no upstream is the Hub's.
    for name in ["hf:org/m:p", "org/m:p"] {
        assert_eq!(ask(&gateway, name, "").await.status, 200);
    }
    for asked in lab.asked() {
        assert!(
            asked.head.starts_with("POST /models/org%2Fm:p/v1/chat/completions "),
            "{}",
            asked.head
        );
        assert_eq!(asked.json()["model"], "org/m:p");
    }
}

#[tokio::test]
async fn health_shows_each_and_the_whole_is_ready_in_part() {
    let lab = Lab::start().await;
    let gateway = with(&lab).start().await;
    let health = || async { gateway.send("GET", "/health", "").await };
    let fresh = health().await.json();
    assert_eq!(
        (&fresh["status"], &fresh["upstreams"][1]["state"]),
        (&json!("ready"), &json!("untried"))
    );
    assert_eq!(ask(&gateway, "lab:m", "").await.status, 200);
    assert_eq!(health().await.json()["upstreams"][1]["state"], "ready");
    lab.script(whole(401, "", r#"{"error":{"message":"bad key sk-lab"}}"#));
    assert_eq!(ask(&gateway, "lab:m", "").await.status, 503);
    let failed = health().await;
    assert_eq!((failed.status, &failed.json()["status"]), (200, &json!("degraded")));
    let upstream = &failed.json()["upstreams"][1];
    assert_eq!(
        (&upstream["name"], &upstream["code"]),
        (&json!("lab"), &json!("upstream_credential_refused"))
    );
    assert!(
        upstream["reason"].as_str().unwrap().contains("LAB_API_KEY"),
        "{upstream}"
    );
    *gateway.upstream.health.lock().unwrap() = (HealthState::Failed, Some("Over.".to_owned()));
    assert_eq!(health().await.status, 503);
    assert_eq!(ask(&gateway, "lab:m", "").await.status, 200);
    let revived = health().await;
    assert_eq!((revived.status, &revived.json()["status"]), (200, &json!("degraded")));
}

#[tokio::test]
async fn a_list_is_asked_for_and_a_server_that_comes_later_is_found() {
    use gemini_gateway::upstream::{Upstream, openai_compatible::OpenAiCompatible};
    use tokio_util::{sync::CancellationToken, task::TaskTracker};
    let lab = Lab::start().await;
    lab.script(whole(503, "", ""));
    lab.script(whole(
        200,
        "",
        r#"{"object":"list","data":[{"id":"a/b","owned_by":"x"},{"id":"../c"}]}"#,
    ));
    let env = [
        ("UPSTREAMS", "lab".to_owned()),
        ("LAB_BASE_URL", lab.url()),
        ("LAB_API_KEY", LAB_KEY.to_owned()),
    ];
    let config = match crate::support::load(&[], &env.into_iter().collect()) {
        Ok(gemini_gateway::config::Command::Serve(config)) => config,
        other => panic!("{other:?}"),
    };
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let upstream = OpenAiCompatible::new(config.upstreams[0].clone(), &config.exit()).unwrap();
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    upstream.keep_list(&tasks, &stop);
    let known = || {
        upstream
            .models()
            .iter()
            .map(|model| model.id.clone())
            .collect::<Vec<_>>()
            == ["lab:a/b"]
    };
    crate::support::eventually("the list is there", known).await;
    assert_eq!(upstream.health()[0].state, HealthState::Ready);
    let heads: Vec<String> = lab
        .asked()
        .iter()
        .map(|asked| asked.head.to_ascii_lowercase())
        .collect();
    assert!(
        heads
            .iter()
            .all(|head| head.starts_with("get /v1/models ") && head.contains(LAB_KEY)),
        "{heads:?}"
    );
    stop.cancel();
    tasks.close();
    tokio::time::timeout(Duration::from_secs(5), tasks.wait())
        .await
        .unwrap();
}
