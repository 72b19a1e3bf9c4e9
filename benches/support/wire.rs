//! What the upstream says as the Gemini web app, as bytes made once, and the text a client has to get out of them.

use bytes::Bytes;
use serde_json::{Value, json};

/// Snapshots in a streamed answer; each is one event for the client.
pub(super) const EVENTS: usize = 50;

/// The kinds of answer. A marker in the prompt chooses: the upstream finds it in the body without decoding anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// One frame with all of a short text.
    Whole,
    /// [`EVENTS`] growing snapshots, each in a chunk and a write of its own, as fast as they are taken.
    Stream,
    /// The same with a call of a tool in the last snapshot; the gateway's client offers the tool.
    Call,
    /// The stream at an even pace over a few seconds, to have many open at once.
    Held,
}

impl Shape {
    /// The shape a request body asks for.
    pub(super) fn asked_by(body: &[u8]) -> Self {
        [Self::Stream, Self::Call, Self::Held]
            .into_iter()
            .find(|shape| memchr::memmem::find(body, shape.marker().as_bytes()).is_some())
            .unwrap_or(Self::Whole)
    }

    /// The prompt that asks for it.
    pub(super) fn prompt(self) -> String {
        format!("Please tell me a little about the tides. {}", self.marker())
    }

    /// The text of the answer. Nothing in it needs an escape in JSON or looks like markup, so that it reads the same
    /// in every encoding on the way.
    pub(super) fn text(self) -> String {
        match self {
            Self::Whole => "The tide is the slow breath of the sea. Twice a day the water comes and goes, drawn by the \
                            moon and held back by the shore, and every harbour keeps its own hour for it, late or early."
                .to_owned(),
            Self::Stream | Self::Held => pieces().concat(),
            Self::Call => pieces().concat() + CALL,
        }
    }

    /// The visible text that a client of the gateway gets, as it stands in JSON.
    pub(super) fn content(self) -> String {
        match self {
            // The line end before the block is text.
            Self::Call => pieces().concat() + "\\n",
            _ => self.text(),
        }
    }

    /// The chunks of the answer's body.
    pub(super) fn chunks(self) -> Vec<Bytes> {
        let mut answer = Answer::default();
        match self {
            Self::Whole => answer.snapshot(&self.text(), true),
            Self::Stream | Self::Call | Self::Held => {
                let mut text = String::new();
                for (i, piece) in pieces().iter().enumerate() {
                    text.push_str(piece);
                    if self == Self::Call && i + 1 == EVENTS {
                        text.push_str(CALL);
                    }
                    answer.snapshot(&text, i + 1 == EVENTS);
                }
            }
        }
        answer.finish()
    }

    fn marker(self) -> &'static str {
        match self {
            Self::Whole => "bench1",
            Self::Stream => "bench50",
            Self::Call => "benchcall",
            Self::Held => "benchheld",
        }
    }
}

/// The call, as the model writes it below its text.
const CALL: &str = "\n```tool_call\n{\"name\":\"count\",\"arguments\":{\"waves\":50}}\n```";
/// Its arguments, as they stand in JSON.
pub(super) const ARGUMENTS: &str = r#"{\"waves\":50}"#;

/// The text of a stream. Every piece differs, so that a lost or doubled one shows.
pub(super) fn pieces() -> Vec<String> {
    let piece = |i| match i {
        0 => "Wave 00 comes in".to_owned(),
        i => format!(", wave {i:02} comes in"),
    };
    (0..EVENTS).map(piece).collect()
}

/// The app page with the values a client scrapes.
pub(super) fn page() -> Bytes {
    let values = json!({
        "SNlM0e": "ABenchToken0123456789abcdefghij:1795176562810",
        "cfb2h": "boq_assistant-bard-web-server_20261110.05_p0",
        "FdrFJe": "-7132290681884234964",
        "TuX5cc": "en",
        "qKIAYe": "feeds/benchbenchbench",
    });
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><title>Google Gemini</title>\
         <script>window.WIZ_global_data = {values};</script></head><body></body></html>"
    );
    Bytes::from(page)
}

/// The answer to a cookie rotation: nothing to renew for ten minutes.
pub(super) fn rotation() -> Bytes {
    Bytes::from_static(b")]}'\n\n[[\"identity.hfcr\",600],[\"di\",9]]")
}

/// The answer to remote calls with these ids: the account for the one that asks for it, an empty list for others.
pub(super) fn calls(ids: &str) -> Bytes {
    let entry = |id: &str| {
        let result = if id == "otAQ7b" { account() } else { json!([]) };
        json!(["wrb.fr", id, result.to_string(), null, null, null, "generic"])
    };
    let mut answer = Answer::default();
    answer.frame(&Value::Array(ids.split(',').map(entry).collect()));
    Bytes::from(answer.finish().concat())
}

/// A signed-in account in good standing with the free models.
fn account() -> Value {
    let models = [
        ("fbb127bbb056c959", "Flash", "3.6 Flash", 1),
        ("cf41b0e0dd7d53e5", "Flash-Lite", "3.5 Flash-Lite", 6),
        ("9d8ca3786ebdfbea", "Pro", "3.1 Pro", 3),
    ];
    let model = |(id, category, display, number): (&str, &str, &str, u32)| {
        let fields = [
            (0, json!(id)),
            (1, json!(category)),
            (10, json!(category)),
            (11, json!(display)),
            (17, json!(number)),
        ];
        sparse(20, fields)
    };
    let models: Vec<Value> = models.into_iter().map(model).collect();
    sparse(
        18,
        [(14, json!(1000)), (15, json!(models)), (16, json!([])), (17, json!([]))],
    )
}

/// An array of nulls but for these places.
fn sparse<const N: usize>(len: usize, fields: [(usize, Value); N]) -> Value {
    let mut array = vec![Value::Null; len];
    for (index, value) in fields {
        array[index] = value;
    }
    Value::Array(array)
}

/// A framed answer under construction: after the prefix, frames that each begin with their length.
#[derive(Default)]
struct Answer {
    chunks: Vec<Bytes>,
    units: usize,
}

impl Answer {
    /// All the text so far, as the one candidate of a conversation document.
    fn snapshot(&mut self, text: &str, complete: bool) {
        let status = if complete { 2 } else { 1 };
        let candidate = sparse(
            10,
            [
                (0, json!("rc_46d6abba273b1c79")),
                (1, json!([text])),
                (8, json!([status])),
                (9, json!("en")),
            ],
        );
        let context = if complete {
            json!("AwAAAAAAAAAQbenchbenchbench")
        } else {
            Value::Null
        };
        let document = sparse(
            43,
            [
                (1, json!(["c_7bd1e640e5cbea95", "r_4137d3fe02299032"])),
                (4, json!([candidate])),
                (25, context),
                (42, json!("3.6 Flash")),
            ],
        );
        self.frame(&json!([["wrb.fr", null, document.to_string()]]));
    }

    /// One frame in a chunk of its own. Its length counts UTF-16 units from right after the digits: the JSON and the
    /// line ends on both sides of it.
    fn frame(&mut self, entries: &Value) {
        let entries = entries.to_string();
        let prefix = if self.chunks.is_empty() { ")]}'\n\n" } else { "" };
        let chunk = format!("{prefix}{}\n{entries}\n", utf16(&entries) + 2);
        self.units += utf16(&chunk);
        self.chunks.push(Bytes::from(chunk));
    }

    /// Ends the answer with the frame that holds the length of the whole body, itself included.
    fn finish(mut self) -> Vec<Bytes> {
        let end = |total: usize| json!([["e", 4, null, null, total]]);
        let size = |total| {
            let entries = end(total).to_string().len();
            (entries + 2).to_string().len() + entries + 2
        };
        // The number's own digits count: a second look is enough, as one more digit adds a single unit.
        let first = self.units + size(self.units);
        let total = self.units + size(first);
        self.frame(&end(total));
        self.chunks
    }
}

fn utf16(text: &str) -> usize {
    text.encode_utf16().count()
}
