//! Settings and the command line, as functions and as the program itself.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use gemini_gateway::config::{self, Config, Healthcheck, Origins, Problems, Sources, settings};
use secrecy::ExposeSecret;

use crate::support::load;

type Env = HashMap<&'static str, String>;

fn env(pairs: &[(&'static str, &str)]) -> Env {
    pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}

fn served(args: &[&str], pairs: &[(&'static str, &str)]) -> Config {
    match load(args, &env(pairs)) {
        Ok(config::Command::Serve(config)) => *config,
        other => panic!("{other:?}"),
    }
}

fn refused(args: &[&str], pairs: &[(&'static str, &str)]) -> Problems {
    load(args, &env(pairs)).expect_err("it was taken")
}

#[test]
fn the_defaults_are_those_of_the_table() {
    let config = served(&[], &[]);
    assert_eq!(config.listen().to_string(), "0.0.0.0:7860");
    assert_eq!(config.api_prefix, "/v1");
    assert_eq!(config.cors, Origins::Closed);
    assert_eq!(
        (config.max_body_bytes, config.max_connections, config.max_concurrent),
        (20_971_520, 1024, 8)
    );
    assert_eq!(config.max_prompt_bytes, 128_000);
    let times = [
        config.request_timeout,
        config.idle_timeout,
        config.first_event_wait,
        config.shutdown_timeout,
    ];
    assert_eq!(times.map(|time| time.as_secs()), [300, 120, 10, 25]);
    assert!(config.temporary_chats && config.strict_model && !config.debug && !config.has_cookies());
    assert!(config.api_keys.is_empty() && config.state_dir.is_none());
}

#[test]
fn flags_beat_the_environment_which_beats_dotenv() {
    let folder = tempfile::tempdir().unwrap();
    let dotenv = folder.path().join(".env");
    fs::write(
        &dotenv,
        "PORT=1\nHOST=127.0.0.1\nMAX_CONCURRENT=3\nSECURE_1PSID='g.a$b'\nDEFAULT_MODEL=\n",
    )
    .unwrap();
    let lookup = |name: &str| match name {
        "PORT" => Some(OsString::from("2")),
        "HOST" => Some(OsString::from("::1")),
        "MAX_CONCURRENT" => Some(OsString::new()),
        _ => None,
    };
    let sources = Sources {
        environment: &lookup,
        dotenv: &dotenv,
    };
    let config = match config::load(["gemini-gateway", "--port", "3"].map(OsString::from), &sources) {
        Ok(config::Command::Serve(config)) => config,
        other => panic!("{other:?}"),
    };
    assert_eq!(config.listen().to_string(), "[::1]:3");
    assert_eq!(config.max_concurrent, 3, "an empty variable counts as none");
    assert_eq!(config.psid.unwrap().expose_secret(), "g.a$b");
    assert_eq!(config.default_model, None);
    assert_eq!(
        std::env::var_os("MAX_CONCURRENT"),
        None,
        "the process environment is left alone"
    );
}

#[test]
fn values_are_parsed_into_what_they_mean() {
    let config = served(
        &["--temporary-chats", "OFF"],
        &[
            ("API_KEY", " first-key-1 ,second-key-2"),
            ("HF_TOKEN", "hf_12345678"),
            ("HOST", "localhost"),
            ("API_PREFIX", "//api/v1/"),
            ("CORS_ORIGINS", "https://a.example, http://localhost:3000 ,null"),
            ("MODEL_ALIASES", "gpt-4o = gemini-pro,x=y"),
            ("OUTBOUND_PROXY", "socks5h://me:hunter2@proxy.example:1080/"),
            ("XDG_STATE_HOME", "/state"),
            ("HOME", "/home/me"),
            ("SECURE_1PSID", "g.a000-x_y"),
            ("DEBUG", "yes"),
        ],
    );
    let keys: Vec<&str> = config.api_keys.iter().map(ExposeSecret::expose_secret).collect();
    assert_eq!(keys, ["first-key-1", "second-key-2"]);
    assert_eq!(config.listen().to_string(), "127.0.0.1:7860");
    assert_eq!(config.api_prefix, "/api/v1");
    let origins = ["https://a.example", "http://localhost:3000", "null"].map(http::HeaderValue::from_static);
    assert_eq!(config.cors, Origins::List(origins.to_vec()));
    assert_eq!(config.model_aliases["gpt-4o"], "gemini-pro");
    assert_eq!(
        config.outbound_proxy.as_ref().unwrap().shown,
        "socks5h://proxy.example:1080"
    );
    assert_eq!(config.state_dir.as_deref(), Some(Path::new("/state/gemini-gateway")));
    assert!(config.debug && !config.temporary_chats);
    assert!(config.strict_model, "on unless told otherwise");
    let shown = format!("{config:?}");
    for secret in ["first-key", "second-key", "hf_1234", "hunter2", "g.a000"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    assert_eq!(
        served(&[], &[("HOME", "/home/me")]).state_dir.as_deref(),
        Some(Path::new("/home/me/.local/state/gemini-gateway"))
    );
    assert_eq!(served(&[], &[("API_PREFIX", "/")]).api_prefix, "");
}

#[test]
fn every_problem_is_reported_at_once_and_none_shows_a_value() {
    let bad = "ba\u{7f}d, pr\"oblem";
    let numbers: Vec<&settings::Setting> = settings::ALL
        .iter()
        .filter(|setting| matches!(setting.value, settings::Value::Number { .. } | settings::Value::Switch))
        .collect();
    let others = [
        "SECURE_1PSID",
        "SECURE_1PSIDTS",
        "API_KEY",
        "HF_TOKEN",
        "HOST",
        "API_PREFIX",
        "CORS_ORIGINS",
        "MODEL_ALIASES",
        "STRICT_MODEL",
        "OUTBOUND_PROXY",
        "EXTRA_CA_FILE",
        "PROTOCOL_FILE",
        "LOG_FORMAT",
    ];
    let names: Vec<&'static str> = numbers.iter().map(|setting| setting.env).chain(others).collect();
    let pairs: Vec<(&'static str, &str)> = names.iter().map(|name| (*name, bad)).collect();
    let problems = refused(&[], &pairs);
    assert_eq!(problems.exit_code(), 78);
    let text = problems.to_string();
    for name in names {
        assert!(text.contains(&format!("\n  {name}: ")), "{name} is missing in {text}");
    }
    assert!(!text.contains("pr\"oblem") && !text.contains('\u{7f}'), "{text}");
}

#[test]
fn single_bad_values_are_named() {
    for (name, value, says) in [
        ("PORT", "65536", "0 to 65535"),
        ("REQUEST_TIMEOUT", "0", "1 to 3600 seconds"),
        ("API_KEY", "long-enough-1,,long-enough-2", "empty key"),
        ("API_KEY", "long-enough-1,long-enough-1", "twice"),
        ("SECURE_1PSID", "__Secure-1PSID=g.a000", "value alone"),
        ("SECURE_1PSIDTS", "sidts-x; path=/", "value alone"),
        ("CORS_ORIGINS", "https://a.example/path", "without a path"),
        ("CORS_ORIGINS", "*,https://a.example", "not both"),
        ("OUTBOUND_PROXY", "ftp://secret-host", "socks5h"),
        ("MODEL_ALIASES", "gpt-4o", "gpt-4o=gemini-pro"),
    ] {
        let Problems::Configuration(list) = refused(&[], &[(name, value)]) else {
            panic!("{name}")
        };
        let [problem] = list.as_slice() else { panic!("{list:?}") };
        assert!(problem.variable == name && problem.text.contains(says), "{problem}");
    }
}

#[test]
fn a_broken_dotenv_is_a_problem_without_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let dotenv = folder.path().join(".env");
    fs::write(&dotenv, "PORT=1\nAPI_KEY hunter2hunter2\n").unwrap();
    let sources = Sources {
        environment: &|_| None,
        dotenv: &dotenv,
    };
    let problems = config::load([OsString::from("gemini-gateway")], &sources).unwrap_err();
    assert!(
        problems.to_string().contains(".env:") && !problems.to_string().contains("hunter2"),
        "{problems}"
    );
}

#[test]
fn secrets_on_the_command_line_are_refused_unseen() {
    for args in [
        &["--api-key=hunter2hunter2"][..],
        &["--secure-1psid", "hunter2hunter2"],
        &["demo", "--hf_token=hunter2"],
    ] {
        let problems = refused(args, &[]);
        assert_eq!(problems.exit_code(), 64);
        assert!(
            problems.to_string().contains("environment") && !problems.to_string().contains("hunter2"),
            "{problems}"
        );
    }
    assert_eq!(refused(&["--no-such-flag"], &[]).exit_code(), 64);
    assert_eq!(refused(&["no-such-verb"], &[]).exit_code(), 64);
}

#[test]
fn verbs_are_told_apart_and_take_flags_on_either_side() {
    assert!(matches!(load(&["demo", "--port", "1"], &env(&[])), Ok(config::Command::Demo(config)) if config.port == 1));
    assert!(matches!(load(&["--port", "1", "demo"], &env(&[])), Ok(config::Command::Demo(config)) if config.port == 1));
    assert_eq!(served(&["serve", "--port", "2"], &[]).port, 2);
    let checks = [
        (&["healthcheck"][..], env(&[]), "127.0.0.1:7860", false),
        (
            &["healthcheck", "--ready"],
            env(&[("PORT", "9"), ("HOST", "::")]),
            "[::1]:9",
            true,
        ),
        (
            &["healthcheck"],
            env(&[("HOST", "10.0.0.7"), ("API_KEY", "bad")]),
            "10.0.0.7:7860",
            false,
        ),
    ];
    for (args, env, address, ready) in checks {
        let expected = Healthcheck {
            address: address.parse().unwrap(),
            ready,
        };
        assert!(
            matches!(load(args, &env), Ok(config::Command::Healthcheck(check)) if check == expected),
            "{args:?}"
        );
    }
}

#[test]
fn help_and_page_name_every_setting() {
    let Ok(config::Command::Print(help)) = load(&["--help"], &env(&[("API_KEY", "hunter2hunter2")])) else {
        panic!("no help");
    };
    let page = config::markdown();
    for setting in settings::ALL {
        assert!(
            help.contains(setting.env) && page.contains(&format!("| `{}` |", setting.env)),
            "{}",
            setting.env
        );
        assert_eq!(
            setting.flag.is_none(),
            setting.secret || setting.env.contains('<'),
            "{}: secrets have no flag, nor has what an upstream's name stands in; the others have one",
            setting.env
        );
    }
    assert!(!help.contains("hunter2"));
}

#[test]
fn the_generated_pages_are_up_to_date() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    for (name, wanted) in [
        ("configuration.md", config::markdown()),
        ("formats.md", gemini_gateway::surface::markdown()),
        ("fallback.md", gemini_gateway::upstream::router::markdown()),
    ] {
        let path = docs.join(name);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            fs::create_dir_all(&docs).unwrap();
            fs::write(&path, &wanted).unwrap();
        }
        let page = fs::read_to_string(&path).unwrap_or_default();
        assert!(page == wanted, "docs/{name} is out of date: run with UPDATE_DOCS=1");
    }
}

/// The program with nothing of this process's environment.
fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gemini-gateway"));
    command.env_clear().current_dir(folder);
    command
}

#[test]
fn the_program_says_what_is_wrong_and_exits_with_the_right_code() {
    let folder = tempfile::tempdir().unwrap();
    let output = program(folder.path())
        .env("PORT", "hunter2")
        .env("API_KEY", "hunter2,,")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(78));
    assert!(
        text.contains("PORT") && text.contains("API_KEY") && !text.contains("hunter2"),
        "{text}"
    );
    assert_eq!(
        program(folder.path()).arg("--nonsense").output().unwrap().status.code(),
        Some(64)
    );
    let version = program(folder.path()).arg("--version").output().unwrap();
    assert_eq!(version.status.code(), Some(0));
    assert_eq!(
        String::from_utf8(version.stdout).unwrap(),
        concat!("gemini-gateway ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

/// A process that a failing test does not leave behind.
struct EndsWithTheTest(std::process::Child);

impl Drop for EndsWithTheTest {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_program_serves_without_cookies_says_so_and_stops_on_sigterm() {
    let folder = tempfile::tempdir().unwrap();
    let server = program(folder.path())
        .env("API_KEY", "hunter2hunter2")
        .args(["--host", "127.0.0.1", "--port", "0", "--log-format", "json"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut server = EndsWithTheTest(server);
    let mut log = BufReader::new(server.0.stderr.take().unwrap()).lines().map(|line| {
        let line = line.unwrap();
        assert!(!line.contains("hunter2"));
        serde_json::from_str::<serde_json::Value>(&line).unwrap()
    });
    let listening = log.next().unwrap();
    let port = listening["address"]
        .as_str()
        .unwrap()
        .rsplit(':')
        .next()
        .unwrap()
        .to_owned();
    let missing = log.next().unwrap();
    assert_eq!(missing["code"], "upstream_not_configured");

    let check = |more: &[&str]| {
        let arguments = ["healthcheck", "--port", &port].into_iter().chain(more.iter().copied());
        program(folder.path()).args(arguments).output().unwrap()
    };
    assert_eq!(check(&[]).status.code(), Some(0));
    let ready = check(&["--ready"]);
    assert_eq!(ready.status.code(), Some(1));
    assert!(String::from_utf8(ready.stderr).unwrap().contains("503"));

    let sent = Command::new("kill")
        .args(["-TERM", &server.0.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
    assert!(log.any(|line| line["message"] == "stopped: every answer was finished"));
    assert_eq!(server.0.wait().unwrap().code(), Some(0));
    assert_eq!(check(&[]).status.code(), Some(1), "nobody listens any more");
}
