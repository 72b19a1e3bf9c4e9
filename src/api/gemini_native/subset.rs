//! Google's schemas as JSON schemas.
//!
//! `responseSchema` and `parameters` are written in a subset of OpenAPI's schemas: types in capitals, `nullable`,
//! `propertyOrdering`, numbers that may come as text. `responseJsonSchema` and `parametersJsonSchema` are JSON schemas
//! already, and are read as in every other format.

use std::{collections::HashSet, fmt::Write as _};

use serde_json::{Map, Value as Node};

use crate::{
    api::json::{Type, Value},
    chat::{Json, Schema},
    error::Failure,
};

/// A schema of Google's subset, as a JSON schema. Properties stand in their given order, else alphabetically, as
/// Google documents it: a model fills them in as they stand.
///
/// # Errors
/// [`crate::error::Kind::InvalidType`] unless it is an object, [`crate::error::Kind::InvalidRequest`] when it is nested
/// deeper than 128 levels or no value could be held against it.
pub(super) fn translate(schema: &Value<'_, '_>) -> Result<Json, Failure> {
    schema.expect(Type::Object)?;
    let too_deep = |_| schema.invalid("must be nested at most 128 levels deep, in valid Unicode");
    let given: Node = serde_json::from_str(schema.raw()).map_err(too_deep)?;
    let mut out = String::with_capacity(schema.raw().len());
    put_schema(&mut out, &given);
    let json = Json::new(&out).map_err(too_deep)?;
    Schema::new(&json).map_err(|flaw| schema.invalid(&format!("is not a schema that can be used: {flaw}")))?;
    Ok(json)
}

/// What becomes of a keyword, whichever way it is spelled.
enum Keyword {
    /// Its name in JSON schema, and what stands under it.
    Is(&'static str, Holds),
    /// Worked into others.
    Elsewhere,
}

/// What stands under a keyword.
#[derive(Clone, Copy)]
enum Holds {
    Value,
    Count,
    Schema,
    Schemas,
    Named,
}

fn keyword(name: &str) -> Option<Keyword> {
    use Holds::{Count, Named, Schema, Schemas, Value};
    use Keyword::{Elsewhere, Is};
    Some(match name {
        "type" | "nullable" | "enum" | "example" | "propertyOrdering" | "property_ordering" => Elsewhere,
        "properties" => Is("properties", Named),
        "$defs" | "defs" => Is("$defs", Named),
        "items" => Is("items", Schema),
        "prefixItems" | "prefix_items" => Is("prefixItems", Schemas),
        "anyOf" | "any_of" => Is("anyOf", Schemas),
        "oneOf" | "one_of" => Is("oneOf", Schemas),
        "allOf" | "all_of" => Is("allOf", Schemas),
        "additionalProperties" | "additional_properties" => Is("additionalProperties", Schema),
        "minItems" | "min_items" => Is("minItems", Count),
        "maxItems" | "max_items" => Is("maxItems", Count),
        "minLength" | "min_length" => Is("minLength", Count),
        "maxLength" | "max_length" => Is("maxLength", Count),
        "minProperties" | "min_properties" => Is("minProperties", Count),
        "maxProperties" | "max_properties" => Is("maxProperties", Count),
        "ref" => Is("$ref", Value),
        _ => return None,
    })
}

/// Recursive; the depth was bounded when the JSON was read.
fn put_schema(out: &mut String, schema: &Node) {
    let Node::Object(fields) = schema else {
        // `true` and `false` are schemas too. Anything else is found out when the schema is compiled.
        push(out, schema);
        return;
    };
    let nullable = fields.get("nullable") == Some(&Node::Bool(true));
    let mut object = Members::begin(out);
    put_type(&mut object, fields, nullable);
    put_enum(&mut object, fields, nullable);
    if let Some(example) = fields.get("example") {
        let example = Node::from(vec![example.clone()]);
        push(object.member("examples"), &example);
    }
    for (name, value) in fields {
        match keyword(name) {
            Some(Keyword::Elsewhere) => {}
            Some(Keyword::Is(name, holds)) => put_held(object.member(name), name, holds, value, fields, nullable),
            None => push(object.member(name), value),
        }
    }
    object.end();
}

fn put_held(out: &mut String, name: &str, holds: Holds, value: &Node, fields: &Map<String, Node>, nullable: bool) {
    match (holds, value) {
        (Holds::Schema, _) => put_schema(out, value),
        (Holds::Count, Node::String(digits)) if digits.parse::<u64>().is_ok() => out.push_str(digits),
        (Holds::Schemas, Node::Array(schemas)) => {
            out.push('[');
            for (index, schema) in schemas.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                put_schema(out, schema);
            }
            if nullable && name == "anyOf" && !fields.contains_key("type") {
                out.push_str(",{\"type\":\"null\"}");
            }
            out.push(']');
        }
        (Holds::Named, Node::Object(schemas)) => put_named(out, schemas, ordering(fields)),
        _ => push(out, value),
    }
}

/// Schemas by name: the ordered ones first.
fn put_named(out: &mut String, schemas: &Map<String, Node>, ordering: &[Node]) {
    let mut object = Members::begin(out);
    let ordered = ordering.iter().filter_map(Node::as_str);
    let first = ordered.filter_map(|name| schemas.get_key_value(name));
    let mut written = HashSet::new();
    for (name, schema) in first.chain(schemas) {
        if written.insert(name) {
            put_schema(object.member(name), schema);
        }
    }
    object.end();
}

fn ordering(fields: &Map<String, Node>) -> &[Node] {
    let given = fields
        .get("propertyOrdering")
        .or_else(|| fields.get("property_ordering"));
    given.and_then(Node::as_array).map_or(&[], Vec::as_slice)
}

fn put_type(object: &mut Members<'_>, fields: &Map<String, Node>, nullable: bool) {
    let mut types: Vec<String> = match fields.get("type") {
        Some(Node::String(one)) => vec![one.to_ascii_lowercase()],
        Some(Node::Array(several)) => {
            let names = several.iter().filter_map(Node::as_str);
            names.map(str::to_ascii_lowercase).collect()
        }
        _ => return,
    };
    types.retain(|name| name != "type_unspecified");
    if types.is_empty() {
        return;
    }
    if nullable && !types.iter().any(|name| name == "null") {
        types.push("null".to_owned());
    }
    let types = match types.as_slice() {
        [one] => Node::from(one.as_str()),
        several => Node::from(several.to_vec()),
    };
    push(object.member("type"), &types);
}

/// An `enum` that leaves out `null` would forbid it.
fn put_enum(object: &mut Members<'_>, fields: &Map<String, Node>, nullable: bool) {
    let Some(listed) = fields.get("enum") else { return };
    let mut listed = listed.clone();
    if let Node::Array(values) = &mut listed
        && nullable
        && !values.contains(&Node::Null)
    {
        values.push(Node::Null);
    }
    push(object.member("enum"), &listed);
}

/// An object that is being written.
struct Members<'o> {
    out: &'o mut String,
    first: bool,
}

impl<'o> Members<'o> {
    fn begin(out: &'o mut String) -> Self {
        out.push('{');
        Self { out, first: true }
    }

    /// Begins a member; its value has to follow.
    fn member(&mut self, name: &str) -> &mut String {
        if !self.first {
            self.out.push(',');
        }
        self.first = false;
        push(self.out, &Node::from(name));
        self.out.push(':');
        self.out
    }

    fn end(self) {
        self.out.push('}');
    }
}

/// Writing into a text cannot fail.
fn push(out: &mut String, value: &Node) {
    let _ = write!(out, "{value}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::json::{Object, Path};

    fn translated(schema: &str) -> String {
        let body = format!("{{\"schema\":{schema}}}");
        let mut fields = Object::parse(body.as_bytes()).unwrap();
        let schema = fields.take(Path::root("schema")).unwrap();
        translate(&schema).unwrap().as_str().to_owned()
    }

    #[test]
    fn types_are_in_small_letters_and_properties_in_order() {
        insta::assert_snapshot!(
            translated(r#"{"type":"OBJECT","properties":{"b":{"type":"STRING","maxLength":"9"},"a":{"type":"ARRAY","items":{"type":"INTEGER","format":"int32"},"min_items":1}},"required":["a"],"propertyOrdering":["b","none"]}"#),
            @r#"{"type":"object","properties":{"b":{"type":"string","maxLength":9},"a":{"type":"array","items":{"type":"integer","format":"int32"},"minItems":1}},"required":["a"]}"#
        );
    }

    #[test]
    fn nullable_allows_null_wherever_it_could_be_forbidden() {
        insta::assert_snapshot!(
            translated(r#"{"type":"STRING","nullable":true,"enum":["a"],"format":"enum","example":"a"}"#),
            @r#"{"type":["string","null"],"enum":["a",null],"examples":["a"],"format":"enum"}"#
        );
        insta::assert_snapshot!(
            translated(r#"{"any_of":[{"type":"NUMBER"},{"type":"BOOLEAN","nullable":false}],"nullable":true}"#),
            @r#"{"anyOf":[{"type":"number"},{"type":"boolean"},{"type":"null"}]}"#
        );
    }

    #[test]
    fn what_is_a_json_schema_already_stays_one() {
        let schema = r##"{"type":["string","null"],"$defs":{"x":{"type":"object","additionalProperties":false}},"anyOf":[{"$ref":"#/$defs/x"},true]}"##;
        let expected: Node = serde_json::from_str(schema).unwrap();
        assert_eq!(serde_json::from_str::<Node>(&translated(schema)).unwrap(), expected);
        assert_eq!(translated(r#"{"type":"TYPE_UNSPECIFIED"}"#), "{}");
    }

    #[test]
    fn a_property_may_have_the_name_of_a_keyword() {
        let schema = r#"{"type":"OBJECT","properties":{"type":{"type":"STRING"},"nullable":{"type":"BOOLEAN"}}}"#;
        insta::assert_snapshot!(translated(schema), @r#"{"type":"object","properties":{"nullable":{"type":"boolean"},"type":{"type":"string"}}}"#);
    }
}
