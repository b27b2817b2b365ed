//! A session's first events: who we are there, the servers one by one, and with each of them what was missed in it.

use std::{collections::HashSet, time::Duration};

use tokio::time::Instant;

use super::Line;
use crate::platforms::discord::{
    gaps::{self, Gap},
    progress::Progress,
    wire::{self, Guild, Ready, Session},
};

/// Longest wait for servers that are not available before the session counts as begun.
const GUILDS: Duration = Duration::from_secs(60);

/// A session that begins: until all its servers came by, what was missed in them is not known.
pub(super) struct Beginning {
    pub(super) seq: u64,
    guilds: HashSet<String>,
    /// What was missed is newer than this.
    after: u64,
    pub(super) until: Instant,
}

impl Line<'_> {
    /// A new session. Whatever the last one did not tell has to be asked for.
    pub(super) fn ready(&mut self, ready: Ready, seq: u64) {
        self.stands();
        let guilds: Vec<String> = ready.guilds.into_iter().map(|guild| guild.id).collect();
        let (id, url, begins) = (ready.session_id, ready.resume_gateway_url, Some(guilds.clone()));
        self.saved.session = Some(Session { id, url, seq, begins });
        self.save_at = Some(Instant::now());
        self.begin(seq, guilds);
    }

    pub(super) fn begin(&mut self, seq: u64, guilds: Vec<String>) {
        let after = self.intake.progress.until();
        self.intake.progress = Progress::new(seq.saturating_sub(1), after);
        self.intake.progress.begin(seq, 0, 1);
        // With the very first session begins what we are answerable for.
        if self.saved.until > 0 {
            self.intake.catch_up(after, seq);
        }
        let (guilds, until) = (guilds.into_iter().collect(), Instant::now() + GUILDS);
        self.beginning = Some(Beginning { seq, guilds, after, until });
        self.begun_if_complete();
    }

    fn begun_if_complete(&mut self) {
        if self.beginning.as_ref().is_some_and(|beginning| beginning.guilds.is_empty()) {
            self.begun();
        }
    }

    pub(super) fn begun(&mut self) {
        if let Some(beginning) = self.beginning.take() {
            self.intake.progress.settle(beginning.seq);
        }
    }

    pub(super) fn guild(&mut self, guild: &Guild, seq: u64) {
        if guild.unavailable {
            self.intake.progress.begin(seq, 0, 0);
            return;
        }
        let places = &self.discord.places;
        let known = || guild.channels.iter().chain(&guild.threads);
        known().for_each(|channel| places.learn(channel));
        let ours = guild.roles.iter().find(|role| role.tags.bot_id == self.me.id);
        if let Some(role) = ours.filter(|role| self.intake.reader.roles.insert(role.id.clone())) {
            let (link, name, role) = (self.link, format!("role/{}", guild.id), role.id.clone());
            self.intake.courtesy(async move {
                let _ = link.save_cursor(&name, &role).await;
            });
        }
        let after = self.beginning.as_ref().map_or(self.intake.progress.until(), |beginning| beginning.after);
        let missed = |channel: &&wire::Channel| {
            after > 0 && gaps::is_newer(channel, after) && !places.is_hidden(&channel.id)
        };
        let gaps: Vec<Gap> = known()
            .filter(missed)
            .map(|channel| Gap { channel: channel.id.clone(), direct: false, after, seq })
            .collect();
        if self.intake.progress.begin(seq, 0, gaps.len()) {
            gaps.into_iter().for_each(|gap| self.intake.fill(gap));
        }
        if let Some(beginning) = &mut self.beginning {
            beginning.guilds.remove(&guild.id);
        }
        self.begun_if_complete();
    }
}
