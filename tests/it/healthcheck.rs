//! The health check of a container.

use std::{ffi::OsString, time::Duration};

use gemini_gateway::config::{self, Healthcheck};

#[test]
fn a_healthcheck_of_something_that_never_answers_ends() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let check = Healthcheck {
        address: listener.local_addr().unwrap(),
        ready: false,
    };
    let started = std::time::Instant::now();
    assert!(gemini_gateway::healthcheck::ask(check).is_err());
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_healthcheck_passes_over_a_broken_env_file_and_has_one_code_for_failure() {
    let folder = tempfile::tempdir().unwrap();
    let dotenv = folder.path().join(".env");
    std::fs::write(&dotenv, "a broken line\nPORT=9\n").unwrap();
    let sources = config::Sources {
        environment: &|_| None,
        dotenv: &dotenv,
    };
    let load = |args: &[&str]| config::load(args.iter().map(OsString::from), &sources);
    let Ok(config::Command::Healthcheck(check)) = load(&["gateway", "healthcheck"]) else {
        panic!("a broken line keeps the check from its address");
    };
    assert_eq!(check.address.port(), 9);
    for (args, code) in [
        (&["gateway", "healthcheck", "--port", "x"][..], 1),
        (&["gateway", "healthcheck", "--nonsense"], 64),
        (&["gateway", "serve"], 78),
    ] {
        assert_eq!(load(args).unwrap_err().exit_code(), code, "{args:?}");
    }
}
