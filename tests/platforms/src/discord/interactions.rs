//! Slash commands: <https://docs.discord.com/developers/interactions/receiving-and-responding>.

use serde_json::{Value, json};
use tokio::time::Duration;

use super::{
    messages,
    multipart::Form,
    rest::{Call, Failure, Outcome},
    state::{Interaction, State},
};

/// How long the first answer may take.
const FIRST: Duration = Duration::from_secs(3);
/// The flag of a message whose content is still to come.
pub(super) const LOADING: u64 = 1 << 7;
/// How long a token is good.
const TOKEN: Duration = Duration::from_secs(15 * 60);

/// Registers commands, all of them at once.
pub(super) fn commands(state: &mut State, call: &Call<'_>) -> Outcome {
    if call.number(1) != super::APPLICATION {
        return Err(Failure::new(
            403,
            20012,
            "You are not authorized to perform this action on this application",
        ));
    }
    if call.method == "PUT" {
        let mut commands = Vec::new();
        for command in call.form.json.as_array().into_iter().flatten() {
            let name = command["name"].as_str().unwrap_or_default();
            let about = command["description"].as_str().unwrap_or_default().chars().count();
            let is_valid =
                (1..=32).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_lowercase());
            if !is_valid || !(1..=100).contains(&about) {
                return Err(Failure::field(
                    "name",
                    "APPLICATION_COMMAND_INVALID_NAME",
                    "Command name is invalid",
                ));
            }
            let mut command = command.clone();
            command["id"] = state.clock.id().to_string().into();
            command["application_id"] = super::APPLICATION.to_string().into();
            command["version"] = state.clock.id().to_string().into();
            command["type"] = 1.into();
            command["default_member_permissions"] = Value::Null;
            commands.push(command);
        }
        state.commands = commands;
    }
    Ok((200, state.commands.clone().into()))
}

/// The first answer.
pub(super) fn callback(state: &mut State, call: &Call<'_>) -> Outcome {
    let (id, body) = (call.number(1), &call.form.json);
    let interaction = state.interactions.get(&id).filter(|known| known.token == call.path[2]);
    let interaction = interaction.cloned().ok_or_else(|| Failure::unknown(10062, "interaction"))?;
    let took = interaction.made.elapsed();
    if interaction.answered.is_some() {
        return Err(Failure::new(400, 40060, "Interaction has already been acknowledged."));
    }
    if took > FIRST {
        return Err(Failure::unknown(10062, "interaction"));
    }
    let kind = body["type"].as_u64().unwrap_or_default();
    let mut message = Value::Null;
    match kind {
        4 => message = answer(state, call, id, &body["data"])?,
        5 => message = loading(state, id, &interaction),
        1 => {}
        _ => return Err(Failure::field("type", "BASE_TYPE_CHOICES", "Value must be one of {1, 4, 5}.")),
    }
    let known = state.interactions.get_mut(&id).unwrap();
    (known.answered, known.took) = (Some(kind), Some(took));
    if !matches!(call.query("with_response"), Some("true" | "1")) {
        return Ok((204, Value::Null));
    }
    let mut told = json!({"interaction": {
        "id": id.to_string(), "type": 2, "response_message_loading": kind == 5, "response_message_ephemeral": false,
    }});
    if !message.is_null() {
        told["interaction"]["response_message_id"] = message["id"].clone();
    }
    if kind == 4 {
        told["resource"] = json!({"type": kind, "message": message});
    }
    Ok((200, told))
}

/// A message that answers an interaction.
fn answer(state: &mut State, call: &Call<'_>, id: u64, data: &Value) -> Result<Value, Failure> {
    let interaction = state.interactions[&id].clone();
    let form = Form { json: data.clone(), files: call.form.files.clone() };
    let inner = Call { method: call.method, query: Vec::new(), form, path: call.path.clone() };
    let mut message = messages::compose(state, &inner, interaction.channel)?;
    mark(&mut message, id, &interaction);
    let made = messages::publish(state, message.clone());
    messages::note(state, &inner, &message, None, Some(id));
    state.interactions.get_mut(&id).unwrap().original.get_or_insert(made);
    Ok(message)
}

/// The message that says that the bot is thinking.
fn loading(state: &mut State, id: u64, interaction: &Interaction) -> Value {
    let me = state.me.clone();
    let mut message = messages::blank(state, interaction.channel, &me);
    mark(&mut message, id, interaction);
    message["flags"] = LOADING.into();
    let made = messages::publish(state, message.clone());
    state.interactions.get_mut(&id).unwrap().original = Some(made);
    message
}

fn mark(message: &mut Value, id: u64, interaction: &Interaction) {
    message["type"] = 20.into();
    message["webhook_id"] = super::APPLICATION.to_string().into();
    message["application_id"] = super::APPLICATION.to_string().into();
    message["interaction_metadata"] = json!({
        "id": id.to_string(), "type": 2, "user": interaction.by, "name": interaction.command,
        "authorizing_integration_owners": {},
    });
}

/// What follows the first answer.
pub(super) fn webhook(state: &mut State, call: &Call<'_>, rest: &[&str]) -> Outcome {
    let is_it = |token: &str| token == call.path[2];
    let found = state
        .interactions
        .iter()
        .find(|(_, known)| is_it(&known.token))
        .map(|(id, known)| (*id, known.clone()));
    let (id, interaction) = found.ok_or_else(|| Failure::unknown(10015, "Webhook"))?;
    if interaction.made.elapsed() > TOKEN {
        return Err(Failure::new(401, 50027, "Invalid Webhook Token"));
    }
    if interaction.answered.is_none() {
        return Err(Failure::unknown(10015, "Webhook"));
    }
    let unknown = || Failure::unknown(10008, "Message");
    if let ("POST", []) = (call.method, rest) {
        return answer(state, call, id, &call.form.json).map(|message| (200, message));
    }
    let ["messages", which] = rest else { return Err(Failure::new(405, 0, "405: Method Not Allowed")) };
    let original = interaction.original.ok_or_else(unknown)?;
    let message = if *which == "@original" { original } else { call.number(4) };
    let channel = interaction.channel;
    let known = state.channels.get_mut(&channel).and_then(|channel| channel.messages.get_mut(&message));
    let known = known.ok_or_else(unknown)?;
    match call.method {
        "GET" => Ok((200, known.clone())),
        "PATCH" if known["flags"] == LOADING => {
            known["flags"] = 0.into();
            let told = known.clone();
            messages::note(state, call, &told, None, Some(id));
            let told = messages::edit(state, message, channel, &call.form.json)?;
            state.sent_mut(message).unwrap().history.remove(0);
            Ok((200, told))
        }
        "PATCH" => messages::edit(state, message, channel, &call.form.json).map(|message| (200, message)),
        "DELETE" => {
            messages::delete(state, channel, message)?;
            Ok((204, Value::Null))
        }
        _ => Err(Failure::new(405, 0, "405: Method Not Allowed")),
    }
}
