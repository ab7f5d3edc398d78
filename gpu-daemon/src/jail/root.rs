//! A root folder that has only what a driver reads: Landlock says which files may be opened, and says nothing to who asks
//! whether one is there, how long it is and whom it belongs to.
//!
//! The new root is a file system in memory, in a mount namespace of the worker's own, with the folders and files of
//! [`files`](super::files) bound to their places. The old one is taken away.
#![allow(unsafe_code)]

use std::{
    ffi::CString,
    fs, io,
    os::unix::{ffi::OsStrExt, fs::symlink},
    path::{Path, PathBuf},
    ptr,
};

use rustix::{
    process::chdir,
    thread::{UnshareFlags, unshare_unsafe},
};

use super::trial::{Held, because};

/// Where the new root is made, which hides what is there: the first of these that is a folder and holds nothing that is
/// needed.
const PLACES: [&str; 4] = ["/mnt", "/media", "/srv", "/var/tmp"];

/// A file in the new root that no rule is about: what Landlock's self-test tries to read.
pub const TRIAL: &str = "/airlock-self-test";

/// What must not be there afterwards.
const HIDDEN: [&str; 4] = ["/etc/passwd", "/home", "/root", "/var"];

/// Makes the new root and enters it. It has these paths, as far as they exist, and what `more` makes in it. Needs the rights
/// of the first process in a user namespace, and one thread.
pub fn enter(paths: &[PathBuf], more: impl FnOnce(&Path)) -> Held {
    let failed = |what: &str, error: io::Error| because(what, error);
    let existing: Vec<_> = paths.iter().filter(|path| fs::symlink_metadata(path).is_ok()).collect();
    let place = PLACES.iter().map(Path::new).find(|place| {
        place.is_dir() && !existing.iter().any(|path| path.starts_with(place) || place.starts_with(path))
    });
    let place = place.ok_or("there is no folder to make it in")?;
    // SAFETY: what makes the call unsafe is a thread that no longer shares descriptors or memory with the others; this flag
    // changes neither.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS) }.map_err(|error| because("the kernel does not allow it", error))?;
    // Nothing that is mounted from here on is seen outside.
    mount(None, Path::new("/"), None, libc::MS_REC | libc::MS_PRIVATE).map_err(|error| failed("/", error))?;
    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    mount(None, place, Some("tmpfs"), flags).map_err(|error| failed("tmpfs", error))?;
    for path in existing {
        bind(path, place).map_err(|error| failed(&path.display().to_string(), error))?;
    }
    own_process(place).map_err(|error| failed("/proc/self", error))?;
    make_file(&place.join(TRIAL.trim_start_matches('/'))).map_err(|error| failed(TRIAL, error))?;
    more(place);
    chdir(place).map_err(|error| because("chdir", error))?;
    // The old root lies over the new one for a moment (pivot_root(2), "pivot_root(".", ".")").
    // SAFETY: both paths are strings that end in a NUL and live until the call returns.
    let turned = unsafe { libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), c".".as_ptr()) };
    if turned != 0 {
        return Err(failed("pivot_root", io::Error::last_os_error()));
    }
    // SAFETY: as above.
    if unsafe { libc::umount2(c".".as_ptr(), libc::MNT_DETACH) } != 0 {
        return Err(failed("the old root stays", io::Error::last_os_error()));
    }
    chdir("/").map_err(|error| because("chdir", error))?;
    match HIDDEN
        .iter()
        .find(|path| fs::symlink_metadata(path).is_ok() && !paths.iter().any(|kept| kept.starts_with(path)))
    {
        Some(found) => Err(format!("the self-test could see {found}")),
        None => Ok(()),
    }
}

/// Puts a file or folder into the new root, at its own path. A link stays one: what it leads to is in the list, or out of
/// reach as before.
fn bind(path: &Path, root: &Path) -> io::Result<()> {
    let to = root.join(path.strip_prefix("/").map_err(io::Error::other)?);
    // A folder around it may be there as a part of another.
    if fs::symlink_metadata(&to).is_ok() {
        return Ok(());
    }
    if let Some(around) = to.parent() {
        fs::create_dir_all(around)?;
    }
    let found = fs::symlink_metadata(path)?;
    if found.is_symlink() && fs::read_link(path)?.is_relative() {
        return symlink(fs::read_link(path)?, &to);
    }
    if fs::metadata(path).is_ok_and(|data| data.is_dir()) {
        fs::create_dir(&to)?;
    } else {
        make_file(&to)?;
    }
    mount(Some(path), &to, None, libc::MS_BIND | libc::MS_REC)
}

#[allow(clippy::disallowed_methods)] // In a file system that was made a moment ago.
fn make_file(path: &Path) -> io::Result<()> {
    fs::File::create_new(path).map(drop)
}

/// The process's own folder in /proc, and no other's.
fn own_process(root: &Path) -> io::Result<()> {
    let number = std::process::id().to_string();
    let to = root.join("proc").join(&number);
    fs::create_dir_all(&to)?;
    mount(Some(&Path::new("/proc").join(&number)), &to, None, libc::MS_BIND | libc::MS_REC)?;
    symlink(&number, root.join("proc/self"))
}

/// A file system in memory, with these options (tmpfs(5)).
pub fn mount_memory(to: &Path, options: &str) -> io::Result<()> {
    mount_with(None, to, Some("tmpfs"), libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC, Some(options))
}

fn mount(what: Option<&Path>, to: &Path, kind: Option<&str>, flags: libc::c_ulong) -> io::Result<()> {
    mount_with(what, to, kind, flags, None)
}

fn mount_with(
    what: Option<&Path>,
    to: &Path,
    kind: Option<&str>,
    flags: libc::c_ulong,
    options: Option<&str>,
) -> io::Result<()> {
    let text = |bytes: &[u8]| CString::new(bytes).map_err(io::Error::other);
    let what = what.map(|path| text(path.as_os_str().as_bytes())).transpose()?;
    let kind = kind.map(|kind| text(kind.as_bytes())).transpose()?;
    let to = text(to.as_os_str().as_bytes())?;
    let options = options.map(|options| text(options.as_bytes())).transpose()?;
    let pointer = |text: &Option<CString>| text.as_ref().map_or(ptr::null(), |text| text.as_ptr());
    // SAFETY: each pointer is null or leads to a string that ends in a NUL; all live until the call returns. The kernel
    // takes null where nothing is meant.
    let done = unsafe { libc::mount(pointer(&what), to.as_ptr(), pointer(&kind), flags, pointer(&options).cast()) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
