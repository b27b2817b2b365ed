//! The chat template that comes with a model.

use minijinja::{Environment, ErrorKind, context};
use serde::Serialize;

/// Steps a template may take: foreign programs must end.
const FUEL: u64 = 5_000_000;
const NAME: &str = "chat";

/// One message as templates know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Turn {
    pub(super) role: &'static str,
    pub(super) content: String,
}

/// Renders conversations into prompts.
#[derive(Debug)]
pub(super) struct ChatTemplate {
    environment: Option<Environment<'static>>,
    begin: String,
    end: String,
}

impl ChatTemplate {
    /// Compiles a model's template. One that is missing or broken is replaced by ChatML, and the log says so.
    pub(super) fn new(source: Option<&str>, begin: Option<String>, end: Option<String>) -> Self {
        let environment = source.and_then(|source| match compile(source) {
            Ok(environment) => Some(environment),
            Err(error) => {
                tracing::warn!(%error, "the model's chat template can't be read: ChatML is used instead");
                None
            }
        });
        if source.is_none() {
            tracing::warn!("the model brings no chat template: ChatML is used");
        }
        Self { environment, begin: begin.unwrap_or_default(), end: end.unwrap_or_default() }
    }

    /// The prompt that asks for the assistant's next message.
    pub(super) fn render(&self, turns: &[Turn]) -> String {
        let Some(environment) = &self.environment else { return chatml(turns) };
        let rendered = environment.get_template(NAME).and_then(|template| {
            template.render(context! {
                messages => turns,
                add_generation_prompt => true,
                bos_token => self.begin,
                eos_token => self.end,
                enable_thinking => false,
            })
        });
        rendered.unwrap_or_else(|error| {
            tracing::warn!(%error, "the model's chat template can't be rendered: ChatML is used instead");
            chatml(turns)
        })
    }
}

fn compile(source: &str) -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_fuel(Some(FUEL));
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.add_function("raise_exception", |message: String| -> Result<String, minijinja::Error> {
        Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
    });
    environment.add_template_owned(NAME, source.to_owned())?;
    Ok(environment)
}

fn chatml(turns: &[Turn]) -> String {
    let mut prompt = String::new();
    for turn in turns {
        for part in ["<|im_start|>", turn.role, "\n", &turn.content, "<|im_end|>\n"] {
            prompt.push_str(part);
        }
    }
    prompt + "<|im_start|>assistant\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns() -> Vec<Turn> {
        vec![Turn { role: "user", content: " Hi ".to_owned() }]
    }

    #[test]
    fn a_template_uses_what_python_offers_it() {
        let source = "{% for message in messages %}\n{{ bos_token + message['content'].strip() }}\n{% endfor %}\n\
                      {%- if add_generation_prompt %}>{% endif %}";
        let template = ChatTemplate::new(Some(source), Some("<s>".to_owned()), None);
        assert_eq!(template.render(&turns()), "<s>Hi\n>");
    }

    #[test]
    fn a_template_that_fails_gives_way_to_chatml() {
        let expected = "<|im_start|>user\n Hi <|im_end|>\n<|im_start|>assistant\n";
        let endless = "{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}";
        for source in [None, Some("{% for %}"), Some("{{ raise_exception('no') }}"), Some(endless)] {
            assert_eq!(ChatTemplate::new(source, None, None).render(&turns()), expected, "{source:?}");
        }
    }
}
