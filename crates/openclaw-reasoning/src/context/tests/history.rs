//! Which earlier messages go in.

use super::*;

fn select(log: Vec<Arc<Message>>, n: u16, budget: usize) -> Vec<Arc<Message>> {
    let model = model(8192, true);
    Past::of(log, run(n), false).select(&gauge(&model), budget).messages
}

#[test]
fn the_order_of_the_conversation_is_not_that_of_the_log() {
    let log = vec![user(1), user(2), user(3), reply(1), reply(2)];
    let history = select(log.clone(), 3, 1000);
    assert_eq!(
        shown(&history),
        ["User question 1", "Assistant answer 1", "User question 2", "Assistant answer 2"]
    );
    assert_eq!(select(log, 1, 1000), [], "what came later is not shown");
}

#[test]
fn everything_goes_in_while_it_fits_and_then_the_oldest_go() {
    let log: Vec<_> = (1..10).flat_map(|n| [user(n), reply(n)]).collect();
    let model = model(8192, true);
    let cost = gauge(&model).message(&user(1)) + gauge(&model).message(&reply(1));
    assert_eq!(select(log.clone(), 10, cost * 9), log);
    for budget in cost..cost * 9 {
        let history = select(log.clone(), 10, budget);
        assert_eq!(history[0].role, Role::User);
        assert_eq!(history.last(), log.last(), "the newest stay");
        assert!(history.len() * cost <= budget * 2, "{budget}");
        assert!(
            history.len() * cost + 2 * cost > budget * 3 / 2,
            "at least three quarters are used: {budget}"
        );
    }
    assert_eq!(select(log, 10, 3), []);
}

#[test]
fn calls_and_results_stay_together() {
    let whole =
        vec![user(1), call(1, 0, "a"), call(1, 1, "b"), result(1, 2, "a"), result(1, 3, "b"), reply(1)];
    assert_eq!(select(whole.clone(), 2, 1000), whole);
    for budget in 0..200 {
        let history = select(whole.clone(), 2, budget);
        let (calls, results) = pairs(&history);
        assert_eq!(calls, results, "{budget}");
        assert!(
            history.is_empty()
                || history.len() == 6
                || shown(&history) == ["User question 1", "Assistant answer 1"]
        );
    }
    let died = vec![user(1), call(1, 0, "a"), call(1, 1, "b"), result(1, 2, "a")];
    let history = select(died, 2, 1000);
    assert_eq!(history, [user(1), call(1, 0, "a"), result(1, 2, "a")], "a call without a result is left out");
}

#[test]
fn long_messages_are_cut_before_any_is_left_out_and_say_how_to_go_on() {
    let long = format!("begin {}end", "word ".repeat(3000));
    let mut log = vec![
        says(1, &long),
        reply(1),
        user(2),
        call(2, 0, "toolu_7"),
        brings(2, 1, "toolu_7", &long),
        reply(2),
    ];
    log.extend([user(3), reply(3)]);
    let model = model(8192, true);
    let selected = Past::of(log.clone(), run(4), false).select(&gauge(&model), 3200);
    assert_eq!(selected.messages.len(), log.len());
    let cut = selected.messages[0].text();
    let id = run(1).user_message_id();
    assert!(cut.starts_with("begin word") && cut.ends_with("word end"), "{cut}");
    let begin = cut.find("\n[…").unwrap();
    let chars = cut[..begin].chars().count();
    assert!(
        cut.contains(&format!("memory_read {{\"id\":\"{id}\",\"offset\":{chars}}} shows them]")),
        "{cut}"
    );
    let ContentBlock::ToolResult(result) = &selected.messages[4].content[0] else { panic!() };
    assert!(
        result.content.contains(&format!("\"id\":\"{}#toolu_7\"", run(2).step_message_id(1))),
        "{result:?}"
    );
    assert_eq!(selected.messages[5..], log[5..], "what is short stays as it is");
    let cuts: Vec<_> = selected.cuts.iter().map(|cut| (cut.id.clone(), cut.tokens > 2000)).collect();
    assert_eq!(cuts, [(id.to_string(), true), (run(2).step_message_id(1).to_string(), true)]);

    // The last exchange is what the next question is about.
    let log =
        vec![user(1), reply(1), says(2, &long), answers(2, "Much."), says(3, "short"), answers(3, &long)];
    let selected = Past::of(log.clone(), run(4), false).select(&gauge(&model), 5000);
    assert_eq!((selected.messages.len(), &selected.messages[5]), (6, &log[5]));
    assert_ne!(selected.messages[2], log[2]);
    // A model without tools is not told of one.
    let mute = super::model(8192, false);
    let selected = Past::of(log, run(4), false).select(&gauge(&mute), 5000);
    assert!(selected.messages[2].text().contains("characters left out here]"));
}

#[test]
fn the_beginning_stays_where_it_is_over_many_turns() {
    let model = model(8192, true);
    let talk = |n: u16| {
        [says(n, &format!("{n} {}", "word ".repeat(20))), answers(n, &format!("{n} {}", "word ".repeat(60)))]
    };
    let mut begins = Vec::new();
    for turns in 100..300_u16 {
        let log: Vec<_> = (1..turns).flat_map(talk).collect();
        let is_capped = log.len() > HISTORY_MESSAGES;
        let recent = log[log.len().saturating_sub(HISTORY_MESSAGES)..].to_vec();
        let history = Past::of(recent, run(turns), is_capped).select(&gauge(&model), 3000).messages;
        assert!(history.len() > 40 && history.len() < 80, "{}", history.len());
        begins.push(history[0].id.clone());
    }
    let moves = begins.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(moves < 200 / 3, "{moves} of 200 turns find no cached prompt");
    assert!(begins.is_sorted(), "and it never moves back");
    // The same where the number of messages bounds it, not their length.
    let mut begins = Vec::new();
    for turns in 200..300_u16 {
        let log: Vec<_> = (1..turns).flat_map(|n| [user(n), reply(n)]).collect();
        let recent = log[log.len() - HISTORY_MESSAGES..].to_vec();
        begins.push(
            Past::of(recent, run(turns), true).select(&gauge(&model), 1_000_000).messages[0].id.clone(),
        );
    }
    let moves = begins.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(moves < 100 / 5, "{moves}");
}

#[test]
fn an_exchange_of_many_steps_leaves_its_words() {
    let mut log = vec![user(1), reply(1), user(2)];
    for step in 0..40 {
        let id = format!("c{step}");
        log.extend([call(2, step * 2, &id), brings(2, step * 2 + 1, &id, &"word ".repeat(200))]);
    }
    log.push(reply(2));
    assert_eq!(select(log.clone(), 3, 1000), [user(2), reply(2)]);
    assert_eq!(select(log, 3, 20_000).len(), 84);
}
