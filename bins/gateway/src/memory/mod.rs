//! `gateway memory`: every request goes the way of the API. When a gateway runs, it is asked; when none does, the command
//! opens the memory itself and asks its own copy of the same routes, so that both say the same.

mod access;
pub(crate) mod args;
mod bar;
mod care;
mod entries;
mod exchange;
pub(crate) mod import;
mod past;
pub(crate) mod show;
mod talk;

pub(crate) use self::access::Answer;
use self::{access::Access, args::Memory};
use crate::{
    cli::Options,
    config::Environment,
    exit::{Exit, Stop},
};

/// Runs the command.
pub(crate) async fn memory(
    command: Memory,
    options: &Options,
    environment: &Environment,
) -> Result<Exit, Stop> {
    // These two need the memory for themselves.
    let command = match command {
        Memory::Repair(output) => return care::repair(options, environment, output),
        Memory::Rewind(rewind) => return past::rewind(rewind, options, environment).await,
        other => other,
    };
    // Without a gateway the files are checked as they lie: a log may be too damaged to be opened.
    if let Memory::Verify(output) = command
        && !access::gateway_runs(options, environment)?
    {
        return care::verify_closed(options, environment, output);
    }
    let makes = matches!(command, Memory::Import { .. } | Memory::Store(_));
    let access = Access::open(options, environment, makes).await?;
    let ended = ask(command, &access).await;
    access.close().await;
    ended
}

async fn ask(command: Memory, access: &Access) -> Result<Exit, Stop> {
    match command {
        Memory::Search(search) => talk::search(access, &search).await,
        Memory::Why { id, output } => talk::why(access, &id, output).await,
        Memory::List(list) => entries::list(access, &list).await,
        Memory::Show { id, json } => entries::show(access, &id, json).await,
        Memory::Store(store) => entries::store(access, &store).await,
        Memory::Complete { id } => entries::complete(access, &id).await,
        Memory::Forget { id } => entries::forget(access, &id).await,
        Memory::Stats(output) => care::stats(access, output).await,
        Memory::History { limit, output } => care::history(access, limit, output).await,
        Memory::Compact(compact) => care::compact(access, &compact).await,
        Memory::Gc(output) => care::collect_garbage(access, output).await,
        Memory::Verify(output) => care::verify(access, output).await,
        Memory::Import { files } => exchange::import(access, &files).await,
        Memory::Export { file } => exchange::export(access, file.as_deref()).await,
        // Answered before the memory was opened.
        Memory::Repair(_) | Memory::Rewind(_) => Ok(Exit::Ok),
    }
}
