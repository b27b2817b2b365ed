//! What there is to run in a skill's folder.

use std::{
    fs,
    path::{Component, Path},
};

use super::{PackageError, Shape, read};
use crate::manifest::Manifest;

/// How much of a program is looked at to tell what runs it.
const BEGIN_BYTES: usize = 256;
/// The programs that are run when a skill names none: the first of these files that is there.
const DEFAULTS: [&str; 4] = ["run", "run.sh", "main.py", "index.js"];
/// Interpreters whose first argument is a file of the skill.
const INTERPRETERS: [&str; 9] = ["python", "python3", "node", "nodejs", "sh", "bash", "dash", "ruby", "perl"];

/// The shape of the skill in `root`, which has no links in its path.
pub(super) fn resolve(root: &Path, manifest: &Manifest) -> Result<Shape, PackageError> {
    let argv = match &manifest.entrypoint {
        Some(argv) => Some(named(root, argv)?),
        None => match DEFAULTS.into_iter().find(|name| is_there(root, name)) {
            Some(name) => Some(own_file(root, name)?),
            None => None,
        },
    };
    match argv {
        Some(argv) if manifest.mcp => Ok(Shape::Mcp(argv)),
        Some(argv) => Ok(Shape::Entry(argv)),
        None if manifest.mcp => Err(PackageError::NothingToRun),
        None => Ok(Shape::Instructions),
    }
}

/// Whether something of this name could be run: a folder can't, a link is an error that is told.
fn is_there(root: &Path, name: &str) -> bool {
    fs::symlink_metadata(root.join(name)).is_ok_and(|found| !found.is_dir())
}

/// The argv of an `entrypoint` as it is written.
fn named(root: &Path, argv: &[String]) -> Result<Vec<String>, PackageError> {
    let Some((program, arguments)) = argv.split_first() else { return Err(PackageError::NothingToRun) };
    // What an argument means is the program's business; one that leaves the folder is a mistake in any case.
    for word in argv {
        if Path::new(word).components().any(|part| part == Component::ParentDir) {
            return Err(wrong(word, "it leaves the skill's folder; name a file in it"));
        }
    }
    // A program of the sandbox's own system.
    if program.starts_with('/') {
        return Ok(argv.to_vec());
    }
    if program.contains('/') || is_there(root, program) {
        let mut whole = own_file(root, program)?;
        whole.extend_from_slice(arguments);
        return Ok(whole);
    }
    let looks_like_file = [".py", ".js", ".mjs", ".sh"].iter().any(|end| program.ends_with(end));
    if looks_like_file {
        return Err(wrong(program, "it is not in the skill's folder"));
    }
    if INTERPRETERS.contains(&program.as_str())
        && let Some(script) = arguments.first().filter(|script| !script.starts_with(['-', '/']))
    {
        check_file(root, script)?;
    }
    Ok(argv.to_vec())
}

/// The argv that runs a file of the skill.
fn own_file(root: &Path, name: &str) -> Result<Vec<String>, PackageError> {
    check_file(root, name)?;
    let path = root.join(name);
    let begin = read::plain_file(&path, BEGIN_BYTES)
        .map_err(|source| PackageError::Unreadable { path: path.clone(), source })?;
    let plain = name.strip_prefix("./").unwrap_or(name);
    let itself = || vec![format!("./{plain}")];
    let with = |program: &str| vec![program.to_owned(), plain.to_owned()];
    let is_executable = is_executable(&path);
    match shebang(&begin) {
        // What runs these is agreed upon, whatever they begin with.
        Some(_) if matches!(plain, "main.py" | "index.js") => {}
        Some(_) if is_executable => return Ok(itself()),
        // Archives lose the executable bit; the file still says what runs it.
        Some(mut argv) => {
            argv.push(plain.to_owned());
            return Ok(argv);
        }
        None => {}
    }
    match Path::new(plain).extension().and_then(|end| end.to_str()) {
        Some("py") => return Ok(with("python3")),
        Some("js" | "mjs" | "cjs") => return Ok(with("node")),
        Some("sh") => return Ok(with("/bin/sh")),
        _ => {}
    }
    if !is_executable {
        let reason =
            format!("it is not executable: `chmod +x {plain}`, or begin it with a line such as `#!/bin/sh`");
        return Err(wrong(name, reason));
    }
    if begin.starts_with(b"\x7fELF") {
        return Ok(itself());
    }
    // What the kernel can't start is a script to every shell.
    if begin.contains(&0) { Err(wrong(name, "it is no program for Linux")) } else { Ok(with("/bin/sh")) }
}

/// A plain file in the folder, and no link on the way to it.
fn check_file(root: &Path, name: &str) -> Result<(), PackageError> {
    let whole = root.join(name);
    let metadata =
        fs::symlink_metadata(&whole).map_err(|_| wrong(name, "it is not in the skill's folder"))?;
    if !metadata.is_file() {
        return Err(wrong(name, "it is no plain file; put the file itself there, not a link or a folder"));
    }
    let real =
        whole.canonicalize().map_err(|source| PackageError::Unreadable { path: whole.clone(), source })?;
    let expected =
        root.components().chain(Path::new(name).components().filter(|part| *part != Component::CurDir));
    if !real.components().eq(expected) {
        return Err(wrong(name, "a folder on the way to it is a link; put the files themselves there"));
    }
    Ok(())
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(_: &Path) -> bool {
    false
}

/// The interpreter that a file's first line names, and its argument.
fn shebang(begin: &[u8]) -> Option<Vec<String>> {
    let line = begin.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?.trim();
    let (program, argument) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    // As the kernel does it: all that follows is one argument.
    let argument = Some(argument.trim()).filter(|argument| !argument.is_empty());
    program.starts_with('/').then(|| [program].into_iter().chain(argument).map(str::to_owned).collect())
}

fn wrong(entry: &str, reason: impl Into<String>) -> PackageError {
    PackageError::Entry { entry: entry.to_owned(), reason: reason.into() }
}
