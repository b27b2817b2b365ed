use std::path::Path;

use openclaw_core::Secret;

use super::*;
use crate::fs::{Crash, Fault, FaultFs, FaultKind};

fn passphrase(text: &str) -> Unlock {
    Unlock::Passphrase(Secret::new(text))
}

fn key_file(dir: &Path) -> Unlock {
    Unlock::KeyFile(dir.join("memory.key"))
}

#[test]
fn what_is_sealed_comes_back_and_only_with_its_key() {
    let home = tempfile::tempdir().unwrap();
    let fs = FaultFs::new();
    let dir = Path::new("/memory");
    let vault = Vault::open(&fs, dir, &key_file(home.path())).unwrap();
    let slot = vault.new_slot().unwrap();
    assert_ne!(slot, COMMON);
    let payload = b"\x01what was said";
    let sealed = vault.seal(slot, payload).unwrap();
    assert!(is_sealed(&sealed) && !is_sealed(payload));
    assert_eq!((slot_of(&sealed), slot_of(payload)), (Some(slot), None));
    assert!(!sealed.windows(4).any(|window| window == b"said"));
    assert_ne!(sealed, vault.seal(slot, payload).unwrap(), "another nonce");
    drop(vault);

    let vault = Vault::open(&fs, dir, &key_file(home.path())).unwrap();
    assert_eq!(plain(Some(&vault), &sealed).unwrap(), &payload[..]);
    assert_eq!(plain(None, payload).unwrap(), &payload[..]);
    assert!(matches!(plain(None, &sealed), Err(VaultError::Locked { .. })));
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(!is_sealed(&changed) || vault.unseal(&changed).is_err(), "byte {at}");
    }
    vault.destroy(slot).unwrap();
    assert!(matches!(vault.unseal(&sealed), Err(VaultError::Destroyed)));
    drop(vault);
    let vault = Vault::open(&fs, dir, &key_file(home.path())).unwrap();
    assert!(matches!(vault.unseal(&sealed), Err(VaultError::Destroyed)));
    assert_ne!(vault.new_slot().unwrap(), slot, "a number is never used twice");
}

#[test]
fn a_wrong_or_missing_key_is_told() {
    let home = tempfile::tempdir().unwrap();
    let fs = FaultFs::new();
    let dir = Path::new("/memory");
    drop(Vault::open(&fs, dir, &passphrase("correct horse")).unwrap());
    drop(Vault::open(&fs, dir, &passphrase("correct horse")).unwrap());
    let wrong = Vault::open(&fs, dir, &passphrase("battery staple")).unwrap_err();
    assert!(matches!(wrong, VaultError::WrongKey { .. }), "{wrong}");
    assert!(!wrong.to_string().contains("battery"));
    let other = Vault::open(&fs, dir, &key_file(home.path())).unwrap_err();
    assert!(matches!(other, VaultError::WrongKey { .. }), "{other}");

    let dir = Path::new("/other");
    drop(Vault::open(&fs, dir, &key_file(home.path())).unwrap());
    let file = home.path().join("memory.key");
    std::fs::write(&file, "not a key").unwrap();
    assert!(matches!(Vault::open(&fs, dir, &key_file(home.path())), Err(VaultError::KeyFileInvalid { .. })));
    std::fs::remove_file(&file).unwrap();
    assert!(matches!(Vault::open(&fs, dir, &key_file(home.path())), Err(VaultError::KeyFileMissing { .. })));
    assert!(!file.exists(), "no new key in the place of a lost one");
}

#[test]
fn a_crash_while_keys_are_made_or_destroyed_costs_no_other() {
    let home = tempfile::tempdir().unwrap();
    let dir = Path::new("/memory");
    let prepared = || {
        let fs = FaultFs::new();
        let vault = Vault::open(&fs, dir, &key_file(home.path())).unwrap();
        let kept = vault.new_slot().unwrap();
        let doomed = vault.new_slot().unwrap();
        let sealed = vault.seal(kept, b"\x01kept").unwrap();
        (fs, vault, sealed, doomed)
    };
    for at in 0..4 {
        for kind in [FaultKind::CrashBefore, FaultKind::CrashAfter, FaultKind::Tear, FaultKind::Fail] {
            for crash in [Crash::ProcessOnly, Crash::LoseUnsynced, Crash::Torn(at)] {
                let (fs, vault, sealed, doomed) = prepared();
                fs.inject(Fault { at, kind });
                let _ = vault.destroy(doomed).and_then(|()| vault.new_slot());
                let fs = fs.crash(crash);
                let vault = Vault::open(&fs, dir, &key_file(home.path())).unwrap();
                assert_eq!(vault.unseal(&sealed).unwrap(), b"\x01kept");
                let fresh = vault.new_slot().unwrap();
                let again = vault.seal(fresh, b"\x02new").unwrap();
                assert_eq!(vault.unseal(&again).unwrap(), b"\x02new");
            }
        }
    }
}
