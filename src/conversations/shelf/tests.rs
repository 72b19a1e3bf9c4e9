use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::auth::KeyName;

fn whose(key: usize, session: &str) -> Whose {
    Whose {
        key: Some(KeyName::Api(key)),
        session: (!session.is_empty()).then(|| session.to_owned()),
    }
}

fn round(message: &str) -> Round {
    Round {
        message: message.to_owned(),
        answer: format!("answer to {message}"),
    }
}

impl Shelf {
    /// Says one thing more, as a turn does.
    fn say(&mut self, whose: &Whose, round: Round, bounds: &Bounds, now: Instant) {
        let history = self.open(whose, bounds, now);
        self.put(whose.clone(), history, round, "m", bounds, now);
    }

    fn said(&mut self, whose: &Whose, bounds: &Bounds, now: Instant) -> Vec<String> {
        let rounds = self.open(whose, bounds, now);
        rounds.iter().map(|round| round.message.clone()).collect()
    }

    /// The books are right, and within the bounds.
    fn audit(&self, bounds: &Bounds) {
        let mut sum = 0;
        for (whose, conversation) in &self.kept {
            let texts: usize = conversation.rounds.iter().map(|round| weight(round)).sum();
            let name = whose.session.as_ref().map_or(0, String::len) + conversation.model.len();
            assert_eq!(conversation.bytes, PER_CONVERSATION + name + texts);
            assert!((1..=bounds.rounds).contains(&conversation.rounds.len()));
            assert!(conversation.bytes <= bounds.each_bytes);
            sum += conversation.bytes;
        }
        assert_eq!(self.bytes, sum);
        assert!(sum <= bounds.bytes, "{sum} bytes");
        assert!(self.kept.len() <= bounds.number, "{}", self.kept.len());
    }
}

#[test]
fn the_twenty_first_round_drops_the_first() {
    let (mut shelf, bounds, now) = (Shelf::new(), Bounds::default(), Instant::now());
    let whose = whose(1, "");
    for number in 1..=20 {
        shelf.say(&whose, round(&number.to_string()), &bounds, now);
    }
    assert_eq!(shelf.said(&whose, &bounds, now)[0], "1");
    shelf.say(&whose, round("21"), &bounds, now);
    let said = shelf.said(&whose, &bounds, now);
    assert_eq!((said.len(), said[0].as_str(), said[19].as_str()), (20, "2", "21"));
    assert_eq!(shelf.summary(&whose, &bounds, now).rounds, 20);
    shelf.audit(&bounds);
}

#[test]
fn ten_thousand_sessions_stay_within_the_bounds_and_the_oldest_are_gone() {
    for large in [false, true] {
        let (mut shelf, bounds, now) = (Shelf::new(), Bounds::default(), Instant::now());
        // Either the number is the bound that is met first, or the bytes.
        let text = "x".repeat(if large { 40_000 } else { 100 });
        for number in 0..10_000 {
            shelf.say(&whose(1, &number.to_string()), round(&text), &bounds, now);
            assert!(shelf.bytes <= bounds.bytes && shelf.kept.len() <= bounds.number);
        }
        shelf.audit(&bounds);
        let kept = shelf.kept.len();
        let expected = if large {
            300..bounds.number
        } else {
            bounds.number..bounds.number + 1
        };
        assert!(expected.contains(&kept), "{kept}");
        let is_kept = |number: usize| shelf.kept.contains(&whose(1, &number.to_string()));
        assert!((0..10_000 - kept).all(|number| !is_kept(number)));
        assert!((10_000 - kept..10_000).all(is_kept));
    }
}

#[test]
fn what_is_used_outlives_what_is_not() {
    let bounds = Bounds {
        number: 2,
        ..Bounds::default()
    };
    let (mut shelf, now) = (Shelf::new(), Instant::now());
    let [first, second, third] = ["a", "b", "c"].map(|session| whose(1, session));
    shelf.say(&first, round("1"), &bounds, now);
    shelf.say(&second, round("2"), &bounds, now);
    // To be looked at is no use; to go on is.
    shelf.summary(&second, &bounds, now);
    shelf.say(&first, round("3"), &bounds, now);
    shelf.say(&third, round("4"), &bounds, now);
    assert_eq!(shelf.said(&second, &bounds, now), [""; 0]);
    assert_eq!(shelf.said(&first, &bounds, now), ["1", "3"]);
    shelf.audit(&bounds);
}

#[test]
fn age_is_counted_from_the_last_use() {
    let bounds = Bounds::default();
    let (mut shelf, start) = (Shelf::new(), Instant::now());
    let (whose, other) = (whose(1, "a"), whose(1, "b"));
    let hours = |hours: u64| start + Duration::from_secs(hours * 3600);
    shelf.say(&whose, round("1"), &bounds, start);
    shelf.say(&other, round("2"), &bounds, hours(10));
    assert_eq!(shelf.said(&whose, &bounds, hours(20)), ["1"]);
    // It was used four hours ago, the other one twenty-four and a bit.
    let late = hours(34) + Duration::from_secs(1);
    assert_eq!(shelf.summary(&other, &bounds, late), Summary::default());
    assert_eq!(shelf.summary(&whose, &bounds, late).rounds, 1);
    assert_eq!(shelf.kept.len(), 1);
    // Looking does not keep it young.
    assert_eq!(shelf.summary(&whose, &bounds, hours(44)).rounds, 1);
    assert_eq!(shelf.summary(&whose, &bounds, hours(45)), Summary::default());
    assert_eq!((shelf.bytes, shelf.kept.len()), (0, 0));
}

#[test]
fn a_long_conversation_loses_its_oldest_rounds_and_a_round_too_large_is_not_kept() {
    let bounds = Bounds {
        each_bytes: 4_000,
        ..Bounds::default()
    };
    let (mut shelf, now) = (Shelf::new(), Instant::now());
    let whose = whose(1, "a");
    let of = |letter: &str, size: usize| Round {
        message: letter.to_owned(),
        answer: "x".repeat(size),
    };
    for letter in ["a", "b", "c"] {
        shelf.say(&whose, of(letter, 1_000), &bounds, now);
    }
    assert_eq!(shelf.said(&whose, &bounds, now), ["a", "b", "c"]);
    shelf.say(&whose, of("d", 1_900), &bounds, now);
    assert_eq!(shelf.said(&whose, &bounds, now), ["c", "d"]);
    shelf.say(&whose, of("e", 4_000), &bounds, now);
    assert_eq!(shelf.said(&whose, &bounds, now), ["c", "d"]);
    shelf.audit(&bounds);
}

proptest! {
    #[test]
    fn the_books_are_right_whatever_happens(
        steps in prop::collection::vec((0_usize..3, 0_usize..8, 0_usize..700, 0_u64..30, 0_u8..8), 0..120),
    ) {
        let bounds = Bounds { rounds: 4, each_bytes: 2_500, number: 6, bytes: 6_000, age: Duration::from_secs(60) };
        let (mut shelf, mut now) = (Shelf::new(), Instant::now());
        for (key, session, size, wait, what) in steps {
            now += Duration::from_secs(wait);
            let whose = whose(key, &"s".repeat(session));
            match what {
                0 => shelf.remove(&whose),
                1 => drop(shelf.summary(&whose, &bounds, now)),
                _ => shelf.say(&whose, round(&"x".repeat(size)), &bounds, now),
            }
            shelf.audit(&bounds);
        }
    }
}
