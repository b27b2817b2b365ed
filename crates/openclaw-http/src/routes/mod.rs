//! What each endpoint does.

pub(crate) mod health;

use crate::{
    handle::Call,
    respond::{Answer, Refusal},
    router::Operation,
};

pub(crate) async fn dispatch(operation: Operation, call: &mut Call) -> Answer {
    match operation {
        Operation::Health => Ok(health::get(&call.conn.app)),
        _ => Err(Refusal::internal("not wired yet")),
    }
}
