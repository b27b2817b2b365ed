//! The format, as far as we speak it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    text::{Base64, Text},
    tools::FunctionTool,
};

#[derive(Serialize)]
pub(super) struct Body<'a> {
    pub(super) model: &'a str,
    pub(super) stream: bool,
    pub(super) options: Options,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tools: Vec<FunctionTool<'a>>,
    pub(super) messages: Vec<Message<'a>>,
}

#[derive(Serialize)]
pub(super) struct Options {
    /// The window. Unsaid, the server takes a small one and cuts a longer prompt without a word.
    pub(super) num_ctx: u32,
    /// Most tokens of the answer.
    pub(super) num_predict: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) temperature: Option<f32>,
}

#[derive(Serialize)]
pub(super) struct Message<'a> {
    pub(super) role: &'static str,
    pub(super) content: Cow<'a, str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) images: Vec<Base64<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tool_calls: Vec<Call<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_name: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
pub(super) struct Call<'a> {
    pub(super) function: CallFunction<'a>,
}

#[derive(Serialize)]
pub(super) struct CallFunction<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) arguments: &'a Value,
}

/// One line of the answer.
#[derive(Deserialize)]
pub(super) struct Line<'a> {
    #[serde(borrow)]
    pub(super) message: Option<Said<'a>>,
    #[serde(default)]
    pub(super) done: bool,
    #[serde(borrow)]
    pub(super) done_reason: Option<Text<'a>>,
    pub(super) prompt_eval_count: Option<u64>,
    pub(super) eval_count: Option<u64>,
    #[serde(borrow)]
    pub(super) error: Option<Text<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Said<'a> {
    #[serde(borrow)]
    pub(super) content: Option<Text<'a>>,
    pub(super) tool_calls: Option<Vec<SaidCall>>,
}

#[derive(Deserialize)]
pub(super) struct SaidCall {
    pub(super) id: Option<String>,
    pub(super) function: SaidFunction,
}

#[derive(Deserialize)]
pub(super) struct SaidFunction {
    pub(super) name: String,
    #[serde(default)]
    pub(super) arguments: Value,
}

/// The answer of `/api/tags`.
#[derive(Deserialize)]
pub(super) struct Tags {
    #[serde(default)]
    pub(super) models: Vec<Tag>,
}

#[derive(Deserialize)]
pub(super) struct Tag {
    pub(super) name: String,
    #[serde(default)]
    pub(super) modified_at: String,
    #[serde(default)]
    pub(super) details: Details,
}

#[derive(Deserialize, Default)]
pub(super) struct Details {
    #[serde(default)]
    pub(super) family: Option<String>,
    #[serde(default)]
    pub(super) families: Option<Vec<String>>,
}
