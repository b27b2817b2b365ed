//! The computing thread: takes requests one after the other, loads the model for the first, drops it after idling.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use tokio::{runtime::Handle, sync::mpsc};

use super::{LocalOptions, QUEUED_REQUESTS, error::ModelFileError, generate::Engine};
use openclaw_reasoning::{ModelEvent, ModelRequest, ProviderError};

type Event = Result<ModelEvent, ProviderError>;

/// A request and where its answer goes.
struct Job {
    request: ModelRequest,
    events: mpsc::Sender<Event>,
}

/// What the provider and its thread both see.
#[derive(Debug, Default)]
struct Shared {
    stopping: AtomicBool,
    loaded: AtomicBool,
}

/// The owner of the thread.
#[derive(Debug)]
pub(super) struct Worker {
    queue: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
    max_tokens: u32,
}

impl Worker {
    pub(super) fn start(options: LocalOptions) -> io::Result<Self> {
        let (queue, jobs) = sync_channel(QUEUED_REQUESTS);
        let shared = Arc::<Shared>::default();
        let max_tokens = options.max_tokens;
        let thread = std::thread::Builder::new().name("local-model".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || Thread { options, jobs, shared, engine: None, pool: None }.run()
        })?;
        Ok(Self { queue: Some(queue), thread: Some(thread), shared, max_tokens })
    }

    /// Puts a request into the queue.
    pub(super) fn submit(&self, request: ModelRequest) -> Result<mpsc::Receiver<Event>, ProviderError> {
        // Room for a whole answer: the thread never waits for a slow reader, it would hold up everyone else's.
        let room =
            request.max_tokens.map_or(self.max_tokens, |wanted| wanted.min(self.max_tokens)) as usize + 4;
        let (events, answer) = mpsc::channel(room.min(1 << 20));
        let queue = self.queue.as_ref().ok_or_else(ModelFileError::stopped)?;
        queue.try_send(Job { request, events }).map_err(|error| match error {
            TrySendError::Full(_) => ProviderError::Status {
                status: 503,
                message: format!(
                    "{QUEUED_REQUESTS} requests wait for the local model already; ask again later"
                ),
                retry_after: Some(Duration::from_secs(5)),
            },
            TrySendError::Disconnected(_) => ModelFileError::stopped(),
        })?;
        Ok(answer)
    }

    pub(super) fn is_loaded(&self) -> bool {
        self.shared.loaded.load(Ordering::Acquire)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        self.queue = None;
        let Some(thread) = self.thread.take() else { return };
        let join = move || {
            if thread.join().is_err() {
                tracing::error!("the computing thread of the local model panicked");
            }
        };
        // The thread may be in the middle of a few tokens: no task is held up by that. The runtime's own end waits for it.
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(join)),
            Err(_) => join(),
        }
    }
}

struct Thread {
    options: LocalOptions,
    jobs: Receiver<Job>,
    shared: Arc<Shared>,
    engine: Option<Engine>,
    /// Further threads, as long as the model is loaded; `None` when this one computes alone.
    pool: Option<rayon::ThreadPool>,
}

impl Thread {
    fn run(mut self) {
        while !self.shared.stopping.load(Ordering::Acquire) {
            let idle = self.options.idle_unload;
            let job = if self.engine.is_some() && !idle.is_zero() {
                match self.jobs.recv_timeout(idle) {
                    Ok(job) => job,
                    Err(RecvTimeoutError::Timeout) => {
                        self.unload();
                        tracing::info!(path = %self.options.path.display(), "model unloaded: nobody asked for a while");
                        continue;
                    }
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            } else {
                match self.jobs.recv() {
                    Ok(job) => job,
                    Err(_) => break,
                }
            };
            self.serve(&job);
        }
        self.unload();
    }

    fn unload(&mut self) {
        self.engine = None;
        self.pool = None;
        self.shared.loaded.store(false, Ordering::Release);
    }

    fn serve(&mut self, job: &Job) {
        let events = &job.events;
        let shared = Arc::clone(&self.shared);
        let goes_on = || !shared.stopping.load(Ordering::Acquire) && !events.is_closed();
        if !goes_on() {
            return;
        }
        // A panic is a fault of this program or of a library; it must cost this answer only, not the gateway's model.
        let answered = catch_unwind(AssertUnwindSafe(|| self.answer(job, &goes_on)));
        let error = match answered {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(panic) => {
                self.unload();
                let what = panic
                    .downcast_ref::<String>()
                    .map(String::as_str)
                    .or_else(|| panic.downcast_ref::<&str>().copied())
                    .unwrap_or("no message");
                tracing::error!(path = %self.options.path.display(), panic = what, "the local model panicked");
                let message =
                    format!("the local model {} failed while computing", self.options.path.display());
                ProviderError::Cut { message }
            }
        };
        // Whoever asked may have left; then nobody needs to know.
        let _ = events.try_send(Err(error));
    }

    fn answer(&mut self, job: &Job, goes_on: &(dyn Fn() -> bool + Sync)) -> Result<(), ProviderError> {
        let mut engine = match self.engine.take() {
            Some(engine) => engine,
            None => {
                self.pool = pool(self.options.thread_count());
                let threads = self.pool.as_ref().map_or(1, rayon::ThreadPool::current_num_threads);
                let engine = Engine::load(&self.options, threads, &goes_on)?;
                self.shared.loaded.store(true, Ordering::Release);
                engine
            }
        };
        let mut emit = |event| job.events.try_send(Ok(event)).is_ok();
        let mut answer = || engine.answer(&job.request, &mut emit, &goes_on);
        let answered = match &self.pool {
            Some(pool) => pool.install(answer),
            None => answer(),
        };
        self.engine = Some(engine);
        answered
    }
}

fn pool(threads: usize) -> Option<rayon::ThreadPool> {
    if threads < 2 {
        return None;
    }
    let named = |index| format!("local-model-{index}");
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(named)
        .build()
        .map_err(|error| tracing::warn!(%error, "the local model computes on one thread only"))
        .ok()
}
