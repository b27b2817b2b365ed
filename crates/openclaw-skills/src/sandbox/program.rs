//! The program that is init, as it is brought into sandboxes.

use std::{
    io,
    path::{Path, PathBuf},
    process::Command,
};

use super::plan::Bind;

/// Where it is inside, with what it needs.
pub(super) const FOLDER: &str = "/.openclaw";
/// Itself, inside.
pub(super) const PROGRAM: &str = "/.openclaw/program";

/// What can be started as init: the program that called [`crate::sandbox_main`], or `openclaw-sandbox`.
#[derive(Debug, Clone)]
pub(crate) struct Launcher {
    program: PathBuf,
    /// Its loader and libraries on this machine, the loader first; found when first needed.
    libraries: std::sync::Arc<std::sync::OnceLock<Vec<PathBuf>>>,
}

impl Launcher {
    /// The program at `program`, an absolute path.
    #[must_use]
    pub(crate) fn new(program: PathBuf) -> Self {
        Self { program, libraries: std::sync::Arc::default() }
    }

    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    /// What to mount and how to start it where the host's system directories are.
    pub(super) fn on_host(&self) -> (Vec<Bind>, Vec<String>) {
        let bind = Bind {
            source: self.program.to_string_lossy().into_owned(),
            target: PROGRAM.to_owned(),
            writable: false,
            judged: false,
        };
        (vec![bind], vec![PROGRAM.to_owned()])
    }

    /// The same for a root with a C library of its own, or none: the program brings the host's loader and libraries along. Blocking.
    pub(super) fn in_image(&self) -> (Vec<Bind>, Vec<String>) {
        let (mut binds, start) = self.on_host();
        let libraries = self.libraries.get_or_init(|| libraries(&self.program).unwrap_or_default());
        let inside = |path: &Path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            format!("{FOLDER}/{name}")
        };
        binds.extend(libraries.iter().map(|path| Bind {
            source: path.to_string_lossy().into_owned(),
            target: inside(path),
            writable: false,
            judged: false,
        }));
        match libraries.first() {
            // Linked statically: it needs nothing.
            None => (binds, start),
            Some(loader) => {
                let start =
                    vec![inside(loader), "--library-path".to_owned(), FOLDER.to_owned(), PROGRAM.to_owned()];
                (binds, start)
            }
        }
    }
}

/// The loader a program names, and the libraries which that finds for it (`ld.so --list`, ld.so(8)).
fn libraries(program: &Path) -> io::Result<Vec<PathBuf>> {
    let Some(loader) = super::init::loader_of(program) else { return Ok(Vec::new()) };
    let listed = Command::new(&loader).arg("--list").arg(program).env_clear().output()?;
    let mut libraries = vec![Path::new(&loader).canonicalize()?];
    for line in String::from_utf8_lossy(&listed.stdout).lines() {
        // `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)`. The name counts, not what a link of it is called.
        let Some((_, path)) = line.split_once(" => ") else { continue };
        let path = PathBuf::from(path.split(" (").next().unwrap_or_default());
        if path.is_absolute() && path.file_name() != Path::new(&loader).file_name() {
            libraries.push(path);
        }
    }
    Ok(libraries)
}
