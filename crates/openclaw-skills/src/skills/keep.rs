//! What goes on while the program runs: choosing an engine, noticing changes, ending what nobody uses.

use std::{sync::Arc, time::Duration};

use openclaw_core::config::{SandboxEngine, SkillsConfig};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Inner, Seen, Skills};
use crate::{catalog::Skill, limits::LOOK, package::Shape, sandbox::Selection};

/// Pauses between two tries of the engines while none works, and between two checks of one that seems to fail: the first, and the longest.
const AGAIN: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(30 * 60));
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
        // Trying an engine takes its time, and what changes in the directory is noticed meanwhile.
        let both = async { tokio::join!(self.keep_engine(), self.keep_looking()) };
        shutdown.run_until_cancelled(both).await;
        self.close().await;
    }

    async fn keep_looking(&self) {
        let mut config = self.inner.config.clone();
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut count = 0u32;
        loop {
            tokio::select! {
                _ = looks.tick() => {}
                Ok(()) = config.changed() => {}
            }
            self.look().await;
            self.inner.executor.sweep();
            count = count.wrapping_add(1);
            if count.is_multiple_of(WRITE_EVERY) {
                self.write_usage().await;
            }
        }
    }

    /// Chooses an engine: at first, when another is asked for, when the one in force fails and, while none works, with growing pauses.
    async fn keep_engine(&self) {
        let mut config = self.inner.config.clone();
        let mut pause = AGAIN.0;
        loop {
            let asked = asked(&config.borrow_and_update());
            let works = self.choose(Some(pause)).await;
            let is_news = if works {
                self.until_another_is_needed(&mut config, asked).await;
                true
            } else {
                tokio::select! {
                    () = sleep(pause) => false,
                    Ok(()) = config.changed() => true,
                }
            };
            pause = if is_news { AGAIN.0 } else { (pause * 2).min(AGAIN.1) };
        }
    }

    /// Waits until the configuration asks for another engine than it `asked` for, or the one in force does not prove itself any more.
    async fn until_another_is_needed(
        &self,
        config: &mut watch::Receiver<Arc<SkillsConfig>>,
        before: (SandboxEngine, bool),
    ) {
        let is_other = |config: &Arc<SkillsConfig>| asked(config) != before;
        tokio::select! {
            Ok(_) = config.wait_for(is_other) => info!("skills.engine has changed; trying again"),
            () = self.until_it_fails() => {}
        }
    }

    /// Checks the engine in force when a call says that it could not make a sandbox. A call can be wrong about that, so it is used meanwhile.
    async fn until_it_fails(&self) {
        let inner = &self.inner;
        let mut pause = AGAIN.0;
        let mut last = Instant::now();
        loop {
            inner.executor.in_trouble().await;
            sleep_until(last + pause).await;
            let engine = inner.selection.borrow().as_ref().and_then(|selection| selection.engine.clone());
            let Some(engine) = engine else { return };
            if let Err(error) = inner.surroundings.prove(&*engine).await {
                warn!(engine = engine.name(), %error, "the sandbox engine does not work any more; choosing again");
                return;
            }
            last = Instant::now();
            pause = (pause * 2).min(AGAIN.1);
        }
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
        self.choose(None).await;
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

    /// Chooses an engine; whether one works. `pause`: after which it is tried again if not.
    async fn choose(&self, pause: Option<Duration>) -> bool {
        let inner = &self.inner;
        let has_one = |selection: &Option<Selection>| {
            selection.as_ref().is_some_and(|selection| selection.engine.is_some())
        };
        // Nothing runs by the old engine while another one is being tried.
        let had_one = inner.selection.send_if_modified(|selection| {
            let had_one = has_one(selection);
            if had_one {
                *selection = None;
            }
            had_one
        });
        if had_one {
            inner.executor.clear();
        }
        let is_wanted = inner.config.borrow().engine != SandboxEngine::None;
        let mut chosen = inner.surroundings.select(inner.config.clone()).await;
        let works = chosen.engine.is_some();
        chosen.again = pause.filter(|_| !works && is_wanted).map(|pause| Instant::now() + pause);
        let mut seen = inner.seen();
        // With what it offers, before anybody who has waited for an engine can ask.
        inner.selection.send_replace(Some(chosen));
        // A server that did not work may have failed by the engine.
        seen.servers.retain(|_, (_, tools)| tools.is_ok());
        inner.offer(&mut seen);
        drop(seen);
        self.ask_servers();
        works
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
