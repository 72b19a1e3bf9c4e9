use serde_json::json;

use super::*;

fn protocol() -> Protocol {
    Protocol::built_in().unwrap()
}

/// The answer of the account RPC, as the web app gets it.
fn document(status: Value, tier: Value, capability: Value) -> Value {
    let model = |id: &str, category: &str, display: &str, number: u32| {
        let mut model = vec![Value::Null; 20];
        (model[0], model[1], model[9], model[10]) = (json!(id), json!(category), json!(number), json!(category));
        (model[11], model[17], model[19]) = (json!(display), json!(number), json!(display));
        Value::Array(model)
    };
    let mut document = vec![Value::Null; 20];
    document[14] = status;
    document[15] = json!([
        model("fbb127bbb056c959", "Flash", "3.6 Flash", 1),
        model("cf41b0e0dd7d53e5", "Flash-Lite", "3.5 Flash-Lite", 6),
        model("9d8ca3786ebdfbea", "Pro", "3.1 Pro", 3),
        model("bad id\n", "Ultra", "4 Ultra", 9),
    ]);
    (document[16], document[17]) = (tier, capability);
    Value::Array(document)
}

fn models() -> AccountModels {
    Account::parse(&protocol(), &document(json!(1000), json!([]), json!([])))
        .unwrap()
        .models
}

#[test]
fn an_account_is_read_with_its_models() {
    let account = Account::parse(&protocol(), &document(json!(1014), json!([8]), json!([19]))).unwrap();
    assert_eq!(account.status, 1014);
    assert_eq!(account.capacity, Capacity { value: 2, field: 12 });
    let ids: Vec<_> = account
        .models
        .list()
        .iter()
        .map(|model| model.public_id.as_str())
        .collect();
    assert_eq!(ids, ["gemini-flash", "gemini-flash-lite", "gemini-pro"]);
    assert_eq!(account.models.list()[1].number, 6);
    assert!(Account::parse(&protocol(), &json!({"error": 1})).is_none());
}

#[test]
fn a_missing_status_is_good_standing_and_missing_models_are_none() {
    let account = Account::parse(&protocol(), &json!([])).unwrap();
    assert_eq!(account.status, 1000);
    assert!(account.models.list().is_empty());
}

#[test]
fn sparse_answers_are_read_too() {
    let answer = json!([{"15": 1016, "16": [[{"1": "abc", "2": "Pro", "12": "3.1 Pro", "18": 3}]]}]);
    let account = Account::parse(&protocol(), &answer).unwrap();
    assert_eq!(account.status, 1016);
    assert_eq!(account.models.list()[0].public_id, "gemini-pro");
}

#[test]
fn the_first_capacity_rule_that_fits_wins() {
    for (tier, capability, value, field) in [
        (json!([]), json!([]), 1, 12),
        (json!(null), json!(null), 1, 12),
        (json!([8]), json!([]), 2, 12),
        (json!([]), json!([19]), 2, 12),
        (json!([]), json!([19, 106]), 3, 12),
        (json!([16]), json!([106, 19]), 3, 12),
        (json!([16]), json!([115]), 4, 12),
        (json!([21, 16]), json!([115]), 1, 13),
        (json!([22]), json!([]), 2, 13),
    ] {
        let account = Account::parse(&protocol(), &document(json!(1000), tier, capability)).unwrap();
        assert_eq!(account.capacity, Capacity { value, field });
    }
}

#[test]
fn models_answer_to_their_names() {
    let models = models();
    for (name, id) in [
        ("gemini-flash", "fbb127bbb056c959"),
        ("Gemini-Flash", "fbb127bbb056c959"),
        ("gemini-3-flash", "fbb127bbb056c959"),
        ("gemini-3.6-flash", "fbb127bbb056c959"),
        ("gemini-flash-lite", "cf41b0e0dd7d53e5"),
        ("gemini-3-flash-lite", "cf41b0e0dd7d53e5"),
        ("gemini-3-pro", "9d8ca3786ebdfbea"),
        ("gemini-3.1-pro", "9d8ca3786ebdfbea"),
        ("9d8ca3786ebdfbea", "9d8ca3786ebdfbea"),
    ] {
        assert_eq!(models.resolve(name).unwrap().id, id, "{name}");
    }
    for name in ["gemini", "gemini-2-pro", "gpt-4o", "flash", ""] {
        assert!(models.resolve(name).is_none(), "{name}");
    }
}

#[test]
fn labels_name_a_family() {
    let models = models();
    let served = |label| models.served(label).map(|model| model.public_id.as_str());
    assert_eq!(served("3.6 Flash"), Some("gemini-flash"));
    assert_eq!(served("3.5 Flash-Lite"), Some("gemini-flash-lite"));
    assert_eq!(served("3.5 Flash Lite"), Some("gemini-flash-lite"));
    assert_eq!(served("3.1 Pro"), Some("gemini-pro"));
    assert_eq!(served("4 Profound"), None);
    assert_eq!(models.public_id_of("3.1 Pro"), "gemini-pro");
    assert_eq!(models.public_id_of("4 Ultra"), "gemini-4-ultra");
    let pro = models.resolve("gemini-pro").unwrap();
    assert!(models.same_family(pro, "3.9 Pro"));
    assert!(!models.same_family(pro, "3.6 Flash"));
    assert!(!models.same_family(pro, "4 Ultra"));
    let flash = models.resolve("gemini-flash").unwrap();
    assert!(!models.same_family(flash, "3.5 Flash-Lite"));
}

#[test]
fn a_label_is_known_by_the_name_it_is_shown_under_whatever_its_category_is_called() {
    let answer = json!([{"15": 1000, "16": [
        ["a1", "Fast", null, null, null, null, null, null, null, 1, null, "3.6 Flash"],
        ["b2", "Thinking", null, null, null, null, null, null, null, 3, null, "3.1 Pro"]
    ]}]);
    let models = Account::parse(&protocol(), &answer).unwrap().models;
    let fast = models.resolve("gemini-fast").unwrap();
    assert!(models.same_family(fast, "3.6 Flash"));
    assert!(!models.same_family(fast, "3.1 Pro"));
    assert_eq!(models.public_id_of("3.1 Pro"), "gemini-thinking");
}

#[test]
fn two_models_of_one_category_have_two_ids() {
    let answer = json!([{"15": 1000, "16": [
        ["a1", "Pro", null, null, null, null, null, null, null, 3, null, "3.1 Pro"],
        ["b2", "Pro", null, null, null, null, null, null, null, 3, null, "3.0 Pro"],
        ["c3", "Pro", null, null, null, null, null, null, null, 3, null, "3.0 Pro"]
    ]}]);
    let models = Account::parse(&protocol(), &answer).unwrap().models;
    let ids: Vec<_> = models.list().iter().map(|model| model.public_id.as_str()).collect();
    assert_eq!(ids, ["gemini-pro", "gemini-3.0-pro", "gemini-c3"]);
    assert_eq!(models.resolve("gemini-3-pro").unwrap().id, "a1");
}

#[test]
fn the_fallback_has_the_known_models() {
    let models = AccountModels::fallback(&protocol());
    let ids: Vec<_> = models.list().iter().map(|model| model.public_id.as_str()).collect();
    assert_eq!(ids, ["gemini-flash", "gemini-flash-lite", "gemini-pro"]);
}
