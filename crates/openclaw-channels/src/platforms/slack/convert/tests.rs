use serde_json::json;

use super::*;

fn reader() -> Reader {
    Reader { me: "U0CLAW".to_owned(), threads: true }
}

fn read(event: serde_json::Value) -> Read {
    reader().event(&wire::read(event).unwrap())
}

fn inbound(event: serde_json::Value) -> Inbound {
    match read(event) {
        Read::Event(Event::Message(message)) => message,
        other => panic!("no message: {other:?}"),
    }
}

#[test]
fn text_is_what_people_see() {
    for (text, seen) in [
        ("<@U0CLAW> hello", "hello"),
        ("<@U0CLAW|claw>: hello", "hello"),
        (
            "ask <@U1|Bob> or <@U2> in <#C1|general>, <!here> or <!subteam^S1|@crew>",
            "ask @Bob or @U2 in #general, @here or @crew",
        ),
        ("<https://a.org/?x=1&amp;y=2>", "https://a.org/?x=1&y=2"),
        (
            "<https://a.org|a label> and <mailto:a@b.org|a@b.org>",
            "[a label](https://a.org) and mailto:a@b.org",
        ),
        ("<!date^1392734382^{date}|18 Feb> a &lt;b&gt; &amp;amp; c", "18 Feb a <b> &amp; c"),
        (":smile: <@U0CLAW> :smile:", ":smile:  :smile:"),
        ("1 < 2 and <unclosed", "1 < 2 and <unclosed"),
        ("", ""),
    ] {
        let message = inbound(
            json!({"type": "message", "channel": "D1", "channel_type": "im", "user": "U1", "ts": "1.000001", "text": text}),
        );
        assert_eq!(message.text, seen, "{text}");
    }
}

#[test]
fn places_are_chats_and_threads() {
    let at = |channel: &str, kind: &str, thread: serde_json::Value| {
        let event = json!({"type": "message", "channel": channel, "channel_type": kind, "user": "U1", "ts": "5.000005", "thread_ts": thread, "text": "x"});
        let message = inbound(event);
        (message.address.thread, message.direct, message.addressed)
    };
    let thread = |ts: &str| Some(ts.to_owned());
    assert_eq!(at("D1", "im", json!(null)), (None, true, true));
    assert_eq!(at("D1", "im", json!("5.000005")), (None, true, true));
    assert_eq!(at("D1", "im", json!("4.000004")), (thread("4.000004"), true, true));
    assert_eq!(at("C1", "channel", json!(null)), (thread("5.000005"), false, false));
    assert_eq!(at("G1", "mpim", json!("4.000004")), (thread("4.000004"), false, false));
    let mention = json!({"type": "app_mention", "channel": "C1", "user": "U1", "ts": "1700000000.123456", "text": "<@U0CLAW> x"});
    let mention = inbound(mention);
    assert!(mention.addressed);
    assert_eq!(mention.sent_at, Some(Timestamp::from_unix_millis(1_700_000_000_123)));
}

#[test]
fn nobody_s_business_is_nothing() {
    for event in [
        json!({}),
        json!({"type": "reaction_added", "user": "U1"}),
        json!({"type": "message", "channel": "D1", "channel_type": "im", "user": "U0CLAW", "ts": "1.000001", "text": "own"}),
        json!({"type": "message", "channel": "D1", "channel_type": "im", "user": "U1", "bot_id": "B1", "ts": "1.000001", "text": "bot"}),
        json!({"type": "message", "subtype": "bot_message", "channel": "C1", "bot_id": "B1", "ts": "1.000001", "text": "<@U0CLAW>"}),
        json!({"type": "message", "subtype": "channel_join", "channel": "C1", "user": "U1", "ts": "1.000001", "text": "joined"}),
        json!({"type": "message", "subtype": "message_changed", "channel": "C1", "message": {"user": "U1", "ts": "1.000001", "text": "same", "edited": {"ts": "2.000002"}}, "previous_message": {"text": "same"}}),
        json!({"type": "message", "subtype": "message_changed", "channel": "C1", "message": {"user": "U1", "ts": "1.000001", "text": "unfurled"}}),
        json!({"type": "assistant_thread_started"}),
    ] {
        assert_eq!(read(event.clone()), Read::Nothing, "{event}");
    }
}

#[test]
fn a_root_that_is_deleted_leaves_a_stone() {
    let event = json!({
        "type": "message", "subtype": "message_changed", "channel": "C1", "event_ts": "3.000003",
        "message": {"subtype": "tombstone", "user": "USLACKBOT", "ts": "1.000001", "thread_ts": "1.000001", "text": "This message was deleted."},
        "previous_message": {"user": "U1", "ts": "1.000001", "thread_ts": "1.000001", "text": "secret"},
    });
    let Read::Event(Event::Deleted(change)) = read(event) else { panic!("not deleted") };
    assert_eq!((change.id.as_str(), change.sender.id.as_str(), change.text.as_str()), ("1.000001", "U1", ""));
}

#[test]
fn files_that_are_there_are_told() {
    let message = inbound(json!({
        "type": "message", "subtype": "file_share", "channel": "D1", "channel_type": "im", "user": "U1", "ts": "1.000001", "text": "",
        "files": [
            {"id": "F1", "name": "a.png", "mimetype": "image/png", "size": 3, "mode": "hosted", "url_private": "https://files.slack.com/a", "url_private_download": "https://files.slack.com/d/a"},
            {"id": "F2", "name": null, "mode": "hosted", "file_access": "check_file_info"},
            {"id": "F3", "mode": "tombstone"},
        ],
    }));
    let handles: Vec<_> =
        message.files.iter().map(|file| (file.name.as_str(), file.handle.as_str())).collect();
    assert_eq!(handles, [("a.png", "https://files.slack.com/d/a"), ("F2", "F2")]);
}

#[test]
fn a_slash_command_is_a_command_or_a_question() {
    let said = |text: &str| {
        let slash = wire::Slash {
            channel_id: "C1".to_owned(),
            user_id: "U1".to_owned(),
            text: text.to_owned(),
            ..Default::default()
        };
        let Read::Event(Event::Message(message)) = reader().slash(&slash) else { panic!("no message") };
        message.text
    };
    assert_eq!(
        ["", "new", "/Stop now", "!status", "help", "what is up?"].map(said),
        ["/help", "/new", "/Stop now", "/status", "/help", "what is up?"]
    );
}
