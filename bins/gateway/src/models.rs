//! `gateway model list` and `gateway model pull`.

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::Path,
    time::{Duration, Instant},
};

use openclaw_inference::embed::{EmbedFileError, Embedder};

use crate::{
    exit::{Exit, Stop},
    home::Home,
    model::{
        self, DEFAULT_MODEL, KnownModel, Pulled,
        embeddings::{self, EmbeddingsError, SOURCES},
    },
    output::{line, print},
};

/// Longest wait for the model host's connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Time between two looks of the progress bar.
const REDRAW: Duration = Duration::from_millis(100);

/// Prints the models that are there, and those that can be pulled.
pub(crate) fn list(home: &Home) -> Result<Exit, Stop> {
    let models = model::list(&home.models()).map_err(|error| {
        Stop::new(Exit::Failure, format!("can't read {}: {error}", home.models().display()))
    })?;
    let mut text = String::new();
    for model in models {
        let file = model.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = model.known.map_or(file.as_str(), |known| known.name);
        let state = match (model.bytes, model.partial) {
            (Some(bytes), _) => format!("{} · {}", size(bytes), model.path.display()),
            (None, Some(partial)) => {
                let whole = model.known.map_or(0, |known| known.bytes);
                format!("{} of {} · go on with: gateway model pull {name}", size(partial), size(whole))
            }
            (None, None) => {
                let whole = model.known.map_or(0, |known| known.bytes);
                format!("not here, {} · get it with: gateway model pull {name}", size(whole))
            }
        };
        let licence = model.known.map(|known| format!(" · {}", known.licence)).unwrap_or_default();
        let default = if model.known == Some(DEFAULT_MODEL) { " (default)" } else { "" };
        text.push_str(&format!("{name}{default}  {state}{licence}\n"));
    }
    text.push_str(&format!("{}  {} · {}\n", embeddings::NAME, embeddings_state(home), embeddings::LICENCE));
    print(&text);
    Ok(Exit::Ok)
}

/// Whether the model for semantic search is there, and what to do when it isn't.
fn embeddings_state(home: &Home) -> String {
    let path = embeddings::path(&home.models());
    let whole: u64 = SOURCES.iter().map(|source| source.bytes).sum();
    let command = format!("gateway model pull {}", embeddings::NAME);
    match Embedder::inspect(&path) {
        Ok(found) => {
            let bytes = path.metadata().map_or(0, |file| file.len());
            format!("{} · {} · {}", size(bytes), found.name, path.display())
        }
        Err(EmbedFileError::Missing { .. }) => match embeddings::partial(&home.models()) {
            Some(bytes) => format!("{} of {} · go on with: {command}", size(bytes), size(whole)),
            None => format!(
                "not here, {} to get, {} then; search is by words alone · get it with: {command}",
                size(whole),
                size(embeddings::BYTES)
            ),
        },
        Err(error) => format!("can't be used: {error}"),
    }
}

/// Makes the embedding model out of a file that is here.
pub(crate) fn take(home: &Home, name: Option<&str>, file: &Path) -> Result<Exit, Stop> {
    if name != Some(embeddings::NAME) {
        let text =
            format!("--from goes with `{}` only: gateway model pull {0} --from FILE", embeddings::NAME);
        return Err(Stop::new(Exit::Usage, text));
    }
    match embeddings::take(file, &home.models()) {
        Ok(pulled) => tell(embeddings::NAME, &pulled),
        Err(error) => Err(Stop::because(Exit::Failure, &error)),
    }
}

fn tell(name: &str, pulled: &Pulled) -> Result<Exit, Stop> {
    match pulled {
        Pulled::AlreadyThere(path) => line(&format!("{name} is here already: {}", path.display())),
        Pulled::Downloaded(path) => line(&format!("{name} is in {}", path.display())),
    }
    Ok(Exit::Ok)
}

/// What `gateway model pull` gets.
enum Wanted {
    File(&'static KnownModel),
    Embeddings,
}

/// Downloads a model.
pub(crate) async fn pull(home: &Home, name: Option<&str>) -> Result<Exit, Stop> {
    let wanted = match name {
        Some(name) if name.eq_ignore_ascii_case(embeddings::NAME) => Wanted::Embeddings,
        None => Wanted::File(DEFAULT_MODEL),
        Some(name) => model::find(name).map(Wanted::File).ok_or_else(|| {
            let mut known: Vec<&str> = model::CATALOGUE.iter().map(|known| known.name).collect();
            known.push(embeddings::NAME);
            Stop::new(
                Exit::Usage,
                format!(
                    "no model `{name}` in the catalogue; known: {}. Any other .gguf file goes into {} by hand",
                    known.join(", "),
                    home.models().display()
                ),
            )
        })?,
    };
    // Only this command speaks TLS outside of the providers; a second installation can't happen.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .connect_timeout(CONNECT)
        .user_agent(concat!("openclaw-gateway/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| Stop::because(Exit::Failure, &error))?;
    let (directory, mut bar) = (home.models(), Bar::new());
    let mut show = |done, whole| bar.show(done, whole);
    let pulling = async {
        match wanted {
            Wanted::File(known) => {
                Ok((known.name, model::pull(&client, known, &directory, &mut show).await?))
            }
            Wanted::Embeddings => Ok::<_, EmbeddingsError>((
                embeddings::NAME,
                embeddings::pull(&client, &directory, &mut show).await?,
            )),
        }
    };
    let pulled = tokio::select! {
        pulled = pulling => Some(pulled),
        _ = tokio::signal::ctrl_c() => None,
    };
    bar.end();
    let Some(pulled) = pulled else {
        return Err(Stop::new(Exit::Interrupted, "stopped; the same command goes on from here"));
    };
    match pulled {
        Ok((name, pulled)) => tell(name, &pulled),
        Err(error) => Err(Stop::because(Exit::Failure, &error)),
    }
}

pub(crate) fn size(bytes: u64) -> String {
    // As downloads and disks are sold.
    const MB: u64 = 1_000_000;
    format!("{}.{} MB", bytes / MB, bytes % MB * 10 / MB)
}

/// Progress on standard error: a bar for people, a line per tenth otherwise.
struct Bar {
    terminal: bool,
    drawn: Option<Instant>,
    tenths: u64,
}

impl Bar {
    fn new() -> Self {
        Self { terminal: io::stderr().is_terminal(), drawn: None, tenths: 0 }
    }

    fn show(&mut self, done: u64, whole: u64) {
        const CELLS: u64 = 30;
        let whole = whole.max(1);
        // Nobody is served by failing a download because its bar can't be drawn.
        if self.terminal {
            let last = done >= whole;
            if !last && self.drawn.is_some_and(|drawn| drawn.elapsed() < REDRAW) {
                return;
            }
            self.drawn = Some(Instant::now());
            let full = usize::try_from(done.min(whole) * CELLS / whole).unwrap_or_default();
            let empty = usize::try_from(CELLS).unwrap_or_default() - full;
            let _ = write!(
                io::stderr().lock(),
                "\r[{}{}] {:>3} %  {} of {} ",
                "#".repeat(full),
                " ".repeat(empty),
                done.min(whole) * 100 / whole,
                size(done),
                size(whole)
            );
        } else if done * 10 / whole > self.tenths {
            self.tenths = done * 10 / whole;
            let _ = writeln!(io::stderr().lock(), "{} % of {}", self.tenths * 10, size(whole));
        }
    }

    fn end(&mut self) {
        if self.terminal && self.drawn.take().is_some() {
            let _ = writeln!(io::stderr().lock());
        }
    }
}
