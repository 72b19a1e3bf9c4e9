use secrecy::ExposeSecret;

use super::*;

const PAGE: &str = r#"<html><script>window.WIZ_global_data = {"SNlM0e":"AT\u003dx:17","qwAQke":"BardChatUi",
"cfb2h":"boq_assistant-bard-web-server_20260929.03_p0","FdrFJe":"-7132290681884234964","TuX5cc":"en-GB",
"qKIAYe":"feeds/abc"};</script></html>"#;

fn protocol() -> Protocol {
    Protocol::built_in().unwrap()
}

fn at(html: &str) -> Option<String> {
    let tokens = scrape(&protocol(), html.as_bytes())?;
    Some(tokens.at?.expose_secret().to_owned())
}

#[test]
fn every_value_is_read_and_decoded() {
    let tokens = scrape(&protocol(), PAGE.as_bytes()).unwrap();
    assert_eq!(tokens.at.as_ref().unwrap().expose_secret(), "AT=x:17");
    assert_eq!(
        tokens.build_label.as_deref(),
        Some("boq_assistant-bard-web-server_20260929.03_p0")
    );
    assert_eq!(tokens.session_id.as_deref(), Some("-7132290681884234964"));
    assert_eq!(tokens.language, "en");
    assert_eq!(tokens.push_id, "feeds/abc");
}

#[test]
fn debug_output_holds_no_secret() {
    let shown = format!("{:?}", scrape(&protocol(), PAGE.as_bytes()).unwrap());
    assert!(!shown.contains("AT="), "{shown}");
    assert!(!shown.contains("-7132290681884234964"), "{shown}");
}

#[test]
fn the_token_is_found_in_every_spelling() {
    for html in [
        r#"{"SNlM0e":"tok"}"#,
        r#"{"SNlM0e": "tok"}"#,
        "{\"SNlM0e\" :\n \"tok\"}",
        r#"["SNlM0e","tok"]"#,
        r#"['{\"SNlM0e\":\"tok\"}']"#,
        r#"['[\"SNlM0e\", \"tok\"]']"#,
        r#"{"thykhd":"tok"}"#,
        r#"SNlM0e is a word; {"SNlM0e":""} {"SNlM0e":"tok"}"#,
    ] {
        assert_eq!(at(html).as_deref(), Some("tok"), "{html}");
    }
    assert_eq!(at(r#"['{\"SNlM0e\":\"a\\u003db\"}']"#).as_deref(), Some("a=b"));
    assert_eq!(at(r#"{"SNlM0e":"a\"b\\"}"#).as_deref(), Some(r#"a"b\"#));
}

#[test]
fn broken_spellings_give_nothing() {
    for html in [
        r#"{"SNlM0e":"tok"#,
        r#"{"SNlM0e":"tok\"#,
        r#"SNlM0e":"tok""#,
        r#""SNlM0e""#,
        r#"{"SNlM0e":5}"#,
        "",
    ] {
        assert_eq!(at(html), None, "{html}");
        assert!(scrape(&protocol(), html.as_bytes()).is_none(), "{html}");
    }
}

#[test]
fn what_a_guest_page_lacks_has_a_fallback() {
    let tokens = scrape(
        &protocol(),
        br#"{"FdrFJe":"5"} src="/boq_gemini-web-uiserver_20261001.02_p1/x.js""#,
    )
    .unwrap();
    assert!(tokens.at.is_none());
    assert_eq!(
        tokens.build_label.as_deref(),
        Some("boq_gemini-web-uiserver_20261001.02_p1")
    );
    assert_eq!(tokens.language, "en");
}

#[test]
fn languages_other_than_english_keep_their_region() {
    let language = |tag: &str| {
        scrape(&protocol(), format!(r#"{{"TuX5cc":"{tag}"}}"#).as_bytes())
            .unwrap()
            .language
    };
    assert_eq!(language("en-US"), "en");
    assert_eq!(language("en"), "en");
    assert_eq!(language("zh-TW"), "zh-TW");
    assert_eq!(language("de"), "de");
}

#[test]
fn pages_are_told_apart_by_address_then_values_then_marks() {
    let kind = |url: &str, html: &str| classify(&protocol(), &Url::parse(url).unwrap(), html.as_bytes());
    let app = "https://gemini.google.com/app";
    assert_eq!(kind(app, PAGE), PageKind::App);
    assert_eq!(
        kind("https://accounts.google.com/v3/signin/identifier?continue=x", PAGE),
        PageKind::SignIn
    );
    assert_eq!(kind("https://consent.google.com/ml?continue=x", ""), PageKind::Consent);
    assert_eq!(
        kind("https://www.google.com/sorry/index?continue=x", ""),
        PageKind::Sorry
    );
    assert_eq!(kind(app, r#"<form action="/v3/signin/identifier">"#), PageKind::SignIn);
    assert_eq!(
        kind(app, r#"<form action="https://consent.google.com/save">"#),
        PageKind::Consent
    );
    assert_eq!(
        kind(app, "Our systems have detected unusual traffic from"),
        PageKind::Sorry
    );
    assert_eq!(kind(app, "<html>hello</html>"), PageKind::Unknown);
    assert_eq!(
        kind("https://gemini.google.com/app?continue=accounts.google.com", PAGE),
        PageKind::App
    );
}

#[test]
fn an_address_counts_by_whole_names_and_on_googles_hosts_alone() {
    let kind = |url: &str| classify(&protocol(), &Url::parse(url).unwrap(), b"");
    for (url, expected) in [
        ("https://accounts.google.com/", PageKind::SignIn),
        ("https://accounts.google.com:443/x", PageKind::SignIn),
        ("https://eu.consent.google.com/ml", PageKind::Consent),
        ("https://ipv4.google.com/sorry/index", PageKind::Sorry),
        ("https://www.google.com/accounts/ServiceLogin", PageKind::SignIn),
        ("https://gemini.google.com/v3/signin/identifier", PageKind::SignIn),
    ] {
        assert_eq!(kind(url), expected, "{url}");
    }
    for url in [
        "https://accounts.google.com.evil.example/",
        "https://notaccounts.google.com.evil.example/accounts.google.com",
        "https://myaccounts.google.com/",
        "https://evil.example/accounts.google.com",
        "https://evil.example/google.com/sorry/index",
        "https://evil.example/ServiceLogin",
        "https://portal.example/sorry/index",
        "https://www.google.com/sorrywrong",
    ] {
        assert_eq!(kind(url), PageKind::Unknown, "{url}");
    }
}

#[test]
fn the_fresh_token_of_a_400_is_found() {
    let body = b")]}'\n\n123\n[[\"er\",null,null,null,null,400,null,null,null,3,[{\"48448350\":[\"xsrf\",\"AOOh0P\\u003d:1778770951003\",[\"106\"]]}]],[\"di\",19]]\n";
    assert_eq!(xsrf_token(body).unwrap().expose_secret(), "AOOh0P=:1778770951003");
    assert!(xsrf_token(b"[[\"er\",null,null,null,null,400]]").is_none());
    assert!(xsrf_token(b"[\"xsrf\",\"").is_none());
    assert!(xsrf_token(b"[\"xsrf\",\"\"]").is_none());
}
