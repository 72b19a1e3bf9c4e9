use proptest::prelude::*;

use super::*;

/// Counts published for OpenAI's vocabularies, whose examples everybody quotes, and the rule of thumb published for
/// Gemini, that 100 tokens are 60 to 80 English words. An estimate may be off by a third.
#[test]
fn estimates_are_near_published_counts() {
    let table = [
        ("You miss 100% of the shots you don't take", 11),
        ("antidisestablishmentarianism", 6),
        ("tiktoken is great!", 6),
        ("2 + 2 = 4", 7),
        ("お誕生日おめでとう", 8),
        (PROSE, 100),
    ];
    for (text, published) in table {
        let estimate = estimate_tokens(text);
        let (low, high) = (published * 2 / 3, published * 4 / 3 + 1);
        assert!(
            (low..=high).contains(&estimate),
            "{text:?}: {estimate}, published {published}"
        );
    }
}

/// 73 words, between the 60 and 80 that 100 tokens stand for.
const PROSE: &str = "The harbour was quiet when the first boats came back. Nobody had expected them before the \
    evening, because the weather report had promised strong winds from the north, and the fishermen usually waited \
    until the storm was over. A few children ran down to the pier, shouting questions about the catch. The oldest of \
    the captains only shook his head, tied the rope around the iron post, and walked home without a word.";

#[test]
fn scripts_keep_their_order_of_cost() {
    let per_char = |text: &str| estimate_tokens(text) as f64 / text.chars().count() as f64;
    let english = per_char(PROSE);
    let russian = per_char("Он вернулся домой поздно вечером и сразу лёг спать, не сказав никому ни слова.");
    let chinese = per_char("他很晚才回到家，什么也没说就睡着了。第二天早上，天空还是灰色的。");
    assert!(english < russian && russian < chinese, "{english} {russian} {chinese}");
    assert!((0.6..=1.0).contains(&chinese), "{chinese}");
}

#[test]
fn nothing_is_nothing_and_something_is_at_least_one() {
    assert_eq!(estimate_tokens(""), 0);
    for text in [" ", "\n", "\u{200d}", "a", "\u{301}", "\0"] {
        assert_eq!(estimate_tokens(text), 1, "{text:?}");
    }
}

#[test]
fn rows_of_one_character_stay_cheap() {
    assert!(estimate_tokens(&"-".repeat(80)) <= 16);
    assert!(estimate_tokens(&" ".repeat(80)) <= 8);
}

proptest! {
    #[test]
    fn the_cut_into_pieces_does_not_matter(text in ".*", cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        let mut counter = TokenCounter::default();
        let mut from = 0;
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| text.floor_char_boundary(cut.index(text.len() + 1))).collect();
        cuts.sort_unstable();
        for cut in cuts {
            counter.push(&text[from..cut]);
            from = cut;
        }
        counter.push(&text[from..]);
        prop_assert_eq!(counter.total(), estimate_tokens(&text));
        prop_assert_eq!(counter.total() == 0, text.is_empty());
    }

    #[test]
    fn the_total_never_shrinks(text in "\\PC*") {
        let mut counter = TokenCounter::default();
        let mut before = 0;
        for c in text.chars() {
            counter.push(c.encode_utf8(&mut [0; 4]));
            prop_assert!(counter.total() >= before);
            before = counter.total();
        }
    }

    #[test]
    fn what_fits_is_the_longest_beginning_that_fits(text in ".{0,60}", max in 1_u64..20) {
        let fits = TokenCounter::default().push_within(&text, max);
        prop_assert!(estimate_tokens(&text[..fits]) <= max);
        if let Some(next) = text[fits..].chars().next() {
            prop_assert!(estimate_tokens(&text[..fits + next.len_utf8()]) > max);
        }
    }
}
