//! The output of tools: under another name until it is complete, so that half a file cannot be taken for the result,
//! and never through a symbolic link or into anything but a regular file. A folder of traces may be untrusted, and a
//! link in it could make a tool write to any file of its user.
#![allow(clippy::disallowed_methods)]

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
    process,
};

/// A file under construction. Dropping it removes the unfinished file.
#[derive(Debug)]
pub struct Output {
    path: PathBuf,
    temporary: Option<PathBuf>,
}

impl Output {
    /// Begins a file. An existing file is replaced when this one is whole; a link, a device, a pipe or a folder is left
    /// as it is, and is an error.
    pub fn create(path: &Path) -> io::Result<(Self, File)> {
        let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it has no name"))?;
        check(path)?;
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}.part", process::id()));
        let temporary = path.with_file_name(hidden);
        // A link of this name is not followed either: the call creates a file or fails.
        let file = OpenOptions::new().write(true).create_new(true).open(&temporary)?;
        Ok((Self { path: path.to_owned(), temporary: Some(temporary) }, file))
    }

    /// Writes a whole file.
    pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
        let (output, mut file) = Self::create(path)?;
        file.write_all(bytes)?;
        output.commit()
    }

    /// Opens a file that must have its name from its first byte on, because the process may end before it could rename
    /// it: a recording. An existing file is emptied. The last part of the path must not be a link, except one that the
    /// system makes for a descriptor of this process (`/dev/stdout`, `/dev/fd/3`), whose pipe may be written to.
    ///
    /// The file stays locked until it is closed. A file that another recording has locked is an error, and is left as
    /// it is.
    pub fn in_place(path: &Path) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create(true);
        if !is_descriptor(path) {
            refuse_links(&mut options);
        }
        let file = options.open(path)?;
        if file.metadata()?.is_file() {
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(io::Error::new(io::ErrorKind::ResourceBusy, "another recording is writing it"));
                }
                // A file system without locks, as some networks have: the user must keep two recordings apart there.
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
            file.set_len(0)?;
        }
        Ok(file)
    }

    /// Creates a file that is opened in place later. An existing one is left as it is.
    pub fn touch(path: &Path) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        if !is_descriptor(path) {
            refuse_links(&mut options);
        }
        options.open(path).map(drop)
    }

    /// Renames the whole file to its final name. A link that has been created there meanwhile is replaced, not
    /// followed.
    pub fn commit(mut self) -> io::Result<()> {
        match &self.temporary {
            Some(temporary) => fs::rename(temporary, &self.path)?,
            None => return Ok(()),
        }
        self.temporary = None;
        Ok(())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // Where it cannot be removed, its name shows that it is unfinished.
            let _ = fs::remove_file(temporary);
        }
    }
}

/// A budget of bytes for a tool's output, where the input decides its length: a compressed file may hold a thousand
/// times its length.
#[derive(Clone, Copy, Debug)]
pub struct Budget(u64);

impl Budget {
    /// Bytes for a file of any length.
    pub const ANY: u64 = 64 << 20;
    /// Bytes for each byte of the file.
    pub const PER_BYTE: u64 = 32;

    /// A budget of `bytes` bytes.
    pub fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// A budget in proportion to a file.
    pub fn of(file_length: u64) -> Self {
        Self(file_length.saturating_mul(Self::PER_BYTE).saturating_add(Self::ANY))
    }

    /// Takes `bytes` from the budget; false, and none taken, when fewer are left.
    pub fn take(&mut self, bytes: usize) -> bool {
        match self.0.checked_sub(bytes as u64) {
            Some(left) => {
                self.0 = left;
                true
            }
            None => false,
        }
    }
}

/// Fails where the path exists and is not a regular file.
fn check(path: &Path) -> io::Result<()> {
    let what = match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => return Ok(()),
        Ok(found) if found.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(found) if found.is_symlink() => "it is a symbolic link, which is not followed",
        Ok(_) => "it is there and is no file",
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, what))
}

/// True when a path names a descriptor of this process.
fn is_descriptor(path: &Path) -> bool {
    ["/dev/fd", "/proc/self/fd"].iter().any(|folder| path.parent() == Some(Path::new(folder)))
        || ["/dev/stdout", "/dev/stderr"].iter().any(|stream| path == Path::new(stream))
}

#[cfg(unix)]
fn refuse_links(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
}

#[cfg(not(unix))]
fn refuse_links(_: &mut OpenOptions) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_files_have_their_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let (output, mut file) = Output::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        assert!(!path.exists());
        drop(output);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        Output::write(&path, b"whole").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        Output::write(&path, b"again").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"again");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    #[cfg(unix)]
    fn links_and_devices_are_not_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        fs::write(&target, b"mine").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(Output::create(&link).unwrap_err().to_string().contains("symbolic link"));
        assert!(Output::in_place(&link).is_err());
        assert!(Output::create(folder.path()).is_err());
        assert!(Output::create(Path::new("/dev/null")).is_err());
        // A link that is created during the write is replaced.
        let path = folder.path().join("out");
        let (output, mut file) = Output::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        std::os::unix::fs::symlink(&target, &path).unwrap();
        output.commit().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"mine");
        assert!(!fs::symlink_metadata(&path).unwrap().is_symlink());
        Output::in_place(&path).unwrap().write_all(b"x").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"x");
        Output::in_place(Path::new("/dev/null")).unwrap();
    }

    #[test]
    fn a_file_that_is_recorded_to_is_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace");
        let mut first = Output::in_place(&path).unwrap();
        first.write_all(b"first").unwrap();
        let second = Output::in_place(&path).unwrap_err();
        assert!(second.to_string().contains("another recording"), "{second}");
        assert_eq!(fs::read(&path).unwrap(), b"first");
        drop(first);
        Output::in_place(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
    }

    #[test]
    fn a_budget_is_used_up() {
        let mut budget = Budget::of(1);
        assert!(budget.take(Budget::ANY as usize) && !budget.take(33) && budget.take(32) && !budget.take(1));
    }
}
