//! What is served, told to people and programs: the page of formats and the OpenAPI document. Both are made from the
//! table of routes and the formats' own tables of fields, so that they cannot say anything else than the code does.

use std::fmt::Write;

use http::Method;
use serde_json::{Map, Value, json};

use crate::{
    api::{Field, Format, Treatment, Type},
    conversations::SESSION_ID_PATTERN,
    error::{Failure, Kind},
    routes::{Auth, Handler, Route, TABLE},
};

const INTRODUCTION: &str = "\
<!-- Generated from the tables of fields in src/api; `UPDATE_DOCS=1 cargo test` rewrites it. -->
# Wire formats

What becomes of each field of a request:

- **honoured**: it acts as the format's own documentation says.
- **emulated**: it acts, by means of the prompt and a check of the answer.
- **ignored**: it cannot act on Gemini's web app; its name stands in the response header `x-gateway-ignored-params`.
- **passed on**: it acts where another upstream answers that has such a control (see [upstreams](upstreams.md)), and is ignored where Gemini does.
- **refused**: 400, and the error names it.

Any field that is not in a table is named as ignored too. A chat completion that is answered by an OpenAI-compatible upstream is handed to it word for word, with all
its fields, so none of these tables applies to it. A field that is `null` counts as absent.
";

/// `docs/formats.md`.
#[must_use]
pub fn markdown() -> String {
    let mut page = String::from(INTRODUCTION);
    for format in Format::ALL {
        let _ = write!(page, "\n## {}\n\n", format.title());
        let its_own = |(route, method): &(&Route, &Method)| route.handler(method) == Some(Handler::Generate(format));
        for (route, method) in operations().filter(its_own) {
            let path = spelled(route.path, "/v1");
            let _ = writeln!(page, "`{method} {path}`  ");
        }
        page.push_str("\n| field | | |\n|---|---|---|\n");
        for field in format.fields() {
            let treatment = word(field.treatment);
            let _ = writeln!(page, "| `{}` | {treatment} | {} |", field.name, field.note);
        }
    }
    page
}

/// The OpenAPI 3.1 document of a gateway whose API begins with `prefix`.
pub(crate) fn openapi(prefix: &str) -> Value {
    let mut paths = Map::new();
    for (route, method) in operations() {
        let path = spelled(route.path, prefix);
        let item = paths.entry(path).or_insert_with(|| json!({}));
        item[method.as_str().to_ascii_lowercase()] = operation(route, method);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "gemini-gateway",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "An authenticated gateway to its owner's own Gemini web session.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": paths,
        "components": {"securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer"},
            "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            "x-goog-api-key": {"type": "apiKey", "in": "header", "name": "x-goog-api-key"},
            "api-key": {"type": "apiKey", "in": "header", "name": "api-key"},
        }},
        "security": [{"bearer": []}, {"x-api-key": []}, {"x-goog-api-key": []}, {"api-key": []}],
    })
}

/// Every path and method, without the second spellings that forgive a client's doubled version.
fn operations() -> impl Iterator<Item = (&'static Route, &'static Method)> {
    let served = |(_, handler): &&(Method, Handler)| !matches!(handler, Handler::Nothing | Handler::NotKept);
    let methods = move |route: &'static Route| {
        let methods = route.methods.iter().filter(served);
        methods.map(move |(method, _)| (route, method))
    };
    let first_spelling = |route: &&Route| !route.path.starts_with("{api}/v1/");
    TABLE.iter().filter(first_spelling).flat_map(methods)
}

/// A path of the table as a client writes it.
fn spelled(path: &str, prefix: &str) -> String {
    path.replace("{api}", prefix).replace("{google}", "/v1beta")
}

fn operation(route: &Route, method: &Method) -> Value {
    let handler = route.handler(method);
    let mut operation = json!({
        "operationId": route.name,
        "responses": {
            "200": {"description": "The answer."},
            "default": {"description": "What went wrong, and what to do about it.", "content": {"application/json": {
                "example": example(route.shape),
            }}},
        },
    });
    if route.auth == Auth::Open {
        operation["security"] = json!([]);
    }
    let parameters = parameters(route);
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(Handler::Generate(format) | Handler::CountTokens(format)) = handler {
        operation["summary"] = format.title().into();
        operation["requestBody"] = json!({
            "required": true,
            "content": {"application/json": {"schema": body_schema(format)}},
        });
    }
    if handler == Some(Handler::Cookies) {
        operation["summary"] = "Try new cookies of the owner's session, and use them if they work".into();
        operation["requestBody"] = json!({
            "required": true,
            "content": {"application/json": {"schema": {
                "type": "object",
                "required": ["cookies"],
                "properties": {"cookies": {
                    "type": ["string", "object", "array"],
                    "description": "A Cookie header, a cookies.txt, a JSON export, or names and values.",
                }},
            }}},
        });
    }
    operation
}

/// What a request says beside its body.
fn parameters(route: &Route) -> Vec<Value> {
    let mut parameters = Vec::new();
    if route.path.contains("{id}") {
        parameters.push(json!({"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}));
    }
    if route.shape.keeps_history() {
        parameters.push(json!({
            "name": "X-Session-Id", "in": "header", "required": false,
            "description": "The caller's name for one of its conversations.",
            "schema": {"type": "string", "pattern": SESSION_ID_PATTERN},
        }));
    }
    parameters
}

/// The fields of a request body; nested ones are told in the notes of their parents.
fn body_schema(format: Format) -> Value {
    let mut properties = Map::new();
    for field in format.fields().iter().filter(|field| !field.name.contains('.')) {
        properties.insert(field.name.to_owned(), property(field));
    }
    json!({"type": "object", "properties": properties, "additionalProperties": true})
}

fn property(field: &Field) -> Value {
    let mut property = json!({"x-gateway-treatment": word(field.treatment)});
    if !field.note.is_empty() {
        property["description"] = field.note.into();
    }
    let expected = match field.treatment {
        Treatment::Ignored(expected) => expected,
        Treatment::Passed(_) => Some(Type::Number),
        _ => None,
    };
    if let Some(expected) = expected {
        property["type"] = json!([json_type(expected), "null"]);
    }
    property
}

fn json_type(expected: Type) -> &'static str {
    match expected {
        Type::Null => "null",
        Type::Boolean => "boolean",
        Type::Number => "number",
        Type::String => "string",
        Type::Array => "array",
        Type::Object => "object",
    }
}

fn word(treatment: Treatment) -> &'static str {
    match treatment {
        Treatment::Honoured => "honoured",
        Treatment::Emulated => "emulated",
        Treatment::Ignored(_) => "ignored",
        Treatment::Passed(_) => "passed on",
        Treatment::Refused => "refused",
    }
}

fn example(shape: Format) -> Value {
    let failure = Failure::new(Kind::MissingParameter, "'model' is missing. Send it.").param("model");
    serde_json::from_slice(&shape.error_body(&failure, "request-id")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_document_has_every_route_and_method_and_nothing_else() {
        for prefix in ["", "/v1", "/a/b"] {
            let document = openapi(prefix);
            let paths = document["paths"].as_object().unwrap();
            let told: HashSet<(String, String)> = paths
                .iter()
                .flat_map(|(path, item)| {
                    item.as_object()
                        .unwrap()
                        .keys()
                        .map(move |method| (path.clone(), method.to_uppercase()))
                })
                .collect();
            let served: HashSet<(String, String)> = operations()
                .map(|(route, method)| (spelled(route.path, prefix), method.to_string()))
                .collect();
            assert_eq!(told, served);
        }
    }

    #[test]
    fn operations_are_named_apart_and_know_their_parameters() {
        let document = openapi("/v1");
        let mut names = HashSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for operation in item.as_object().unwrap().values() {
                assert!(
                    names.insert(operation["operationId"].as_str().unwrap().to_owned()),
                    "{operation}"
                );
                let named = |place: &str| {
                    let parameters = operation["parameters"].as_array().into_iter().flatten();
                    parameters.filter(|parameter| parameter["in"] == place).count()
                };
                assert_eq!(path.contains("{id}"), named("path") == 1, "{path}");
                let plain = ["/chat", "/reset", "/status"].contains(&path.as_str());
                assert_eq!(plain, named("header") == 1, "{path}");
            }
        }
        let chat = &document["paths"]["/v1/chat/completions"]["post"];
        let schema = &chat["requestBody"]["content"]["application/json"]["schema"];
        assert_eq!(schema["properties"]["temperature"]["x-gateway-treatment"], "passed on");
        assert_eq!(schema["properties"]["messages"]["x-gateway-treatment"], "honoured");
    }
}
