//! The bodies of `GET /models` and `GET /models/{id}`.

use bytes::{BufMut, Bytes, BytesMut};

use crate::api::escape::json_string;
use crate::upstream::{Model, ModelSource};

/// The `created` of every model, in seconds of Unix time: 1 January 2025. Clients want a number, the upstream tells
/// none, and one that never changes cannot mislead.
const CREATED: u64 = 1_735_689_600;

/// The list of all models.
pub(super) fn list(models: &[Model]) -> Bytes {
    let mut out = BytesMut::with_capacity(32 + 160 * models.len());
    out.put_slice(b"{\"object\":\"list\",\"data\":[");
    for (index, model) in models.iter().enumerate() {
        if index > 0 {
            out.put_u8(b',');
        }
        put_model(&mut out, model);
    }
    out.put_slice(b"]}");
    out.freeze()
}

/// One model by its public id; none when it is not in the list. Other names are for the upstream to resolve.
pub(super) fn one(models: &[Model], id: &str) -> Option<Bytes> {
    let model = models.iter().find(|model| model.id == id)?;
    let mut out = BytesMut::with_capacity(160);
    put_model(&mut out, model);
    Some(out.freeze())
}

/// OpenAI's four keys, then `name` for menus, and `source`: whether the account itself named the model.
fn put_model(out: &mut BytesMut, model: &Model) {
    out.put_slice(b"{\"id\":");
    json_string(out, &model.id);
    out.put_slice(format!(",\"object\":\"model\",\"created\":{CREATED},\"owned_by\":").as_bytes());
    json_string(out, &model.owner);
    out.put_slice(b",\"name\":");
    json_string(out, model.name.as_ref().unwrap_or(&model.id));
    out.put_slice(match model.source {
        ModelSource::Account => b",\"source\":\"account\"}".as_slice(),
        ModelSource::Server => b",\"source\":\"server\"}",
        ModelSource::Static => b",\"source\":\"static\"}",
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn models(source: ModelSource) -> Vec<Model> {
        let model = |id: &str, name: Option<&str>| Model {
            id: id.to_owned(),
            name: name.map(str::to_owned),
            aliases: vec!["flash".to_owned()],
            owner: "google".into(),
            source,
        };
        vec![model("gemini-flash", Some("3.6 Flash")), model("gemini-pro", None)]
    }

    #[test]
    fn the_list_has_what_clients_read() {
        insta::assert_snapshot!(
            str::from_utf8(&list(&models(ModelSource::Account))).unwrap(),
            @r#"{"object":"list","data":[{"id":"gemini-flash","object":"model","created":1735689600,"owned_by":"google","name":"3.6 Flash","source":"account"},{"id":"gemini-pro","object":"model","created":1735689600,"owned_by":"google","name":"gemini-pro","source":"account"}]}"#
        );
    }

    #[test]
    fn one_model_is_found_by_its_id_only() {
        let models = models(ModelSource::Static);
        insta::assert_snapshot!(
            str::from_utf8(&one(&models, "gemini-pro").unwrap()).unwrap(),
            @r#"{"id":"gemini-pro","object":"model","created":1735689600,"owned_by":"google","name":"gemini-pro","source":"static"}"#
        );
        assert_eq!(one(&models, "flash"), None);
    }
}
