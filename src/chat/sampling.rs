//! How an answer is drawn from a model's odds: what upstreams with such controls are told, and Gemini's web app has not.

use serde_json::Number;

/// A control over the drawing of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Knob {
    /// How evenly odds are spread: 0 takes the likeliest token each time.
    Temperature,
    /// The share of the likeliest tokens to draw from.
    TopP,
    /// The number of the likeliest tokens to draw from.
    TopK,
    /// Against tokens that have occurred at all.
    PresencePenalty,
    /// Against tokens by how often they have occurred.
    FrequencyPenalty,
    /// Draws alike for the same number, as far as the upstream can.
    Seed,
}

/// The controls a client has set, as it wrote them: their bounds are the upstream's to know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sampling {
    set: Vec<(Knob, Number, &'static str)>,
}

impl Sampling {
    /// Notes a control, and the name of the request field that set it. Of two for one control the first stays.
    pub fn set(&mut self, knob: Knob, value: Number, field: &'static str) {
        if self.get(knob).is_none() {
            self.set.push((knob, value, field));
        }
    }

    /// The value of a control, if it is set.
    #[must_use]
    pub fn get(&self, knob: Knob) -> Option<&Number> {
        let found = self.set.iter().find(|(known, ..)| *known == knob);
        found.map(|(_, value, _)| value)
    }

    /// The request field that set one of them, by its name.
    #[must_use]
    pub fn has_field(&self, name: &str) -> bool {
        self.set.iter().any(|(_, _, field)| *field == name)
    }
}
