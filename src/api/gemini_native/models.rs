//! The bodies of `GET /v1beta/models` and `GET /v1beta/models/{id}`.

use bytes::{BufMut, Bytes, BytesMut};

use crate::api::escape::json_string;
use crate::upstream::{Model, ModelSource};

/// The list of all models, on one page whatever its size was to be.
pub(super) fn list(models: &[Model]) -> Bytes {
    let mut out = BytesMut::with_capacity(16 + 224 * models.len());
    out.put_slice(b"{\"models\":[");
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
    let mut out = BytesMut::with_capacity(224);
    put_model(&mut out, model);
    Some(out.freeze())
}

/// Only what is known: the web app tells neither versions nor limits in tokens.
fn put_model(out: &mut BytesMut, model: &Model) {
    out.put_slice(b"{\"name\":");
    json_string(out, &format!("models/{}", model.id));
    out.put_slice(b",\"displayName\":");
    json_string(out, model.name.as_ref().unwrap_or(&model.id));
    out.put_slice(match model.source {
        ModelSource::Account => b",\"description\":\"In the account's own list of models.\"".as_slice(),
        ModelSource::Server => b",\"description\":\"In the list of another server.\"",
        ModelSource::Static => b",\"description\":\"In the gateway's built-in list of models.\"",
    });
    out.put_slice(b",\"supportedGenerationMethods\":[\"generateContent\",\"countTokens\"]}");
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
            @r#"{"models":[{"name":"models/gemini-flash","displayName":"3.6 Flash","description":"In the account's own list of models.","supportedGenerationMethods":["generateContent","countTokens"]},{"name":"models/gemini-pro","displayName":"gemini-pro","description":"In the account's own list of models.","supportedGenerationMethods":["generateContent","countTokens"]}]}"#
        );
    }

    #[test]
    fn one_model_is_found_by_its_id_only() {
        let models = models(ModelSource::Static);
        insta::assert_snapshot!(
            str::from_utf8(&one(&models, "gemini-pro").unwrap()).unwrap(),
            @r#"{"name":"models/gemini-pro","displayName":"gemini-pro","description":"In the gateway's built-in list of models.","supportedGenerationMethods":["generateContent","countTokens"]}"#
        );
        assert_eq!(one(&models, "flash"), None);
    }
}
