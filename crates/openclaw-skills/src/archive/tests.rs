use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};

use proptest::prelude::*;
use tempfile::TempDir;

use super::{build::*, *};
use crate::lock::sha256_hex;

const SKILL: &str = "---\nname: x\n---\n";

/// Unpacks into a folder beside which a canary lies; what is unpacked must stay inside.
fn try_unpack(bytes: &[u8], bounds: &ArchiveBounds) -> (TempDir, Result<Tree, ArchiveError>) {
    let dir = tempfile::tempdir().unwrap();
    let dest = dir.path().join("dest");
    fs::create_dir(&dest).unwrap();
    fs::write(dir.path().join("canary"), "alive").unwrap();
    let tree = unpack(bytes, &dest, bounds);
    let beside: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(beside.len(), 2, "{beside:?}");
    assert_eq!(fs::read_to_string(dir.path().join("canary")).unwrap(), "alive");
    (dir, tree)
}

fn refusal(bytes: &[u8]) -> String {
    let (_dir, tree) = try_unpack(bytes, &ArchiveBounds::default());
    tree.expect_err("it was unpacked").to_string()
}

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn both_kinds_give_the_same_files() {
    let entries = [
        Zipped::new("scripts/", "").with(|entry| entry.mode = 0o040_700),
        Zipped::new("SKILL.md", SKILL),
        Zipped::new("scripts/run.sh", "echo").with(|entry| entry.mode = 0o100_777),
        Zipped::new("data/a/b.txt", "").with(|entry| entry.method = 0),
        Zipped::new("文.md", "x").with(|entry| {
            // As Info-ZIP marks UTF-8.
            entry.extra = [b"\x75\x70\x0b\0\x01\0\0\0\0", "文.md".as_bytes()].concat();
            entry.flags = 8;
        }),
    ];
    let tar = [
        tarred(b"./", b'5', 0o755, b""),
        tarred(b"./scripts/", b'5', 0o700, b""),
        tarred(b"./SKILL.md", b'0', 0o600, SKILL.as_bytes()),
        tarred(b"pax_global_header", b'g', 0o644, &attribute("comment", "0123")),
        tarred(b"scripts/run.sh", b'\0', 0o777, b"echo"),
        tarred(
            b"x",
            b'x',
            0o644,
            &[attribute("mtime", "1.5"), attribute("path", "data/a/b.txt"), attribute("size", "0")].concat(),
        ),
        tarred(b"data/a/other", b'0', 0o644, b""),
        tarred(b"././@LongLink", b'L', 0o644, "./文.md\0".as_bytes()),
        tarred(b"cut", b'0', 0o644, b"x"),
    ];
    for bytes in [zip_with(&entries, b"0123"), tar_gz(&tar)] {
        let (dir, tree) = try_unpack(&bytes, &ArchiveBounds::default());
        let tree = tree.unwrap();
        assert_eq!(tree.root, dir.path().join("dest"));
        let paths: Vec<_> = tree.files.keys().map(String::as_str).collect();
        assert_eq!(paths, ["SKILL.md", "data/a/b.txt", "scripts/run.sh", "文.md"]);
        let run = &tree.files["scripts/run.sh"];
        assert_eq!((run.sha256.as_str(), run.bytes, run.executable), (sha256_hex(b"echo").as_str(), 4, true));
        assert_eq!(fs::read_to_string(tree.root.join("SKILL.md")).unwrap(), SKILL);
        assert_eq!(mode_of(&tree.root.join("SKILL.md")), 0o644);
        assert_eq!(mode_of(&tree.root.join("scripts/run.sh")), 0o755);
        assert_eq!(mode_of(&tree.root.join("scripts")), 0o755);
        assert_eq!(mode_of(&tree.root.join("data/a")), 0o755);
    }
}

#[test]
fn a_folder_alone_at_the_top_is_the_skill() {
    let files = [("weather-1.2.0/SKILL.md", SKILL), ("weather-1.2.0/lib/a.py", "a")];
    for bytes in [zip_of(&files), tar_gz_of(&files)] {
        let (dir, tree) = try_unpack(&bytes, &ArchiveBounds::default());
        let tree = tree.unwrap();
        assert_eq!(tree.root, dir.path().join("dest/weather-1.2.0"));
        assert_eq!(tree.files.keys().collect::<Vec<_>>(), ["SKILL.md", "lib/a.py"]);
    }
    let (dir, tree) = try_unpack(&zip_of(&[("a/SKILL.md", SKILL), ("b/x", "")]), &ArchiveBounds::default());
    assert_eq!(tree.unwrap().root, dir.path().join("dest"));
}

/// Paths that no archive may have, with a word of the reason.
const BAD_PATHS: &[(&str, &str)] = &[
    ("../evil", "leads up"),
    ("a/../../evil", "leads up"),
    ("a/..", "leads up"),
    ("a/./b", "leads up"),
    ("/etc/evil", "absolute"),
    ("//evil", "absolute"),
    ("a//b", "empty"),
    ("..\\evil", "backslash"),
    ("a\\b", "backslash"),
    ("C:/evil", "colon"),
    ("c:evil", "colon"),
    ("file.txt:stream", "colon"),
    ("a\nb", "control"),
    ("a\u{7f}b", "control"),
    ("a\u{85}b", "control"),
    ("cod\u{202e}gpj.exe", "control"),
    ("zero\u{200b}width", "control"),
    ("CON", "device"),
    ("a/nul.txt", "device"),
    ("com1.tar.gz", "device"),
    ("LPT9", "device"),
    ("a./b", "dot or a space"),
    ("a /b", "dot or a space"),
    ("a/...", "dot or a space"),
];

#[test]
fn paths_that_lead_elsewhere_are_refused() {
    for (path, reason) in BAD_PATHS {
        for bytes in [zip_of(&[(path, "x")]), tar_gz_of(&[(path, "x")])] {
            let error = refusal(&bytes);
            assert!(error.contains(reason), "{path:?}: {error}");
            assert!(!error.contains(|c: char| c.is_control()), "{error:?}");
        }
        let long =
            [tarred(b"././@LongLink", b'L', 0o644, path.as_bytes()), tarred(b"good", b'0', 0o644, b"x")];
        assert!(refusal(&tar_gz(&long)).contains(reason), "{path:?}");
        let pax = [tarred(b"h", b'x', 0o644, &attribute("path", path)), tarred(b"good", b'0', 0o644, b"x")];
        assert!(refusal(&tar_gz(&pax)).contains(reason), "{path:?}");
    }
    for bytes in [zip_of(&[("", "x")]), tar_gz_of(&[("", "x")]), tar_gz_of(&[("./", "x")])] {
        assert!(refusal(&bytes).contains("no name"), "{}", refusal(&bytes));
    }
    // What lies behind a NUL is never seen in a ZIP by programs in C.
    assert!(refusal(&zip_of(&[("SKILL.md\0.txt", "x")])).contains("control"));
    assert!(refusal(&zip(&[Zipped::new(b"\xff\xfe", "x")])).contains("UTF-8"));
    assert!(refusal(&tar_gz(&[tarred(b"\xff\xfe", b'0', 0o644, b"x")])).contains("UTF-8"));
}

#[test]
fn paths_that_are_the_same_somewhere_are_refused_together() {
    let table: &[(&str, &str, &str)] = &[
        ("run.sh", "run.sh", "two entries"),
        ("run.sh", "RUN.sh", "case"),
        ("Docs/a", "docs/b", "case"),
        ("é.md", "e\u{301}.md", "case"),
        ("straße", "STRASSE", "case"),
        ("\u{212a}", "k", "case"),
        ("\u{fb01}le", "file", "case"),
        ("a", "a/b", "used as a folder"),
        ("a", "A/b", "used as a folder"),
        ("a/b", "a", "folder and a file"),
    ];
    for (first, second, reason) in table {
        let files = [(*first, "1"), (*second, "2")];
        for bytes in [zip_of(&files), tar_gz_of(&files)] {
            assert!(refusal(&bytes).contains(reason), "{files:?}: {}", refusal(&bytes));
        }
    }
}

#[test]
fn only_plain_files_and_folders_are_taken() {
    for (mode, reason) in [
        (0o120_777, "link"),
        (0o010_644, "device"),
        (0o020_644, "device"),
        (0o060_644, "device"),
        (0o140_644, "device"),
        (0o104_755, "setuid"),
        (0o102_755, "setuid"),
        (0o101_755, "setuid"),
        (0o040_755, "folder and a file"),
    ] {
        let bytes = zip(&[Zipped::new("a", "/etc/passwd").with(|entry| entry.mode = mode)]);
        assert!(refusal(&bytes).contains(reason), "{mode:o}: {}", refusal(&bytes));
    }
    let folder = zip(&[Zipped::new("a/", "x").with(|entry| (entry.method, entry.mode) = (0, 0o040_755))]);
    assert!(refusal(&folder).contains("folder with content"));
    let plain = zip(&[Zipped::new("a/", "").with(|entry| (entry.method, entry.mode) = (0, 0o100_644))]);
    assert!(refusal(&plain).contains("folder and a file"));
    for (kind, reason) in [
        (b'1', "link"),
        (b'2', "link"),
        (b'K', "link"),
        (b'3', "device"),
        (b'4', "device"),
        (b'6', "device"),
        (b'7', "neither"),
        (b'S', "sparse"),
        (b'D', "neither"),
        (b'V', "neither"),
    ] {
        let bytes = tar_gz(&[tarred(b"a", kind, 0o644, b"")]);
        assert!(refusal(&bytes).contains(reason), "{}: {}", char::from(kind), refusal(&bytes));
    }
    for mode in [0o4755, 0o2755, 0o1755] {
        assert!(refusal(&tar_gz(&[tarred(b"a", b'0', mode, b"")])).contains("setuid"));
        assert!(refusal(&tar_gz(&[tarred(b"a", b'5', mode, b"")])).contains("setuid"));
    }
    // A link first, then a file through it.
    let through = [tarred(b"a", b'2', 0o777, b""), tarred(b"a/evil", b'0', 0o644, b"x")];
    assert!(refusal(&tar_gz(&through)).contains("link"));
}

#[test]
fn zip_headers_that_disagree_are_refused() {
    let one = || Zipped::new("SKILL.md", "hello");
    let unicode_path = [0x75, 0x70, 9, 0, 1, 0, 0, 0, 0, b'e', b'v', b'i', b'l'];
    let zip64 = [1, 0, 8, 0, 5, 0, 0, 0, 0, 0, 0, 0];
    let table: Vec<(&str, Zipped)> = vec![
        ("two things", one().with(|entry| entry.local_path = Some(b"../evil!".to_vec()))),
        ("two things", one().with(|entry| entry.local_size = Some(4))),
        ("two things", one().with(|entry| entry.local_method = Some(0))),
        ("extra field", one().with(|entry| entry.extra = unicode_path.to_vec())),
        ("ZIP64", one().with(|entry| entry.extra = zip64.to_vec())),
        ("encrypted", one().with(|entry| entry.flags |= 1)),
        ("encrypted", one().with(|entry| entry.flags |= 1 << 6)),
        ("encrypted", one().with(|entry| entry.flags |= 1 << 13)),
        ("not ASCII", Zipped::new("é", "x").with(|entry| (entry.flags, entry.creator) = (0, 0))),
        ("other than deflate", one().with(|entry| entry.method = 12)),
        ("can't be read", one().with(|entry| entry.crc = Some(1))),
        ("can't be read", one().with(|entry| entry.size = Some(6))),
        ("can't be read", one().with(|entry| entry.packed = Some(b"\xff\xff\xff".to_vec()))),
        (
            "behind its packed",
            one().with(|entry| entry.packed = Some([&deflate(b"hello")[..], b"more"].concat())),
        ),
        ("no entry", one().with(|entry| entry.behind = b"hidden".to_vec())),
    ];
    for (reason, entry) in table {
        let error = refusal(&zip(&[entry]));
        assert!(error.contains(reason), "{reason}: {error}");
    }
}

#[test]
fn zip_entries_fill_the_archive_and_do_not_overlap() {
    let entries = [Zipped::new("a", "1"), Zipped::new("b", "2")];
    let good = zip(&entries);
    let shared = [Zipped::new("a", "1"), Zipped::new("a", "1").with(|entry| entry.offset = Some(0))];
    assert!(refusal(&zip(&shared)).contains("two entries"), "{}", refusal(&zip(&shared)));
    // Two directory entries for the bytes of one: the local name is right for one of them only.
    let quine = [Zipped::new("a", "1"), Zipped::new("b", "1").with(|entry| entry.offset = Some(0))];
    assert!(refusal(&zip(&quine)).contains("two things"));
    // An entry that is stored, and holds another entry.
    let inner = zip_of(&[("b", "2")]);
    let outer = Zipped::new("a", &inner).with(|entry| entry.method = 0);
    let inside = Zipped::new("b", "2").with(|entry| entry.offset = Some(31));
    assert!(refusal(&zip(&[outer, inside])).contains("another entry lies in it"));

    assert!(refusal(&[&good[..], b"more"].concat()).contains("behind its end"));
    assert!(refusal(&[&b"PK\x03\x04"[..], &good].concat()).contains("before its first"));
    assert!(refusal(&[&good[..], &good[..]].concat()).contains("directory can't be read"));
    let commented = zip_with(&entries, &[b"PK\x05\x06", &[0; 18][..]].concat());
    let error = refusal(&commented);
    assert!(error.contains("archive"), "{error}");
    // The count in the end record.
    let mut miscounted = good.clone();
    let end = miscounted.len() - 22;
    miscounted[end + 10] = 1;
    assert!(refusal(&miscounted).contains("number of entries"), "{}", refusal(&miscounted));
    miscounted[end + 10] = 3;
    assert!(refusal(&miscounted).contains("number of entries"));
    // A ZIP64 locator before the end.
    let mut zip64 = good[..end].to_vec();
    zip64.extend([b"PK\x06\x07", &[0; 16][..]].concat());
    zip64.extend(&good[end..]);
    assert!(refusal(&zip64).contains("ZIP64"), "{}", refusal(&zip64));
    assert!(refusal(&zip(&[])).contains("no files"));
    for length in 0..good.len() {
        refusal(&good[..length]);
    }
}

#[test]
fn tar_extensions_can_not_make_another_archive_of_it() {
    let file = || tarred(b"a", b'0', 0o644, b"x");
    let x = |records: &[Vec<u8>]| tarred(b"h", b'x', 0o644, &records.concat());
    let long = || tarred(b"././@LongLink", b'L', 0o644, b"b\0");
    let table: Vec<(&str, Vec<Vec<u8>>)> = vec![
        ("given twice", vec![x(&[attribute("path", "b")]), long(), file()]),
        ("given twice", vec![long(), long(), file()]),
        ("given twice", vec![x(&[]), x(&[]), file()]),
        ("change what", vec![x(&[attribute("path", "b"), attribute("path", "c")]), file()]),
        ("two sizes", vec![x(&[attribute("size", "0")]), file()]),
        ("two sizes", vec![x(&[attribute("size", "-1")]), file()]),
        ("change what", vec![x(&[attribute("size", "1"), attribute("size", "1")]), file()]),
        ("change what", vec![x(&[attribute("linkpath", "/etc")]), file()]),
        ("change what", vec![x(&[attribute("GNU.sparse.name", "b")]), file()]),
        ("global", vec![tarred(b"g", b'g', 0o644, &attribute("path", "b")), file()]),
        ("global", vec![tarred(b"g", b'g', 0o644, &attribute("size", "0")), file()]),
        ("can't be read", vec![tarred(b"h", b'x', 0o644, b"99 path=b\n"), file()]),
        ("can't be read", vec![tarred(b"h", b'x', 0o644, b"+9 path=b\n"), file()]),
        ("can't be read", vec![tarred(b"h", b'x', 0o644, b"3 a"), file()]),
        ("can't be read", vec![tarred(b"h", b'x', 0o644, b"0 =\n"), file()]),
        ("an entry should come", vec![file(), long()]),
        ("long path or attributes", vec![tarred(b"L", b'L', 0o644, &[b'a'; 600]), file()]),
        ("long path or attributes", vec![tarred(b"h", b'x', 0o644, &[b'a'; 70_000]), file()]),
        ("too long", vec![tarred(b"L", b'L', 0o644, &[b'a'; 300]), file()]),
    ];
    for (reason, entries) in table {
        let error = refusal(&tar_gz(&entries));
        assert!(error.contains(reason), "{reason}: {error}");
    }
    let mut wrong_sum = file();
    wrong_sum[0] = b'b';
    assert!(refusal(&tar_gz(&[wrong_sum])).contains("damaged"));
    assert!(refusal(&gzip(&file()[..700])).contains("can't be read"));
    // Behind the end: in the tar archive, in the gzip file, and as a second gzip member.
    assert!(
        refusal(&tar_gz(&[file(), vec![0; 1024], tarred(b"b", b'0', 0o644, b"x")]))
            .contains("behind its end")
    );
    assert!(refusal(&[&tar_gz(&[file()])[..], b"more"].concat()).contains("behind its end"));
    assert!(refusal(&[tar_gz(&[file()]), tar_gz(&[file()])].concat()).contains("behind its end"));
    let good = tar_gz(&[file()]);
    for length in 0..good.len() {
        refusal(&good[..length]);
    }
    let mut bad_crc = good;
    let crc = bad_crc.len() - 8;
    bad_crc[crc] ^= 1;
    assert!(refusal(&bad_crc).contains("damaged"));
}

#[test]
fn every_bound_is_kept() {
    let small =
        ArchiveBounds { archive: 4096, total: 100, file: 60, files: 3, depth: 3, path: 20, ratio: 200 };
    let numbered: Vec<_> = (0..4).map(|number| (format!("{number}"), "x")).collect();
    let many: Vec<(&str, &str)> = numbered.iter().map(|(path, content)| (path.as_str(), *content)).collect();
    let sixty = "y".repeat(60);
    let sixty_one = "y".repeat(61);
    let folders: Vec<_> =
        (0..7).map(|number| tarred(format!("{number}").as_bytes(), b'5', 0o755, b"")).collect();
    let table: Vec<(&str, Vec<u8>)> = vec![
        ("the archive has more than 4096 bytes", vec![0; 4097]),
        ("a file of the archive has more than 60 bytes", zip_of(&[("a", &sixty_one)])),
        ("a file of the archive has more than 60 bytes", tar_gz_of(&[("a", &sixty_one)])),
        ("unpacks to has more than 100 bytes", zip_of(&[("a", &sixty), ("b", &sixty)])),
        ("unpacks to has more than 100 bytes", tar_gz_of(&[("a", &sixty), ("b", &sixty)])),
        ("more than 3 files", zip_of(&many)),
        ("more than 3 files", tar_gz_of(&many)),
        ("more than 6 files and folders", tar_gz(&folders)),
        ("too deep", zip_of(&[("a/b/c/d", "")])),
        ("too long", zip_of(&[("abcdefghijklmnopqrstu", "")])),
    ];
    for (reason, bytes) in table {
        let error = try_unpack(&bytes, &small).1.unwrap_err().to_string();
        assert!(error.contains(reason), "{reason}: {error}");
    }
    assert!(try_unpack(&zip_of(&[("a/b/c", &sixty)]), &small).1.is_ok());
}

#[test]
fn bombs_are_stopped_while_they_unpack() {
    let zeros = vec![0; 15 << 20];
    let bytes = zip(&[Zipped::new("zeros", &zeros)]);
    assert!(bytes.len() < 1 << 15);
    assert!(refusal(&bytes).contains("bomb"));
    assert!(refusal(&tar_gz(&[tarred(b"zeros", b'0', 0o644, &zeros)])).contains("bomb"));
    // What a header says does not matter: this one says that it is small.
    let liar = Zipped::new("zeros", &zeros).with(|entry| entry.size = Some(10));
    assert!(refusal(&zip(&[liar])).contains("zeros"));
    // One that is not read into a file.
    let bounds = ArchiveBounds { total: 1 << 20, files: 10, ..ArchiveBounds::default() };
    let hidden = tar_gz(&[tarred(b"a", b'0', 0o644, b"x"), vec![0; 4 << 20]]);
    let error = try_unpack(&hidden, &bounds).1.unwrap_err();
    assert!(error.to_string().contains("damaged"), "{error}");
}

#[test]
fn other_kinds_are_told_apart() {
    for bytes in [&b""[..], b"PK", b"BZh9", b"\xfd7zXZ\0", b"ustar", b"<html>", b"\x1f\x8b\x07"] {
        assert!(refusal(bytes).contains("neither a ZIP"));
    }
}

#[test]
fn nothing_that_exists_is_written_over() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("target"), "mine").unwrap();
    let dest = dir.path().join("dest");
    fs::create_dir(&dest).unwrap();
    std::os::unix::fs::symlink(dir.path().join("target"), dest.join("a")).unwrap();
    std::os::unix::fs::symlink(dir.path(), dest.join("b")).unwrap();
    for path in ["a", "b/c"] {
        let error = unpack(&zip_of(&[(path, "x")]), &dest, &ArchiveBounds::default()).unwrap_err();
        assert!(error.is_io(), "{error}");
    }
    assert_eq!(fs::read_to_string(dir.path().join("target")).unwrap(), "mine");
    assert!(!dir.path().join("c").exists());
    assert_eq!(fs::metadata(dir.path().join("target")).unwrap().nlink(), 1);
    // Nor is a link followed in place of the folder itself.
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&dest, &link).unwrap();
    assert!(unpack(&zip_of(&[("z", "x")]), &link, &ArchiveBounds::default()).unwrap_err().is_io());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn damage_never_leads_out(edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), is_zip: bool) {
        let files = [("weather/SKILL.md", SKILL), ("weather/run.sh", "echo"), ("weather/a/b", "c")];
        let mut bytes = if is_zip { zip_of(&files) } else { tar_gz_of(&files) };
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        try_unpack(&bytes, &ArchiveBounds::default()).1.ok();
    }

    #[test]
    fn no_path_leads_out(path in "(\\.\\./|/|a|\\.|\\\\|C:|\u{301}|é|\n|//){0,6}", tar: bool) {
        let bytes = if tar { tar_gz_of(&[(&path, "x")]) } else { zip_of(&[(&path, "x")]) };
        if let (dir, Ok(tree)) = try_unpack(&bytes, &ArchiveBounds::default()) {
            prop_assert!(!path.split('/').any(|part| part == ".."));
            prop_assert!(tree.root.starts_with(dir.path()));
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400), start in 0..3_usize) {
        let start = [&b"PK\x03\x04"[..], b"PK\x05\x06", b"\x1f\x8b\x08"][start];
        let dir = tempfile::tempdir().unwrap();
        fuzz(&[start, &bytes].concat(), dir.path());
    }

    #[test]
    fn any_tar_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        try_unpack(&gzip(&bytes), &ArchiveBounds::default()).1.ok();
    }
}
