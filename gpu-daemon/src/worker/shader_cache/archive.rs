//! Archive of small files: for each the name's length, the contents' length, the name, the contents.
//!
//! Only workers parse archives, in their jails. An archive may be from a compromised worker of the same tenant: names must
//! lead to paths below the folder, and lengths are checked against the remaining bytes.

use std::path::{Component, Path};

/// Start of an archive; the number is the format's version.
const MAGIC: &[u8] = b"airlock shaders 1\n";
/// Maximum bytes of a name.
const MAX_NAME: usize = 512;
/// Bytes before each name: the name's length in two bytes, the contents' in four, little-endian.
const PREFIX: usize = 6;
/// Maximum number of files in an archive.
pub const MAX_FILES: usize = 8192;

/// An archive under construction.
#[derive(Debug)]
pub struct Archive {
    bytes: Vec<u8>,
    files: usize,
    room: usize,
}

impl Archive {
    /// Creates an empty archive; `room` is its maximum length in bytes.
    pub fn new(room: usize) -> Self {
        Self { bytes: MAGIC.to_vec(), files: 0, room }
    }

    /// True if there is room for a file of this name and length.
    pub fn has_room(&self, name: &str, length: u64) -> bool {
        let needed =
            usize::try_from(length).ok().and_then(|length| length.checked_add(PREFIX)?.checked_add(name.len()));
        let needed = needed.and_then(|needed| needed.checked_add(self.bytes.len()));
        is_name(name) && self.files < MAX_FILES && needed.is_some_and(|needed| needed <= self.room)
    }

    /// Adds a file; returns false if there is no room.
    pub fn add(&mut self, name: &str, contents: &[u8]) -> bool {
        let (Ok(short), Ok(long)) = (u16::try_from(name.len()), u32::try_from(contents.len())) else { return false };
        if !self.has_room(name, contents.len() as u64) {
            return false;
        }
        self.bytes.extend(short.to_le_bytes());
        self.bytes.extend(long.to_le_bytes());
        self.bytes.extend(name.as_bytes());
        self.bytes.extend(contents);
        self.files = self.files.saturating_add(1);
        true
    }

    /// Number of files.
    pub fn files(&self) -> usize {
        self.files
    }

    /// The encoded archive.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Parses an archive into names and contents, up to the first error.
pub fn files(archive: &[u8]) -> Vec<(&str, &[u8])> {
    let mut found = Vec::new();
    let Some(mut rest) = archive.strip_prefix(MAGIC) else { return found };
    while let Some((name, contents, after)) = next(rest).filter(|_| found.len() < MAX_FILES) {
        found.push((name, contents));
        rest = after;
    }
    found
}

fn next(bytes: &[u8]) -> Option<(&str, &[u8], &[u8])> {
    let (short, rest) = bytes.split_first_chunk::<2>()?;
    let (long, rest) = rest.split_first_chunk::<4>()?;
    let (name, rest) = rest.split_at_checked(u16::from_le_bytes(*short).into())?;
    let (contents, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*long)).ok()?)?;
    let name = std::str::from_utf8(name).ok().filter(|name| is_name(name))?;
    Some((name, contents, rest))
}

/// True for a relative path without `..`, of valid length.
fn is_name(name: &str) -> bool {
    let steps_down = Path::new(name).components().all(|step| matches!(step, Component::Normal(_)));
    !name.is_empty() && name.len() <= MAX_NAME && steps_down && !name.contains('\0') && !name.ends_with('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = Archive::new(1 << 20);
        for (name, contents) in files {
            assert!(archive.add(name, contents), "{name}");
        }
        archive.bytes().to_vec()
    }

    #[test]
    fn files_come_out_as_they_went_in() {
        let some: [(&str, &[u8]); 3] = [("a/b", b"one"), ("c", b""), ("d/e/f.bin", &[0; 1000])];
        assert_eq!(files(&of(&some)), some);
        assert!(files(&of(&[])).is_empty());
        assert!(files(b"").is_empty() && files(b"something else").is_empty());
    }

    /// A truncated archive, or one with a byte changed, parses to fewer or other files, never beyond its bytes.
    #[test]
    fn damage_costs_files_and_nothing_else() {
        let whole = of(&[("a/b", b"one"), ("c", b"two")]);
        for cut in 0..whole.len() {
            assert!(files(&whole[..cut]).len() < 2, "{cut}");
        }
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0xff;
            for (name, contents) in files(&damaged) {
                assert!(is_name(name) && contents.len() < whole.len());
            }
        }
    }

    #[test]
    fn a_name_leads_down() {
        for name in ["../a", "/a", "a/../../b", "", ".", "a/", "a\0b", &"x".repeat(MAX_NAME + 1)] {
            assert!(!Archive::new(1 << 20).add(name, b""), "{name:?}");
            let mut bytes = MAGIC.to_vec();
            bytes.extend((name.len() as u16).to_le_bytes());
            bytes.extend(0_u32.to_le_bytes());
            bytes.extend(name.as_bytes());
            assert!(files(&bytes).is_empty(), "{name:?}");
        }
    }

    #[test]
    fn it_does_not_outgrow_its_room() {
        let mut archive = Archive::new(MAGIC.len() + PREFIX + 1 + 10);
        assert!(!archive.add("a", &[0; 11]));
        assert!(archive.add("a", &[0; 10]));
        assert!(!archive.add("b", b""));
        assert_eq!(archive.files(), 1);
    }
}
