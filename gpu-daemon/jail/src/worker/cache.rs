//! Folder of the drivers' shader cache: a tmpfs of bounded size in the worker's own root, the only folder in which the worker
//! may create files. It ends with the process, and no other process sees it.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FallocateFlags, FileType, Mode, fallocate, mknodat},
    io::Errno,
};

use super::root;
use crate::trial::{Held, because, forbidden};

/// Path of the folder in the worker's root.
pub const FOLDER: &str = "/airlock-shaders";

/// Maximum number of files and folders.
const MAX_FILES: u32 = 16 << 10;

/// Mounts the tmpfs in the new root, before the worker enters it.
pub fn mount(root: &Path, size: u64) -> Held {
    let place = root.join(FOLDER.trim_start_matches('/'));
    fs::create_dir(&place).map_err(|error| because(FOLDER, error))?;
    let options = format!("size={size},nr_inodes={MAX_FILES},mode=0700");
    root::mount_memory(&place, &options).map_err(|error| because(FOLDER, error))
}

fn inside(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}

/// Self-test under Landlock's rules: only files and folders can be created there, and files cannot be moved out.
#[allow(clippy::disallowed_methods)] // In a file system of this process's own.
pub fn nothing_gets_out() -> Held {
    let (file, outside) = (inside("self-test"), Path::new("/airlock-self-test-out"));
    fs::File::create_new(&file)
        .map_err(|error| because("the self-test cannot make a file in the shader cache", error))?;
    let tried = forbidden("make a link in the shader cache", symlink("/proc/self", inside("link")))
        .and_then(|()| {
            let pipe = mknodat(rustix::fs::CWD, inside("pipe"), FileType::Fifo, Mode::RUSR, 0);
            forbidden("make a pipe in the shader cache", pipe)
        })
        .and_then(|()| forbidden("make a file beside the shader cache", fs::File::create_new(outside)))
        .and_then(|()| match fs::rename(&file, outside) {
            // A rename to another file system is impossible, whether or not it is allowed.
            Err(error) if error.raw_os_error() == Some(Errno::XDEV.raw_os_error()) => Ok(()),
            tried => forbidden("take a file out of the shader cache", tried),
        });
    let _ = fs::remove_file(&file);
    tried
}

/// Self-test under the whole jail: files can be created, renamed, locked, read and removed there, and `size` is a bound.
#[allow(clippy::disallowed_methods)] // In a file system of this process's own.
pub fn holds(size: u64) -> Held {
    let (first, second) = (inside("self-test/a.tmp"), inside("self-test/a"));
    let use_it = || -> io::Result<Errno> {
        fs::create_dir(inside("self-test"))?;
        let file = fs::File::create_new(&first)?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
        io::Write::write_all(&mut &file, b"a shader")?;
        fs::rename(&first, &second)?;
        if fs::read(&second)? != b"a shader" {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let beyond = fallocate(&file, FallocateFlags::empty(), 0, size.saturating_add(1));
        fs::remove_file(&second)?;
        fs::remove_dir(inside("self-test"))?;
        Ok(beyond.err().unwrap_or(Errno::EXIST))
    };
    match use_it() {
        Ok(Errno::NOSPC) => Ok(()),
        Ok(Errno::EXIST) => Err(format!("the self-test could fill more than {size} bytes")),
        Ok(error) => Err(because("the self-test could not try the bound", error)),
        Err(error) => Err(because("the self-test cannot use it", error)),
    }
}
