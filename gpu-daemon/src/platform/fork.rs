//! What a zygote and its children need of the kernel and the C library: a fork whose child is a sibling, libraries that stay,
//! another name. For processes of one thread.
#![allow(unsafe_code)]

use std::{
    ffi::{CString, OsStr},
    fs::{self, OpenOptions},
    io,
    os::unix::{ffi::OsStrExt, fs::FileExt},
    path::Path,
    ptr,
};

use libc::c_int;
use rustix::process::Pid;

/// Maximum bytes of a command line that is looked through.
const MAX_ARGUMENTS: usize = 64 << 10;

/// Forks; returns the child's process id, and `None` in the child. Fails in a process of several threads, whose locks might be
/// held in the child for ever, on systems without `clone3`, and with another C library than glibc.
///
/// `CLONE_PARENT` makes the parent's parent the child's, too: it reaps the child and is told of its end, as if it had started
/// it. The C library's `fork` has no such flag. What glibc does beside the system call, for a process of one thread, is to store
/// the new thread's id in its record of the thread, which the kernel does here.
pub fn fork_sibling() -> io::Result<Option<Pid>> {
    alone()?;
    if !cfg!(target_env = "gnu") {
        // In musl, the place below is that of a lock.
        return Err(io::ErrorKind::Unsupported.into());
    }
    let mut place: *mut c_int = ptr::null_mut();
    // SAFETY: the kernel writes one pointer to `place`.
    if unsafe { libc::prctl(libc::PR_GET_TID_ADDRESS, &raw mut place) } != 0 || place.is_null() {
        return Err(io::Error::last_os_error());
    }
    let flags = libc::CLONE_PARENT | libc::CLONE_CHILD_SETTID | libc::CLONE_CHILD_CLEARTID;
    let arguments = libc::clone_args {
        flags: u64::from(flags.cast_unsigned()),
        child_tid: place as u64,
        pidfd: 0,
        parent_tid: 0,
        // That of this process, by `CLONE_PARENT`.
        exit_signal: 0,
        stack: 0,
        stack_size: 0,
        tls: 0,
        set_tid: 0,
        set_tid_size: 0,
        cgroup: 0,
    };
    // SAFETY: the arguments live until the call returns. Without `CLONE_VM` the child has a copy of the memory, and continues on
    // a copy of this stack; no other thread held a lock. `place` is the C library's record of this thread's id, to which the
    // kernel writes the child's, in the child's memory, as the library's own `fork` asks it to.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw const arguments, size_of::<libc::clone_args>()) };
    match i32::try_from(pid) {
        Ok(pid @ 0..) => Ok(Pid::from_raw(pid)),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Loads a library for the rest of the process's life, as the Vulkan loader would: nothing outside sees its symbols. Returns
/// false where there is none.
pub fn load(library: &Path) -> bool {
    let Ok(name) = CString::new(library.as_os_str().as_bytes()) else { return false };
    // SAFETY: the name ends in a NUL. The library's constructors run, as they do in a worker that loads it.
    !unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_LAZY | libc::RTLD_LOCAL) }.is_null()
}

/// Sets a variable of the environment.
pub fn set_variable(name: &str, value: &OsStr) -> io::Result<()> {
    alone()?;
    // SAFETY: no other thread reads the environment, because there is none.
    unsafe { std::env::set_var(name, value) };
    Ok(())
}

/// Replaces the first argument of this process's command line, for `ps`, by one of the same length.
#[allow(clippy::disallowed_methods)] // A file of the proc file system.
pub fn rename(from: &str, to: &str) -> io::Result<()> {
    let unknown = || io::Error::other("the command line cannot be found");
    let stat = fs::read_to_string("/proc/self/stat")?;
    // Fields 48 and 49 (proc_pid_stat(5)); the second may contain spaces, and ends with the last parenthesis.
    let mut after = stat.rsplit_once(") ").ok_or_else(unknown)?.1.split(' ').skip(45).map(str::parse);
    let (Some(Ok(start)), Some(Ok(end))) = (after.next(), after.next()) else { return Err(unknown()) };
    let start: u64 = start;
    let length = usize::try_from(u64::saturating_sub(end, start)).unwrap_or(0).min(MAX_ARGUMENTS);
    let memory = OpenOptions::new().read(true).write(true).open("/proc/self/mem")?;
    let mut line = vec![0; length];
    memory.read_exact_at(&mut line, start)?;
    let program = line.iter().position(|&byte| byte == 0).ok_or_else(unknown)?.saturating_add(1);
    let found = line.get(program..).and_then(|rest| rest.strip_prefix(from.as_bytes()));
    if from.len() != to.len() || found.is_none_or(|rest| rest.first() != Some(&0)) {
        return Err(unknown());
    }
    memory.write_all_at(to.as_bytes(), start.saturating_add(program as u64))
}

/// Fails in a process of several threads.
fn alone() -> io::Result<()> {
    match fs::read_dir("/proc/self/task")?.count() {
        1 => Ok(()),
        threads => Err(io::Error::other(format!("the process has {threads} threads"))),
    }
}
