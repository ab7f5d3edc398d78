//! Files that a tool reads, in folders that may be a stranger's: only regular files, of bounded length. A pipe of a trace's
//! name would have it wait for ever, a device have it read without end.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _},
    path::Path,
};

/// Bytes of a file that lies beside a trace: settings, references, texts.
const MAX_BESIDE: u64 = 64 << 20;

/// Opens a regular file. Anything else is an error, without blocking.
#[allow(clippy::disallowed_methods)] // It writes nothing.
pub fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        // A pipe without a writer opens at once, and is seen below. A file is read as ever.
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

/// Reads a file that lies beside a trace.
pub fn read_beside(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(MAX_BESIDE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BESIDE {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is longer than {MAX_BESIDE} bytes")));
    }
    Ok(bytes)
}
