use super::*;

#[track_caller]
fn problems(overlay: &str) -> Vec<String> {
    Protocol::with_overlay(overlay).err().unwrap_or_default()
}

#[test]
fn the_built_in_protocol_is_valid() {
    let protocol = Protocol::built_in().unwrap();
    assert_eq!(protocol.request.inner_length, 81);
    assert_eq!(protocol.errors[&1037], ErrorClass::UsageLimit);
    assert!(!protocol.activity_before_generation);
    let rotation = &protocol.rotation;
    assert_eq!(rotation.hint_tag, "identity.hfcr");
    assert!((rotation.min_interval_s..=rotation.max_hint_s).contains(&rotation.interval_s));
    assert!(rotation.never_hint > rotation.max_hint_s);
    // The word of the account must be good for longer than it takes to get it.
    assert!(protocol.limits.signin_proof_s > protocol.limits.signin_wait_s);
}

#[test]
fn an_overlay_merges_objects_and_replaces_everything_else() {
    let overlay = r#"{
        "request": {"inner_length": 97, "slots": {"91": 0, "6": [0], "45": null}},
        "errors": {"1076": "temporary"},
        "redirect_hosts": ["example.org"]
    }"#;
    let protocol = Protocol::with_overlay(overlay).unwrap();
    assert_eq!(protocol.request.inner_length, 97);
    assert_eq!(protocol.request.slots[&91].to_json(&[]).unwrap(), "0");
    assert_eq!(protocol.request.slots[&6].to_json(&[]).unwrap(), "[0]");
    assert_eq!(protocol.request.slots[&45].to_json(&[]).unwrap(), "null");
    assert_eq!(protocol.request.slots[&30].to_json(&[]).unwrap(), "[4]");
    assert_eq!(protocol.errors[&1076], ErrorClass::Temporary);
    assert_eq!(protocol.errors[&1003], ErrorClass::RejectedRequest);
    assert_eq!(protocol.redirect_hosts, ["example.org"]);
}

#[test]
fn every_problem_is_reported_with_its_path() {
    let found = problems(
        r#"{
            "host": {},
            "request": {"inner_lenght": 1, "inner_length": "81"},
            "limits": {"first_byte_s": 0},
            "hosts": {"app": "ftp://gemini.google.com"}
        }"#,
    );
    let paths: Vec<_> = found.iter().filter_map(|problem| problem.split(": ").next()).collect();
    for path in ["host", "request.inner_lenght", "request.inner_length", "hosts"] {
        assert!(paths.contains(&path), "{path} in {found:?}");
    }
}

#[test]
fn values_out_of_bounds_are_refused_by_path() {
    for (overlay, path) in [
        (r#"{"limits": {"first_byte_s": 0}}"#, "limits.first_byte_s"),
        (r#"{"limits": {"signin_wait_s": 0}}"#, "limits.signin_wait_s"),
        (r#"{"request": {"inner_length": 12}}"#, "request.inner_length"),
        (r#"{"request": {"slots": {"5": "$typo"}}}"#, "request.slots.5"),
        (r#"{"request": {"slots": {"x": 1}}}"#, "request"),
        (r#"{"paths": {"page": "app"}}"#, "paths.page"),
        (
            r#"{"headers": {"page": [{"name": "a b", "value": "x"}]}}"#,
            "headers.page[0].name",
        ),
        (
            r#"{"headers": {"page": [{"name": "a", "value": "x\ny"}]}}"#,
            "headers.page[0].value",
        ),
        (
            r#"{"headers": {"page": [{"name": "cookie", "value": "x"}]}}"#,
            "headers.page[0].name",
        ),
        (
            r#"{"headers": {"page": [{"name": "a", "value": "x", "if": 1}]}}"#,
            "headers",
        ),
        (r#"{"errors": {"1003": "nonsense"}}"#, "errors"),
        (r#"{"capacity": {"default": {"value": 1, "field": 14}}}"#, "capacity"),
        (r#"{"rotation": {"interval_s": 5}}"#, "rotation.interval_s"),
        (r#"{"cleanup": {"literals": [""]}}"#, "cleanup"),
        (r#"{"redirect_hosts": ["https://x"]}"#, "redirect_hosts[0]"),
        (
            r#"{"models": [{"id": "a b", "category": "Pro", "display": "", "number": 1, "plan": "free"}]}"#,
            "models[0].id",
        ),
        ("[]", "the document"),
        ("{", "not JSON"),
        ("", "not JSON"),
    ] {
        let found = problems(overlay);
        assert!(
            found.iter().any(|problem| problem.starts_with(path)),
            "{overlay}: {found:?}"
        );
    }
}

#[test]
fn plain_http_is_for_loopback_only() {
    for (url, good) in [
        ("http://127.0.0.1:9753", true),
        ("http://127.9.8.7", true),
        ("http://[::1]:80", true),
        ("http://localhost:1", true),
        ("http://localhost.example.org", false),
        ("http://10.0.0.1", false),
        ("http://gemini.google.com", false),
        ("https://gemini.example.org", true),
        ("https://me@gemini.example.org", false),
        ("https://gemini.example.org/?x=1", false),
        ("file:///etc/passwd", false),
        ("gemini.google.com", false),
    ] {
        let found = problems(&format!(r#"{{"hosts": {{"app": "{url}"}}}}"#));
        assert_eq!(found.is_empty(), good, "{url}: {found:?}");
    }
}

#[test]
fn urls_carry_the_account_and_the_path_of_the_base() {
    let protocol = Protocol::built_in().unwrap();
    assert_eq!(protocol.page_url().as_str(), "https://gemini.google.com/app");
    assert_eq!(
        protocol.rotate_url().as_str(),
        "https://accounts.google.com/RotateCookies"
    );
    let protocol = Protocol::with_overlay(
        r#"{"account": {"index": 2}, "hosts": {"app": "http://127.0.0.1:1/__host/gemini.google.com/"}}"#,
    )
    .unwrap();
    assert_eq!(
        protocol.batch_url().as_str(),
        "http://127.0.0.1:1/__host/gemini.google.com/u/2/_/BardChatUi/data/batchexecute"
    );
    assert_eq!(
        protocol.rotate_url().as_str(),
        "https://accounts.google.com/RotateCookies"
    );
}

#[test]
fn redirects_stay_within_the_upstream() {
    let protocol = Protocol::with_overlay(r#"{"hosts": {"google": "http://127.0.0.1:9753"}}"#).unwrap();
    for (url, good) in [
        ("https://accounts.google.com/ServiceLogin", true),
        ("https://consent.google.com/ml?continue=x", true),
        ("https://google.com/", true),
        ("http://accounts.google.com/", false),
        ("https://evilgoogle.com/", false),
        ("https://google.com.example.org/", false),
        ("http://127.0.0.1:9753/__host/x/", true),
        ("http://127.0.0.1:9754/", false),
        ("http://169.254.169.254/latest", false),
    ] {
        assert_eq!(protocol.redirect_allowed(&Url::parse(url).unwrap()), good, "{url}");
    }
}
