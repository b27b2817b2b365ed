//! What providers stream: whatever the bytes, every decoder returns, and the events of a stream do not depend on how it is cut.

#![no_main]

use libfuzzer_sys::fuzz_target;
use openclaw_reasoning::{EventTooLong, SseDecoder, fuzzing};

fuzz_target!(|bytes: &[u8]| {
    fuzzing::anthropic(bytes);
    fuzzing::openai(bytes);
    fuzzing::ollama(bytes);
    assert_eq!(events(bytes, 3), events(bytes, bytes.len().max(1)));
});

fn events(bytes: &[u8], chunk: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    let (mut decoder, mut events) = (SseDecoder::new(), Vec::new());
    for chunk in bytes.chunks(chunk) {
        let fed = decoder.feed::<EventTooLong>(chunk, |event, data| {
            events.push((event.to_vec(), data.to_vec()));
            Ok(())
        });
        if fed.is_err() {
            break;
        }
    }
    events
}
