//! Whether every message was answered, once and in order.

use std::ops::AddAssign;

use openclaw_e2e::Client;
use serde_json::Value;

/// Where a platform can't be asked whether a message is there, it comes again under this line.
const AGAIN: &str = "(Sent again after an interruption; you may have this already.)\n\n";

/// What a chat's messages come to.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Count {
    /// Answers that say that they may be there twice.
    pub(super) again: usize,
    /// Beginnings of answers that were sent anew as a whole.
    pub(super) cut: usize,
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.again += other.again;
        self.cut += other.cut;
    }
}

/// Holds the bot's messages against what was said.
///
/// # Errors
/// What is lost, doubled, or out of its place.
pub(super) fn chat(said: &[String], answers: &[String], knows_keys: bool) -> Result<Count, String> {
    let (mut count, mut answers) = (Count::default(), answers.iter().peekable());
    for text in said {
        let whole = format!("echo: {text}");
        let (mut once, mut again, mut cut) = (0, 0, 0);
        while let Some(answer) = answers.peek() {
            match answer.strip_prefix(AGAIN) {
                Some(answer) if *answer == whole => again += 1,
                None if **answer == whole && again == 0 => once += 1,
                None if *answer == "echo:" && again + once == 0 => cut += 1,
                _ => break,
            }
            answers.next();
        }
        match (once, again, cut) {
            (0, 0, _) => return Err(format!("`{text}` was not answered; next is {:?}", answers.peek())),
            (2.., ..) => return Err(format!("`{text}` was answered {once} times, and nothing says so")),
            (1, 0, 0) => {}
            _ if knows_keys => {
                return Err(format!("`{text}`: {once} answers, {again} marked, {cut} cut short"));
            }
            (once, _, cut) if once + cut > 1 => {
                return Err(format!("`{text}`: {once} answers beside {cut} cut short"));
            }
            _ => {}
        }
        count += Count { again, cut };
    }
    match answers.next() {
        Some(answer) => Err(format!("`{answer}` answers nothing")),
        None => Ok(count),
    }
}

/// Holds the conversations of a channel against what was said in its chats.
pub(super) fn conversations(client: &Client, channel: &str, said: &[Vec<String>]) {
    let list = client.get(&format!("/conversations?channel={channel}&limit=100")).expect(200);
    assert_eq!(list["total"], said.len(), "{list}");
    let ids = list["conversations"].as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap());
    let mut told: Vec<[Vec<String>; 2]> = ids
        .map(|id| {
            let view = client.get(&format!("/conversations/{id}")).expect(200);
            ["user", "assistant"].map(|role| contents(&view, role))
        })
        .collect();
    let mut expected: Vec<_> = said
        .iter()
        .map(|said| [said.clone(), said.iter().map(|text| format!("echo: {text}")).collect()])
        .collect();
    told.sort();
    expected.sort();
    assert_eq!(told, expected);
}

fn contents(view: &Value, role: &str) -> Vec<String> {
    let messages = view["messages"].as_array().unwrap().iter();
    let own = messages.filter(|message| message["role"] == role);
    own.map(|message| message["content"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_lost_doubled_or_out_of_place_is_found() {
    let said = ["a", "b"].map(str::to_owned);
    let check = |answers: &[&str], knows_keys| {
        let answers: Vec<_> = answers.iter().map(|answer| answer.replace("AGAIN ", AGAIN)).collect();
        chat(&said, &answers, knows_keys)
    };
    assert_eq!(check(&["echo: a", "echo: b"], true), Ok(Count::default()));
    let good = check(&["echo:", "AGAIN echo: a", "echo: b", "AGAIN echo: b", "AGAIN echo: b"], false);
    assert_eq!(good, Ok(Count { again: 3, cut: 1 }));
    for knows_keys in [true, false] {
        for wrong in [
            &["echo: a"][..],
            &["echo: b", "echo: a"],
            &["echo: a", "echo: a", "echo: b"],
            &["echo: a", "echo: b", "AGAIN echo: a"],
            &["echo: a", "echo: b", "I'm busy"],
            &["echo: a", "echo:"],
            &["echo:", "echo: a", "echo: b"],
        ] {
            assert!(check(wrong, knows_keys).is_err(), "{wrong:?}");
        }
    }
    assert!(check(&["echo: a", "AGAIN echo: a", "echo: b"], true).is_err());
}
