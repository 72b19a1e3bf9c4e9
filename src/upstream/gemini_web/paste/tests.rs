use proptest::prelude::*;

use super::*;

const NOW: i64 = 1_795_000_000;
const ID: &str = "g.a000abc-DEF_ghi.jkl";
const TS: &str = "sidts-CjIBabc-DEF_ghi";

fn look(text: &str) -> Result<Found, Failure> {
    read(&SecretString::from(text.to_owned()), NOW)
}

fn values(text: &str) -> (String, Option<String>) {
    let found = look(text).unwrap();
    let psidts = found
        .credentials
        .psidts
        .as_ref()
        .map(|value| value.expose_secret().to_owned());
    (found.credentials.psid.expose_secret().to_owned(), psidts)
}

fn both() -> (String, Option<String>) {
    (ID.to_owned(), Some(TS.to_owned()))
}

fn fails(text: &str) -> String {
    let failure = look(text).err().unwrap_or_else(|| panic!("taken: {text}"));
    assert_eq!(
        (failure.kind(), failure.param_name()),
        (Kind::InvalidRequest, Some("cookies"))
    );
    failure.message().to_owned()
}

/// Every shape of one log-in.
fn shapes(id: &str, ts: &str) -> Vec<String> {
    vec![
        format!("{PSID}={id}; {PSIDTS}={ts}"),
        format!("Cookie: NID=511=a; {PSIDTS}={ts}; SAPISID=x/y; {PSID}={id}"),
        format!("{PSID}={id}\n{PSIDTS}={ts}\n"),
        format!("export SECURE_1PSID='{id}'\r\nexport SECURE_1PSIDTS=\"{ts}\""),
        format!(
            "# Netscape HTTP Cookie File\n\n#HttpOnly_.google.com\tTRUE\t/\tTRUE\t1826536000\t{PSID}\t{id}\n\
             .google.com\tTRUE\t/\tTRUE\t0\t{PSIDTS}\t{ts}\n.google.com\tTRUE\t/\tFALSE\t1\tSIDCC\tgone\n"
        ),
        format!(
            r#"[{{"domain":".google.com","expirationDate":1826536000.25,"hostOnly":false,"name":"{PSID}","value":"{id}"}},
                {{"domain":".google.com","session":true,"name":"{PSIDTS}","value":"{ts}"}},
                {{"domain":".youtube.com","name":"{PSID}","value":"another-sites"}}]"#
        ),
        format!(
            r#"{{"url":"https://gemini.google.com","cookies":[
                {{"name":"{PSIDTS}","value":"{ts}","domain":".google.com","expires":-1}},
                {{"name":"{PSID}","value":"{id}","domain":".google.com","expires":1826536000000}}]}}"#
        ),
        format!(r#"{{"{PSID}":"{id}","{PSIDTS}":"{ts}"}}"#),
        format!("\u{feff}{{\"Request Cookies\":{{\"{PSID}\":\"{id}\",\"{PSIDTS}\":\"{ts}\"}}}}"),
    ]
}

#[test]
fn every_known_shape_gives_the_two_values() {
    for text in shapes(ID, TS) {
        assert_eq!(values(&text), both(), "{text}");
    }
    for text in [
        format!("{ID} {TS}"),
        format!("\"{TS}\"\n\"{ID}\""),
        format!("__Secure-1PSID:{ID}\n__Secure-1PSIDTS:{TS}"),
    ] {
        assert_eq!(values(&text), both(), "{text}");
    }
}

#[test]
fn what_was_found_and_left_out_is_said_without_a_value() {
    let texts = shapes(ID, TS);
    assert_eq!(
        look(&texts[1]).unwrap().report,
        [
            "Read as a Cookie header: 4 cookies.",
            "Found __Secure-1PSID and __Secure-1PSIDTS.",
            "Left out 2 others: a log-in needs none of them."
        ]
    );
    let alone = look(&format!("{PSID}={ID}")).unwrap();
    assert!(alone.credentials.psidts.is_none());
    assert!(alone.report[1].contains("no __Secure-1PSIDTS"), "{:?}", alone.report);
}

#[test]
fn what_cannot_be_used_is_said_with_cause_and_cure() {
    for (text, cause) in [
        (String::new(), "empty"),
        ("hello there".to_owned(), "none of the known kinds"),
        ("NID=1; AEC=2".to_owned(), "no __Secure-1PSID"),
        (format!("{PSIDTS}={TS}"), "no __Secure-1PSID"),
        ("[1, 2".to_owned(), "line 1, column 5"),
        ("[]".to_owned(), "holds no cookies"),
        (r#"{"a": 1}"#.to_owned(), "holds no cookies"),
        (format!("{PSID}=g.a000ab…; {PSIDTS}={TS}"), "Copy the whole value"),
        (format!("{PSID}={ID}; {PSID}={ID}x"), "twice"),
        (
            format!(".youtube.com\tTRUE\t/\tTRUE\t0\t{PSID}\t{ID}"),
            "belongs to .youtube.com",
        ),
        (
            format!(".google.com\tTRUE\t/\tTRUE\t1700000000\t{PSID}\t{ID}"),
            "ended on Tue, 14 Nov 2023",
        ),
        ("x".repeat(LONGEST + 1), "over 1048576 bytes"),
    ] {
        let message = fails(&text);
        assert!(message.contains(cause), "{message}");
        assert!(!message.contains(ID) && !message.contains(TS), "{message}");
    }
}

#[test]
fn an_expired_partner_is_left_out() {
    let text = format!(
        r#"[{{"name":"{PSID}","value":"{ID}"}},{{"name":"{PSIDTS}","value":"{TS}","expirationDate":1700000000}}]"#
    );
    let found = look(&text).unwrap();
    assert!(found.credentials.psidts.is_none());
    assert!(found.report[1].contains("ended on"), "{:?}", found.report);
}

proptest! {
    #[test]
    fn any_value_comes_out_of_every_shape_as_it_went_in(
        id in "[A-Za-z0-9._=/+-]{0,40}[A-Za-z0-9_-]", ts in "[A-Za-z0-9._=/+-]{0,40}[A-Za-z0-9_-]",
    ) {
        for text in shapes(&id, &ts) {
            prop_assert_eq!(values(&text), (id.clone(), Some(ts.clone())), "{}", text);
        }
    }

    #[test]
    fn no_text_is_too_odd_and_none_is_repeated(
        text in prop_oneof![any::<String>(), "[\\[{\"a-z:=;,\\t\\n .#0-9}\\]]{0,80}", "(__Secure-1PSID(TS)?[=\\t:;\"]{1,2}){1,4}"],
    ) {
        let secret = format!("{text} {PSID}=never-to-be-shown;");
        for text in [&text, &secret] {
            match look(text) {
                Ok(found) => prop_assert!(!found.report.concat().contains("never-to-be-shown")),
                Err(failure) => prop_assert!(!failure.message().contains("never-to-be-shown")),
            }
        }
    }

    #[test]
    fn any_json_is_read_or_refused(depth in 0usize..200, number in any::<f64>()) {
        let _ = look(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
        let _ = look(&format!(r#"[{{"name":"{PSID}","value":"x","expirationDate":{number:e}}}]"#));
    }
}
