//! Small pieces of JSON reading and writing that every vendor's format needs.

use std::borrow::Cow;

use base64::{display::Base64Display, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize, Serializer};

/// Text that borrows from its source where no escape stands in the way. (`Option<Cow<str>>` alone never borrows.)
#[derive(Debug, Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

impl Text<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Puts `paragraph` at the end of `text`; the first one is borrowed.
pub(crate) fn push_paragraph<'a>(text: &mut Cow<'a, str>, paragraph: &'a str) {
    if text.is_empty() {
        *text = Cow::Borrowed(paragraph);
    } else {
        let text = text.to_mut();
        text.push_str("\n\n");
        text.push_str(paragraph);
    }
}

/// Bytes written as base64, after a prefix, without a copy in between.
pub(crate) struct Base64<'a> {
    pub(crate) prefix: Option<&'a str>,
    pub(crate) bytes: &'a [u8],
}

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = Base64Display::new(self.bytes, &STANDARD);
        match self.prefix {
            Some(mime_type) => serializer.collect_str(&format_args!("data:{mime_type};base64,{text}")),
            None => serializer.collect_str(&text),
        }
    }
}
