//! Minimal root: a root folder with only the files that a driver reads. Landlock restricts opening files, but does not
//! hide whether one exists, its length and its owner.
//!
//! The new root is a tmpfs in a mount namespace of the worker's own, with the folders and files of
//! [`files`](super::files) bind-mounted to their paths. The old root is unmounted.
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

use crate::trial::{Held, because};

/// Candidates for the mount point of the new root, which hides the folder's contents: the first that exists and
/// contains none of the needed paths.
const PLACES: [&str; 4] = ["/mnt", "/media", "/srv", "/var/tmp"];

/// A file in the new root without a rule, for Landlock's self-test.
pub const TRIAL: &str = "/airlock-self-test";

/// Paths that must not exist afterwards.
const HIDDEN: [&str; 4] = ["/etc/passwd", "/home", "/root", "/var"];

/// Creates the new root with these paths, as far as they exist, and with the entries that `more` creates, and enters it. Needs
/// the rights of the first process in a user namespace, and one thread.
pub fn enter(paths: &[PathBuf], more: impl FnOnce(&Path)) -> Held {
    let failed = |what: &str, error: io::Error| because(what, error);
    let existing: Vec<_> = paths.iter().filter(|path| fs::symlink_metadata(path).is_ok()).collect();
    let place = PLACES.iter().map(Path::new).find(|place| {
        place.is_dir() && !existing.iter().any(|path| path.starts_with(place) || place.starts_with(path))
    });
    let place = place.ok_or("there is no folder to make it in")?;
    // SAFETY: the call is unsafe because a thread may stop sharing descriptors or memory with the others; this flag
    // changes neither.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS) }.map_err(|error| because("the kernel does not allow it", error))?;
    // Mounts from here on do not propagate outside.
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
    // The old root is stacked on the new one for a moment (pivot_root(2), "pivot_root(".", ".")").
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

/// Bind-mounts a file or folder into the new root, at its own path. A relative link stays a link: its target is in the
/// list, or out of reach as before.
fn bind(path: &Path, root: &Path) -> io::Result<()> {
    let to = root.join(path.strip_prefix("/").map_err(io::Error::other)?);
    // It may exist already, as a part of another mount.
    if fs::symlink_metadata(&to).is_ok() {
        return Ok(());
    }
    if let Some(around) = to.parent().filter(|around| !around.is_dir()) {
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

#[allow(clippy::disallowed_methods)] // In a file system created a moment ago.
fn make_file(path: &Path) -> io::Result<()> {
    fs::File::create_new(path).map(drop)
}

/// Bind-mounts the process's own folder in /proc, and no other.
fn own_process(root: &Path) -> io::Result<()> {
    let number = std::process::id().to_string();
    let to = root.join("proc").join(&number);
    fs::create_dir_all(&to)?;
    mount(Some(&Path::new("/proc").join(&number)), &to, None, libc::MS_BIND | libc::MS_REC)?;
    symlink(&number, root.join("proc/self"))
}

/// Mounts a tmpfs with these options (tmpfs(5)).
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
    // SAFETY: each pointer is null or points to a string that ends in a NUL; all live until the call returns. The
    // kernel accepts null for an absent argument.
    let done = unsafe { libc::mount(pointer(&what), to.as_ptr(), pointer(&kind), flags, pointer(&options).cast()) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
