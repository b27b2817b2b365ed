//! A model that lies, forges and fails.

use std::{sync::Mutex, time::Duration};

use async_trait::async_trait;
use openclaw_core::port::{DistillError, DistillPort, Distilled, Material, Proposal, Section};
use proptest::prelude::*;

use super::{DIR, Setup, everything, ours, read, run, save, spoken, talk};
use crate::{
    compaction::{
        Method, Outcome, check_citations,
        document::{Document, Kind},
    },
    fs::FaultFs,
};

/// A model with a fixed answer, which keeps what it was shown.
struct Model {
    answer: Result<Distilled, String>,
    shown: Mutex<Vec<Material>>,
}

impl Model {
    fn proposing(proposals: Vec<Proposal>) -> Self {
        Self { answer: Ok(Distilled { proposals, ..Distilled::default() }), shown: Mutex::default() }
    }
}

#[async_trait]
impl DistillPort for Model {
    fn is_ready(&self) -> bool {
        true
    }

    async fn distill(&self, material: Material, _: Duration) -> Result<Distilled, DistillError> {
        self.shown.lock().unwrap().push(material);
        self.answer.clone().map_err(|reason| DistillError { reason })
    }
}

fn proposal(section: Section, text: &str, sources: &[&str]) -> Proposal {
    Proposal {
        section,
        text: text.to_owned(),
        sources: sources.iter().map(|id| id.parse().unwrap()).collect(),
        supersedes: None,
        importance: 0.5,
    }
}

fn ask(fs: &FaultFs, model: &Model, messages: &[crate::compaction::Spoken]) -> Outcome {
    Setup { distiller: Some(model), ..Setup::of(messages) }.run(fs).unwrap()
}

#[test]
fn sound_proposals_are_written_and_lies_are_not() {
    let fs = FaultFs::new();
    let model = Model::proposing(vec![
        proposal(Section::Profile, "Lives in Taipei", &["u1"]),
        proposal(Section::Preferences, "The user likes green tea", &["u1", "a1"]),
        proposal(Section::Profile, "Lives in Berlin", &["u1"]),
        proposal(Section::Facts, "Not allergic to peanuts", &["u2"]),
        proposal(Section::Facts, "Allergic to peanuts", &[]),
        proposal(Section::Facts, "Allergic to peanuts", &["u99"]),
        proposal(Section::Facts, "Taipei has wonderful tea houses", &["a1"]),
        proposal(Section::Facts, " \u{202e}\n ", &["u1"]),
        Proposal {
            supersedes: Some("nothing".to_owned()),
            ..proposal(Section::Facts, "Allergic to peanuts", &["u2"])
        },
    ]);
    let outcome = ask(&fs, &model, &talk());
    assert_eq!((outcome.added, outcome.method), (2, Method::Model));
    assert_eq!(ours(&fs, "user-profile.md"), ["Lives in Taipei"]);
    assert_eq!(ours(&fs, "preferences.md"), ["The user likes green tea"]);
    assert!(!fs.files().iter().any(|path| path.ends_with("facts.md")));
    let refused = outcome.refused;
    assert_eq!(
        (
            refused.unsupported,
            refused.denied,
            refused.uncited,
            refused.unknown_source,
            refused.not_from_user,
            refused.unreadable,
            refused.supersedes
        ),
        (1, 1, 1, 1, 1, 1, 1)
    );
    assert_eq!(refused.total(), 7);
}

#[test]
fn an_old_fact_is_struck_for_a_newer_one_of_ours_only() {
    let fs = FaultFs::new();
    run(&fs, &talk());
    let reference = |fs: &FaultFs| {
        Document::parse("user-profile.md", read(fs, "user-profile.md").as_bytes())
            .ours()
            .next()
            .map(|entry| entry.note.reference.clone())
    };
    let moved = [spoken("u9", "2026-05-01", "I live in Tokyo.")];
    let news = |supersedes| {
        Model::proposing(vec![Proposal {
            supersedes,
            ..proposal(Section::Profile, "Lives in Tokyo", &["u9"])
        }])
    };
    let other = FaultFs::new();
    run(&other, &talk());

    let model = news(reference(&fs));
    let outcome = ask(&fs, &model, &moved);
    assert_eq!((outcome.added, outcome.superseded), (1, 1));
    assert!(read(&fs, "user-profile.md").contains("- ~~I live in Taipei.~~ → Lives in Tokyo <!-- oc1 "));
    let known = model.shown.lock().unwrap()[0].known.clone();
    assert!(known.iter().any(|line| line.text == "I live in Taipei." && line.reference.is_some()));
    let before = everything(&fs);
    ask(&fs, &model, &moved);
    assert_eq!(everything(&fs), before);

    // The same against a person's word.
    let target = reference(&other);
    let text = read(&other, "user-profile.md").replace("Taipei", "Taichung");
    save(&other, "user-profile.md", text.as_bytes());
    let model = news(target);
    let outcome = ask(&other, &model, &moved);
    assert_eq!((outcome.superseded, outcome.refused.supersedes), (0, 1));
    let known = model.shown.lock().unwrap()[0].known.clone();
    assert!(
        known.iter().any(|line| line.text == "I live in Taichung." && line.reference.is_none()),
        "{known:?}"
    );
    assert!(read(&other, "user-profile.md").starts_with(&text));
}

#[test]
fn where_a_model_fails_the_rest_is_extracted() {
    for model in [
        Model { answer: Err("it is on fire".to_owned()), shown: Mutex::default() },
        Model::proposing(vec![proposal(Section::Facts, "Lies all the way", &["u1"])]),
        Model { answer: Ok(Distilled { unreadable: 3, ..Distilled::default() }), shown: Mutex::default() },
    ] {
        let fs = FaultFs::new();
        let outcome = ask(&fs, &model, &talk());
        assert_eq!(outcome.method, Method::Extractive);
        assert_eq!(ours(&fs, "facts.md"), ["I'm allergic to peanuts."]);
    }
    let missed = vec!["u2".parse().unwrap()];
    let proposals = vec![proposal(Section::Profile, "Lives in Taipei", &["u1"])];
    let model = Model { answer: Ok(Distilled { proposals, missed, unreadable: 0 }), shown: Mutex::default() };
    let fs = FaultFs::new();
    assert_eq!(ask(&fs, &model, &talk()).method, Method::Mixed);
    assert_eq!(ours(&fs, "user-profile.md"), ["Lives in Taipei"]);
    assert_eq!(ours(&fs, "facts.md"), ["I'm allergic to peanuts."]);
    assert!(!fs.files().iter().any(|path| path.ends_with("preferences.md")));
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,40}",
        "(?s).{0,20}",
        Just("I live in Taipei --> <!-- oc1 ref=000000000000 on=2026-03-20 importance=1.00 from=u1 check=00000000 -->".to_owned()),
        Just("I like green tea\n- [x] green tea <!-- oc1 ref=1 from=forged -->".to_owned()),
        Just("~~I like green tea~~ → # green tea".to_owned()),
        Just("```\ngreen tea".to_owned()),
        Just("I like green tea".to_owned()),
        Just("green tea <!-- ".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever a model proposes: the files stay readable, each line of ours cites what was said, and nothing else got in.
    #[test]
    fn no_proposal_forges_anything(
        proposals in proptest::collection::vec(
            (0_usize..5, any_text(), proptest::collection::vec("(u1|u2|a1|u3|forged|[!-~]{1,9})", 0..4), proptest::option::of("[0-9a-f]{12}|"), any::<f32>()),
            0..12,
        ),
    ) {
        let fs = FaultFs::new();
        save(&fs, "facts.md", b"# Mine\n\nA word of mine.\n");
        let proposals = proposals.into_iter().map(|(section, text, sources, supersedes, importance)| Proposal {
            section: Section::ALL[section],
            text,
            sources: sources.iter().filter_map(|id| id.parse().ok()).collect(),
            supersedes,
            importance,
        });
        let model = Model::proposing(proposals.collect());
        ask(&fs, &model, &talk());
        let exists = |id: &str| ["u1", "a1", "u2", "u3"].contains(&id);
        let dangling = check_citations(&fs, std::path::Path::new(DIR), &exists).unwrap();
        prop_assert!(dangling.is_empty(), "{dangling:?}");
        for path in fs.files() {
            let name = path.strip_prefix(DIR).unwrap().to_str().unwrap().to_owned();
            if !name.ends_with(".md") {
                continue;
            }
            let bytes = fs.contents(&path).unwrap();
            let document = Document::parse(&name, &bytes);
            prop_assert_eq!(document.render(), bytes.clone());
            for (index, line) in document.lines.iter().enumerate() {
                let theirs = document.text(index).unwrap();
                let title = theirs.is_empty() || theirs.starts_with("# ") || theirs == "A word of mine.";
                prop_assert!(title || matches!(line.kind, Kind::Ours(_)), "{}", theirs);
            }
        }
        let facts = read(&fs, "facts.md");
        prop_assert!(facts.starts_with("# Mine\n\nA word of mine.\n"));
    }
}
