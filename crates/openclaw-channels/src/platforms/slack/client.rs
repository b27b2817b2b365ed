//! Calls of the Web API: one way in, one place where Slack's refusals are told apart, one limiter for all who call.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use openclaw_core::Secret;
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::timeout;

use crate::{
    error::{ConnectError, SendError},
    net::{Net, NetError},
    rate::{Limiter, Rule},
};

/// Slack allows one message a second in a channel, short bursts more; some hundred a minute in all.
/// <https://docs.slack.dev/apis/web-api/rate-limits>
const CHANNEL: Rule = Rule::new(3, Duration::from_secs(3));
const MESSAGES: Rule = Rule::new(60, Duration::from_secs(20));
/// Tier 3: fifty a minute. A burst is counted in, so that no minute has more.
const TIER_3: Rule = Rule::new(10, Duration::from_secs(15));
/// Tier 4: a hundred a minute.
const TIER_4: Rule = Rule::new(20, Duration::from_secs(15));
/// Longest wait for our turn. Whoever has to wait longer is told so, and may have something newer to say then.
const TURN: Duration = Duration::from_secs(2);
/// Wait when Slack says "later" and not when.
const LATER: Duration = Duration::from_secs(30);

/// Which of the two tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum As {
    /// The bot: `xoxb-…`.
    Bot,
    /// The app: `xapp-…`.
    App,
}

/// Speaks with the Web API as one app.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) net: Net,
    base: String,
    bot: Secret,
    app: Secret,
    limiter: Limiter,
    /// Slack's clock as of its last answer, in Unix milliseconds; 0: nobody knows.
    clock: AtomicU64,
}

/// Why a call failed.
#[derive(Debug)]
pub(super) enum Failed {
    /// There is no answer, or none of Slack's.
    Net(NetError),
    /// Too many calls.
    Later(Duration),
    /// Slack said no.
    Refused(Refusal),
}

/// What Slack said.
#[derive(Debug, Clone, Default)]
pub(super) struct Refusal {
    pub(super) method: &'static str,
    /// Slack's word, such as `channel_not_found`.
    pub(super) error: String,
    /// The scope that is missing.
    needed: String,
}

impl Client {
    pub(super) fn new(net: Net, base: String, bot: Secret, app: Secret) -> Self {
        Self { net, base, bot, app, limiter: Limiter::default(), clock: AtomicU64::new(0) }
    }

    /// What time it is at Slack by its last answer, which tells whole seconds: the end of that second.
    pub(super) fn now(&self) -> Option<String> {
        let seconds = self.clock.load(Ordering::Relaxed) / 1000;
        (seconds > 0).then(|| format!("{}.000000", seconds + 1))
    }

    /// Calls a method; what it answers. The arguments go as a form, which every method takes; what is more than text is JSON in it.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        method: &'static str,
        arguments: Value,
    ) -> Result<T, Failed> {
        self.ask_as(As::Bot, method, arguments).await
    }

    /// The same with this token.
    pub(super) async fn ask_as<T: DeserializeOwned>(
        &self,
        who: As,
        method: &'static str,
        arguments: Value,
    ) -> Result<T, Failed> {
        self.turn(method, arguments["channel"].as_str().unwrap_or_default()).await?;
        let token = if who == As::Bot { &self.bot } else { &self.app };
        let call = self.net.call(Method::POST, format!("{}/{method}", self.base));
        let call = call.header("authorization", &format!("Bearer {}", token.expose()));
        let answer = call.body("application/x-www-form-urlencoded", form(&arguments)).send().await?;
        self.clock.store(answer.date().unwrap_or(0), Ordering::Relaxed);
        if answer.status == 429 {
            let wait = answer.retry_after().unwrap_or(LATER);
            self.limiter.hold(method, wait);
            return Err(Failed::Later(wait));
        }
        if answer.status >= 500 {
            let reason = format!("Slack answered `{method}` with status {}", answer.status);
            return Err(NetError::Unknown { reason }.into());
        }
        let value: Value = answer.json()?;
        if value["ok"] == true {
            return super::wire::read(value).map_err(|error| {
                let reason = format!("Slack's answer to `{method}` can't be read: {error}");
                NetError::Unknown { reason }.into()
            });
        }
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let refusal = Refusal { method, error: text("error"), needed: text("needed") };
        Err(match refusal.error.as_str() {
            "ratelimited" | "rate_limited" | "message_limit_exceeded" => {
                self.limiter.hold(method, LATER);
                Failed::Later(LATER)
            }
            // It may have been carried out in part, Slack says of these.
            "fatal_error" | "internal_error" | "service_unavailable" => {
                NetError::Unknown { reason: refusal.to_string() }.into()
            }
            "request_timeout" | "accesslimited" => NetError::NotSent { reason: refusal.to_string() }.into(),
            "" => {
                let reason = format!("what answers `{method}` (status {}) is not Slack", answer.status);
                NetError::Unknown { reason }.into()
            }
            _ => Failed::Refused(refusal),
        })
    }

    /// Waits until the method's rate lets us pass, and Slack's own word if it gave one.
    async fn turn(&self, method: &'static str, channel: &str) -> Result<(), Failed> {
        let held = self.limiter.held(method);
        if held > TURN {
            return Err(Failed::Later(held));
        }
        let route = format!("in {channel}");
        let routes: &[(&str, Rule)] = match method {
            "chat.postMessage" => &[(method, MESSAGES), (&route, CHANNEL)],
            "files.completeUploadExternal" | "files.getUploadURLExternal" | "users.info" => {
                &[(method, TIER_4)]
            }
            // Special tiers of their own, far above what we do.
            "auth.test" | "apps.connections.open" | "assistant.threads.setStatus" => &[(method, MESSAGES)],
            _ => &[(method, TIER_3)],
        };
        timeout(TURN, self.limiter.pass(routes)).await.map_err(|_| Failed::Later(TURN))
    }

    /// Whether a token may be shown to this address: Slack's own, or the one that was configured.
    pub(super) fn is_slacks(&self, url: &str) -> bool {
        let (Ok(url), Ok(base)) = (reqwest::Url::parse(url), reqwest::Url::parse(&self.base)) else {
            return false;
        };
        if url.origin() == base.origin() {
            return true;
        }
        let host = url.host_str().unwrap_or_default();
        let own =
            |domain: &str| host == domain || host.strip_suffix(domain).is_some_and(|sub| sub.ends_with('.'));
        url.scheme() == "https" && ["slack.com", "slack-edge.com", "slack-gov.com"].into_iter().any(own)
    }

    /// Gets what only the bot may see.
    pub(super) async fn get(
        &self,
        url: &str,
        limit: usize,
        wait: Duration,
    ) -> Result<crate::net::Answer, NetError> {
        let call =
            self.net.call(Method::GET, url).header("authorization", &format!("Bearer {}", self.bot.expose()));
        call.timeout(wait).limit(limit).send().await
    }
}

/// `application/x-www-form-urlencoded`.
fn form(arguments: &Value) -> String {
    let mut url = reqwest::Url::parse("form:?").ok();
    for (name, value) in arguments.as_object().into_iter().flatten() {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Bool(is) => u8::from(*is).to_string(),
            other => other.to_string(),
        };
        if let Some(url) = &mut url {
            url.query_pairs_mut().append_pair(name, &text);
        }
    }
    url.as_ref().and_then(|url| url.query()).unwrap_or_default().to_owned()
}

impl From<NetError> for Failed {
    fn from(error: NetError) -> Self {
        Self::Net(error)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { method, error, needed } = self;
        match error.as_str() {
            "missing_scope" => write!(
                f,
                "the Slack app lacks the scope `{needed}` (for `{method}`): add it at api.slack.com/apps, under OAuth & Permissions, and install the app again"
            ),
            "not_in_channel" => f.write_str("the bot is not in this Slack channel: invite it there"),
            "is_archived" => f.write_str("the Slack channel is archived"),
            "channel_not_found" => f.write_str("Slack knows no such channel, or the bot may not see it"),
            "not_allowed_token_type" if *method == "apps.connections.open" => f.write_str(
                "`channels.slack.secrets.app_token` is no app-level token: it begins with `xapp-` and needs the scope `connections:write`",
            ),
            _ => write!(f, "Slack says `{error}` to `{method}`"),
        }
    }
}

impl Refusal {
    /// Whether the token is of no use any more.
    fn is_dead(&self) -> bool {
        let dead = [
            "invalid_auth",
            "not_authed",
            "account_inactive",
            "token_revoked",
            "token_expired",
            "team_access_not_granted",
            "not_allowed_token_type",
            "two_factor_setup_required",
        ];
        dead.contains(&self.error.as_str())
    }

    fn mend(&self) -> String {
        let (which, setting) = match self.method {
            "apps.connections.open" => ("app-level token", "secrets.app_token"),
            _ => ("bot token", "token"),
        };
        if self.error == "not_allowed_token_type" && setting != "token" {
            return self.to_string();
        }
        format!(
            "Slack does not take the {which} any more (`{}`): make a new one at api.slack.com/apps and set `channels.slack.{setting}`",
            self.error
        )
    }
}

impl From<Failed> for SendError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Net(error) => error.into(),
            Failed::Later(after) => Self::Later { after, reason: "Slack asks to wait".to_owned() },
            Failed::Refused(refusal) if refusal.is_dead() => Self::Token { reason: refusal.mend() },
            Failed::Refused(Refusal { error, .. })
                if matches!(error.as_str(), "message_not_found" | "edit_window_closed") =>
            {
                Self::Gone
            }
            Failed::Refused(refusal) => Self::Rejected { reason: refusal.to_string() },
        }
    }
}

impl From<Failed> for ConnectError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Net(error) => error.into(),
            Failed::Later(after) => Self::Later { after, reason: "Slack asks to wait".to_owned() },
            Failed::Refused(refusal) if refusal.is_dead() => Self::Refused { reason: refusal.mend() },
            Failed::Refused(refusal) if refusal.error == "missing_scope" => {
                Self::Refused { reason: refusal.to_string() }
            }
            // A word that we don't know may be one that passes.
            Failed::Refused(refusal) => Self::Lost { reason: refusal.to_string() },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tokens_are_shown_to_slack_alone() {
        let client = |base: &str| {
            Client::new(Net::default(), base.to_owned(), Secret::new("xoxb-1"), Secret::new("xapp-1"))
        };
        let (slack, proxy) = (client("https://slack.com/api"), client("http://127.0.0.1:8080/api"));
        for (url, at_slack, at_proxy) in [
            ("https://slack.com/files", true, true),
            ("https://files.slack.com/files-pri/T1-F1/a.png", true, true),
            ("http://files.slack.com/a.png", false, false),
            ("https://files.slack.com.evil.example/a.png", false, false),
            ("https://evilslack.com/a.png", false, false),
            ("https://files.slack.com@evil.example/a.png", false, false),
            ("http://127.0.0.1:8080/files-pri/x", false, true),
            ("http://127.0.0.1:8081/files-pri/x", false, false),
            ("file:///etc/passwd", false, false),
            ("no address", false, false),
        ] {
            assert_eq!((slack.is_slacks(url), proxy.is_slacks(url)), (at_slack, at_proxy), "{url}");
        }
    }

    #[test]
    fn arguments_are_a_form() {
        let arguments =
            json!({"channel": "C1", "text": "a&b=c +", "limit": 5, "on": true, "metadata": {"a": [1]}});
        assert_eq!(
            form(&arguments),
            "channel=C1&text=a%26b%3Dc+%2B&limit=5&on=1&metadata=%7B%22a%22%3A%5B1%5D%7D"
        );
    }
}
