//! What people and Slack itself do.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    BOT_USER, Slack, TEAM,
    hub::Out,
    state::{Channel, Pane, Post, State, Stored},
};

/// Somebody changes a message.
pub(super) fn changed(state: &mut State, channel: &str, ts: &str, change: impl FnOnce(&mut Post)) {
    let Some(before) = state.post(channel, ts).cloned() else { return };
    let now = state.ts();
    let mut after = before.clone();
    change(&mut after);
    after.history.push(after.text.clone());
    after.edited = Some(now.clone());
    let mut event = json!({
        "type": "message", "subtype": "message_changed", "hidden": true, "channel": channel, "ts": now, "event_ts": now,
        "message": state.shown(&after, false), "previous_message": state.shown(&before, false),
    });
    event["channel_type"] = json!(state.channel(channel).kind());
    state.channel(channel).posts.insert(ts.to_owned(), after);
    state.emit(event);
}

/// Somebody deletes a message.
pub(super) fn deleted(state: &mut State, channel: &str, ts: &str) {
    let Some(before) = state.post(channel, ts).cloned() else { return };
    let now = state.ts();
    let mut event = json!({
        "type": "message", "subtype": "message_deleted", "hidden": true, "channel": channel, "ts": now, "event_ts": now,
        "deleted_ts": ts, "previous_message": state.shown(&before, false),
    });
    event["channel_type"] = json!(state.channel(channel).kind());
    state.channel(channel).posts.insert(ts.to_owned(), Post { deleted: true, ..before });
    state.emit(event);
}

/// A slash command; its number among all deliveries.
pub(super) fn commanded(state: &mut State, channel: &str, user: &str, command: &str, text: &str) -> usize {
    let id = state.id("r");
    let response = format!("{}/commands/{TEAM}/{id}", state.url);
    let payload = json!({
        "token": "verification", "team_id": TEAM, "team_domain": "claw", "channel_id": channel,
        "channel_name": state.channel(channel).name, "user_id": user, "user_name": user.to_lowercase(),
        "command": command, "text": text, "api_app_id": super::APP, "is_enterprise_install": "false",
        "response_url": response, "trigger_id": state.id("13345224609."),
    });
    state.hub.push("slash_commands", payload, true)
}

/// Somebody opens the app's pane: the direct chat, and the root of a new thread in it.
pub(super) fn pane_opened(state: &mut State, user: &str) -> (String, String) {
    let channel = state.im(user);
    let root = Post {
        channel: channel.clone(),
        user: BOT_USER.to_owned(),
        by_bot: true,
        text: "New Assistant Thread".to_owned(),
        subtype: "assistant_app_thread",
        ..Post::default()
    };
    let ts = state.add(root);
    state.panes.insert((channel.clone(), ts.clone()), Pane::default());
    let context = json!({"channel_id": null, "team_id": TEAM, "enterprise_id": null});
    let thread = json!({"user_id": user, "context": context, "channel_id": channel, "thread_ts": ts});
    let event_ts = state.ts();
    state.emit(json!({"type": "assistant_thread_started", "assistant_thread": thread, "event_ts": event_ts}));
    (channel, ts)
}

/// Somebody shares a file.
pub(super) fn shared(state: &mut State, post: Post, name: &str, mime_type: &str, bytes: Bytes) -> String {
    let (id, ticket) = (state.id("F"), String::new());
    let (length, user) = (bytes.len(), post.user.clone());
    let (name, mime_type) = (name.to_owned(), mime_type.to_owned());
    let file = Stored { id: id.clone(), name, mime_type, length, bytes: Some(bytes), user, ticket };
    state.files.insert(id.clone(), file);
    state.add(Post { subtype: "file_share", files: vec![id], ..post })
}

pub(super) fn said(channel: &str, user: &str, text: &str) -> Post {
    Post { channel: channel.to_owned(), user: user.to_owned(), text: text.to_owned(), ..Post::default() }
}

impl Slack {
    /// Somebody with this id and name.
    pub fn user(&self, id: &str, name: &str) {
        self.shared.change(|state| state.users.insert(id.to_owned(), name.to_owned()));
    }

    /// A public channel that the bot is in.
    pub fn channel(&self, id: &str) {
        let channel = Channel { name: id.to_lowercase(), member: true, ..Channel::default() };
        self.shared.change(|state| state.channels.insert(id.to_owned(), channel));
    }

    /// The bot is thrown out of a channel, or comes back.
    pub fn set_member(&self, channel: &str, member: bool) {
        self.shared.change(|state| state.channel(channel).member = member);
    }

    /// A channel is archived.
    pub fn archive(&self, channel: &str) {
        self.shared.change(|state| state.channel(channel).archived = true);
    }

    /// The direct chat with somebody.
    pub fn im(&self, user: &str) -> String {
        self.shared.change(|state| state.im(user))
    }

    /// Somebody writes; a mention of `<@U0CLAW>` in a channel is an `app_mention` as well.
    pub fn say(&self, channel: &str, user: &str, text: &str) -> String {
        self.shared.change(|state| state.add(said(channel, user, text)))
    }

    /// Somebody writes in a thread.
    pub fn reply(&self, channel: &str, thread: &str, user: &str, text: &str) -> String {
        let post = Post { thread_ts: Some(thread.to_owned()), ..said(channel, user, text) };
        self.shared.change(|state| state.add(post))
    }

    /// Another bot writes.
    pub fn bot_says(&self, channel: &str, text: &str) -> String {
        self.shared.change(|state| state.add(Post { subtype: "bot_message", ..said(channel, "", text) }))
    }

    /// Somebody shares a file.
    pub fn share(
        &self,
        channel: &str,
        user: &str,
        text: &str,
        name: &str,
        mime_type: &str,
        bytes: &[u8],
    ) -> String {
        let bytes = Bytes::copy_from_slice(bytes);
        self.shared.change(|state| shared(state, said(channel, user, text), name, mime_type, bytes))
    }

    /// Somebody changes what they wrote.
    pub fn edit(&self, channel: &str, ts: &str, text: &str) {
        self.shared.change(|state| changed(state, channel, ts, |post| text.clone_into(&mut post.text)));
    }

    /// Somebody deletes a message.
    pub fn delete(&self, channel: &str, ts: &str) {
        self.shared.change(|state| deleted(state, channel, ts));
    }

    /// Somebody opens the app's pane: its chat, and the root of the new thread.
    pub fn open_pane(&self, user: &str) -> (String, String) {
        self.shared.change(|state| pane_opened(state, user))
    }

    /// Somebody gives a command; its number for [`Slack::acked`].
    pub fn command(&self, channel: &str, user: &str, command: &str, text: &str) -> usize {
        self.shared.change(|state| commanded(state, channel, user, command, text))
    }

    /// An event as it is, in its envelope.
    pub fn emit(&self, event: Value) {
        self.shared.change(|state| state.emit(event));
    }

    /// A frame as it is, on every connection.
    pub fn frame(&self, text: &str) {
        self.shared.change(|state| state.hub.all(&Out::Text(text.to_owned())));
    }

    /// The next `times` calls of `method` are told to wait; calls that don't are counted by [`Slack::disobeyed`].
    pub fn storm(&self, method: &str, times: usize, retry_after: Duration) {
        self.shared.change(|state| {
            let limit = state.limits.entry(method.to_owned()).or_default();
            (limit.refusals, limit.retry_after) = (times, retry_after);
        });
    }

    /// A token is valid no more: its calls get this error (`invalid_auth`, `token_revoked`, `account_inactive`).
    pub fn revoke(&self, token: &str, error: &str) {
        self.shared.change(|state| state.dead.insert(token.to_owned(), error.to_owned()));
    }

    /// Every token is valid again.
    pub fn restore(&self) {
        self.shared.change(|state| state.dead.clear());
    }

    /// Every connection is told to leave (`warning`, `refresh_requested`, `link_disabled`), and closed after `grace`.
    pub fn disconnect(&self, reason: &str, grace: Duration) {
        self.shared.change(|state| state.hub.disconnect(reason, grace));
    }

    /// The WebSockets are cut.
    pub fn cut_sockets(&self) {
        self.shared.change(|state| state.hub.all(&Out::Cut));
    }

    /// The WebSockets stay open, and nothing is read from or written to them any more.
    pub fn freeze(&self) {
        self.shared.change(|state| state.hub.freeze());
    }

    /// Events wait until [`Self::release_reversed`].
    pub fn hold(&self) {
        self.shared.change(|state| state.hub.held = true);
    }

    /// What is held goes out, the last first.
    pub fn release_reversed(&self) {
        self.shared.change(|state| state.hub.release_reversed());
    }

    /// What was sent and is not acknowledged is sent again now, instead of after [`Self::set_patience`].
    pub fn redeliver(&self) {
        self.shared.change(|state| state.hub.redeliver());
    }

    /// Everything there ever was is sent again.
    pub fn duplicate(&self) {
        self.shared.change(|state| state.hub.duplicate());
    }

    /// What is not acknowledged is never sent again, as Slack does after its third attempt.
    pub fn give_up(&self) {
        self.shared.change(|state| state.hub.give_up());
    }

    /// How long an acknowledgement may take; three seconds.
    pub fn set_patience(&self, patience: Duration) {
        self.shared.change(|state| state.hub.patience = patience);
    }
}
