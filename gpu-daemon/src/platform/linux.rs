//! Linux: peer credentials, descriptors, parent-death signal, inotify.
#![allow(unsafe_code)]

use std::{
    ffi::c_int,
    fmt, fs,
    io::{self, Read},
    mem::MaybeUninit,
    num::NonZeroU64,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::Path,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::inotify,
    io::Errno,
    process::{
        Pid, PidfdFlags, Resource, Rlimit, Signal, getppid, getrlimit, pidfd_open, set_parent_process_death_signal,
        setrlimit,
    },
    thread::set_current_timer_slack,
};

/// Maximum number of a process's supplementary groups: the kernel's `NGROUPS_MAX`.
const MAX_GROUPS: usize = 65_536;
/// Upper bound of the bytes read from `/proc/PID/cgroup`.
const MAX_CGROUP: u64 = 4 << 10;
/// Upper bound to which the limit of descriptors is raised.
const MAX_DESCRIPTORS: u64 = 1 << 16;
/// Number of groups in the first attempt: enough for nearly all processes.
const USUAL_GROUPS: usize = 64;

/// Peer credentials of a Unix connection, as of the time of connecting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Process id; 0 for a process in a PID namespace that is not visible from here.
    pub pid: u32,
    /// Effective user.
    pub uid: u32,
    /// Effective group.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// Cgroups in the format of `/proc/PID/cgroup`; `None` where they cannot be determined reliably.
    pub cgroup: Option<String>,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} of user {}", self.pid, self.uid)
    }
}

/// Peer credentials of a connection: `SO_PEERCRED` and `SO_PEERGROUPS`.
///
/// The groups are the process's, not the user database's: a process in a container or started by a service manager may
/// have more or fewer. rustix has the first option only, and its type for a process id has no zero, which the kernel
/// returns for a process in a foreign namespace.
pub fn peer(connection: &UnixStream) -> io::Result<Peer> {
    let mut credentials = [0; 3];
    socket_option(connection.as_fd(), libc::SO_PEERCRED, &mut credentials)?;
    // The kernel's `struct ucred`.
    let [pid, uid, gid] = credentials;
    let mut groups = vec![0; USUAL_GROUPS];
    let count = match socket_option(connection.as_fd(), libc::SO_PEERGROUPS, &mut groups) {
        Err(error) if error.raw_os_error() == Some(libc::ERANGE) => {
            groups.resize(MAX_GROUPS, 0);
            socket_option(connection.as_fd(), libc::SO_PEERGROUPS, &mut groups)?
        }
        count => count?,
    };
    groups.truncate(count);
    Ok(Peer { pid, uid, gid, groups, cgroup: cgroup(connection, pid) })
}

/// The peer's cgroups. The process id may be reused by the time that it is looked up, so the descriptor of the process
/// that connected (`SO_PEERPIDFD`, Linux 6.5) must show afterwards that it still runs.
fn cgroup(connection: &UnixStream, pid: u32) -> Option<String> {
    const SO_PEERPIDFD: c_int = 77;
    let mut number = [0];
    socket_option(connection.as_fd(), SO_PEERPIDFD, &mut number).ok()?;
    // SAFETY: the call has succeeded, and its one number is a descriptor that the kernel has just created for this
    // process.
    let process = unsafe { OwnedFd::from_raw_fd(c_int::try_from(number[0]).ok()?) };
    let mut text = String::new();
    fs::File::open(format!("/proc/{pid}/cgroup")).ok()?.take(MAX_CGROUP).read_to_string(&mut text).ok()?;
    let mut ended = [PollFd::new(&process, PollFlags::IN)];
    let runs = poll(&mut ended, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) == Ok(0);
    (runs && !text.is_empty()).then_some(text)
}

/// Reads a socket option that is an array of 32-bit numbers; returns their count.
fn socket_option(socket: BorrowedFd<'_>, option: c_int, numbers: &mut [u32]) -> io::Result<usize> {
    let mut bytes = libc::socklen_t::try_from(size_of_val(numbers)).map_err(io::Error::other)?;
    // SAFETY: the kernel writes at most `bytes` bytes, which is exactly the length of `numbers`, and any bytes are valid
    // numbers; it writes their count to `bytes`. Both live, unshared, until the call returns, and `socket` is open.
    let result = unsafe {
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, numbers.as_mut_ptr().cast(), &raw mut bytes)
    };
    if result == 0 { Ok(bytes as usize / size_of::<u32>()) } else { Err(io::Error::last_os_error()) }
}

/// Sets close-on-exec on all descriptors above the standard ones: an inherited one may lack the flag.
pub fn close_on_exec() -> io::Result<()> {
    let (first, last) = (libc::STDERR_FILENO + 1, libc::c_uint::MAX);
    // SAFETY: with this flag the call marks descriptors and closes none, so every owner keeps its descriptor.
    match unsafe { libc::syscall(libc::SYS_close_range, first, last, libc::CLOSE_RANGE_CLOEXEC) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Raises the soft limit of open descriptors, of which each session takes some; the usual default is 1024. Returns the limit.
pub fn raise_descriptors() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = limit.maximum.map_or(MAX_DESCRIPTORS, |most| most.min(MAX_DESCRIPTORS));
    if limit.current.is_some_and(|current| current < raised) {
        // On failure fewer sessions run at a time.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(raised), ..limit });
    }
    getrlimit(Resource::Nofile).current.unwrap_or(MAX_DESCRIPTORS)
}

/// Lets sleeps of this thread, and of those that it starts, end when they should: by default they may end 50 us later, so that the
/// kernel can let timers end together.
pub fn sleep_precisely() -> io::Result<()> {
    Ok(set_current_timer_slack(Some(NonZeroU64::MIN))?)
}

/// Sets the parent-death signal: the kernel kills this process when the thread that started it exits, which in `serve`
/// means the whole process. Returns false when the parent has exited already.
pub fn end_with_parent(parent: u32) -> io::Result<bool> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    Ok(u32::try_from(Pid::as_raw(getppid())) == Ok(parent))
}

/// Inotify watch on a worker's folder, created before the worker starts.
#[derive(Debug)]
pub struct FolderWatch(OwnedFd);

impl FolderWatch {
    /// Creates the watch; `None` where the system is out of inotify instances.
    pub fn new(folder: &Path) -> Option<Self> {
        let changes = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK).ok()?;
        inotify::add_watch(&changes, folder, inotify::WatchFlags::DELETE).ok()?;
        Some(Self(changes))
    }

    /// Blocks until the worker has removed its socket from the folder, because its client is connected, or has exited.
    /// Returns `false` when neither can be determined.
    pub fn wait(&self, folder: &Path, worker: Pid) -> bool {
        self.look(folder, worker)
            .inspect_err(|error| tracing::warn!("cannot watch {}: {error}", folder.display()))
            .is_ok()
    }

    fn look(&self, folder: &Path, worker: Pid) -> rustix::io::Result<()> {
        let process = pidfd_open(worker, PidfdFlags::empty())?;
        loop {
            let mut events = [PollFd::new(&process, PollFlags::IN), PollFd::new(&self.0, PollFlags::IN)];
            rustix::io::retry_on_intr(|| poll(&mut events, None))?;
            let ended = !events[0].revents().is_empty();
            if self.emptied(folder)? || ended {
                return Ok(());
            }
        }
    }

    /// True when the worker has removed its files from the folder. Does not block.
    pub fn emptied(&self, folder: &Path) -> rustix::io::Result<bool> {
        let mut space = [MaybeUninit::uninit(); 1024];
        let mut reader = inotify::Reader::new(&self.0, &mut space);
        let mut removed = false;
        loop {
            match reader.next() {
                Ok(_) => removed = true,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(error) => return Err(error),
            }
        }
        // At least one removal, and an empty folder.
        Ok(removed && fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none()))
    }
}

impl AsFd for FolderWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
