//! Files that come with a message.

use openclaw_e2e::{Client, Provider, Response, Setup, need_gateway};
use serde_json::{Value, json};

/// One pixel.
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
/// `canary-in-the-file`.
const TEXT: &str = "Y2FuYXJ5LWluLXRoZS1maWxl";
/// The first bytes of an archive.
const ZIP: &str = "UEsDBBQAAAAIAAAA";

fn file(name: &str, mime_type: &str, data: &str) -> Value {
    json!({"name": name, "mime_type": mime_type, "data": data})
}

fn send(client: &Client, attachments: &[Value]) -> Response {
    let metadata = json!({"attachments": attachments});
    client.post("/message", &json!({"channel": "api", "message": "Look at these", "metadata": metadata}))
}

/// What the provider was shown of one of each kind.
fn shown(provider: &Provider, more_yaml: &str) -> Value {
    let setup = Setup::new()
        .providers(&format!("providers:\n  primary:\n{}    {more_yaml}\n", provider.yaml("    ")));
    let gateway = setup.start();
    let files = [
        file("dot.png", "image/png", PNG),
        file("list.txt", "text/plain", TEXT),
        file("bundle.zip", "application/zip", ZIP),
    ];
    let _ = send(&gateway.client(), &files).expect(200);
    let requests = provider.requests();
    let told = requests[0]["messages"].as_array().unwrap().last().unwrap();
    assert_eq!(told["role"], "user");
    let text = told.to_string();
    for part in ["Look at these", "list.txt", "canary-in-the-file", "bundle.zip", "application/zip"] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    // A text is shown as a text, and an archive not at all.
    assert!(!text.contains(TEXT) && !text.contains(ZIP), "{text}");
    told["content"].clone()
}

fn only_image(content: &Value, kind: &str) -> Value {
    let parts = content.as_array().unwrap();
    let images: Vec<_> = parts.iter().filter(|part| part["type"] == kind).collect();
    assert_eq!(images.len(), 1, "{content}");
    images[0].clone()
}

#[test]
fn openai_sees_images_reads_texts_and_is_told_of_the_rest() {
    need_gateway!();
    let content = shown(&Provider::openai(), "vision: true");
    let image = only_image(&content, "image_url");
    assert_eq!(image["image_url"]["url"], format!("data:image/png;base64,{PNG}"));
}

#[test]
fn anthropic_sees_images_reads_texts_and_is_told_of_the_rest() {
    need_gateway!();
    let content = shown(&Provider::anthropic(), "vision: true");
    let image = only_image(&content, "image");
    assert_eq!(image["source"], json!({"type": "base64", "media_type": "image/png", "data": PNG}));
}

#[test]
fn to_a_model_that_is_blind_an_image_is_named() {
    need_gateway!();
    let content = shown(&Provider::openai(), "vision: false").to_string();
    assert!(content.contains("dot.png") && content.contains("image/png"), "{content}");
    assert!(!content.contains(PNG), "{content}");
}

#[test]
fn each_is_checked() {
    need_gateway!();
    let gateway = Setup::with(&Provider::openai()).start();
    let client = gateway.client();
    let good = file("a.txt", "text/plain", TEXT);
    for wrong in [
        file("a", "text/plain", "*"),
        file("", "text/plain", TEXT),
        json!({"name": "a", "mime_type": "text/plain"}),
        json!({"name": "a", "mime_type": "text/plain", "url": "file:///etc/hostname"}),
        json!("a.txt"),
    ] {
        let error = send(&client, &[good.clone(), wrong.clone()]).expect_error(400, "bad_request");
        let field = error["details"]["field"].as_str().unwrap();
        assert!(field.starts_with("metadata.attachments[1]"), "{wrong}: {error}");
    }
}

#[test]
fn ten_and_twenty_mebibytes_are_the_bounds() {
    need_gateway!();
    let provider = Provider::openai();
    let gateway = Setup::with(&provider).start();
    let client = gateway.client();
    let refused = |attachments: &[Value]| {
        let error = send(&client, attachments).expect_error(400, "bad_request");
        assert_eq!(error["details"]["field"], "metadata.attachments", "{error}");
    };
    let small = file("a.txt", "text/plain", TEXT);
    let _ = send(&client, &vec![small.clone(); 10]).expect(200);
    refused(&vec![small; 11]);

    // Three bytes each; together they just fit.
    let half = file("half.zip", "application/zip", &"AAAA".repeat(20 * 1024 * 1024 / 3 / 2));
    let both = [half.clone(), half.clone()];
    let _ = send(&client, &both).expect(200);
    refused(&[half.clone(), half, file("more.zip", "application/zip", "AAAA")]);
    assert_eq!(provider.requests().len(), 2, "what is refused runs nothing");
}
