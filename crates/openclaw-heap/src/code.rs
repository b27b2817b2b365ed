//! Code that was needed once.

/// Lets go of the program's own code and constants as they lie in memory: what is used again is mapped again, from the page cache or
/// the file (`madvise` with `MADV_DONTNEED`, [madvise(2)](https://man7.org/linux/man-pages/man2/madvise.2.html)). The kernel maps
/// sixteen pages for each one that is touched, and a start touches a little nearly everywhere. Tells whether it was done; elsewhere
/// than under Linux with glibc it is not.
pub fn give_back_code() -> bool {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap_or_default();
        let mut given = false;
        for (begin, bytes) in untouched(&maps, give_back_code as *const () as usize) {
            #[expect(unsafe_code, reason = "the C library has no other way to say it")]
            // SAFETY: these pages belong to the program's own file, which stays mapped for as long as there is code that could call
            // this. They can't be written to, and none of them was ever changed, so that what the kernel maps in their place, when
            // one is touched again, is byte by byte the same.
            unsafe {
                let address = std::ptr::with_exposed_provenance_mut(begin);
                given |= libc::madvise(address, bytes, libc::MADV_DONTNEED) == 0;
            }
        }
        given
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    false
}

/// One mapping, as `/proc/self/smaps` tells of it.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
struct Mapping<'a> {
    begin: usize,
    end: usize,
    writable: bool,
    file: &'a str,
    /// Whether some page of it is a private copy in memory: changed by us, the loader or a debugger.
    anonymous: bool,
    /// Whether such a copy is swapped out.
    swapped: bool,
}

/// Address and size, in bytes, of the mappings that can't be written to and hold nothing but what stands in the file that `code` is from.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn untouched(smaps: &str, code: usize) -> Vec<(usize, usize)> {
    let mut mappings: Vec<Mapping<'_>> = Vec::new();
    for line in smaps.lines() {
        if let Some(mapping) = Mapping::parse(line) {
            mappings.push(mapping);
        } else if let (Some((what, size)), Some(mapping)) = (line.split_once(':'), mappings.last_mut()) {
            // A private copy is in memory, or swapped out.
            match what {
                "Anonymous" => mapping.anonymous = size.trim() != "0 kB",
                "Swap" => mapping.swapped = size.trim() != "0 kB",
                _ => {}
            }
        }
    }
    let ours = mappings.iter().find(|mapping| (mapping.begin..mapping.end).contains(&code));
    let Some(file) = ours.map(|mapping| mapping.file).filter(|file| file.starts_with('/')) else {
        return Vec::new();
    };
    let untouched = mappings.iter().filter(|mapping| {
        mapping.file == file && !(mapping.writable || mapping.anonymous || mapping.swapped)
    });
    untouched.map(|mapping| (mapping.begin, mapping.end - mapping.begin)).collect()
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
impl<'a> Mapping<'a> {
    /// `BEGIN-END PERMISSIONS OFFSET DEVICE INODE FILE`. What is not said to have no private copies counts as having some.
    fn parse(line: &'a str) -> Option<Self> {
        let (range, rest) = line.split_once(' ')?;
        let (begin, end) = range.split_once('-')?;
        let hex = |digits| usize::from_str_radix(digits, 16).ok();
        let file = rest.splitn(5, ' ').nth(4).map_or("", str::trim);
        let writable = rest.split(' ').next()?.contains('w');
        Some(Self { begin: hex(begin)?, end: hex(end)?, writable, file, anonymous: true, swapped: true })
    }
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_in_the_file_is_given_back() {
        let mapping = |range: &str, permissions: &str, file: &str, anonymous: u8, swap: u8| {
            format!(
                "{range} {permissions} 00000000 08:01 42    {file}\nRss: 8 kB\nAnonymous:    {anonymous} kB\nSwap: {swap} kB\nVmFlags: rd\n"
            )
        };
        let smaps = [
            mapping("1000-3000", "r--p", "/usr/bin/gate way", 0, 0),
            mapping("3000-7000", "r-xp", "/usr/bin/gate way", 0, 0),
            mapping("7000-7800", "r--p", "/usr/bin/gate way", 4, 0),
            mapping("7800-8000", "r--p", "/usr/bin/gate way", 0, 4),
            mapping("8000-9000", "rw-p", "/usr/bin/gate way", 0, 0),
            mapping("9000-a000", "r-xp", "/usr/lib/libc.so.6", 0, 0),
            mapping("a000-b000", "r-xp", "", 0, 0),
        ]
        .concat();
        assert_eq!(untouched(&smaps, 0x4000), [(0x1000, 0x2000), (0x3000, 0x4000)]);
        for code in [0xa800, 0xc000] {
            assert!(untouched(&smaps, code).is_empty());
        }
        // An end in the middle says nothing of the last one.
        assert_eq!(untouched(&smaps[..smaps.find("3000-7000").unwrap() + 60], 0x1000), [(0x1000, 0x2000)]);
    }

    #[test]
    fn what_is_given_back_is_mapped_again() {
        let resident = || {
            let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("RssFile:")).unwrap_or_default();
            line.trim().trim_end_matches(" kB").parse::<usize>().unwrap_or_default()
        };
        // Read all of it, as a start does; a test's program is about a megabyte.
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let code = untouched(&maps, give_back_code as *const () as usize);
        assert!(!code.is_empty());
        let before = resident();
        assert!(give_back_code());
        let after = resident();
        assert!(after + 100 < before, "{before} kB, then {after} kB");
        assert_eq!(format!("{}", f64::from(7_u8).sqrt()), "2.6457513110645907");
    }
}
