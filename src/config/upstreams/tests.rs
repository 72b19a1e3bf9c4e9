//! What owners write, and what comes of it.

use std::{collections::HashMap, ffi::OsString, path::Path};

use super::*;
use crate::config::{Command, Config, Problems, Sources, load};

fn config(env: &[(&str, &str)]) -> Result<Config, Problems> {
    let env: HashMap<&str, &str> = env.iter().copied().collect();
    let environment = |name: &str| env.get(name).map(OsString::from);
    let sources = Sources {
        environment: &environment,
        dotenv: Path::new("/nonexistent/.env"),
    };
    match load([OsString::from("gemini-gateway")], &sources)? {
        Command::Serve(config) => Ok(*config),
        other => panic!("{other:?}"),
    }
}

/// Name and address of every upstream.
fn upstreams(env: &[(&str, &str)]) -> Vec<(String, String)> {
    let config = config(env).unwrap();
    let each = |settings: &Settings| (settings.name.clone(), settings.base_url.to_string());
    config.upstreams.iter().map(each).collect()
}

fn problems(env: &[(&str, &str)]) -> Vec<String> {
    match config(env) {
        Err(Problems::Configuration(list)) => list.iter().map(|problem| problem.variable.to_string()).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn presets_are_off_until_something_of_theirs_is_set() {
    const HUB: &str = "https://router.huggingface.co/v1";
    let hub = vec![("hf".to_owned(), HUB.to_owned())];
    assert_eq!(
        upstreams(&[
            ("HF_TOKEN", "hf_x"),
            ("OPENAI_API_KEY", "k"),
            ("OPENAI_BASE_URL", "http://h/v1")
        ]),
        []
    );
    assert_eq!(upstreams(&[("HF_API_TOKEN", "hf_x")]), hub);
    assert_eq!(
        upstreams(&[("HF_TOKEN", "hf_x"), ("FALLBACK_CHAIN", "gemini-pro,hf:a/b")]),
        hub
    );
    for model in ["hf:a/b:novita", "a/b", "a/b:novita"] {
        assert_eq!(upstreams(&[("DEFAULT_MODEL", model)]), hub, "{model}");
    }
    let lab = [
        ("UPSTREAMS", "lab"),
        ("LAB_BASE_URL", "http://h/v1"),
        ("DEFAULT_MODEL", "lab:a/b"),
    ];
    assert_eq!(upstreams(&lab).len(), 1);
    assert_eq!(
        upstreams(&[("LOCAL_BASE_URL", "http://127.0.0.1:8080/v1")]),
        [("local".to_owned(), "http://127.0.0.1:8080/v1".to_owned())]
    );
    assert_eq!(
        upstreams(&[("UPSTREAMS", "openai"), ("OPENAI_API_KEY", "k")])[0].1,
        "https://api.openai.com/v1"
    );
}

#[test]
fn any_number_of_others_has_names_of_its_own() {
    let config = config(&[
        ("UPSTREAMS", "lab-2, hf"),
        ("LAB_2_BASE_URL", "https://lab.example/api/v1"),
        ("LAB_2_API_KEY", "lab-key"),
        ("LAB_2_MODELS", "a/b:c, d"),
        ("LAB_2_HEADERS", r#"{"X-Title":"t","Cookie":"c=d"}"#),
        ("LAB_2_TIMEOUT", "7"),
        ("IDLE_TIMEOUT", "33"),
        ("FALLBACK_CHAIN", "gemini-flash ; gemini-pro = lab-2:d , hf:x/y;quiet="),
    ])
    .unwrap();
    let [lab, hub] = config.upstreams.as_slice() else {
        panic!("{config:?}")
    };
    assert_eq!(
        (lab.name.as_str(), lab.key_setting.as_str()),
        ("lab-2", "LAB_2_API_KEY")
    );
    assert_eq!(lab.models, ["a/b:c", "d"]);
    assert_eq!(lab.headers["x-title"], "t");
    assert_eq!(
        (lab.timeout, hub.timeout),
        (Duration::from_secs(7), Duration::from_secs(33))
    );
    assert_eq!(config.chains.general, ["gemini-flash"]);
    assert_eq!(config.chains.own["gemini-pro"], ["lab-2:d", "hf:x/y"]);
    assert!(config.chains.own["quiet"].is_empty());
    let shown = format!("{config:?}");
    assert!(!shown.contains("lab-key"), "{shown}");
}

#[test]
fn the_hubs_own_token_goes_before_the_one_for_everything() {
    use secrecy::ExposeSecret;
    let key = |env: &[(&str, &str)]| {
        let config = config(env).unwrap();
        config.upstreams[0]
            .key
            .as_ref()
            .map(|key| key.expose_secret().to_owned())
    };
    assert_eq!(
        key(&[("HF_API_TOKEN", "own"), ("HF_TOKEN", "all")]).as_deref(),
        Some("own")
    );
    assert_eq!(key(&[("UPSTREAMS", "hf"), ("HF_TOKEN", "all")]).as_deref(), Some("all"));
    assert_eq!(key(&[("UPSTREAMS", "hf")]), None);
}

#[test]
fn a_fixed_address_is_for_chats_and_serves_the_default_model() {
    for (value, expected) in [
        ("https://e.example", "https://e.example/v1/chat/completions"),
        ("https://e.example/v1/", "https://e.example/v1/chat/completions"),
        (
            "https://e.example/x/chat/completions",
            "https://e.example/x/chat/completions",
        ),
        (
            "https://e.example/models/{model}",
            "https://e.example/models/%7Bmodel%7D/v1/chat/completions",
        ),
    ] {
        let config = config(&[("HF_API_URL", value), ("DEFAULT_MODEL", "org/m:p")]).unwrap();
        assert_eq!(config.upstreams[0].chat_url.as_ref().unwrap().as_str(), expected);
        assert_eq!(config.upstreams[0].models, ["org/m:p"]);
    }
}

#[test]
fn what_is_wrong_is_told_by_name() {
    for (env, variable) in [
        (vec![("UPSTREAMS", "lab")], "LAB_BASE_URL"),
        (vec![("UPSTREAMS", "Lab")], "UPSTREAMS"),
        (vec![("UPSTREAMS", "gemini")], "UPSTREAMS"),
        (vec![("UPSTREAMS", "hf,hf")], "UPSTREAMS"),
        (vec![("LOCAL_BASE_URL", "ftp://h")], "LOCAL_BASE_URL"),
        (vec![("LOCAL_BASE_URL", "http://u:p@h/v1")], "LOCAL_BASE_URL"),
        (
            vec![("LOCAL_BASE_URL", "http://h/v1"), ("LOCAL_HEADERS", "X: y")],
            "LOCAL_HEADERS",
        ),
        (
            vec![("LOCAL_BASE_URL", "http://h/v1"), ("LOCAL_HEADERS", r#"{"Host":"x"}"#)],
            "LOCAL_HEADERS",
        ),
        (
            vec![("LOCAL_BASE_URL", "http://h/v1"), ("LOCAL_MODELS", "../x")],
            "LOCAL_MODELS",
        ),
        (
            vec![("LOCAL_BASE_URL", "http://h/v1"), ("LOCAL_TIMEOUT", "0")],
            "LOCAL_TIMEOUT",
        ),
        (vec![("FALLBACK_CHAIN", "local:x")], "FALLBACK_CHAIN"),
        (vec![("FALLBACK_CHAIN", "a,b;c,d")], "FALLBACK_CHAIN"),
        (vec![("FALLBACK_CHAIN", "a b")], "FALLBACK_CHAIN"),
        (vec![("FALLBACK_CHAIN", "m=a;m=b")], "FALLBACK_CHAIN"),
    ] {
        assert_eq!(problems(&env), [variable], "{env:?}");
    }
}
