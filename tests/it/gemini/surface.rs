//! What the gateway says of itself.

use serde_json::Value;

use super::world::World;

#[tokio::test]
async fn the_openapi_document_and_the_reasons_for_what_is_missing() {
    let world = World::new().await;
    let (status, document) = world.get("/openapi.json").await;
    assert_eq!((status, document["openapi"].as_str()), (200, Some("3.1.0")));
    assert!(document["paths"]["/v1/chat/completions"]["post"].is_object());

    for (path, word) in [
        ("/v1/embeddings", "embeddings"),
        ("/v1/files/file-1", "inside the request"),
        ("/v1/audio/speech", "aloud"),
        ("/v1/nothing", "/v1/chat/completions"),
    ] {
        let (status, error) = world.get(path).await;
        assert_eq!(
            (status, &error["error"]["code"]),
            (404, &Value::from("unknown_url")),
            "{path}"
        );
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains(word), "{message}");
    }
}
