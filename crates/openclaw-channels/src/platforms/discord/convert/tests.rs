use serde_json::{Value, json};

use super::*;
use crate::platforms::discord::wire;

fn reader() -> Reader {
    Reader { me: "1".to_owned(), roles: HashSet::from(["9".to_owned()]) }
}

fn read(mut message: Value, direct: bool) -> Option<Inbound> {
    for (name, value) in [
        ("id", json!("175928847299117063")),
        ("channel_id", json!("5")),
        ("author", json!({"id": "7", "username": "anna"})),
    ] {
        if message.get(name).is_none() {
            message[name] = value;
        }
    }
    let message: Message = wire::read(message).unwrap();
    match reader().message(&message, Address::chat("5"), direct, Some("44"))? {
        Event::Message(inbound) => Some(inbound),
        event => panic!("{event:?}"),
    }
}

#[test]
fn a_text_is_read_as_people_see_it() {
    let mentions =
        json!([{"id": "1", "username": "claw"}, {"id": "8", "username": "bob", "global_name": "Bob"}]);
    for (content, expected) in [
        ("<@1> hello", "hello"),
        ("<@!1>, hello <@1>", "hello"),
        ("<@&9>: hello", "hello"),
        ("ask <@8> and <@77>", "ask @Bob and @77"),
        ("<:wave:123> <a:dance:4>", ":wave: :dance:"),
        ("1 < 2 <b> <#5> <t:0> <@x>", "1 < 2 <b> <#5> <t:0> <@x>"),
        ("a <", "a <"),
        ("<@&10>", "@role:10"),
    ] {
        let inbound = read(json!({"content": content, "mentions": mentions}), true).unwrap();
        assert_eq!(inbound.text, expected, "{content}");
    }
}

#[test]
fn who_is_meant() {
    for (message, expected) in [
        (json!({"content": "hello"}), false),
        (json!({"content": "<@1> hello", "mentions": [{"id": "1"}]}), true),
        (json!({"content": "<@&9> hello", "mention_roles": ["9"]}), true),
        (json!({"content": "<@&10> hello", "mention_roles": ["10"]}), false),
        (
            json!({"content": "yes", "type": 19, "referenced_message": {"id": "4", "author": {"id": "1"}}}),
            true,
        ),
        (
            json!({"content": "yes", "type": 19, "referenced_message": {"id": "4", "author": {"id": "8"}}}),
            false,
        ),
        (json!({"content": "yes", "type": 19, "referenced_message": null}), false),
    ] {
        assert_eq!(read(message.clone(), false).unwrap().addressed, expected, "{message}");
        assert!(read(message, true).unwrap().addressed);
    }
}

#[test]
fn what_nobody_wrote_is_nobodys_business() {
    for message in [
        json!({"author": {"id": "1", "bot": true}}),
        json!({"author": {"id": "8", "bot": true}}),
        json!({"author": {"id": "8", "system": true}}),
        json!({"webhook_id": "3"}),
        json!({"type": 7}),
        json!({"type": 21}),
        json!({"id": ""}),
    ] {
        assert_eq!(read(message.clone(), true), None, "{message}");
    }
}

#[test]
fn names_times_files_and_quotations() {
    let inbound = read(
        json!({
            "type": 19, "content": "and this?", "author": {"id": "7", "username": "anna", "global_name": "Anna"},
            "member": {"nick": "Annie"}, "referenced_message": {"id": "4", "author": {"id": "8"}, "content": "look, <@1>",
            "attachments": [{"id": "2", "filename": "old.png"}]},
            "attachments": [{"id": "6", "filename": "a b.txt", "size": 3, "content_type": "text/plain; charset=utf-8", "url": "https://cdn.discordapp.com/x"}],
        }),
        false,
    )
    .unwrap();
    assert_eq!(inbound.sender, Sender { id: "7".to_owned(), name: "Annie".to_owned(), is_bot: false });
    assert_eq!(inbound.sent_at.unwrap().to_string(), "2016-04-30T11:18:25.796Z");
    assert_eq!(inbound.quoted.as_deref(), Some("look,\n[file: old.png]"));
    let file = &inbound.files[0];
    assert_eq!((file.name.as_str(), file.mime_type.as_str(), file.size), ("a b.txt", "text/plain", Some(3)));
    assert_eq!(file.handle, "5 175928847299117063 6 https://cdn.discordapp.com/x");
    // Our own last words need no quotation.
    let own = json!({"type": 19, "content": "go on", "referenced_message": {"id": "44", "author": {"id": "1"}, "content": "well?"}});
    assert_eq!(read(own, true).unwrap().quoted, None);
    let forwarded = json!({"content": "", "message_snapshots": [{"message": {"content": "from elsewhere"}}]});
    assert_eq!(read(forwarded, true).unwrap().quoted.as_deref(), Some("from elsewhere"));
}

#[test]
fn only_people_change_messages() {
    let read = |message: Value| reader().edited(&wire::read(message).unwrap(), Address::chat("5"));
    let edited = json!({"id": "6", "author": {"id": "7"}, "content": "now", "edited_timestamp": "2026-01-02T03:04:05.678000+00:00"});
    let Some(Event::Edited(change)) = read(edited.clone()) else { panic!("no change") };
    assert_eq!((change.id.as_str(), change.text.as_str()), ("6", "now"));
    assert_eq!(change.at.unwrap().to_string(), "2026-01-02T03:04:05.678Z");
    for (name, value) in [
        ("edited_timestamp", Value::Null),
        ("author", json!({"id": "1"})),
        ("author", json!({"id": "8", "bot": true})),
    ] {
        let mut other = edited.clone();
        other[name] = value;
        assert_eq!(read(other), None);
    }
}
