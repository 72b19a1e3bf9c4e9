//! Reading a turn back from the account's history, after its stream broke off.

use std::sync::Arc;

use serde_json::Value;

use super::{Reply, Step};

impl Reply {
    /// Takes this answer's turn out of a chat's history, if it is there and complete: what is missing of the answer
    /// is appended to `out`, and true is given back.
    pub(crate) fn read_back(&mut self, history: &Value, out: &mut Vec<Step>) -> bool {
        let protocol = Arc::clone(&self.protocol);
        let paths = &protocol.response.history;
        let turns = paths.turns.list(history).map(Vec::as_slice).unwrap_or_default();
        let is_ours = |turn: &&Value| self.rid.is_none() || paths.rid.text(turn) == self.rid.as_deref();
        let Some(turn) = turns.iter().find(is_ours) else {
            return false;
        };
        let complete = Some(protocol.response.complete_status);
        let candidates = paths.candidates.list(turn).map(Vec::as_slice).unwrap_or_default();
        let is_whole = |candidate: &&Value| protocol.response.candidate.status.number(candidate) == complete;
        // The one that was streamed, if it is told apart.
        let rcid = &protocol.response.candidate.rcid;
        let is_known = |candidate: &&Value| self.rcid.is_some() && rcid.text(candidate) == self.rcid.as_deref();
        let whole = || candidates.iter().filter(is_whole);
        let Some(candidate) = whole().find(is_known).or_else(|| whole().next()) else {
            return false;
        };
        self.candidate(&protocol, candidate, out);
        self.complete
    }
}
