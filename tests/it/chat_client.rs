//! `gemini-gateway chat` as a script meets it: the program itself, over real sockets. What it is at a terminal is tried by
//! `tests/terminal/run`.

mod answers;
mod server;

use std::{
    io::Write,
    net::SocketAddr,
    path::Path,
    process::{Command, Output, Stdio},
};

use gemini_gateway::{config, error::Kind, terminal::Chat};
use secrecy::ExposeSecret;

use crate::support::{Gateway, KEY, PATIENCE, Step, load, text};
use server::Server;

/// The program with nothing of this process's environment.
struct Client {
    folder: tempfile::TempDir,
    env: Vec<(&'static str, String)>,
    args: Vec<String>,
}

impl Client {
    /// One that looks for this machine's gateway.
    fn of(address: SocketAddr) -> Self {
        Self::new()
            .env("HOST", &address.ip().to_string())
            .env("PORT", &address.port().to_string())
            .env("API_KEY", KEY)
    }

    /// One that is sent to another server.
    fn sent_to(base: &str) -> Self {
        Self::new().args(&["--url", base])
    }

    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            env: Vec::new(),
            args: Vec::new(),
        }
    }

    fn env(mut self, name: &'static str, value: &str) -> Self {
        self.env.retain(|(known, _)| *known != name);
        self.env.push((name, value.to_owned()));
        self
    }

    fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|arg| (*arg).to_owned()));
        self
    }

    /// Asks one question through a pipe.
    async fn ask(self, question: &str) -> Output {
        let question = question.to_owned();
        let run = tokio::task::spawn_blocking(move || {
            let mut program = Command::new(env!("CARGO_BIN_EXE_gemini-gateway"))
                .arg("chat")
                .args(&self.args)
                .env_clear()
                .envs(self.env.iter().map(|(name, value)| (name, value)))
                .current_dir(self.folder.path())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            // What refuses to start reads nothing.
            let _ = program.stdin.take().unwrap().write_all(question.as_bytes());
            program.wait_with_output().unwrap()
        });
        tokio::time::timeout(PATIENCE, run)
            .await
            .expect("it never ended")
            .unwrap()
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }
}

fn out(output: &Output) -> &str {
    str::from_utf8(&output.stdout).unwrap()
}

fn err(output: &Output) -> &str {
    str::from_utf8(&output.stderr).unwrap()
}

/// That it failed in these words, after this much of an answer.
fn assert_failed(output: &Output, answer: &str, words: &[&str]) {
    assert_eq!((output.status.code(), out(output)), (Some(1), answer), "{output:?}");
    for word in words {
        assert!(err(output).contains(word), "{word:?} is missing: {}", err(output));
    }
}

#[tokio::test]
async fn a_pipe_gets_the_answer_and_nothing_else() {
    let gateway = Gateway::start().await;
    let output = Client::of(gateway.address).ask("Hi\n").await;
    assert_eq!(
        (output.status.code(), out(&output), err(&output)),
        (Some(0), "Hello\n", "")
    );
    let calls = gateway.upstream.calls.lock().unwrap();
    assert_eq!(calls[0].request.model, "gemini-flash", "the first in the list");
}

#[tokio::test]
async fn the_model_is_the_one_that_is_named_else_the_default() {
    let gateway = Gateway::start().await;
    for (client, wanted) in [
        (
            Client::of(gateway.address).env("DEFAULT_MODEL", "org/gemini pro"),
            "org/gemini pro",
        ),
        (
            Client::of(gateway.address)
                .env("DEFAULT_MODEL", "org/gemini pro")
                .args(&["--model", "flash"]),
            "gemini-flash",
        ),
    ] {
        gateway.upstream.calls.lock().unwrap().clear();
        let output = client.ask("Hi").await;
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(gateway.upstream.calls.lock().unwrap()[0].request.model, wanted);
    }
}

#[tokio::test]
async fn a_wrong_key_is_named_by_its_source_and_not_shown() {
    let gateway = Gateway::start().await;
    let output = Client::of(gateway.address)
        .env("API_KEY", "hunter2hunter2")
        .ask("Hi")
        .await;
    assert_failed(&output, "", &["HTTP 401", "The key came from API_KEY"]);
    assert!(!err(&output).contains("hunter2"));
    let without = Client::of(gateway.address).env("API_KEY", "").ask("Hi").await;
    assert_failed(&without, "", &["HTTP 401", "No key was found: set API_KEY"]);
}

#[tokio::test]
async fn a_gateway_that_is_not_there_is_told_with_the_cure() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let output = Client::of(closed).ask("Hi").await;
    assert_failed(
        &output,
        "",
        &["Connection refused", &closed.to_string(), "Is the gateway running?"],
    );
}

#[tokio::test]
async fn an_answer_that_fails_on_the_way_is_shown_and_fails() {
    let gateway = Gateway::start().await;
    gateway
        .upstream
        .script([Step::served(), text("Half"), Step::Fail(Kind::UpstreamInterrupted)]);
    let output = Client::of(gateway.address).ask("Hi").await;
    assert_failed(&output, "Half\n", &["As the script says.", "upstream_interrupted"]);
}

#[tokio::test]
async fn nothing_or_no_text_is_no_question() {
    let gateway = Gateway::start().await;
    assert_failed(
        &Client::of(gateway.address).ask(" \n").await,
        "",
        &["Standard input is empty"],
    );
    assert_eq!(gateway.upstream.call_count(), 0);
}

#[tokio::test]
async fn an_env_file_of_something_else_is_no_obstacle() {
    let gateway = Gateway::start().await;
    let client = Client::of(gateway.address);
    std::fs::write(client.folder().join(".env"), "a broken line\nMAX_FILES=many\n").unwrap();
    let output = client.ask("Hi").await;
    assert_eq!((output.status.code(), out(&output)), (Some(0), "Hello\n"));
    assert!(
        err(&output).starts_with("gemini-gateway: .env: holds a line"),
        "{}",
        err(&output)
    );
}

#[tokio::test]
async fn a_command_line_that_makes_no_sense_is_refused_without_repeating_secrets() {
    for (args, env, code, word) in [
        (&["--url", "https://me:hunter2@h/v1"][..], "", 64, "OPENAI_API_KEY"),
        (&["--url", "nonsense"], "", 64, "--url must be a URL"),
        (&["--api-key", "hunter2"], "", 64, "has no flag"),
        (&[], "0", 78, "PORT: is 0"),
    ] {
        let output = Client::new().args(args).env("PORT", env).ask("Hi").await;
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert!(
            err(&output).contains(word) && !err(&output).contains("hunter2"),
            "{}",
            err(&output)
        );
    }
}

#[tokio::test]
async fn another_server_gets_its_own_key_and_never_that_of_the_env_file() {
    const ANSWER: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"Yes\"},\"finish_reason\":\"stop\"}]}\n\n";
    for (variables, wanted) in [
        (
            &[("OPENAI_API_KEY", "theirs"), ("API_KEY", "mine,other")][..],
            Some("Bearer theirs"),
        ),
        (&[("API_KEY", "mine,other")], Some("Bearer mine")),
        (&[], None),
    ] {
        let mut server = Server::answering([Server::stream(ANSWER)]).await;
        let mut client = Client::sent_to(&server.base()).args(&["--model", "m"]);
        for (name, value) in variables {
            client = client.env(name, value);
        }
        std::fs::write(
            client.folder().join(".env"),
            "API_KEY=hunter2hunter2\nDEFAULT_MODEL=gemini-pro\n",
        )
        .unwrap();
        let output = client.ask("Hi").await;
        assert_eq!((output.status.code(), out(&output)), (Some(0), "Yes\n"), "{output:?}");
        let request = server.request().await;
        assert_eq!(request.header("authorization"), wanted);
        assert_eq!(request.json()["model"], "m");
    }
}

fn planned(args: &[&str], pairs: &[(&'static str, &str)]) -> Chat {
    let env = pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let args: Vec<&str> = std::iter::once("chat").chain(args.iter().copied()).collect();
    match load(&args, &env) {
        Ok(config::Command::Chat(chat)) => *chat,
        other => panic!("not a conversation: {other:?}"),
    }
}

#[test]
fn this_machines_gateway_is_found_as_its_settings_say() {
    let chat = planned(
        &[],
        &[
            ("HOST", "::"),
            ("API_PREFIX", "/"),
            ("HF_TOKEN", "hf_token"),
            ("XDG_STATE_HOME", "/s"),
        ],
    );
    assert_eq!((chat.server.base.shown(), chat.server.own), ("http://[::1]:7860", true));
    assert_eq!(chat.server.key.unwrap().source, "HF_TOKEN");
    assert_eq!(chat.history.unwrap(), Path::new("/s/gemini-gateway/chat_history"));
    assert!(chat.notes.is_empty() && chat.model.is_none() && chat.system.is_none());

    let chat = planned(
        &["--port", "9", "--no-history"],
        &[("API_KEY", "first,second"), ("HF_TOKEN", "t"), ("HOME", "/h")],
    );
    assert_eq!(chat.server.base.shown(), "http://127.0.0.1:9/v1");
    assert_eq!(chat.server.key.unwrap().secret.expose_secret(), "first");
    assert_eq!(chat.history, None);
}

#[test]
fn the_way_out_is_taken_to_other_machines_alone() {
    let proxy = ("OUTBOUND_PROXY", "http://proxy.example:3128");
    let through = |args: &[&str]| {
        planned(args, &[proxy, ("OPENAI_API_KEY", "k")])
            .server
            .exit
            .proxy
            .is_some()
    };
    assert!(through(&["--url", "https://api.example/v1"]));
    assert!(!through(&["--url", "http://localhost:8000/v1"]) && !through(&[]));
}

#[test]
fn a_key_on_an_open_way_is_warned_of() {
    let notes = |url: &str, key: &str| planned(&["--url", url], &[("OPENAI_API_KEY", key)]).notes;
    assert!(notes("http://192.0.2.1/v1", "k")[0].contains("can be read on the way"));
    for (url, key) in [
        ("http://192.0.2.1/v1", ""),
        ("https://192.0.2.1/v1", "k"),
        ("http://127.0.0.1/v1", "k"),
    ] {
        assert!(notes(url, key).is_empty(), "{url}");
    }
}
