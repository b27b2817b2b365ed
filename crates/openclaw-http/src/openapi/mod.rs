//! The OpenAPI 3.1 document, made from the table of routes and the wire types.

mod memory;
mod operations;
mod schemas;

use hyper::Method;
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use self::operations::Parameter;
pub(crate) use self::schemas::{
    channel_type, conversation_id, log_lines, memory_tags, memory_text, message_text, optional_time,
    search_words, skill_name, skill_version, time,
};
use crate::router::{BASE, ROUTES};

/// The document. It names every route of the server, and nothing else.
#[must_use]
pub fn document() -> Value {
    let mut generators = Generators::new();
    let mut paths = Map::new();
    for route in ROUTES {
        // The WebSocket's short name lies outside the base and is described with its long one.
        let Some(path) = route.path.strip_prefix(BASE) else { continue };
        let mut item = Map::new();
        for (method, operation) in route.methods {
            let described = operations::describe(*operation, &mut generators);
            item.insert(method.as_str().to_ascii_lowercase(), render(described, method));
        }
        paths.insert(path.to_owned(), Value::Object(item));
    }
    let error = schemas::error(&mut generators.responses);
    let mut components = generators.responses.take_definitions(true);
    components.append(&mut generators.requests.take_definitions(true));
    components.insert("Error".to_owned(), error);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "OpenClaw Gateway",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The local gateway to the OpenClaw assistant. Every response carries X-Request-Id; every authenticated one X-RateLimit-Limit, X-RateLimit-Remaining and X-RateLimit-Reset while a limit is set.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "http://127.0.0.1:18789/api/v1"}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": components,
        },
    })
}

/// Optional means something else in what is read (it may be absent) than in what is written (it may be null).
struct Generators {
    requests: SchemaGenerator,
    responses: SchemaGenerator,
}

impl Generators {
    fn new() -> Self {
        // OpenAPI 3.1 is JSON Schema 2020-12 as it stands.
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        Self {
            requests: settings.clone().for_deserialize().into_generator(),
            responses: settings.for_serialize().into_generator(),
        }
    }

    /// The schema of a body that is read.
    fn request<T: JsonSchema>(&mut self) -> Value {
        self.requests.subschema_for::<T>().to_value()
    }
}

/// The schema of a body that is written.
fn schema<T: JsonSchema>(generators: &mut Generators) -> Value {
    generators.responses.subschema_for::<T>().to_value()
}

fn render(described: operations::Described, method: &Method) -> Value {
    let mut rendered = json!({"operationId": described.id, "summary": described.summary});
    if !described.secured {
        rendered["security"] = json!([]);
    }
    if !described.parameters.is_empty() {
        let parameters = described.parameters.into_iter().map(Parameter::render).collect();
        rendered["parameters"] = Value::Array(parameters);
    }
    if let Some((body, required)) = described.body {
        let kind = if described.id == "importMemory" { "application/x-ndjson" } else { "application/json" };
        let mut content = Map::new();
        content.insert(kind.to_owned(), json!({"schema": body}));
        rendered["requestBody"] = json!({"required": required, "content": content});
    }
    let mut responses = Map::new();
    for (status, description, content) in described.responses {
        let mut response = json!({"description": description});
        if let Some(content) = content {
            response["content"] = content;
        }
        responses.insert(status.to_string(), response);
    }
    let own: &[u16] = described.errors;
    // What any request can meet before its route is asked.
    let common: &[u16] = if described.secured { &[400, 401, 403, 429, 500, 503] } else { &[400, 403] };
    // A body can be too slow, too large and of the wrong type.
    let bodiless = matches!(described.id, "completeMemory" | "collectGarbage" | "verifyMemory");
    let body: &[u16] =
        if (matches!(*method, Method::POST | Method::PUT) && !bodiless) || described.id == "pruneMemory" {
            &[408, 413, 415]
        } else {
            &[]
        };
    let mut errors: Vec<u16> = own.iter().chain(common).chain(body).copied().collect();
    errors.sort_unstable();
    errors.dedup();
    for status in errors {
        responses.entry(status.to_string()).or_insert_with(|| {
            json!({
                "description": meaning(status),
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
            })
        });
    }
    responses.sort_keys();
    rendered["responses"] = Value::Object(responses);
    rendered
}

fn meaning(status: u16) -> &'static str {
    match status {
        400 => "The request is not what the contract asks for; `details` names the field and the reason",
        401 => "No valid token",
        403 => "Not allowed: the host, the origin, or what policy denies",
        404 => "No such thing",
        408 => "The answer, or the request's body, took too long",
        409 => "Not in the state that the request needs",
        413 => "The body is over its bound",
        415 => "The body is not JSON",
        429 => "Too many requests; `Retry-After` says when to come back",
        500 => "A fault of the gateway; `details.request_id` finds the line in its log",
        _ => "Something the gateway needs does not answer",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_every_route_and_nothing_else() {
        let document = document();
        let mut named = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys() {
                named.insert(format!("{} {BASE}{path}", method.to_ascii_uppercase()));
            }
        }
        let routed = ROUTES.iter().filter(|route| route.path != "/ws");
        let routed: BTreeSet<_> = routed
            .flat_map(|route| route.methods.iter().map(|(method, _)| format!("{method} {}", route.path)))
            .collect();
        assert_eq!(named, routed);
    }

    #[test]
    fn every_reference_leads_somewhere_and_ids_are_unique() {
        let document = document();
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1) {
            let pointer = reference.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
        let ids: Vec<_> =
            text.split("\"operationId\":\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    }

    #[test]
    fn only_what_must_be_there_is_required() {
        let document = document();
        let required = |name: &str| document["components"]["schemas"][name]["required"].to_string();
        assert_eq!(required("MessageRequest"), r#"["channel","message"]"#);
        assert_eq!(required("SearchRequest"), r#"["query"]"#);
        assert_eq!(required("PruneBody"), r#"["before"]"#);
        assert_eq!(required("InstallRequest"), r#"["name"]"#);
        assert_eq!(required("ChannelItem"), r#"["type","status"]"#);
        assert!(required("SkillItem").contains("last_used"));
    }

    #[test]
    fn path_parameters_are_described() {
        for (path, item) in document()["paths"].as_object().unwrap() {
            let Some(name) = path.split('{').nth(1).and_then(|rest| rest.split('}').next()) else { continue };
            for operation in item.as_object().unwrap().values() {
                let parameters = operation["parameters"].as_array().unwrap();
                assert!(
                    parameters
                        .iter()
                        .any(|parameter| parameter["name"] == name && parameter["required"] == true),
                    "{path}"
                );
            }
        }
    }
}
