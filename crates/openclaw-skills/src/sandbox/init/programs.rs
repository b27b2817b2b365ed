//! What a skill without the permission `shell` may run: its own files, the interpreter they name, and what that needs to start.

use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use crate::sandbox::plan::Plan;

/// Interpreters of interpreters that are followed; the kernel stops at about as many.
const DEPTH: usize = 4;

/// Every program that starting `plan.argv` runs, links followed.
pub(super) fn of(plan: &Plan) -> Vec<PathBuf> {
    let mut programs = Vec::new();
    if let Some(program) = plan.argv.first() {
        add(plan, program, DEPTH, &mut programs);
    }
    programs
}

fn add(plan: &Plan, program: &str, depth: usize, programs: &mut Vec<PathBuf>) {
    let Some(path) = find(plan, program) else { return };
    if depth == 0 || programs.contains(&path) {
        return;
    }
    programs.push(path.clone());
    for next in needed(&path) {
        add(plan, &next, depth - 1, programs);
    }
}

/// Where the system finds a program, links followed.
fn find(plan: &Plan, program: &str) -> Option<PathBuf> {
    let named = Path::new(program);
    let candidates: Vec<PathBuf> = if program.contains('/') {
        vec![Path::new(&plan.cwd).join(named)]
    } else {
        let path = plan.env.iter().find(|(name, _)| name == "PATH").map_or("", |(_, value)| value);
        path.split(':')
            .filter(|folder| !folder.is_empty())
            .map(|folder| Path::new(folder).join(named))
            .collect()
    };
    candidates.iter().find_map(|path| path.canonicalize().ok().filter(|path| path.is_file()))
}

/// What a program's file names as needed to run it: `#!` interpreters, or the loader of an ELF file.
fn needed(path: &Path) -> Vec<String> {
    let Ok(mut file) = File::open(path) else { return Vec::new() };
    let mut head = Vec::new();
    if file.by_ref().take(4096).read_to_end(&mut head).is_err() {
        return Vec::new();
    }
    if let Some(line) = head.strip_prefix(b"#!") {
        let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        let mut words = line.split_whitespace();
        let Some(interpreter) = words.next() else { return Vec::new() };
        let mut needed = vec![interpreter.to_owned()];
        if interpreter.ends_with("/env") {
            // `env -S python3 -I`, `env LANG=C sh`: the first word that is neither an option nor a variable is the program.
            needed
                .extend(words.find(|word| !word.starts_with('-') && !word.contains('=')).map(str::to_owned));
        }
        return needed;
    }
    loader(&head, &mut file).into_iter().collect()
}

/// The loader of a 64-bit little-endian ELF file: the segment `PT_INTERP` (elf(5)).
fn loader(head: &[u8], file: &mut File) -> Option<String> {
    const INTERP: u32 = 3;
    let half = |at: usize| Some(u16::from_le_bytes(head.get(at..at + 2)?.try_into().ok()?));
    let word = |at: usize| Some(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?));
    let long = |at: usize| usize::try_from(u64::from_le_bytes(head.get(at..at + 8)?.try_into().ok()?)).ok();
    if head.get(..6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let (table, size, count) = (long(32)?, usize::from(half(54)?), usize::from(half(56)?));
    for index in 0..count.min(64) {
        let at = table.checked_add(index.checked_mul(size)?)?;
        if word(at)? == INTERP {
            let (offset, length) = (long(at + 8)?, long(at + 32)?.min(512));
            file.seek(SeekFrom::Start(u64::try_from(offset).ok()?)).ok()?;
            let mut name = vec![0; length];
            file.read_exact(&mut name).ok()?;
            return String::from_utf8(name).ok().map(|name| name.trim_end_matches('\0').to_owned());
        }
    }
    None
}

/// The loader that the program at `path` names.
pub(crate) fn loader_of(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let mut head = Vec::new();
    file.by_ref().take(4096).read_to_end(&mut head).ok()?;
    loader(&head, &mut file)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn plan(cwd: &Path, program: &str) -> Plan {
        Plan {
            argv: vec![program.to_owned()],
            cwd: cwd.to_string_lossy().into_owned(),
            ..crate::sandbox::plan::tests::plan()
        }
    }

    #[test]
    fn a_script_needs_its_interpreters_and_their_loader() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("run"), "#!/usr/bin/env -S sh -eu\necho hi\n").unwrap();
        let found = of(&plan(dir.path(), "./run"));
        let sh = Path::new("/bin/sh").canonicalize().unwrap();
        assert_eq!(found[0], dir.path().canonicalize().unwrap().join("run"));
        assert!(found.contains(&sh), "{found:?}");
        assert!(found.iter().any(|path| path.to_string_lossy().contains("ld-linux")), "{found:?}");
        assert_eq!(found.len(), 4, "the script, env, sh, the loader: {found:?}");
    }

    #[test]
    fn what_does_not_exist_needs_nothing() {
        let dir = tempfile::tempdir().unwrap();
        assert!(of(&plan(dir.path(), "no-such-program")).is_empty());
        fs::write(dir.path().join("loop"), "#!loop\n").unwrap();
        assert_eq!(of(&plan(dir.path(), "./loop")).len(), 1);
        fs::write(dir.path().join("elf"), b"\x7fELF\x02\x01 and rubbish").unwrap();
        assert_eq!(of(&plan(dir.path(), "./elf")).len(), 1);
    }
}
