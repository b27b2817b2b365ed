//! What comes with a message. Read by hand: fields without a name of their own are kept, and files are decoded once,
//! straight from the request's bytes.

use std::{borrow::Cow, fmt};

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use openclaw_core::{Attachment, AttachmentSource, Failure, Metadata, limits};
use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, Visitor},
};
use serde_json::Value;

/// Padding is often left out; nothing is ambiguous without it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Metadata as a client sends it.
#[derive(Debug, Default)]
pub(crate) struct MetadataIn(pub(crate) Metadata);

impl<'de> Deserialize<'de> for MetadataIn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MetadataVisitor)
    }
}

#[cfg(feature = "openapi")]
impl schemars::JsonSchema for MetadataIn {
    fn schema_name() -> Cow<'static, str> {
        "Metadata".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let file = serde_json::json!({
            "type": "object",
            "required": ["name", "mime_type"],
            "properties": {
                "name": {"type": "string", "minLength": 1, "pattern": "\\S"},
                "mime_type": {"type": "string", "minLength": 1, "pattern": "\\S"},
                "data": {"type": "string", "contentEncoding": "base64", "pattern": "^([A-Za-z0-9+/]{4})*$"},
                "url": {"type": "string", "pattern": "^https?://[^\\s]+$"},
            },
            "oneOf": [{"required": ["data"]}, {"required": ["url"]}],
        });
        schemars::json_schema!({
            "type": "object",
            "properties": {
                "user_id": {"type": ["string", "null"]},
                "user_name": {"type": ["string", "null"]},
                "attachments": {"type": ["array", "null"], "maxItems": limits::ATTACHMENTS, "items": file},
            },
        })
    }
}

struct MetadataVisitor;

impl<'de> Visitor<'de> for MetadataVisitor {
    type Value = MetadataIn;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<MetadataIn, A::Error> {
        let mut metadata = Metadata::default();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match key.as_ref() {
                "user_id" => metadata.user_id = map.next_value()?,
                "user_name" => metadata.user_name = map.next_value()?,
                "attachments" => {
                    let attachments: Option<Vec<AttachmentIn>> = map.next_value()?;
                    metadata.attachments =
                        attachments.unwrap_or_default().into_iter().map(|read| read.0).collect();
                }
                _ => {
                    metadata.extra.insert(key.into_owned(), map.next_value::<Value>()?);
                }
            }
        }
        Ok(MetadataIn(metadata))
    }
}

struct AttachmentIn(Attachment);

impl<'de> Deserialize<'de> for AttachmentIn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AttachmentVisitor)
    }
}

struct AttachmentVisitor;

impl<'de> Visitor<'de> for AttachmentVisitor {
    type Value = AttachmentIn;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AttachmentIn, A::Error> {
        let (mut name, mut mime_type) = (None::<String>, None::<String>);
        let (mut data, mut url) = (None::<Decoded>, None::<String>);
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match key.as_ref() {
                "name" => name = map.next_value()?,
                "mime_type" => mime_type = map.next_value()?,
                "data" => data = map.next_value()?,
                "url" => url = map.next_value()?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let required = |value: Option<String>, field: &str| {
            value
                .filter(|value| !value.trim().is_empty())
                .ok_or_else(|| A::Error::custom(format!("needs a `{field}` that is not empty")))
        };
        let (name, mime_type) = (required(name, "name")?, required(mime_type, "mime_type")?);
        let source = match (data, url) {
            (Some(data), None) => AttachmentSource::Data(data.0),
            (None, Some(url)) if is_web_address(&url) => AttachmentSource::Url(url),
            (None, Some(_)) => {
                return Err(A::Error::custom("has a `url` that does not begin with http:// or https://"));
            }
            (None, None) => return Err(A::Error::custom("needs `data` (base64) or `url`")),
            (Some(_), Some(_)) => return Err(A::Error::custom("has both `data` and `url`; send one")),
        };
        Ok(AttachmentIn(Attachment { name, mime_type, source }))
    }
}

fn is_web_address(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace))
}

/// Bytes that came as base64.
struct Decoded(Bytes);

impl<'de> Deserialize<'de> for Decoded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(DecodedVisitor)
    }
}

struct DecodedVisitor;

impl Visitor<'_> for DecodedVisitor {
    type Value = Decoded;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string of base64")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Decoded, E> {
        let decoded = BASE64.decode(text).map_err(|error| E::custom(format!("is not base64: {error}")))?;
        Ok(Decoded(decoded.into()))
    }
}

/// Checks what types alone can't.
pub(crate) fn check(metadata: &Metadata) -> Result<(), Failure> {
    let field = "metadata.attachments";
    if metadata.attachments.len() > limits::ATTACHMENTS {
        return Err(Failure::bad_field(field, format!("may hold at most {} files", limits::ATTACHMENTS)));
    }
    let sizes = metadata.attachments.iter().map(|attachment| match &attachment.source {
        AttachmentSource::Data(bytes) => bytes.len(),
        AttachmentSource::Url(_) => 0,
    });
    if sizes.sum::<usize>() > limits::ATTACHMENT_BYTES {
        let most = limits::ATTACHMENT_BYTES / (1024 * 1024);
        return Err(Failure::bad_field(field, format!("may hold at most {most} MiB together")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Metadata, String> {
        let read = crate::body::parse::<super::super::message::MessageRequest>(
            format!("{{\"metadata\":{json}}}").as_bytes(),
        );
        read.map(|request| request.metadata.unwrap().0)
            .map_err(|failure| format!("{}: {}", failure.details["field"], failure.details["reason"]))
    }

    #[test]
    fn keeps_what_it_does_not_know() {
        let metadata = read(
            r#"{"user_id":"u","user_name":"사용자","locale":"ko","deep":{"a":[1]},"attachments":[
            {"name":"a.txt","mime_type":"text/plain","data":"aGk="},
            {"name":"b.png","mime_type":"image/png","url":"https://e.example/b.png","more":1}]}"#,
        )
        .unwrap();
        assert_eq!(metadata.user_name.as_deref(), Some("사용자"));
        assert_eq!(metadata.extra["deep"]["a"][0], 1);
        assert_eq!(metadata.attachments[0].source, AttachmentSource::Data(Bytes::from_static(b"hi")));
        assert_eq!(metadata.attachments.len(), 2);
        assert!(check(&metadata).is_ok());
    }

    #[test]
    fn names_what_is_wrong() {
        for (json, expected) in [
            (r#"[]"#, "\"metadata\": \"must be an object, not an array\""),
            (r#"{"user_id":3}"#, "\"metadata.user_id\": \"must be a string, not 3\""),
            (r#"{"attachments":{}}"#, "\"metadata.attachments\": \"must be an array, not an object\""),
            (
                r#"{"attachments":[["a"]]}"#,
                "\"metadata.attachments[0]\": \"must be an object, not an array\"",
            ),
            (r#"{"attachments":[{"name":"a","mime_type":"b"}]}"#, "needs `data` (base64) or `url`"),
            (r#"{"attachments":[{"name":"a","mime_type":"b","data":"","url":"http://a"}]}"#, "has both"),
            (
                r#"{"attachments":[{"name":"a","mime_type":"b","url":"file:///etc/passwd"}]}"#,
                "has a `url` that",
            ),
            (
                r#"{"attachments":[{"name":"a","mime_type":"b","data":"%%"}]}"#,
                "attachments[0].data\": \"is not base64",
            ),
            (r#"{"attachments":[{"mime_type":"b","data":""}]}"#, "needs a `name`"),
        ] {
            let error = read(json).unwrap_err();
            assert!(error.contains(expected), "{json}: {error}");
        }
    }

    #[test]
    fn files_are_bounded() {
        let file = Attachment {
            name: "a".into(),
            mime_type: "b".into(),
            source: AttachmentSource::Data(Bytes::from(vec![0; 10 * 1024 * 1024])),
        };
        let mut metadata = Metadata { attachments: vec![file.clone(), file.clone()], ..Metadata::default() };
        assert!(check(&metadata).is_ok());
        metadata.attachments.push(file);
        assert!(check(&metadata).unwrap_err().message.contains("20 MiB"));
        let small = Attachment {
            name: "a".into(),
            mime_type: "b".into(),
            source: AttachmentSource::Url("http://a".into()),
        };
        metadata.attachments = vec![small; 11];
        assert!(check(&metadata).unwrap_err().message.contains("at most 10"));
    }
}
