//! Asks the linker for packed relocations (`DT_RELR`) where program loader and linker know them: half a megabyte less to carry and
//! to read at start. Older C libraries (glibc before 2.36) refuse to load such a program, so a small one is tried first.

use std::{
    env,
    ffi::OsString,
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

const PACKED: &str = "-Wl,-z,pack-relative-relocs";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("HOST") == env::var_os("TARGET") && works() == Some(true) {
        println!("cargo::rustc-link-arg-bins={PACKED}");
    }
}

/// Whether a program that is linked so runs here.
fn works() -> Option<bool> {
    let directory = PathBuf::from(env::var_os("OUT_DIR")?);
    let source = directory.join("packed.rs");
    let program = directory.join("packed");
    fs::write(&source, "fn main() {}\n").ok()?;
    let mut rustc = Command::new(env::var_os("RUSTC")?);
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        let mut chosen = OsString::from("linker=");
        chosen.push(linker);
        rustc.arg("-C").arg(chosen);
    }
    rustc.args(["-C", &format!("link-arg={PACKED}"), "-o"]).arg(&program).arg(&source);
    Some(succeeds(&mut rustc) && succeeds(&mut Command::new(&program)))
}

fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
