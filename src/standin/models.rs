//! The models an account has, as the user-status call lists them.

use serde_json::{Value, json};

use super::{rpc::slots, settings::Tier};

/// One line of the model table. (Protocol notes, "Model selection": known ids.)
pub(super) struct Model {
    id: &'static str,
    category: &'static str,
    label: &'static str,
    description: &'static str,
    number: u32,
}

const FREE: [Model; 3] = [
    flash("fbb127bbb056c959"),
    flash_lite("cf41b0e0dd7d53e5"),
    pro("9d8ca3786ebdfbea"),
];
const PAID: [Model; 3] = [
    flash("56fdd199312815e2"),
    flash_lite("8c46e95b1a07cecc"),
    pro("e6fa609c3fa255c0"),
];
/// Guests are served by a smaller model, whatever they ask for.
const GUEST_LABEL: &str = "3.5 Flash-Lite";

const fn flash(id: &'static str) -> Model {
    Model {
        id,
        category: "Flash",
        label: "3.6 Flash",
        description: "For most things",
        number: 1,
    }
}

const fn flash_lite(id: &'static str) -> Model {
    Model {
        id,
        category: "Flash-Lite",
        label: "3.5 Flash-Lite",
        description: "Short answers",
        number: 6,
    }
}

const fn pro(id: &'static str) -> Model {
    Model {
        id,
        category: "Pro",
        label: "3.1 Pro",
        description: "Hard problems",
        number: 3,
    }
}

/// The entries of an account's model list.
pub(super) fn list(tier: Tier) -> Vec<Value> {
    let table = if tier == Tier::Free { &FREE } else { &PAID };
    table.iter().map(entry).collect()
}

/// The tier flags and the capability flags from which a client derives the capacity it asks for.
pub(super) fn flags(tier: Tier) -> (Value, Value) {
    match tier {
        Tier::Free => (json!([]), json!([])),
        Tier::Plus => (json!([]), json!([115])),
        Tier::Pro => (json!([8]), json!([19])),
        Tier::Ultra => (json!([16]), json!([106, 19])),
    }
}

/// The name of the model that serves a request with this model id.
pub(super) fn label(id: Option<&str>, guest: bool) -> &'static str {
    if guest {
        return GUEST_LABEL;
    }
    let named = FREE.iter().chain(&PAID).find(|model| Some(model.id) == id);
    named.map_or(FREE[0].label, |model| model.label)
}

fn entry(model: &Model) -> Value {
    slots(
        20,
        [
            (0, json!(model.id)),
            (1, json!(model.category)),
            (2, json!(model.description)),
            (9, json!(model.number)),
            (10, json!(model.category)),
            (11, json!(model.label)),
            (12, json!(model.description)),
            (17, json!(model.number)),
            (19, json!(model.label)),
        ],
    )
}
