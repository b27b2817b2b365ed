//! Everything together keeps to the window.

use proptest::prelude::*;

use super::*;

fn draft<'a>(
    model: &'a ModelInfo,
    persona: &str,
    message: Arc<Message>,
    tools: Vec<ToolDefinition>,
) -> Draft<'a> {
    Draft::new(ingredients(persona, message, tools), gauge(model))
}

fn plain(draft: Draft<'_>) -> (crate::ModelRequest, Option<ContextNote>) {
    draft.finish(Selected::default(), Chosen::default())
}

#[test]
fn everything_keeps_to_its_share() {
    let persona = "be kind. ".repeat(4000);
    let model = model(8192, true);
    let shares = gauge(&model).shares();
    assert_eq!(
        (shares.window, shares.system, shares.recent, shares.memory, shares.tools, shares.reply),
        (7783, 1167, 3113, 1556, 1167, 778),
        "a twentieth stays free until the vendor has counted once"
    );
    let (request, note) = plain(draft(&model, &persona, user(1), (0..50).map(|n| tool(n, 100)).collect()));
    let tools: usize = request.tools.iter().map(|tool| gauge(&model).tool(tool)).sum();
    assert!(gauge(&model).text(&request.system) + tools <= shares.system + shares.tools);
    assert!(request.system.ends_with("Channel: api\nToday (UTC): 1970-01-01"));
    assert!((5..50).contains(&request.tools.len()), "{}", request.tools.len());
    let cuts = note.unwrap().cuts;
    assert_eq!((cuts[0].id.as_str(), cuts.last().unwrap().id.as_str()), ("tool-9", "tool-40"), "bounded");
    assert!(plain(draft(&super::model(8192, false), "", user(1), vec![tool(1, 1)])).0.tools.is_empty());
}

#[test]
fn what_one_share_leaves_another_takes() {
    let model = model(8192, true);
    let persona = "be kind. ".repeat(700);
    let whole = |tools| plain(draft(&model, &persona, user(1), tools)).0.system.starts_with(persona.trim());
    assert!(whole(Vec::new()), "the persona is longer than its share, and there are no tools");
    assert!(!whole((0..50).map(|n| tool(n, 100)).collect()));

    let shares = gauge(&model).shares();
    let bare = draft(&model, "", user(1), Vec::new());
    let recent = (shares.recent + shares.system + shares.tools
        - gauge(&model).text("Channel: api\nToday (UTC): 1970-01-01"))
        * 3
        / 4;
    assert!(bare.history_budget(true).abs_diff(recent) <= 1, "{}", bare.history_budget(true));
    assert!(bare.history_budget(false) > recent + shares.memory / 2);
    assert_eq!(bare.memory_budget(), shares.memory);
    // A long message takes from the history, then from the memories.
    let long = draft(&model, "", says(1, &"word ".repeat(7000)), Vec::new());
    assert_eq!(long.history_budget(true), 0);
    assert!(long.memory_budget() < shares.memory / 2, "{}", long.memory_budget());
}

#[test]
fn the_message_is_cut_only_where_no_window_holds_it() {
    let long = says(1, &"詞".repeat(6500));
    let model = model(8192, true);
    let (request, note) = plain(draft(&model, "be kind", Arc::clone(&long), Vec::new()));
    assert_eq!((request.messages, note), (vec![long], None), "nothing to explain");
    let longer = says(1, &"詞".repeat(10_000));
    let (request, note) = plain(draft(&model, "be kind", longer, Vec::new()));
    assert!(request.messages[0].text().contains("memory_read {\"id\":\"msg_user_"));
    let note = note.unwrap();
    assert_eq!((note.window, note.recent, note.tokens[2]), (8192, 1, 0));
    assert_eq!(note.cuts[0].reason, "longer than the model's window");
    assert!(note.tokens[1] > 6000 && (2500..4500).contains(&note.cuts[0].tokens), "{note:?}");
}

#[test]
fn a_tool_that_is_too_large_keeps_out_itself_alone() {
    let tools = vec![tool(1, 10), tool(2, 5000), tool(3, 10)];
    let (request, note) = plain(draft(&model(8192, true), "be kind", user(1), tools));
    let names: Vec<&str> = request.tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["tool-1", "tool-3"]);
    let cuts = note.unwrap().cuts;
    assert_eq!(cuts.iter().map(|cut| cut.id.as_str()).collect::<Vec<_>>(), ["tool-2"]);
}

#[test]
fn a_request_is_refitted_for_a_smaller_model() {
    let (mut request, _) = plain(draft(&model(200_000, true), "", user(40), Vec::new()));
    let history = (1..40).flat_map(|n| [user(n), answers(n, &"word ".repeat(100))]);
    request.messages.splice(0..0, history);
    request.messages.extend([call(40, 0, "x"), result(40, 1, "x")]);
    request.recalled = Some("<memory>".to_owned());
    request.tools = vec![tool(1, 1)];
    let large = model(200_000, true);
    assert!(
        matches!(fit(&request, &gauge(&large)).request, Cow::Borrowed(_)),
        "nothing is copied where it fits"
    );
    let model = model(2000, true);
    let small = fit(&request, &gauge(&model));
    let used = gauge(&model).tokens(small.count);
    let small = small.request;
    let bound = small.max_tokens.unwrap() as usize;
    assert!(used + bound <= 1900 && bound >= 190, "{used} {bound}");
    assert!((5..79).contains(&small.messages.len()), "{}", small.messages.len());
    assert_eq!(small.messages[0].role, Role::User);
    assert_eq!(
        small.messages[small.messages.len() - 3..],
        request.messages[78..],
        "the present run is whole"
    );
    assert_eq!((small.tools.len(), small.recalled.is_some()), (1, true));
    assert!(fit(&request, &gauge(&super::model(200_000, false))).request.tools.is_empty());
    // What was asked for is never raised.
    request.max_tokens = Some(7);
    assert_eq!(fit(&request, &gauge(&model)).request.max_tokens, Some(7));
}

#[test]
fn what_the_tools_of_a_run_bring_is_cut_when_the_window_is_full() {
    let (mut request, _) = plain(draft(&model(200_000, true), "", user(1), Vec::new()));
    request.tools = vec![tool(1, 1)];
    request.recalled = Some("<memory> ".repeat(100));
    for step in 0..6 {
        let id = format!("c{step}");
        let words = format!("{step} {}", "word ".repeat(2000));
        request.messages.extend([call(1, step * 2, &id), brings(1, step * 2 + 1, &id, &words)]);
    }
    let model = model(8192, true);
    let fitted = fit(&request, &gauge(&model)).request;
    assert_eq!(fitted.recalled, None, "the memories go first");
    assert_eq!(fitted.messages.len(), 13, "no step is missing");
    let brought = |at: usize| match &fitted.messages[at].content[0] {
        ContentBlock::ToolResult(result) => result.content.len(),
        other => panic!("{other:?}"),
    };
    assert!(brought(2) < 5000 && brought(12) >= brought(2), "{} {}", brought(2), brought(12));
    // In the smallest window only some steps are left, but what is there fits and is whole.
    let model = super::model(2000, true);
    let fitted = fit(&request, &gauge(&model));
    assert!(gauge(&model).tokens(fitted.count) <= 1900 - 190);
    let (calls, results) = pairs(&fitted.request.messages);
    assert!(calls == results && calls.last().unwrap() == "c5", "{calls:?}");
}

/// One exchange: the question's and the answer's length in words, and what its tools brought.
type Exchange = (usize, usize, Vec<usize>);

fn log(exchanges: &[Exchange]) -> Vec<Arc<Message>> {
    let words = |count: usize| {
        ["word", "語", "слово", "{\"a\":1}"].iter().cycle().take(count).copied().collect::<Vec<_>>().join(" ")
    };
    let mut log = Vec::new();
    for (n, (asked, answered, brought)) in (1..).zip(exchanges) {
        log.push(says(n, &format!("{n} {}", words(*asked))));
        for (step, brought) in brought.iter().enumerate() {
            let id = format!("{n}-{step}");
            log.extend([call(n, step * 2, &id), brings(n, step * 2 + 1, &id, &words(*brought))]);
        }
        log.push(answers(n, &words(*answered)));
    }
    log
}

fn exchanges() -> impl Strategy<Value = Vec<Exchange>> {
    let length = prop_oneof![4 => 0..40_usize, 2 => 40..400_usize, 1 => 400..3000_usize];
    let brought = prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(length.clone(), 1..4)];
    prop::collection::vec((length.clone(), length, brought), 0..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn no_window_is_ever_overrun(
        exchanges in exchanges(),
        window in prop_oneof![2000..10_000_u32, 10_000..1_000_000_u32],
        persona in 0..3000_usize,
        tools in 0..20_usize,
        asked in prop_oneof![0..100_usize, 100..4000_usize],
        steps in prop::collection::vec(0..4000_usize, 0..5),
    ) {
        let model = model(window, true);
        let gauge = gauge(&model);
        let shares = gauge.shares();
        let n = u16::try_from(exchanges.len()).unwrap() + 1;
        let past = Past::of(log(&exchanges), run(n), false);
        let message = says(n, &"ask ".repeat(asked));
        let draft = draft(&model, &"be kind ".repeat(persona), Arc::clone(&message), (0..tools).map(|n| tool(n, 40)).collect());
        for has_memories in [true, false] {
            let budget = draft.history_budget(has_memories);
            let history = past.select(&gauge, budget);
            let size: usize = history.messages.iter().map(|message| gauge.message(message)).sum();
            prop_assert!(size <= budget, "{size} {budget}");
            let (calls, results) = pairs(&history.messages);
            prop_assert_eq!(calls, results);
            prop_assert!(history.messages.first().is_none_or(|first| first.role == Role::User));
            prop_assert_eq!(&history.messages, &past.select(&gauge, budget).messages, "deterministic");
        }
        let history = past.select(&gauge, draft.history_budget(true));
        let (mut request, _) = draft.finish(history, Chosen::default());
        let used = gauge.tokens(gauge.request(&request));
        prop_assert!(used + shares.reply <= shares.window, "{used} of {}", shares.window);
        for (step, brought) in steps.iter().enumerate() {
            let id = format!("s{step}");
            let words = "bring ".repeat(*brought);
            request.messages.extend([call(n, step * 2, &id), brings(n, step * 2 + 1, &id, &words)]);
        }
        let fitted = fit(&request, &gauge);
        let used = gauge.tokens(fitted.count);
        let answer = fitted.request.max_tokens.unwrap_or(model.max_tokens) as usize;
        prop_assert!(used + answer <= shares.window, "{used} + {answer} of {}", shares.window);
        prop_assert!(answer >= shares.reply.min(4096));
        let (calls, results) = pairs(&fitted.request.messages);
        prop_assert_eq!(calls, results);
        prop_assert_eq!(fitted.request.present().map(|at| fitted.request.messages[at].id.clone()), Some(message.id.clone()));
    }

    #[test]
    fn one_message_more_changes_nothing_before_it(exchanges in exchanges(), window in 4000..200_000_u32) {
        prop_assume!(exchanges.len() > 1);
        let model = model(window, true);
        let gauge = gauge(&model);
        let all = log(&exchanges);
        let n = u16::try_from(exchanges.len()).unwrap();
        let select = |upto: u16| {
            let past = Past::of(all.clone(), run(upto), false);
            past.select(&gauge, draft(&model, "be kind", user(upto), Vec::new()).history_budget(true))
        };
        let (before, after) = (select(n), select(n + 1));
        // Unless the beginning moved on, or a long message that was the last word is long no more, what was there is there still.
        let whole = |selected: &Selected| selected.cuts.is_empty();
        if whole(&after) {
            prop_assert!(whole(&before));
        }
        if let (Some(first), Some(still)) = (before.messages.first(), after.messages.first())
            && first.id == still.id
            && whole(&before) == whole(&after)
        {
            let last = before.messages.iter().rposition(|message| message.role == Role::User).unwrap();
            prop_assert_eq!(&before.messages[..last], &after.messages[..last]);
        }
    }
}
