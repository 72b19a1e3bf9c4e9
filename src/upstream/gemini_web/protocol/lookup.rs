//! Look-up in the upstream's arrays, where field n is either element n or, sparsely, key n+1 of an object.

use serde::Deserialize;
use serde_json::Value;

/// Alternative places of one value; the first that holds something wins.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Paths(Vec<Vec<Step>>);

/// One step of a path: a field of an array, or a key of an object.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Step {
    Field(usize),
    Key(String),
}

impl Paths {
    /// The value at the first alternative that holds one other than null.
    pub(crate) fn get<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        self.0.iter().find_map(|path| follow(path, value))
    }

    /// The same, where it must be a text that is not empty.
    pub(crate) fn text<'a>(&self, value: &'a Value) -> Option<&'a str> {
        let texts = |path: &Vec<Step>| follow(path, value)?.as_str().filter(|text| !text.is_empty());
        self.0.iter().find_map(texts)
    }

    /// The same, where it must be a whole number.
    pub(crate) fn number(&self, value: &Value) -> Option<u64> {
        self.0.iter().find_map(|path| follow(path, value)?.as_u64())
    }

    /// The same, where it must be a list.
    pub(crate) fn list<'a>(&self, value: &'a Value) -> Option<&'a Vec<Value>> {
        self.0.iter().find_map(|path| follow(path, value)?.as_array())
    }
}

/// Field `n` of an array: element n, or key n+1 of the object that may be the array's last element.
pub(crate) fn field(value: &Value, n: usize) -> Option<&Value> {
    let array = value.as_array()?;
    let positional = array.get(n).filter(|found| !found.is_null());
    let last_is_sparse = n + 1 >= array.len() || positional.is_none();
    if last_is_sparse && let Some(Value::Object(sparse)) = array.last() {
        let found = sparse.get(&(n + 1).to_string()).filter(|found| !found.is_null());
        return found.or(positional);
    }
    positional
}

fn follow<'a>(path: &[Step], value: &'a Value) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, step| match step {
        Step::Field(n) => field(value, *n),
        Step::Key(key) => value.get(key).filter(|found| !found.is_null()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(text: &str) -> Paths {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_field_is_found_by_place_or_in_the_trailing_object() {
        assert_eq!(field(&json!(["a", "b"]), 1), Some(&json!("b")));
        assert_eq!(field(&json!([{"8": "seven"}]), 7), Some(&json!("seven")));
        assert_eq!(field(&json!([null, {"1": "zero"}]), 0), Some(&json!("zero")));
        assert_eq!(field(&json!(["a", {"1": "zero"}]), 0), Some(&json!("a")));
        assert_eq!(field(&json!(["a", {"3": "two"}]), 2), Some(&json!("two")));
        assert_eq!(field(&json!(["a"]), 1), None);
        assert_eq!(field(&json!([null]), 0), None);
        assert_eq!(field(&json!({"1": "zero"}), 0), None);
    }

    #[test]
    fn the_object_itself_is_its_element_unless_it_holds_the_field() {
        let document = json!([null, null, {"26": "token"}]);
        assert_eq!(field(&document, 2), Some(&json!({"26": "token"})));
        assert_eq!(paths(r#"[[25],[2,"26"]]"#).text(&document), Some("token"));
    }

    #[test]
    fn the_first_alternative_of_the_right_type_wins() {
        let value = json!([null, "12", 13]);
        assert_eq!(paths("[[0],[1],[2]]").number(&value), Some(13));
        assert_eq!(paths("[[2],[1]]").text(&value), Some("12"));
        assert_eq!(paths("[[2],[1]]").get(&value), Some(&json!(13)));
        assert_eq!(paths("[]").get(&value), None);
        assert!(paths("[[0]]").list(&value).is_none());
    }
}
