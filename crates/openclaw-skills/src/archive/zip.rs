//! ZIP archives. The central directory at the end says what is in one, and so does a header before each file; a reader may
//! believe either. Both must say the same, and the entries must fill the archive from its first byte to the directory.

use flate2::bufread::DeflateDecoder;
use rawzip::{
    CompressionMethod, CreatorSystem, ZipArchive, ZipFileHeaderRecord, ZipSliceArchive, ZipSliceEntry,
    extra_fields::ExtraFieldId,
};

use super::{ArchiveError, sink::Sink};

/// Kinds and bits of Unix modes.
const KIND: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
const FOLDER: u32 = 0o040_000;
const LINK: u32 = 0o120_000;
const SPECIAL_BITS: u32 = 0o7000;
/// The DOS attribute of folders.
const DOS_FOLDER: u32 = 0x10;
/// Where the end of a ZIP64 archive is pointed to, right before the end record.
const ZIP64_LOCATOR: (&[u8], usize) = (b"PK\x06\x07", 20);
const END: &[u8] = b"PK\x05\x06";
/// Which general purpose bits must be the same in both headers: encryption, the descriptor, UTF-8.
const SAME_FLAGS: u16 = 1 | 1 << 3 | 1 << 6 | 1 << 11 | 1 << 13;
/// An extra field with another name for the file.
const UNICODE_PATH: u16 = 0x7075;

pub(super) fn read(bytes: &[u8], sink: &mut Sink) -> Result<(), ArchiveError> {
    let damaged = |error| ArchiveError::damaged("its directory can't be read", error);
    let zip = ZipArchive::from_slice(bytes).map_err(damaged)?;
    check_ends(&zip, bytes)?;
    let mut extents = Vec::new();
    let mut entries = zip.entries();
    while let Some(record) = entries.next_entry().map_err(damaged)? {
        let path = std::str::from_utf8(record.file_path().as_bytes())
            .map_err(|error| ArchiveError::damaged("a path is not UTF-8", error))?;
        let entry = zip
            .get_entry(record.wayfinder())
            .map_err(|error| ArchiveError::damaged(format!("`{}` is cut off", path.escape_debug()), error))?;
        check(path, &record, &entry)?;
        extents.push(Extent::of(path, &record, &entry)?);
        if extents.len() as u64 > zip.entries_hint() {
            break;
        }
        unpack(path, &record, &entry, sink)?;
    }
    if extents.len() as u64 != zip.entries_hint() {
        return Err(ArchiveError::Ambiguous {
            reason: "its directory has another number of entries than it says",
        });
    }
    check_extents(extents, zip.directory_offset())
}

/// Nothing before or behind it, and one end only.
fn check_ends(zip: &ZipSliceArchive<&[u8]>, bytes: &[u8]) -> Result<(), ArchiveError> {
    let ambiguous = |reason| Err(ArchiveError::Ambiguous { reason });
    if zip.end_offset() != bytes.len() as u64 {
        return ambiguous("there is something behind its end");
    }
    if zip.comment().as_bytes().windows(END.len()).any(|part| part == END) {
        return ambiguous("its comment holds another end");
    }
    let (mark, before) = ZIP64_LOCATOR;
    let end = usize::try_from(zip.eocd_offset()).unwrap_or(usize::MAX);
    let locator = end.checked_sub(before).and_then(|start| bytes.get(start..));
    if locator.is_some_and(|rest| rest.starts_with(mark)) {
        return ambiguous("it is a ZIP64 archive, which none of this size needs to be");
    }
    Ok(())
}

/// An entry is a plain file or folder, and its two headers agree.
fn check(
    path: &str,
    record: &ZipFileHeaderRecord<'_>,
    entry: &ZipSliceEntry<'_>,
) -> Result<(), ArchiveError> {
    let refused = |reason| Err(ArchiveError::entry(path, reason));
    let flags = record.flags();
    if flags.is_encrypted() || flags.has_strong_encryption() || flags.is_masked() {
        return refused("it is encrypted");
    }
    let local = entry.local_header();
    let is_path = |(id, _): &(ExtraFieldId, &[u8])| id.as_u16() == UNICODE_PATH;
    // Behind a version and a checksum.
    let renames = |(_, field): (ExtraFieldId, &[u8])| field.get(5..) != Some(path.as_bytes());
    if record.extra_fields().filter(is_path).any(renames) || local.extra_fields().filter(is_path).any(renames)
    {
        return refused("an extra field gives it another path");
    }
    // Unix writers often leave the mark out, or use an extra field for it; elsewhere the bytes are in an older code page.
    let is_unix =
        matches!(record.version_made_by().creator_system(), CreatorSystem::UNIX | CreatorSystem::MACOS);
    let is_utf8 = flags.is_utf8() || is_unix || record.extra_fields().any(|field| is_path(&field));
    if !path.is_ascii() && !is_utf8 {
        return refused("its path is not ASCII and not marked as UTF-8");
    }
    if record.extra_fields().any(|(id, _)| id == ExtraFieldId::ZIP64) {
        return refused("it has ZIP64 sizes, which none here needs");
    }
    let sizes = (record.compressed_size_hint(), record.uncompressed_size_hint(), record.crc32());
    let local_sizes = (local.compressed_size_hint(), local.uncompressed_size_hint(), local.crc32());
    // With a descriptor behind it, the local header may leave them open.
    let are_same = sizes == local_sizes || flags.has_data_descriptor() && local_sizes == (0, 0, 0);
    if local.file_path().as_bytes() != path.as_bytes()
        || local.compression_method() != record.compression_method()
        || (local.flags().bits() ^ flags.bits()) & SAME_FLAGS != 0
        || !are_same
    {
        return refused("the archive says two things about it");
    }
    let mode = record.external_attributes() >> 16;
    let is_folder = path.ends_with('/');
    match mode & KIND {
        0 | REGULAR | FOLDER => {}
        LINK => return refused("it is a link"),
        _ => return refused("it is a device, a pipe or a socket"),
    }
    let says_folder = mode & KIND == FOLDER || record.external_attributes() & DOS_FOLDER != 0;
    if mode & KIND == REGULAR && is_folder || says_folder && !is_folder {
        return refused("it is a folder and a file at once");
    }
    if mode & SPECIAL_BITS != 0 {
        return refused("it has the setuid, setgid or sticky bit");
    }
    // Nothing, deflated, is two bytes.
    if is_folder && (record.uncompressed_size_hint() > 0 || record.compressed_size_hint() > 2) {
        return refused("it is a folder with content");
    }
    Ok(())
}

fn unpack(
    path: &str,
    record: &ZipFileHeaderRecord<'_>,
    entry: &ZipSliceEntry<'_>,
    sink: &mut Sink,
) -> Result<(), ArchiveError> {
    if let Some(folder) = path.strip_suffix('/') {
        return sink.folder(folder);
    }
    let executable = (record.external_attributes() >> 16) & 0o100 != 0;
    let mut packed = entry.data();
    match record.compression_method() {
        CompressionMethod::STORE => sink.file(path, executable, &mut entry.verifying_reader(packed)),
        CompressionMethod::DEFLATE => {
            let content = DeflateDecoder::new(&mut packed);
            sink.file(path, executable, &mut entry.verifying_reader(content))?;
            if packed.is_empty() {
                Ok(())
            } else {
                Err(ArchiveError::entry(path, "there is something behind its packed bytes"))
            }
        }
        _ => {
            Err(ArchiveError::entry(path, "it is packed in a way other than deflate; pack it with `zip -r`"))
        }
    }
}

/// Where an entry lies in the archive.
struct Extent {
    path: String,
    start: u64,
    end: u64,
    /// Whether up to 24 bytes of a descriptor follow, and at least 12.
    has_descriptor: bool,
}

impl Extent {
    fn of(
        path: &str,
        record: &ZipFileHeaderRecord<'_>,
        entry: &ZipSliceEntry<'_>,
    ) -> Result<Self, ArchiveError> {
        let has_descriptor = record.flags().has_data_descriptor();
        let descriptor = entry
            .data_descriptor()
            .map_err(|error| ArchiveError::damaged(format!("`{path}` has no descriptor"), error))?;
        if descriptor.is_some_and(|said| {
            (said.compressed_size(), said.uncompressed_size(), said.crc32())
                != (record.compressed_size_hint(), record.uncompressed_size_hint(), record.crc32())
        }) {
            return Err(ArchiveError::entry(path, "the archive says two things about it"));
        }
        let (start, end) = (record.local_header_offset(), entry.compressed_data_range().1);
        Ok(Self { path: path.to_owned(), start, end, has_descriptor })
    }
}

/// No byte belongs to two entries or to none.
fn check_extents(mut extents: Vec<Extent>, directory: u64) -> Result<(), ArchiveError> {
    openclaw_core::sort_by_key(&mut extents, |extent| extent.start);
    let starts: Vec<u64> = extents.iter().skip(1).map(|extent| extent.start).chain([directory]).collect();
    if extents.first().map_or(directory, |extent| extent.start) != 0 {
        return Err(ArchiveError::Ambiguous { reason: "there is something before its first entry" });
    }
    for (extent, next) in extents.iter().zip(starts) {
        let gap = next
            .checked_sub(extent.end)
            .ok_or_else(|| ArchiveError::entry(&extent.path, "another entry lies in it"))?;
        let is_filled = if extent.has_descriptor { (12..=24).contains(&gap) } else { gap == 0 };
        if !is_filled {
            return Err(ArchiveError::entry(&extent.path, "there is something behind it that is no entry"));
        }
    }
    Ok(())
}
