use futures_util::FutureExt;

use super::*;

fn whose(session: &str) -> Whose {
    Whose {
        key: Some(KeyName::Api(1)),
        session: Some(session.to_owned()),
    }
}

fn round(message: &str) -> Option<Round> {
    Some(Round {
        message: message.to_owned(),
        answer: "answer".to_owned(),
    })
}

fn said(turn: &Turn) -> Vec<&str> {
    turn.history().iter().map(|round| round.message.as_str()).collect()
}

#[tokio::test]
async fn one_turn_at_a_time_in_the_order_of_arrival() {
    let (all, bounds) = (Conversations::new(), Bounds::default());
    let first = all.turn(whose("a"), &bounds).await;
    let mut second = Box::pin(all.turn(whose("a"), &bounds));
    let mut third = Box::pin(all.turn(whose("a"), &bounds));
    assert!((&mut second).now_or_never().is_none() && (&mut third).now_or_never().is_none());
    // Another conversation does not wait.
    assert!(all.turn(whose("b"), &bounds).now_or_never().is_some());
    assert_eq!(first.end(round("1"), "m"), 1);
    assert!((&mut third).now_or_never().is_none());
    let second = second.now_or_never().unwrap();
    assert_eq!(said(&second), ["1"]);
    assert_eq!(second.end(None, "m"), 1);
    let third = third.now_or_never().unwrap();
    assert_eq!(said(&third), ["1"]);
    assert_eq!(third.end(round("3"), "n"), 2);
    let summary = all.summary(&whose("a"), &bounds);
    assert_eq!((summary.rounds, summary.model.as_deref()), (2, Some("n")));
}

#[tokio::test]
async fn who_leaves_the_line_leaves_nothing_behind() {
    let (all, bounds) = (Conversations::new(), Bounds::default());
    let first = all.turn(whose("a"), &bounds).await;
    let mut second = Box::pin(all.turn(whose("a"), &bounds));
    assert!((&mut second).now_or_never().is_none());
    drop(second);
    assert_eq!(lock(&all.inner).lines[&whose("a")].present, 1);
    drop(first);
    assert!(lock(&all.inner).lines.is_empty());
    assert_eq!(all.summary(&whose("a"), &bounds), Summary::default());
}

#[tokio::test]
async fn what_was_cleared_does_not_come_back_with_an_answer_on_its_way() {
    let (all, bounds) = (Conversations::new(), Bounds::default());
    all.turn(whose("a"), &bounds).await.end(round("1"), "m");
    let running = all.turn(whose("a"), &bounds).await;
    assert_eq!(said(&running), ["1"]);
    all.clear(&whose("a"));
    assert_eq!(all.summary(&whose("a"), &bounds), Summary::default());
    assert_eq!(running.end(round("2"), "m"), 0);
    let next = all.turn(whose("a"), &bounds).await;
    assert_eq!(said(&next), [""; 0]);
    assert_eq!(next.end(round("3"), "m"), 1);
}

#[tokio::test]
async fn a_conversation_in_use_survives_being_pushed_out_meanwhile() {
    let all = Conversations::new();
    let bounds = Bounds {
        number: 1,
        ..Bounds::default()
    };
    all.turn(whose("a"), &bounds).await.end(round("1"), "m");
    let running = all.turn(whose("a"), &bounds).await;
    all.turn(whose("b"), &bounds).await.end(round("x"), "m");
    assert_eq!(all.summary(&whose("a"), &bounds).rounds, 0);
    assert_eq!(running.end(round("2"), "m"), 2);
    assert_eq!(said(&all.turn(whose("a"), &bounds).await), ["1", "2"]);
}

#[test]
fn a_session_id_is_what_its_pattern_says() {
    let longest = "x".repeat(128);
    for id in ["a", "A-Z_is.not:all@it-0", longest.as_str()] {
        assert!(is_session_id(id), "{id}");
    }
    let too_long = "x".repeat(129);
    for id in ["", " ", "a b", "a/b", "ä", "a\0", too_long.as_str()] {
        assert!(!is_session_id(id), "{id:?}");
    }
}
