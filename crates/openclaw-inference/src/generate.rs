//! One answer: prompt, tokens, text.

use std::time::Instant;

use openclaw_core::TokenUsage;

use super::{
    LocalOptions,
    error::ModelFileError,
    gguf::ModelFile,
    info, prompt,
    sample::Sampler,
    template::ChatTemplate,
    text::{Characters, Text},
    transformer::{Shape, Transformer},
};
use openclaw_reasoning::{ModelEvent, ModelInfo, ModelRequest, ProviderError, StopReason};

/// Prompt tokens that are read between two looks at whether anyone still waits.
const CHUNK: usize = 64;
/// The context window when the file does not say.
pub(super) const FALLBACK_CONTEXT: u32 = 2048;

/// A loaded model and what is needed to talk with it.
pub(super) struct Engine {
    model: Transformer,
    text: Text,
    template: ChatTemplate,
    info: ModelInfo,
    temperature: f32,
    seed: Option<u64>,
}

impl Engine {
    /// Reads the model; `threads` of the rayon pool that [`Self::answer`] will be called in are used.
    pub(super) fn load(
        options: &LocalOptions,
        threads: usize,
        goes_on: &dyn Fn() -> bool,
    ) -> Result<Self, ModelFileError> {
        let started = Instant::now();
        let mut file = ModelFile::open(&options.path)?;
        let context = file.context_window().unwrap_or(FALLBACK_CONTEXT);
        let context = context.min(options.context_window.unwrap_or(u32::MAX));
        // First, since it is quick: most files that can't be run are told apart by their header.
        Shape::read(&file)?;
        let text = Text::load(&file)?;
        let template = ChatTemplate::new(
            file.text("tokenizer.chat_template"),
            Text::name(&file, "bos"),
            Text::name(&file, "eos"),
        );
        let model = Transformer::load(&mut file, text.vocabulary(), threads, goes_on)?;
        tracing::info!(path = %options.path.display(), ms = started.elapsed().as_millis() as u64, "model loaded");
        Ok(Self {
            model,
            text,
            template,
            info: info(&options.path, context, options.max_tokens),
            temperature: options.temperature,
            seed: options.seed,
        })
    }

    /// Answers a request. `emit` returns whether anyone still listens; `goes_on` is asked between the pieces of work.
    pub(super) fn answer(
        &mut self,
        request: &ModelRequest,
        emit: &mut dyn FnMut(ModelEvent) -> bool,
        goes_on: &dyn Fn() -> bool,
    ) -> Result<(), ProviderError> {
        let context = self.info.context_window as usize;
        let wanted = request.answer_tokens(&self.info).max(1) as usize;
        // An answer gets its room before old messages do, but never more than a quarter of the window.
        let reserve = wanted.min(context / 4).max(1);
        let budget = context.saturating_sub(reserve);
        let prompt = prompt::tokens(request, &self.info, &self.text, &self.template, budget)?;
        if !self.read_prompt(&prompt, goes_on) {
            return Ok(());
        }
        let most = wanted.min(context - prompt.len());
        let mut sampler = Sampler::new(self.temperature, self.seed);
        let mut characters = Characters::default();
        let mut said: Vec<u32> = Vec::new();
        let stop = loop {
            let token = sampler.next(self.model.logits(), &said);
            said.push(token);
            if self.text.is_stop(token) {
                break StopReason::EndTurn;
            }
            let text = characters.push(self.text.bytes(token));
            if !text.is_empty() && !emit(ModelEvent::Text(text)) || !goes_on() {
                return Ok(());
            }
            if said.len() >= most {
                break StopReason::MaxTokens;
            }
            self.model.feed(&[token]);
        };
        let rest = characters.finish();
        if !rest.is_empty() && !emit(ModelEvent::Text(rest)) {
            return Ok(());
        }
        let usage = TokenUsage { input: prompt.len() as u64, output: said.len() as u64 };
        if emit(ModelEvent::Usage(usage)) {
            emit(ModelEvent::Done(stop));
        }
        Ok(())
    }

    /// Reads a prompt, of which the tokens shared with what was read before are known already. `false` when stopped.
    fn read_prompt(&mut self, prompt: &[u32], goes_on: &dyn Fn() -> bool) -> bool {
        let shared = self.model.read().iter().zip(prompt).take_while(|(a, b)| a == b).count();
        // The last token is always read again: its logits are what the answer begins with.
        let keep = shared.min(prompt.len().saturating_sub(1));
        self.model.rewind(keep);
        prompt[keep..].chunks(CHUNK).all(|chunk| {
            self.model.feed(chunk);
            goes_on()
        })
    }
}
