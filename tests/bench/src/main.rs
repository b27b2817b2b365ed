//! Measures a release build of the gateway beside floors that do as little as can be done, in one run, in turns, so that a
//! noisy machine disturbs both alike. What counts are the ratios.
//!
//! `openclaw-bench RELEASE_DIR [PART…]`; parts: size, start, memory, health, turns, streams, first-token, log, compaction, recall, skills, and,
//! only when named, channels and soak. Called by `cargo xtask bench`.

mod api;
mod channels;
mod compaction;
mod floor;
mod gateway;
mod load;
mod parts;
mod recall;
mod skills;
mod soak;
mod table;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::table::Table;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let first = args.next().context("which release directory? `cargo xtask bench` knows")?;
    // The floors are this program again, as processes of their own.
    if let Some(kind) = first.strip_prefix("--serve-") {
        return floor::serve(kind, args.next().as_deref());
    }
    let release = PathBuf::from(first);
    let wanted: Vec<String> = args.collect();
    let mut table = Table::default();
    let mut ran = false;
    for (name, measure) in parts::ALL {
        let by_itself = wanted.is_empty() && !parts::ON_DEMAND.contains(name);
        if by_itself || wanted.iter().any(|wanted| wanted == name) {
            eprintln!("measuring {name} …");
            ran = true;
            if let Err(error) = measure(&release, &mut table) {
                table.row(*name, format!("not measured: {error:#}"), "");
            }
        }
    }
    if !ran {
        let names: Vec<_> = parts::ALL.iter().map(|(name, _)| *name).collect();
        bail!("no such part; there are: {}", names.join(", "));
    }
    print!("{table}");
    Ok(())
}
