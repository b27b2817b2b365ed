//! From Telegram's messages to the engine's.

use openclaw_core::Timestamp;

use super::{
    place::Places,
    wire::{Entity, File, Message, Update, User},
};
use crate::{
    commands::command,
    message::{Change, Event, Inbound, RemoteFile, Sender},
};

/// The event that an update tells of; `None`: nobody said anything.
pub(super) fn event(update: &Update, id: i64, me: &User, places: &Places) -> Option<Event> {
    match (&update.message, &update.edited_message) {
        (Some(message), _) => inbound(message, me, places).map(Event::Message),
        (None, Some(message)) => change(message, id, me, places).map(Event::Edited),
        (None, None) => None,
    }
}

fn inbound(message: &Message, me: &User, places: &Places) -> Option<Inbound> {
    let direct = match message.chat.kind.as_str() {
        "private" => true,
        "group" | "supergroup" => false,
        // Nobody talks to the assistant in a channel.
        _ => return None,
    };
    let sender = sender(message)?;
    let files = files(message);
    let text = said(message, me);
    if text.is_none() && files.is_empty() {
        return None;
    }
    Some(Inbound {
        id: places.id(message),
        address: places.address(message),
        direct,
        addressed: direct || is_addressed(message, me),
        sender,
        text: text.unwrap_or_default(),
        files,
        quoted: quoted(message, me),
        sent_at: Some(at(message.date)),
    })
}

fn change(message: &Message, update: i64, me: &User, places: &Places) -> Option<Change> {
    let edited = message.edit_date.unwrap_or(message.date);
    Some(Change {
        id: places.id(message),
        // Two changes may come within a second; an update that comes again has the number it had.
        version: format!("{edited}-{update}"),
        address: places.address(message),
        sender: sender(message)?,
        text: said(message, me)?,
        at: Some(at(edited)),
    })
}

fn at(unix: i64) -> Timestamp {
    Timestamp::from_unix_millis(unix.saturating_mul(1000))
}

fn sender(message: &Message) -> Option<Sender> {
    if let Some(chat) = &message.sender_chat {
        // An administrator who writes in the group's name is somebody; what a channel forwards by itself is not.
        let is_bot = message.is_automatic_forward || chat.id != message.chat.id;
        return Some(Sender { id: chat.id.to_string(), name: chat.title.clone(), is_bot });
    }
    let user = message.from.as_ref()?;
    let name = format!("{} {}", user.first_name, user.last_name).trim().to_owned();
    Some(Sender { id: user.id.to_string(), name, is_bot: user.is_bot })
}

fn worded(message: &Message) -> Option<(&str, &[Entity])> {
    match (&message.text, &message.caption) {
        (Some(text), _) => Some((text, &message.entities)),
        (None, Some(caption)) => Some((caption, &message.caption_entities)),
        (None, None) => None,
    }
}

/// The words of a message without the mention of us, or what stands for them.
fn said(message: &Message, me: &User) -> Option<String> {
    let Some((text, entities)) = worded(message) else { return described(message) };
    let mut left = String::with_capacity(text.len());
    let mut from = 0;
    for entity in entities.iter().filter(|entity| is_mention(text, entity, me)) {
        let (begin, end) = bytes(text, entity);
        if begin >= from {
            left.push_str(text[from..begin].trim_end_matches(' '));
            from = end;
            // What follows a mention is closed up to what is before it: "hey @bot, what" reads "hey, what".
            if left.is_empty() {
                from += text[from..].len() - text[from..].trim_start_matches([' ', ',', ':']).len();
            }
        }
    }
    left.push_str(&text[from..]);
    Some(left.trim().to_owned())
}

/// What has no words and is no file, in words.
fn described(message: &Message) -> Option<String> {
    if let Some(venue) = &message.venue {
        return Some(format!("[a place: {}, {}]", venue.title, venue.address));
    }
    if let Some(location) = &message.location {
        return Some(format!("[a location: {}, {}]", location.latitude, location.longitude));
    }
    if let Some(contact) = &message.contact {
        let name = format!("{} {}", contact.first_name, contact.last_name);
        return Some(format!("[a contact: {}, {}]", name.trim(), contact.phone_number));
    }
    if let Some(poll) = &message.poll {
        return Some(format!("[a poll: {}]", poll.question));
    }
    message.sticker.as_ref().map(|sticker| format!("[a sticker: {}]", sticker.emoji))
}

/// In a group: whether it is for us.
fn is_addressed(message: &Message, me: &User) -> bool {
    let replied = message.reply_to_message.as_ref().is_some_and(|reply| {
        // In a topic, what replies to nothing replies to its beginning.
        reply.forum_topic_created.is_none() && reply.from.as_ref().is_some_and(|from| from.id == me.id)
    });
    let Some((text, entities)) = worded(message) else { return replied };
    let ours = |entity: &Entity| match entity.kind.as_str() {
        "bot_command" => is_our_command(text, entity, me),
        _ => is_mention(text, entity, me),
    };
    replied || entities.iter().any(ours)
}

/// `@us`, or our name as a link.
fn is_mention(text: &str, entity: &Entity, me: &User) -> bool {
    match entity.kind.as_str() {
        "mention" => part(text, entity).strip_prefix('@').is_some_and(|name| is_me(name, me)),
        "text_mention" => entity.user.as_ref().is_some_and(|user| user.id == me.id),
        _ => false,
    }
}

/// `/command@us` anywhere, or a command that we have at the head.
fn is_our_command(text: &str, entity: &Entity, me: &User) -> bool {
    let word = part(text, entity);
    match word.split_once('@') {
        Some((_, name)) => is_me(name, me),
        None => text.trim_start().starts_with(word) && command(word).is_some(),
    }
}

fn is_me(name: &str, me: &User) -> bool {
    !me.username.is_empty() && name.eq_ignore_ascii_case(&me.username)
}

fn part<'a>(text: &'a str, entity: &Entity) -> &'a str {
    let (begin, end) = bytes(text, entity);
    &text[begin..end]
}

/// From UTF-16 code units to bytes. What points beyond the text, or into a character, is moved to the next border.
fn bytes(text: &str, entity: &Entity) -> (usize, usize) {
    let (mut units, mut begin) = (0, text.len());
    let end_units = entity.offset.saturating_add(entity.length);
    for (at, character) in text.char_indices() {
        if units >= entity.offset {
            begin = begin.min(at);
        }
        if units >= end_units {
            return (begin.min(at), at);
        }
        units += character.len_utf16();
    }
    (begin, text.len())
}

/// What is replied to: the part that was marked, or all of it when it is not our own.
fn quoted(message: &Message, me: &User) -> Option<String> {
    if let Some(quote) = message.quote.as_ref().filter(|quote| !quote.text.is_empty()) {
        return Some(quote.text.clone());
    }
    let reply = message.reply_to_message.as_ref()?;
    let ours = reply.from.as_ref().is_some_and(|from| from.id == me.id);
    (!ours).then(|| worded(reply).map(|(text, _)| text.to_owned())).flatten()
}

/// What came as a file, in the largest size there is.
fn files(message: &Message) -> Vec<RemoteFile> {
    let id = message.message_id;
    let mut files = Vec::new();
    if let Some(largest) = message.photo.iter().max_by_key(|size| size.width * size.height) {
        files.push(remote(largest, &format!("photo-{id}.jpg"), "image/jpeg"));
    }
    // A moving picture is a document too: once is enough.
    let document = message.document.as_ref().filter(|_| message.animation.is_none());
    for (file, name, mime_type) in [
        (document, format!("file-{id}"), "application/octet-stream"),
        (message.animation.as_ref(), format!("animation-{id}.mp4"), "video/mp4"),
        (message.voice.as_ref(), format!("voice-{id}.ogg"), "audio/ogg"),
        (message.audio.as_ref(), format!("audio-{id}.mp3"), "audio/mpeg"),
        (message.video.as_ref(), format!("video-{id}.mp4"), "video/mp4"),
        (message.video_note.as_ref(), format!("video-{id}.mp4"), "video/mp4"),
    ] {
        files.extend(file.map(|file| remote(file, &name, mime_type)));
    }
    files
}

fn remote(file: &File, name: &str, mime_type: &str) -> RemoteFile {
    RemoteFile {
        name: file.file_name.clone().filter(|name| !name.is_empty()).unwrap_or_else(|| name.to_owned()),
        mime_type: file.mime_type.clone().unwrap_or_else(|| mime_type.to_owned()),
        size: file.file_size,
        handle: file.file_id.clone(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn us() -> User {
        User { id: 42, username: "claw_bot".to_owned(), ..User::default() }
    }

    /// A message of Anna's in a group, with these fields.
    fn heard(more: &Value) -> Option<Inbound> {
        let mut message = json!({
            "message_id": 5, "date": 10, "chat": {"id": -100, "type": "supergroup", "title": "Team"},
            "from": {"id": 7, "is_bot": false, "first_name": "Anna", "last_name": "Li"},
        });
        for (name, value) in more.as_object().unwrap() {
            message[name] = value.clone();
        }
        inbound(&serde_json::from_value(message).unwrap(), &us(), &Places::default())
    }

    #[test]
    fn who_wrote() {
        let sender = heard(&json!({"text": "x"})).unwrap().sender;
        assert_eq!(sender, Sender { id: "7".to_owned(), name: "Anna Li".to_owned(), is_bot: false });
        let group = json!({"id": -100, "type": "supergroup", "title": "Team"});
        let anonymous = json!({"id": 1087968824, "is_bot": true, "first_name": "Group"});
        let sender = heard(&json!({"text": "x", "from": anonymous, "sender_chat": group})).unwrap().sender;
        assert_eq!((sender.id.as_str(), sender.is_bot), ("-100", false));
        let channel = json!({"id": -200, "type": "channel", "title": "News"});
        let forwarded = json!({"text": "x", "sender_chat": channel, "is_automatic_forward": true});
        assert!(heard(&forwarded).unwrap().sender.is_bot);
        assert_eq!(heard(&json!({"text": "x", "chat": channel})), None);
        assert_eq!(heard(&json!({"new_chat_title": "Service messages say nothing"})), None);
    }

    #[test]
    fn what_has_no_words_is_told_in_words() {
        let cases = [
            (json!({"sticker": {"emoji": "😀"}}), "[a sticker: 😀]"),
            (json!({"location": {"latitude": 1.5, "longitude": -2.0}}), "[a location: 1.5, -2]"),
            (
                json!({"venue": {"title": "Café", "address": "Main St"}, "location": {}}),
                "[a place: Café, Main St]",
            ),
            (json!({"contact": {"first_name": "Bo", "phone_number": "+1"}}), "[a contact: Bo, +1]"),
            (json!({"poll": {"question": "Tea?"}}), "[a poll: Tea?]"),
        ];
        for (more, text) in cases {
            assert_eq!(heard(&more).unwrap().text, text);
        }
    }

    #[test]
    fn what_is_replied_to_is_quoted_unless_it_is_ours() {
        let other = json!({"message_id": 1, "from": {"id": 8}, "text": "an earlier word"});
        let ours = json!({"message_id": 2, "from": {"id": 42}, "text": "our word"});
        let quoted = |more: &Value| heard(more).unwrap().quoted;
        assert_eq!(
            quoted(&json!({"text": "x", "reply_to_message": other})).as_deref(),
            Some("an earlier word")
        );
        assert_eq!(quoted(&json!({"text": "x", "reply_to_message": ours})), None);
        let part = json!({"text": "x", "reply_to_message": ours, "quote": {"text": "word"}});
        assert_eq!(quoted(&part).as_deref(), Some("word"));
    }

    #[test]
    fn a_topic_begun_by_us_does_not_mean_us() {
        let begun = json!({"message_id": 1, "from": {"id": 42}, "forum_topic_created": {"name": "Plans"}});
        let said =
            json!({"text": "x", "reply_to_message": begun, "is_topic_message": true, "message_thread_id": 1});
        let said = heard(&said).unwrap();
        assert_eq!((said.addressed, said.address.thread.as_deref()), (false, Some("1")));
        // In a group without topics, a thread is a chain of replies: the same conversation.
        assert_eq!(heard(&json!({"text": "x", "message_thread_id": 3})).unwrap().address.thread, None);
    }

    proptest! {
        #[test]
        fn entities_may_point_anywhere(text in "[a@😀é ]{0,12}", offset in 0_usize..30, length in 0..=usize::MAX) {
            let entity = Entity { kind: "mention".to_owned(), offset, length, user: None };
            let (begin, end) = bytes(&text, &entity);
            prop_assert!(begin <= end && text.get(begin..end).is_some());
        }
    }
}
