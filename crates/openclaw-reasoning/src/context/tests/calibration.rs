//! What is learned from the vendors' counts.

use openclaw_core::{Attachment, AttachmentSource};
use proptest::prelude::*;

use super::*;

/// A vendor whose tokenizer costs so much for Latin text and for other scripts, beside what our count says.
fn vendor(latin: f64, script: f64) -> impl Fn(Count) -> u64 {
    move |count| {
        let [a, b] = count.parts();
        (a * latin + b * script).round() as u64
    }
}

fn count(english: usize, chinese: usize) -> Count {
    Count::of(&format!("{}{}", "plain words ".repeat(english), "說話".repeat(chinese)))
}

proptest! {
    #[test]
    fn estimates_come_close_to_any_vendors_counts(
        latin in 0.6..2.5_f64,
        script in 0.6..3.0_f64,
        requests in prop::collection::vec((50..2000_usize, 50..2000_usize), 60),
    ) {
        let calibration = Calibration::new(ProviderKind::Anthropic);
        let vendor = vendor(latin, script);
        let model = model(100_000, true);
        for (english, chinese) in &requests {
            let count = count(*english, *chinese);
            calibration.learn(count, vendor(count));
        }
        for (english, chinese) in &requests[50..] {
            let count = count(*english, *chinese);
            let (guess, truth) = (calibration.gauge(&model).tokens(count) as f64, vendor(count) as f64);
            prop_assert!((guess / truth - 1.0).abs() < 0.1, "{guess} {truth}");
        }
    }
}

#[test]
fn the_margin_shrinks_once_the_vendor_has_counted() {
    let calibration = Calibration::new(ProviderKind::OpenAi);
    let model = model(10_000, true);
    assert_eq!(calibration.gauge(&model).shares().window, 9500);
    calibration.learn(count(500, 0), vendor(1.0, 1.0)(count(500, 0)));
    assert_eq!(calibration.gauge(&model).shares().window, 9800);
}

#[test]
fn counts_that_say_nothing_of_the_tokenizer_teach_nothing() {
    let model = model(10_000, true);
    let sample = count(2000, 0);
    let size = |calibration: &Calibration| calibration.gauge(&model).tokens(sample);
    let mut picture = sample;
    let mut shows = Message::clone(&user(1));
    shows.metadata.attachments = vec![Attachment {
        name: "a.png".into(),
        mime_type: "image/png".into(),
        source: AttachmentSource::Data(bytes::Bytes::from_static(b"\x89PNG")),
    }];
    picture += gauge(&model).count(&shows);
    let short = count(10, 0);
    for (kind, count, input) in [
        (ProviderKind::OpenAi, picture, 90_000),
        (ProviderKind::OpenAi, short, 9000),
        (ProviderKind::OpenAi, sample, 0),
        (ProviderKind::OpenAi, sample, 100),
        // It counts only what was not in its cache.
        (ProviderKind::Ollama, sample, 4000),
    ] {
        let calibration = Calibration::new(kind);
        let before = size(&calibration);
        assert!(before > 4000, "{before}");
        calibration.learn(count, input);
        assert_eq!(size(&calibration), before, "{kind:?} {input}");
        assert!(calibration.gauge(&model).shares().window == 9500);
    }
    let ollama = Calibration::new(ProviderKind::Ollama);
    let before = size(&ollama);
    ollama.learn(sample, 9000);
    assert!(size(&ollama) > before, "more than we thought is never the cache's doing");
}

#[test]
fn small_errors_move_no_cut() {
    let calibration = Calibration::new(ProviderKind::OpenAi);
    let model = model(10_000, true);
    let sample = count(2000, 500);
    let first = calibration.gauge(&model).tokens(sample);
    for factor in [0.97, 1.03, 1.04, 0.96, 1.02] {
        calibration.learn(sample, vendor(factor, factor)(sample));
        assert_eq!(calibration.gauge(&model).tokens(sample), first, "{factor}");
    }
    for _ in 0..5 {
        calibration.learn(sample, vendor(1.5, 1.5)(sample));
    }
    assert!(calibration.gauge(&model).tokens(sample) > first * 7 / 5);
}
