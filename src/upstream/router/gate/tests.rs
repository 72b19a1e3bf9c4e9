//! The gate, on a clock that only the test moves.

use super::*;

fn failure(kind: Kind) -> Failure {
    Failure::new(kind, "As the test says.")
}

fn gate() -> Arc<Gate> {
    Gate::new("lab".into())
}

fn fail(gate: &Arc<Gate>, kind: Kind, now: Instant) {
    gate.admit("m", true, now).unwrap().failed("m", &failure(kind), now);
}

fn broken(now: Instant) -> Arc<Gate> {
    let gate = gate();
    for _ in 0..FAILURES {
        fail(&gate, Kind::UpstreamUnavailable, now);
    }
    gate
}

#[test]
fn it_opens_after_failures_in_a_row_and_says_for_how_long() {
    let now = Instant::now();
    let gate = gate();
    for _ in 1..FAILURES {
        fail(&gate, Kind::UpstreamUnavailable, now);
    }
    gate.admit("m", true, now).unwrap().succeeded();
    for _ in 1..FAILURES {
        fail(&gate, Kind::UpstreamTimeout, now);
    }
    assert!(
        gate.closed_by(now).is_none(),
        "a success in between starts the count anew"
    );
    fail(&gate, Kind::UpstreamUnreachable, now);
    let refused = gate.admit("m", true, now).unwrap_err();
    assert_eq!(refused.kind(), Kind::UpstreamUnavailable);
    let wait = refused.wait().unwrap();
    assert!(
        (FIRST_WINDOW.mul_f64(0.8)..=FIRST_WINDOW.mul_f64(1.2)).contains(&wait),
        "{wait:?}"
    );
    assert!(gate.closed_by(now).is_some());
}

#[test]
fn failures_of_the_request_do_not_open_it() {
    let now = Instant::now();
    let gate = gate();
    for _ in 0..3 * FAILURES {
        fail(&gate, Kind::UpstreamRejectedRequest, now);
        fail(&gate, Kind::UpstreamModelNotFound, now);
        fail(&gate, Kind::UpstreamCredential, now);
    }
    assert!(gate.admit("m", true, now).is_ok());
}

#[test]
fn one_probe_at_a_time_and_each_that_fails_doubles_the_window() {
    let mut now = Instant::now();
    let gate = broken(now);
    let mut before = Duration::ZERO;
    for _ in 0..4 {
        now += gate.admit("m", true, now).unwrap_err().wait().unwrap();
        let mut probe = gate.admit("m", true, now).unwrap();
        assert_eq!(gate.admit("m", true, now).unwrap_err().wait(), Some(PROBE_UNDER_WAY));
        probe.failed("m", &failure(Kind::UpstreamUnavailable), now);
        drop(probe);
        let window = gate.admit("m", true, now).unwrap_err().wait().unwrap();
        assert!(window > before.mul_f64(1.2), "{before:?}, then {window:?}");
        before = window;
    }
    for _ in 0..10 {
        now += gate.admit("m", true, now).unwrap_err().wait().unwrap();
        fail(&gate, Kind::UpstreamUnavailable, now);
    }
    assert!(gate.admit("m", true, now).unwrap_err().wait().unwrap() <= LONGEST_WINDOW.mul_f64(1.2));
    now += LONGEST_WINDOW * 2;
    gate.admit("m", true, now).unwrap().succeeded();
    assert!(
        gate.admit("m", true, now).is_ok() && gate.admit("m", true, now).is_ok(),
        "closed again"
    );
}

#[test]
fn a_probe_that_is_given_up_is_the_next_ones_to_make() {
    let mut now = Instant::now();
    let gate = broken(now);
    now += LONGEST_WINDOW;
    let probe = gate.admit("m", true, now).unwrap();
    assert!(gate.admit("m", true, now).is_err());
    drop(probe);
    assert!(gate.admit("m", true, now).is_ok());
}

#[test]
fn a_probe_that_is_refused_shows_that_it_is_there() {
    let mut now = Instant::now();
    let gate = broken(now);
    now += LONGEST_WINDOW;
    fail(&gate, Kind::UpstreamRejectedRequest, now);
    assert!(gate.admit("m", true, now).is_ok() && gate.admit("m", true, now).is_ok());
}

#[test]
fn those_let_in_before_it_opened_do_not_lengthen_the_window() {
    let now = Instant::now();
    let gate = gate();
    let mut late: Vec<Pass> = (0..50).map(|_| gate.admit("m", true, now).unwrap()).collect();
    for pass in &mut late {
        pass.failed("m", &failure(Kind::UpstreamUnavailable), now);
    }
    let wait = gate.admit("m", true, now).unwrap_err().wait().unwrap();
    assert!(wait <= FIRST_WINDOW.mul_f64(1.2), "{wait:?}");
}

#[test]
fn a_model_cools_for_the_wait_it_was_given_and_others_do_not() {
    let mut now = Instant::now();
    let gate = gate();
    let limited = failure(Kind::UpstreamRateLimited).retry_after(Duration::from_secs(30));
    gate.admit("m", true, now).unwrap().failed("m", &limited, now);
    now += Duration::from_secs(10);
    let refused = gate.admit("m", true, now).unwrap_err();
    assert_eq!(
        (refused.kind(), refused.wait()),
        (Kind::UpstreamRateLimited, Some(Duration::from_secs(20)))
    );
    assert!(gate.admit("other", true, now).is_ok() && gate.closed_by(now).is_none());
    assert!(gate.admit("m", false, now).is_ok(), "nobody else is left to ask");
    now += Duration::from_secs(20);
    assert!(gate.admit("m", true, now).is_ok());
}

#[test]
fn a_block_holds_for_every_model() {
    let mut now = Instant::now();
    let gate = gate();
    let blocked = failure(Kind::UpstreamIpBlocked).retry_after(Duration::from_secs(7_200));
    gate.admit("m", true, now).unwrap().failed("m", &blocked, now);
    assert_eq!(
        gate.admit("other", true, now).unwrap_err().kind(),
        Kind::UpstreamIpBlocked
    );
    assert_eq!(gate.closed_by(now).unwrap().wait(), Some(Duration::from_secs(7_200)));
    now += Duration::from_secs(7_200);
    assert!(gate.admit("other", true, now).is_ok());
}

#[test]
fn new_credentials_make_it_another_upstream() {
    let now = Instant::now();
    let gate = broken(now);
    assert!(gate.admit("m", true, now).is_err() && gate.closed_by(now).is_some());
    gate.reopen();
    assert!(gate.admit("m", true, now).is_ok() && gate.closed_by(now).is_none());
}
