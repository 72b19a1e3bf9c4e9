//! The life of items in a stream, whatever comes in whatever pieces.

use proptest::prelude::*;

use super::*;

fn event() -> impl Strategy<Value = Event> {
    let piece = || prop_oneof![4 => "[a-zé\"\\\\\n😀]{1,6}", 1 => Just("\u{2028}\u{85}".to_owned())];
    let name = prop::sample::select(vec!["f", "g", "n.f", "unknown"]);
    prop_oneof![
        6 => piece().prop_map(Event::Text),
        3 => piece().prop_map(Event::Reasoning),
        1 => (0..1000_u32, name, piece()).prop_map(|(id, name, arguments)| call(&id.to_string(), name, &arguments)),
        1 => prop::option::of((0..40_usize, 0..40_usize)).prop_map(source),
    ]
}

/// What a client puts together of the events of one item.
#[derive(Default)]
struct Item {
    deltas: String,
    /// The whole text where it is told again: at the end of the text, of the part, and of the item.
    told: Vec<String>,
    annotations: Vec<Value>,
    done: Value,
}

/// Follows the life of all items; gives them in order.
fn follow(events: &[Value]) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    let mut open: Option<String> = None;
    for event in events {
        let kind = event["type"].as_str().unwrap();
        if kind == "response.output_item.added" {
            assert!(open.is_none(), "two items at once: {event}");
            open = Some(event["item"]["id"].as_str().unwrap().to_owned());
            assert_eq!(event["output_index"], items.len());
            items.push(Item::default());
            continue;
        }
        let Some(index) = event.get("output_index") else {
            continue;
        };
        assert_eq!(index, items.len() - 1);
        let item = items.last_mut().unwrap();
        let id = event.get("item_id").unwrap_or(&event["item"]["id"]);
        assert_eq!(id.as_str(), open.as_deref(), "{event}");
        if let Some(delta) = event["delta"].as_str() {
            assert!(item.told.is_empty(), "a piece after the end");
            item.deltas.push_str(delta);
        }
        let part = event["part"]["text"].as_str().filter(|_| kind.ends_with(".done"));
        for told in [&event["text"], &event["arguments"], &event["input"]] {
            item.told.extend(told.as_str().map(str::to_owned));
        }
        item.told.extend(part.map(str::to_owned));
        item.annotations.extend(event.get("annotation").cloned());
        if kind == "response.output_item.done" {
            open = None;
            item.done = event["item"].clone();
        }
    }
    items
}

fn said(item: &Value) -> &str {
    let texts = [
        &item["content"][0]["text"],
        &item["summary"][0]["text"],
        &item["arguments"],
        &item["input"],
    ];
    texts.into_iter().find_map(Value::as_str).unwrap()
}

proptest! {
    #[test]
    fn pieces_add_up(events in prop::collection::vec(event(), 0..24)) {
        let stream = parsed(&stream(&events, Ok(FinishReason::Stop)));
        for (number, event) in stream.iter().enumerate() {
            prop_assert_eq!(&event["sequence_number"], number);
        }
        let response = &stream.last().unwrap()["response"];
        let items = follow(&stream);
        prop_assert!(!items.is_empty());
        let done: Vec<&Value> = items.iter().map(|item| &item.done).collect();
        prop_assert_eq!(response["output"].as_array().unwrap().iter().collect::<Vec<_>>(), done);
        for item in &items {
            prop_assert!(item.told.iter().all(|told| *told == item.deltas), "{:?}", item.told);
            prop_assert_eq!(said(&item.done), &item.deltas);
            if item.done["type"] == "message" {
                prop_assert_eq!(&item.done["content"][0]["annotations"], &Value::from(item.annotations.clone()));
                let length = item.deltas.chars().count() as u64;
                prop_assert!(item.annotations.iter().all(|source| source["end_index"].as_u64().unwrap() <= length));
            }
        }

        let mut answer = Answer::default();
        events.iter().cloned().for_each(|event| answer.push(event));
        let all = |kinds: &[&str]| {
            let of_kind = items.iter().filter(|item| kinds.contains(&item.done["type"].as_str().unwrap()));
            of_kind.map(|item| said(&item.done)).collect::<Vec<_>>()
        };
        prop_assert_eq!(all(&["message"]).concat(), answer.text);
        prop_assert_eq!(all(&["reasoning"]).concat(), answer.reasoning);
        let calls: Vec<&str> = answer.tool_calls.iter().map(|call| call.arguments.as_str()).collect();
        prop_assert_eq!(all(&["function_call", "custom_tool_call"]), calls);
    }

    #[test]
    fn thoughts_never_cut_a_message(pieces in prop::collection::vec((any::<bool>(), "[a-z]{1,4}"), 1..12)) {
        let events: Vec<Event> = pieces.into_iter().map(|(seen, piece)| if seen { text(&piece) } else { thought(&piece) }).collect();
        let items = follow(&parsed(&stream(&events, Ok(FinishReason::Stop))));
        prop_assert_eq!(items.iter().filter(|item| item.done["type"] == "message").count(), 1);
    }
}
