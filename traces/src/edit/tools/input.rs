//! Input files of tools, in folders that may be untrusted: only regular files, of bounded length. Opening a pipe of a
//! trace's name would block for ever, and reading a device would never end.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _},
    path::Path,
};

/// Bytes of a file beside a trace: settings, references, texts.
const MAX_BESIDE: u64 = 64 << 20;

/// Opens a regular file. Anything else is an error, without blocking.
#[allow(clippy::disallowed_methods)] // It writes nothing.
pub fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        // A pipe without a writer opens at once, and is rejected below. A regular file is read as usual.
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    let file = options.open(path)?;
    let found = file.metadata()?;
    if found.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !found.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    Ok(file)
}

/// Reads a file beside a trace.
pub fn read_beside(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(MAX_BESIDE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BESIDE {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is longer than {MAX_BESIDE} bytes")));
    }
    Ok(bytes)
}
