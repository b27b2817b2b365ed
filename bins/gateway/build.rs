//! Packs the skills that come with the program, and asks the linker for what makes it smaller.

use std::{
    env,
    error::Error,
    ffi::OsString,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use flate2::{Compression, write::GzEncoder};

/// What not every linker, or not every C library, knows: `DT_RELR`, half a megabyte less to carry and to read at start; and functions
/// of the same code kept once, which nothing here tells apart by their address.
const SMALLER: [&str; 2] = ["-Wl,-z,pack-relative-relocs", "-Wl,--icf=all"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=CARGO_ENCODED_RUSTFLAGS");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo names no directory")?);
    skills(Path::new("../../skills"), &out)?;
    if env::var_os("HOST") == env::var_os("TARGET") {
        for option in SMALLER.iter().filter(|option| works(option, &out)) {
            println!("cargo::rustc-link-arg-bins={option}");
        }
    }
    Ok(())
}

/// Makes `NAME.tar.gz` of each skill's folder.
fn skills(root: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={}", root.display());
    for entry in fs::read_dir(root)? {
        let folder = entry?.path();
        if let Some(name) = folder.file_name().filter(|_| folder.join("SKILL.md").is_file()) {
            let mut target = out.join(name).into_os_string();
            target.push(".tar.gz");
            let mut archive = tar::Builder::new(GzEncoder::new(File::create(target)?, Compression::best()));
            add(&mut archive, &folder, Path::new(""))?;
            archive.into_inner()?.finish()?;
        }
    }
    Ok(())
}

/// Adds a folder's files by their names in order: the same files make the same archive.
fn add(
    archive: &mut tar::Builder<GzEncoder<File>>,
    folder: &Path,
    inside: &Path,
) -> Result<(), Box<dyn Error>> {
    let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = inside.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            if entry.file_name() != "__pycache__" {
                add(archive, &entry.path(), &path)?;
            }
        } else {
            let bytes = fs::read(entry.path())?;
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            // None has to be executable: interpreters run them.
            header.set_mode(0o644);
            archive.append_data(&mut header, path, bytes.as_slice())?;
        }
    }
    Ok(())
}

/// Whether a program that is linked so runs here: a C library before glibc 2.36 refuses packed relocations. It is linked with the flags of
/// who builds, too: they may choose another linker.
fn works(option: &str, out: &Path) -> bool {
    let (source, program) = (out.join("linked.rs"), out.join("linked"));
    let (Some(rustc), Ok(())) = (env::var_os("RUSTC"), fs::write(&source, "fn main() {}\n")) else {
        return false;
    };
    let mut compile = Command::new(rustc);
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        let mut chosen = OsString::from("linker=");
        chosen.push(linker);
        compile.arg("-C").arg(chosen);
    }
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    compile.args(flags.split('\x1f').filter(|flag| !flag.is_empty()));
    compile.args(["-C", &format!("link-arg={option}"), "-o"]).arg(&program).arg(&source);
    succeeds(&mut compile) && succeeds(&mut Command::new(&program))
}

fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
