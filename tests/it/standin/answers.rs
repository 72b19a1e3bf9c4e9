//! Prompts and the many ways to answer them.

use std::time::Duration;

use gemini_gateway::standin::{Outcome, Rule, When};
use serde_json::json;

use super::{Bench, documents, frames, snapshots};

#[tokio::test]
async fn the_default_answer_says_what_it_is_and_repeats_the_words_in_several_frames() {
    let bench = Bench::start().await;
    let body = bench
        .prompt("Why is the sky blue?")
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let snapshots = snapshots(&body);
    assert!(snapshots.len() > 4);
    assert!(snapshots.windows(2).all(|pair| pair[1].0.starts_with(&pair[0].0)));
    let (text, status) = snapshots.last().unwrap();
    assert!(text.contains("stand-in, not Gemini") && text.ends_with("Why is the sky blue?"));
    assert_eq!(*status, 2);
    assert!(snapshots.iter().rev().skip(1).all(|(_, status)| *status == 1));
    assert_eq!(bench.control.prompts()[0].answer.as_deref(), Some(text.as_str()));
}

#[tokio::test]
async fn every_alphabet_survives_every_cut() {
    let bench = Bench::start().await;
    for alphabet in ["ascii", "cjk", "emoji", "astral", "mixed", "md", "html", "escapes"] {
        for split in ["", "split=1", "split=random"] {
            let prompt = format!("[[stand-in: len=300 alphabet={alphabet} frames=7 {split}]]");
            let body = bench.prompt(&prompt).await.unwrap().text().await.unwrap();
            let snapshots = snapshots(&body);
            assert_eq!(snapshots.len(), 7);
            let text = &snapshots.last().unwrap().0;
            assert_eq!(text.chars().count(), 300, "{alphabet} {split}");
            assert_eq!(
                bench.control.prompts().last().unwrap().answer.as_deref(),
                Some(text.as_str())
            );
        }
    }
}

#[tokio::test]
async fn the_document_names_the_chat_the_model_the_title_and_the_context() {
    let bench = Bench::start().await;
    let body = bench
        .prompt("[[stand-in: text=hi title=Greeting thoughts=20]]")
        .await
        .unwrap();
    let documents = documents(&body.text().await.unwrap());
    let ids = &documents[0][1];
    assert!(ids[0].as_str().unwrap().starts_with("c_") && ids[1].as_str().unwrap().starts_with("r_"));
    assert!(documents.iter().all(|document| document[1] == *ids));
    assert_eq!(documents.last().unwrap()[2], json!({"11": ["Greeting"], "44": true}));
    let last = &documents[documents.len() - 2];
    assert_eq!(last[42], "3.6 Flash");
    assert!(last[25].as_str().unwrap().starts_with("AwAAAAAAAAAQ"));
    assert_eq!(last.pointer("/4/0/37/0/0").unwrap().as_str().unwrap().len(), 20);
}

#[tokio::test]
async fn uneven_snapshots() {
    let bench = Bench::start().await;
    let lengths = |words: &str| {
        let prompt = format!("[[stand-in: len=80 frames=4 {words}]]");
        let bench = &bench;
        async move {
            let body = bench.prompt(&prompt).await.unwrap().text().await.unwrap();
            let snapshots = snapshots(&body).into_iter();
            snapshots
                .map(|(text, _)| (text.len(), text.ends_with("DRAFT~")))
                .collect::<Vec<_>>()
        }
    };
    let plain = |lengths: &[usize]| lengths.iter().map(|n| (*n, false)).collect::<Vec<_>>();
    assert_eq!(lengths("").await, plain(&[20, 40, 60, 80]));
    assert_eq!(lengths("shrink=2").await, plain(&[20, 40, 30, 60, 80]));
    assert_eq!(lengths("dup=3").await, plain(&[20, 40, 60, 60, 80]));
    assert_eq!(
        lengths("rewrite=3").await,
        [(20, true), (40, true), (60, false), (80, false)]
    );
    assert_eq!(lengths("flicker").await, plain(&[24, 42, 64, 80]));
    assert_eq!(lengths("empty").await, []);
}

#[tokio::test]
async fn errors_stand_where_they_are_wanted() {
    let bench = Bench::start().await;
    for (words, texts, complete) in [
        ("error=1037", 0, false),
        ("error=1155 error_at=2", 2, false),
        ("error=1096 error_after", 4, true),
    ] {
        let prompt = format!("[[stand-in: len=80 frames=4 {words}]]");
        let body = bench.prompt(&prompt).await.unwrap().text().await.unwrap();
        let codes: Vec<_> = frames(&body)
            .iter()
            .filter_map(|f| f.pointer("/0/5/2/0/1/0")?.as_u64())
            .collect();
        assert_eq!(codes.len(), 1, "{words}");
        let snapshots = snapshots(&body);
        assert_eq!(snapshots.len(), texts, "{words}");
        assert_eq!(snapshots.iter().any(|(_, status)| *status == 2), complete, "{words}");
    }
}

#[tokio::test]
async fn other_answers_than_frames() {
    let bench = Bench::start().await;
    let limited = bench.prompt("[[stand-in: http=429 retry_after=7]]").await.unwrap();
    assert_eq!(
        (limited.status().as_u16(), &limited.headers()["retry-after"]),
        (429, &"7".parse().unwrap())
    );
    let page = bench.prompt("[[stand-in: html=signin]]").await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(
        page.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
    let redirect = bench.prompt("[[stand-in: redirect=sorry]]").await.unwrap();
    assert!(redirect.headers()["location"].to_str().unwrap().contains("/sorry/"));
    assert!(bench.prompt("[[stand-in: drop]]").await.is_err());
    let misspelt = bench
        .prompt("[[stand-in: delya=5]]")
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(snapshots(&misspelt)[0].0.contains("`delya=5`"));
}

#[tokio::test]
async fn broken_frames() {
    let bench = Bench::start().await;
    let text = |words: &str| {
        let prompt = format!("[[stand-in: len=80 frames=4 {words}]]");
        let bench = &bench;
        async move { bench.prompt(&prompt).await.unwrap().text().await.unwrap() }
    };
    assert!(text("malformed=2").await.contains("c_broken"));
    assert!(!text("notrailer").await.contains("[\"e\",4"));
    assert!(!text("noprefix").await.starts_with(')'));
    let honest = text("").await;
    let lengths = |body: &str| -> Vec<usize> { body.lines().filter_map(|line| line.parse().ok()).collect() };
    let (right, wrong) = (lengths(&honest), lengths(&text("badlen=2").await));
    assert_eq!(wrong[2], right[2] + 7);
    assert_eq!(right.len(), wrong.len());
}

#[tokio::test]
async fn a_cut_answer_is_a_failed_body_after_what_was_sent() {
    let bench = Bench::start().await;
    let mut answer = bench
        .prompt("[[stand-in: len=80 frames=4 disconnect=3 bytes=10]]")
        .await
        .unwrap();
    let mut received = Vec::new();
    let error = loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => received.extend_from_slice(&chunk),
            Ok(None) => panic!("ended as if complete"),
            Err(error) => break error,
        }
    };
    assert!(error.is_body() || error.is_decode() || error.is_request(), "{error:?}");
    let received = String::from_utf8(received).unwrap();
    assert_eq!(received.matches("wrb.fr").count(), 2, "{received}");
    assert!(!received.ends_with('\n'));
    bench
        .control
        .wait_for(|log| log.last().is_some_and(|r| r.outcome == Outcome::Cut))
        .await;
    assert_eq!(bench.control.open_streams(), 0);
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed() {
    let bench = Bench::start().await;
    let mut answer = bench.prompt("[[stand-in: stall=inf stall_at=2]]").await.unwrap();
    assert!(answer.chunk().await.unwrap().is_some());
    assert_eq!(bench.control.open_streams(), 1);
    drop(answer);
    let left = bench
        .control
        .wait_for(|log| log.last().is_some_and(|record| record.outcome == Outcome::Left));
    tokio::time::timeout(Duration::from_secs(10), left).await.unwrap();
}

#[tokio::test]
async fn rules_apply_by_prompt_in_order_and_so_often() {
    let bench = Bench::start().await;
    let rule = |part: &str, words: &str| Rule::new(When::Prompt(part.to_owned()), words.parse().unwrap());
    bench.control.rule(rule("tea", "text=first").after(1).times(1));
    bench.control.rule(rule("", "text=second"));
    let mut texts = Vec::new();
    for prompt in ["tea", "tea", "tea", "coffee", "[[stand-in: text=own]] tea"] {
        let body = bench.prompt(prompt).await.unwrap().text().await.unwrap();
        texts.push(snapshots(&body).pop().unwrap().0);
    }
    assert_eq!(texts, ["second", "first", "second", "second", "own"]);
    bench
        .control
        .rule(Rule::new(When::Path("/app".to_owned()), "http=502".parse().unwrap()).times(1));
    assert_eq!(bench.get("/app").await.status(), 502);
    assert_eq!(bench.get("/app").await.status(), 200);
}

#[tokio::test]
async fn conversations_continue_are_kept_and_can_be_deleted() {
    let bench = Bench::start().await;
    let token = bench.token().await;
    let body = bench
        .prompt("[[stand-in: text=one title=T]] first")
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let cid = documents(&body)[0][1][0].as_str().unwrap().to_owned();
    let thread = json!([cid, "", ""]);
    let again = bench
        .prompt_with("[[stand-in: recall]] second", &token, thread)
        .await
        .unwrap();
    let recalled = snapshots(&again.text().await.unwrap()).pop().unwrap().0;
    assert_eq!(recalled, json!(["[[stand-in: text=one title=T]] first"]).to_string());

    let history = bench
        .call("hNvQHb", json!([cid, 10, null, 1, [1], [4], null, 1]))
        .await
        .unwrap();
    assert_eq!(history.pointer("/0/1/3/0/0/1/0").unwrap(), "one");
    assert_eq!(history.pointer("/0/1/3/0/0/8/0").unwrap(), 2);
    let listed = bench.call("MaZiqc", json!([13, null, [0, null, 1]])).await.unwrap();
    assert_eq!(listed.pointer("/2/0/1").unwrap(), "T");
    assert_eq!(bench.control.chats()[0].turns, 2);

    assert_eq!(bench.call("GzXR5e", json!([cid])).await, Ok(json!([])));
    assert_eq!(bench.control.chats(), []);
    let gone = bench.prompt_with("third", &token, json!([cid, "", ""])).await.unwrap();
    assert!(gone.text().await.unwrap().contains("[1097]"));
}

#[tokio::test]
async fn an_answer_that_was_cut_can_be_read_from_history_once_it_is_done() {
    let bench = Bench::start().await;
    let pending = bench
        .prompt("[[stand-in: empty text=late after=60000]]")
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let done = bench
        .prompt("[[stand-in: empty text=here]]")
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    for (body, text, status) in [(pending, "", 1), (done, "here", 2)] {
        let cid = &documents(&body)[0][1][0];
        let history = bench.call("hNvQHb", json!([cid, 10])).await.unwrap();
        assert_eq!(history.pointer("/0/0/3/0/0/1/0").unwrap(), text);
        assert_eq!(history.pointer("/0/0/3/0/0/8/0").unwrap(), status);
    }
}
