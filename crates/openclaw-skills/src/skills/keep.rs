//! What goes on while the program runs: choosing an engine, noticing changes, ending what nobody uses.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use openclaw_core::config::{SandboxEngine, SkillsConfig};

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Inner, Seen, Skills};
use crate::{catalog::Skill, limits::LOOK, package::Shape};

/// How long sandboxes and tasks may take to end.
const LEAVE: Duration = Duration::from_secs(2);
/// Looks between two writes of the counts.
const WRITE_EVERY: u32 = 5;

impl Skills {
    /// Chooses an engine and looks after the skills until `shutdown` fires; then ends every sandbox. Run it once.
    pub async fn keep(self, shutdown: CancellationToken) {
        let inner = &self.inner;
        let sweeping = Arc::clone(inner);
        inner.tasks.spawn(
            shutdown.clone().run_until_cancelled_owned(async move { sweeping.surroundings.sweep().await }),
        );
        if shutdown.run_until_cancelled(self.start()).await.is_some() {
            let mut config = inner.config.clone();
            let mut looks = interval(LOOK);
            looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut count = 0u32;
            loop {
                let has_changed = tokio::select! {
                    () = shutdown.cancelled() => break,
                    _ = looks.tick() => false,
                    Ok(()) = config.changed() => true,
                };
                if has_changed && shutdown.run_until_cancelled(self.choose_if_needed()).await.is_none() {
                    break;
                }
                self.look().await;
                inner.executor.sweep();
                count = count.wrapping_add(1);
                if count.is_multiple_of(WRITE_EVERY) {
                    self.write_usage().await;
                }
            }
        }
        self.close().await;
    }

    /// Ends every sandbox and writes the counts; [`Skills::keep`] does it at its end. Nothing is to be called afterwards.
    pub async fn close(&self) {
        let inner = &self.inner;
        inner.tasks.close();
        inner.executor.clear();
        let ended = async { tokio::join!(inner.tasks.wait(), inner.executor.close_egress()) };
        if tokio::time::timeout(LEAVE, ended).await.is_err() {
            warn!(tasks = inner.tasks.len(), "some sandboxes did not end in time");
        }
        self.write_usage().await;
        // Nothing in it outlives us; whoever comes next makes it anew.
        let _ = self
            .blocking(|inner| {
                let _ = std::fs::remove_dir_all(&inner.surroundings.folder);
                Ok(())
            })
            .await;
    }

    /// Chooses an engine for one skill: what `gateway skill run` needs before it can call that. No other skill's server is started.
    pub async fn start_one(&self, name: &str) {
        let _ = self.inner.only.set(name.to_owned());
        self.start().await;
    }

    /// Chooses an engine, looks at the skills once and asks their servers what they offer.
    pub async fn start(&self) {
        self.look().await;
        self.choose().await;
        self.look().await;
    }

    /// Waits until every MCP server that was asked what it offers has answered, at most `time`.
    pub async fn settled(&self, time: Duration) {
        let known = async {
            loop {
                if self.inner.unasked(&self.inner.seen()).next().is_none() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let _ = tokio::time::timeout(time, known).await;
    }

    async fn choose(&self) {
        let inner = &self.inner;
        let asked = asked(&inner.config.borrow());
        *inner.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked);
        // Nothing runs by the old engine while the new one is being tried.
        inner.selection.send_replace(None);
        inner.executor.clear();
        let chosen = inner.surroundings.select(inner.config.clone()).await;
        let mut seen = inner.seen();
        inner.selection.send_replace(Some(chosen));
        // Before anybody who has waited for that can ask.
        inner.offer(&mut seen);
    }

    /// Chooses again when the configuration asks for another engine.
    async fn choose_if_needed(&self) {
        let inner = &self.inner;
        let now = asked(&inner.config.borrow());
        let before = *inner.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if before != Some(now) {
            info!("skills.engine has changed; trying again");
            self.choose().await;
        }
    }

    /// Looks at the directory, and acts on what has changed since: no matter who saw it first, a list or an installation looks, too.
    pub(super) async fn look(&self) {
        match self.blocking(|inner| inner.look()).await {
            Ok(()) => {
                // What was taken away from a skill, its running servers and prepared sandboxes lose now.
                let catalog = self.inner.catalog();
                self.inner.executor.retain(|name, stamp| catalog.has(name, stamp));
                self.ask_servers();
            }
            Err(error) => warn!(%error, "the skills directory can't be read"),
        }
    }

    /// Asks servers that nobody has asked yet what they offer, beside everything else.
    fn ask_servers(&self) {
        let inner = &self.inner;
        if inner.tasks.is_closed() || inner.selection.borrow().as_ref().is_none_or(|it| it.engine.is_none()) {
            return;
        }
        let unasked: Vec<_> = {
            let mut seen = inner.seen();
            let mut unasked: Vec<_> = inner.unasked(&seen).cloned().collect();
            unasked.retain(|skill| seen.asking.insert((skill.name.clone(), skill.stamp)));
            unasked
        };
        for skill in unasked {
            let inner = Arc::clone(inner);
            inner.tasks.clone().spawn(async move {
                let tools = inner.executor.tools_of(&skill).await.map_err(|error| error.to_string());
                match &tools {
                    Ok(tools) => info!(skill = skill.name, tools = tools.len(), "an MCP server is ready"),
                    Err(reason) => warn!(skill = skill.name, reason, "an MCP server does not work"),
                }
                let mut seen = inner.seen();
                seen.asking.remove(&(skill.name.clone(), skill.stamp));
                // It may have become another meanwhile, which was asked, too.
                if seen.catalog.has(&skill.name, skill.stamp) {
                    seen.servers.insert(skill.name.clone(), (skill.stamp, tools));
                    inner.offer(&mut seen);
                }
            });
        }
    }

    async fn write_usage(&self) {
        let kept = self.blocking(|inner| {
            inner.usage.keep();
            Ok(())
        });
        if let Err(error) = kept.await {
            warn!(%error, "how often skills were called can't be written");
        }
    }
}

/// What decides which engine is chosen.
fn asked(config: &SkillsConfig) -> (SandboxEngine, bool) {
    (config.engine, config.rootless)
}

impl Inner {
    /// Skills that are servers of which nobody knows yet what they offer.
    fn unasked<'s>(&self, seen: &'s Seen) -> impl Iterator<Item = &'s Arc<Skill>> {
        let only = self.only.get().cloned();
        seen.catalog.all_ready().filter(move |skill| {
            let asked = seen.servers.get(&skill.name);
            matches!(skill.package.shape, Shape::Mcp(_))
                && only.as_ref().is_none_or(|only| *only == skill.name)
                && asked.is_none_or(|(stamp, _)| *stamp != skill.stamp)
        })
    }

    fn look(&self) -> Result<(), openclaw_core::port::SkillsError> {
        let what = format!("can't read {}", self.dir.display());
        self.refresh().map_err(|error| super::infos::unavailable(what, error))
    }
}
