use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const TURN: &str = "0A1B2C3D-0000-4000-8000-00000000000A";
const CLIENT: &str = "FFFFFFFF-0000-4000-8000-00000000000B";

fn protocol() -> Protocol {
    Protocol::built_in().unwrap()
}

fn tokens() -> PageTokens {
    PageTokens {
        at: Some(SecretString::from("AOOh-x_1:1795176562810")),
        build_label: Some("boq_assistant-bard-web-server_20260929.03_p0".to_owned()),
        session_id: Some("-713229".to_owned()),
        language: "en".to_owned(),
        push_id: "feeds/abc".to_owned(),
    }
}

fn flash() -> AccountModel {
    AccountModel {
        id: "fbb127bbb056c959".to_owned(),
        category: "Flash".to_owned(),
        display: Some("3.6 Flash".to_owned()),
        number: 1,
        public_id: "gemini-flash".to_owned(),
    }
}

fn ask<'a>(tokens: &'a PageTokens, prompt: &'a str, model: Option<&'a AccountModel>) -> Generate<'a> {
    Generate {
        tokens,
        prompt,
        files: &[],
        model,
        capacity: Capacity { value: 1, field: 12 },
        thinking: None,
        temporary: false,
        turn: TURN.parse().unwrap(),
        client: CLIENT.parse().unwrap(),
        request_id: 154_321,
    }
}

fn form(request: &Outgoing) -> Vec<(String, String)> {
    form_urlencoded_pairs(&request.body)
}

fn form_urlencoded_pairs(body: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(body).into_owned().collect()
}

fn inner(request: &Outgoing) -> Vec<Value> {
    let outer: Value = serde_json::from_str(&form(request)[1].1).unwrap();
    assert_eq!(outer[0], Value::Null);
    assert_eq!(outer.as_array().unwrap().len(), 2);
    serde_json::from_str(outer[1].as_str().unwrap()).unwrap()
}

fn names(request: &Outgoing) -> Vec<&str> {
    request.headers.keys().map(HeaderName::as_str).collect()
}

fn query_names(request: &Outgoing) -> Vec<String> {
    request.url.query_pairs().map(|(name, _)| name.into_owned()).collect()
}

const NAVIGATION: [&str; 12] = [
    "sec-ch-ua",
    "sec-ch-ua-mobile",
    "sec-ch-ua-platform",
    "upgrade-insecure-requests",
    "user-agent",
    "accept",
    "sec-fetch-site",
    "sec-fetch-mode",
    "sec-fetch-user",
    "sec-fetch-dest",
    "accept-language",
    "priority",
];

#[test]
fn the_inner_array_has_every_slot_of_the_protocol() {
    let (tokens, model) = (tokens(), flash());
    let request = generate(&protocol(), &ask(&tokens, "first", Some(&model))).unwrap();
    let inner = inner(&request);
    assert_eq!(inner.len(), 81);
    let filled: Vec<_> = inner.iter().enumerate().filter(|(_, value)| !value.is_null()).collect();
    let expected = [
        (0, json!(["first", 0, null, null, null, null, 0])),
        (1, json!(["en"])),
        (2, json!(["", "", "", null, null, null, null, null, null, ""])),
        (6, json!([1])),
        (7, json!(1)),
        (10, json!(1)),
        (11, json!(0)),
        (17, json!([[0]])),
        (18, json!(0)),
        (27, json!(1)),
        (30, json!([4])),
        (41, json!([1])),
        (53, json!(0)),
        (59, json!(TURN)),
        (61, json!([])),
        (68, json!(1)),
        (79, json!(1)),
        (80, json!(1)),
    ];
    let expected: Vec<_> = expected.iter().map(|(slot, value)| (*slot, value)).collect();
    assert_eq!(filled, expected);
}

#[test]
fn a_generation_has_its_headers_and_query_in_order() {
    let (tokens, model) = (tokens(), flash());
    let request = generate(&protocol(), &ask(&tokens, "x", Some(&model))).unwrap();
    assert_eq!(request.method, Method::POST);
    let url = request.url.as_str();
    let base = "https://gemini.google.com/_/BardChatUi/data/assistant.lamda.BardFrontendService/StreamGenerate";
    let query = "hl=en&_reqid=154321&rt=c&bl=boq_assistant-bard-web-server_20260929.03_p0&f.sid=-713229";
    assert_eq!(url, format!("{base}?{query}"));
    let own = [
        "content-type",
        "origin",
        "referer",
        "x-goog-ext-525001261-jspb",
        "x-goog-ext-73010989-jspb",
        "x-goog-ext-73010990-jspb",
        "x-goog-ext-525005358-jspb",
        "x-same-domain",
    ];
    assert_eq!(names(&request), [&NAVIGATION[..], &own[..]].concat());
    let headers = &request.headers;
    assert_eq!(
        headers["content-type"],
        "application/x-www-form-urlencoded;charset=utf-8"
    );
    assert_eq!(headers["origin"], "https://gemini.google.com");
    assert_eq!(headers["referer"], "https://gemini.google.com/");
    assert_eq!(
        headers["x-goog-ext-525001261-jspb"].to_str().unwrap(),
        format!("[1,null,null,null,\"fbb127bbb056c959\",null,null,0,[4,5,6,8],null,null,1,null,null,1,1,\"{CLIENT}\"]")
    );
    assert_eq!(headers["x-goog-ext-73010989-jspb"], "[0]");
    assert_eq!(headers["x-goog-ext-73010990-jspb"], "[0,0,0]");
    assert_eq!(
        headers["x-goog-ext-525005358-jspb"].to_str().unwrap(),
        format!("[\"{TURN}\",1]")
    );
    assert_eq!(headers["x-same-domain"], "1");
}

#[test]
fn capacity_thinking_and_temporary_go_where_they_belong() {
    let (tokens, mut model) = (tokens(), flash());
    (model.id, model.number) = ("e6fa609c3fa255c0".to_owned(), 3);
    let mut ask = ask(&tokens, "x", Some(&model));
    ask.capacity = Capacity { value: 2, field: 13 };
    ask.thinking = Some(ThinkingLevel::Extended);
    ask.temporary = true;
    let request = generate(&protocol(), &ask).unwrap();
    let selector = request.headers["x-goog-ext-525001261-jspb"].to_str().unwrap();
    let fields: Vec<Value> = serde_json::from_str(selector).unwrap();
    assert_eq!(fields.len(), 18);
    assert_eq!((&fields[11], &fields[12]), (&Value::Null, &json!(2)));
    assert_eq!(
        (&fields[15], &fields[16], &fields[17]),
        (&json!(3), &json!(2), &json!(CLIENT))
    );
    let inner = inner(&request);
    assert_eq!((&inner[45], &inner[79], &inner[80]), (&json!(1), &json!(3), &json!(2)));
}

#[test]
fn without_a_model_the_upstream_chooses() {
    let tokens = tokens();
    let request = generate(&protocol(), &ask(&tokens, "x", None)).unwrap();
    let names = names(&request);
    for absent in [
        "x-goog-ext-525001261-jspb",
        "x-goog-ext-73010989-jspb",
        "x-goog-ext-73010990-jspb",
    ] {
        assert!(!names.contains(&absent), "{absent}");
    }
    assert!(names.contains(&"x-goog-ext-525005358-jspb"));
    assert_eq!(inner(&request)[79], json!(1));
}

#[test]
fn nothing_of_one_request_is_in_the_next() {
    let (protocol, tokens, flash) = (protocol(), tokens(), flash());
    let mut pro = flash.clone();
    (pro.id, pro.number) = ("9d8ca3786ebdfbea".to_owned(), 3);
    let mut first = ask(&tokens, "first", Some(&flash));
    first.turn = CLIENT.parse().unwrap();
    let fresh = generate(&Protocol::built_in().unwrap(), &ask(&tokens, "next", Some(&pro))).unwrap();

    generate(&protocol, &first).unwrap();
    let next = generate(&protocol, &ask(&tokens, "next", Some(&pro))).unwrap();
    assert_eq!((&next.url, &next.headers), (&fresh.url, &fresh.headers));
    assert_eq!(next.body, fresh.body);
}

#[test]
fn values_the_page_lacks_are_left_out_and_the_token_is_empty() {
    let mut tokens = tokens();
    (tokens.at, tokens.build_label, tokens.session_id) = (None, None, None);
    let request = generate(&protocol(), &ask(&tokens, "x", None)).unwrap();
    assert_eq!(query_names(&request), ["hl", "_reqid", "rt"]);
    assert_eq!(form(&request)[0], ("at".to_owned(), String::new()));
    assert!(request.body.starts_with(b"at=&f.req="));
}

#[test]
fn rpcs_are_listed_in_order_with_their_payloads() {
    let (protocol, tokens) = (protocol(), tokens());
    let calls = [
        RpcCall::account(&protocol).unwrap(),
        RpcCall::read_chat(&protocol, "c_1", 10).unwrap(),
        RpcCall::delete_chat(&protocol, "c_\"2").unwrap(),
        RpcCall::activity(&protocol).unwrap(),
    ];
    let call = Rpc {
        tokens: &tokens,
        calls: &calls,
        client: CLIENT.parse().unwrap(),
        request_id: 5,
    };
    let request = rpc(&protocol, &call).unwrap();
    assert_eq!(
        request.url.query().unwrap(),
        "rpcids=otAQ7b%2ChNvQHb%2CGzXR5e%2CESY5D&hl=en&_reqid=5&rt=c&source-path=%2Fapp\
         &bl=boq_assistant-bard-web-server_20260929.03_p0&f.sid=-713229"
    );
    let form = form(&request);
    assert_eq!(form[0], ("at".to_owned(), "AOOh-x_1:1795176562810".to_owned()));
    assert_eq!(form[1].0, "f.req");
    assert_eq!(
        serde_json::from_str::<Value>(&form[1].1).unwrap(),
        json!([[
            ["otAQ7b", "[]", null, "generic"],
            ["hNvQHb", "[\"c_1\",10,null,1,[1],[4],null,1]", null, "generic"],
            ["GzXR5e", "[\"c_\\\"2\"]", null, "generic"],
            ["ESY5D", "[[[\"bard_activity_enabled\"]]]", null, "generic"],
        ]])
    );
    let own = [
        "content-type",
        "origin",
        "referer",
        "x-goog-ext-525001261-jspb",
        "x-goog-ext-73010989-jspb",
        "x-same-domain",
    ];
    assert_eq!(names(&request), [&NAVIGATION[..], &own[..]].concat());
    assert_eq!(
        request.headers["x-goog-ext-525001261-jspb"].to_str().unwrap(),
        format!("[1,null,null,null,null,null,null,null,[4,5,6,8],null,null,null,null,null,null,null,\"{CLIENT}\"]")
    );
}

#[test]
fn the_page_and_the_rotation_are_asked_for_as_the_web_app_does() {
    let protocol = protocol();
    let request = page(&protocol).unwrap();
    assert_eq!(
        (request.method.as_str(), request.url.as_str()),
        ("GET", "https://gemini.google.com/app")
    );
    assert_eq!(
        names(&request),
        [&NAVIGATION[..], &["content-type", "origin", "referer"]].concat()
    );
    assert!(request.body.is_empty());

    let request = rotate(&protocol).unwrap();
    assert_eq!(request.url.as_str(), "https://accounts.google.com/RotateCookies");
    assert_eq!(names(&request), [&NAVIGATION[..], &["content-type", "origin"]].concat());
    assert_eq!(request.headers["content-type"], "application/json");
    assert_eq!(request.headers["origin"], "https://accounts.google.com");
    assert_eq!(&request.body[..], b"[000,\"-0000000000000000000\"]");
}

#[test]
fn another_account_shows_in_path_referer_and_header() {
    let protocol = Protocol::with_overlay(r#"{"account": {"index": 1}}"#).unwrap();
    let request = page(&protocol).unwrap();
    assert_eq!(request.url.as_str(), "https://gemini.google.com/u/1/app");
    assert_eq!(request.headers["referer"], "https://gemini.google.com/u/1/app");
    assert_eq!(request.headers["x-goog-authuser"], "1");
    assert!(!rotate(&protocol).unwrap().headers.contains_key("x-goog-authuser"));
}

#[test]
fn debug_output_holds_no_token() {
    let tokens = tokens();
    let request = generate(&protocol(), &ask(&tokens, "my prompt", None)).unwrap();
    let shown = format!("{request:?}");
    for secret in ["AOOh", "-713229", "my prompt"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn a_prompt_of_128_kilobytes_is_written_whole() {
    let tokens = tokens();
    let prompt = "a\"\\\n\u{1F600}天".repeat(128_000 / 11);
    let request = generate(&protocol(), &ask(&tokens, &prompt, None)).unwrap();
    assert_eq!(inner(&request)[0][0], json!(prompt));
}

proptest! {
    #[test]
    fn any_prompt_arrives_unchanged(prompt in any::<String>()) {
        let tokens = tokens();
        let request = generate(&protocol(), &ask(&tokens, &prompt, None)).unwrap();
        prop_assert_eq!(&inner(&request)[0][0], &json!(prompt));
        prop_assert_eq!(form(&request).len(), 2);
    }
}
