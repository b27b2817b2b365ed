//! Updates by webhook: Telegram posts them to the gateway's public address.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use openclaw_core::{
    ErrorCode, Failure,
    port::{WebhookAnswer, WebhookRequest},
};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::time::sleep;

use super::{
    Telegram,
    batch::bundles,
    client::ANSWER,
    poll::{KINDS, learn, numbered},
    wire::WebhookInfo,
};
use crate::{error::ConnectError, link::Link};

/// Time between two looks at how the webhook does: each is a sign of life.
const LOOK: Duration = Duration::from_secs(3);

/// What Telegram shows with each update. It is made of the token: nobody has to think of one more secret.
pub(super) fn secret(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!("openclaw webhook {token}")))
}

/// Keeps the webhook set, until it is not, or the connection is lost.
pub(super) async fn keep(telegram: &Telegram, url: &str, link: &Link) -> Result<(), ConnectError> {
    let wanted = json!({"url": url, "secret_token": telegram.secret, "allowed_updates": KINDS});
    let _: bool = telegram.client.ask("setWebhook", &wanted, ANSWER).await?;
    loop {
        let info: WebhookInfo = telegram.client.ask("getWebhookInfo", &json!({}), ANSWER).await?;
        link.alive();
        if info.url != url {
            return Err(ConnectError::lost("somebody else has set another webhook"));
        }
        if info.pending_update_count > 0 && info.last_error_date.is_some() {
            let reason = format!("Telegram can't reach webhook_url: {}", info.last_error_message);
            return Err(ConnectError::Lost { reason });
        }
        sleep(LOOK).await;
    }
}

/// Takes an update that was posted. Answered when it is durable: until then Telegram posts it again.
pub(super) async fn take(telegram: &Telegram, link: &Link, request: &WebhookRequest) -> WebhookAnswer {
    let refused = |code, message: &str| WebhookAnswer::Refused(Failure::new(code, message));
    let given = request.header("x-telegram-bot-api-secret-token").unwrap_or_default();
    // Digests are compared: how long that takes tells nothing of the secret.
    if telegram.hook.is_none() || Sha256::digest(given) != Sha256::digest(&telegram.secret) {
        return refused(ErrorCode::Forbidden, "This is not Telegram, or not with our secret");
    }
    let Some(me) = telegram.me() else {
        return refused(ErrorCode::ServiceUnavailable, "The channel is not connected yet");
    };
    let update = serde_json::from_slice(&request.body).ok().and_then(numbered);
    let Some(update) = update else { return refused(ErrorCode::BadRequest, "This is no update") };
    let updates = [update];
    if learn(telegram, &updates, link).await.is_err() {
        return refused(ErrorCode::ServiceUnavailable, "This can't be written down at the moment");
    }
    for bundle in bundles(&updates, &me, &telegram.places) {
        let Some(event) = bundle.event else { continue };
        if !link.deliver(event).await.settled().await {
            return refused(ErrorCode::ServiceUnavailable, "This can't be written down at the moment");
        }
    }
    link.alive();
    WebhookAnswer::Taken(json!({}))
}
