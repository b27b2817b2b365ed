//! Finds the platforms: each folder below `src/platforms/` is one, and has a `PLATFORM`. A new one needs no line anywhere else.

use std::{env, error::Error, fmt::Write as _, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=src/platforms");
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("src/platforms");
    let mut names = Vec::new();
    for entry in fs::read_dir(&root)? {
        let entry = entry?;
        if entry.path().join("mod.rs").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    let (mut modules, mut list) = (String::new(), String::new());
    for name in &names {
        let path = root.join(name).join("mod.rs");
        writeln!(modules, "#[path = {path:?}]\nmod {name};")?;
        write!(list, "&{name}::PLATFORM, ")?;
    }
    let code = format!(
        "{modules}/// Every platform there is, by name.\npub(crate) const ALL: &[&dyn crate::adapter::Platform] = &[{list}];\n"
    );
    fs::write(Path::new(&env::var("OUT_DIR")?).join("platforms.rs"), code)?;
    Ok(())
}
