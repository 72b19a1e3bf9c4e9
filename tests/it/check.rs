//! `gemini-gateway check`: the program itself, before servers that do as they are told.

use std::process::{Command, Output};

use crate::{
    gemini,
    upstreams::{LAB_KEY, Lab, whole},
};

const LIST: &str = r#"{"object":"list","data":[{"id":"m-1"},{"id":"m-2"}]}"#;

/// The program's own run with this environment, with nothing else of this process's.
async fn check(args: &'static [&'static str], env: Vec<(&'static str, String)>) -> (Option<i32>, String, String) {
    let run = move || -> Output {
        let folder = tempfile::tempdir().unwrap();
        Command::new(env!("CARGO_BIN_EXE_gemini-gateway"))
            .arg("check")
            .args(args)
            .env_clear()
            .envs(env)
            .current_dir(folder.path())
            .output()
            .unwrap()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn of(lab: &Lab) -> Vec<(&'static str, String)> {
    vec![
        ("UPSTREAMS", "lab".to_owned()),
        ("LAB_BASE_URL", lab.url()),
        ("LAB_API_KEY", LAB_KEY.to_owned()),
        ("PORT", "1".to_owned()),
    ]
}

/// The words of an upstream's row.
fn row(table: &str, name: &str) -> Vec<String> {
    let line = table.lines().find(|line| line.starts_with(name));
    let line = line.unwrap_or_else(|| panic!("no row for {name} in {table}"));
    line.split("  ")
        .map(str::trim)
        .filter(|cell| !cell.is_empty())
        .map(str::to_owned)
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_that_answers_is_good() {
    let lab = Lab::start().await;
    lab.script(whole(200, "", LIST));
    let (code, table, log) = check(&["--upstream", "lab"], of(&lab)).await;
    assert_eq!(code, Some(0), "{table}{log}");
    let row = row(&table, "lab");
    assert_eq!(row[..5], ["lab", "ok", "yes", "accepted", "2"], "{table}");
    assert!(row[5].starts_with("lab:m-1 in ") && row[5].ends_with(" ms"), "{table}");
    let asked = lab.asked();
    assert_eq!(
        (asked.len(), &asked[1].json()["max_tokens"]),
        (2, &serde_json::json!(16))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_named_with_its_cure_and_the_exit_code_follows() {
    let lab = Lab::start().await;
    lab.script(whole(200, "", LIST));
    lab.script(whole(401, "", r#"{"error":{"message":"bad key sk-lab"}}"#));
    let (code, table, log) = check(&["--upstream", "lab"], of(&lab)).await;
    assert_eq!(code, Some(1), "{table}");
    assert_eq!(
        row(&table, "lab")[..5],
        ["lab", "FAILED", "yes", "refused", "2"],
        "{table}"
    );
    assert!(
        table.contains("LAB_API_KEY") && !format!("{table}{log}").contains(LAB_KEY),
        "{table}"
    );

    let mut env = of(&lab);
    env[1].1 = "http://127.0.0.1:1/v1".to_owned();
    env.push(("LAB_MODELS", "m".to_owned()));
    let (code, table, _) = check(&["--upstream", "lab"], env).await;
    assert_eq!(code, Some(1), "{table}");
    assert_eq!(row(&table, "lab")[2], "upstream_unreachable", "{table}");

    let (code, _, log) = check(&["--upstream", "nobody"], of(&lab)).await;
    assert_eq!(code, Some(64));
    assert!(log.contains("gemini-web, lab"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_upstreams_are_asked_and_one_that_fails_is_enough() {
    let lab = Lab::start().await;
    lab.script(whole(200, "", LIST));
    let (code, table, _) = check(&[], of(&lab)).await;
    assert_eq!(code, Some(1), "{table}");
    assert_eq!(row(&table, "gemini-web")[..2], ["gemini-web", "FAILED"], "{table}");
    assert_eq!(row(&table, "lab")[1], "ok");
    assert!(table.contains("SECURE_1PSID"), "{table}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_gateway_is_asked_for_gemini_because_the_session_is_its() {
    let world = gemini::world::World::new().await;
    let env = vec![
        ("API_KEY", gemini::world::KEY.to_owned()),
        ("HOST", "127.0.0.1".to_owned()),
        ("PORT", world.port().to_string()),
        ("SECURE_1PSID", "never-sent".to_owned()),
    ];
    let (code, table, log) = check(&[], env.clone()).await;
    assert_eq!(code, Some(0), "{table}{log}");
    assert_eq!(
        row(&table, "gemini-web")[..4],
        ["gemini-web", "ok", "yes", "signed in"],
        "{table}"
    );
    assert!(table.contains("Asked through the gateway that runs"), "{table}");
    let mut env = env;
    env[0].1 = "another-key-0123456789".to_owned();
    let (code, table, _) = check(&[], env).await;
    assert_eq!(code, Some(1), "{table}");
}
