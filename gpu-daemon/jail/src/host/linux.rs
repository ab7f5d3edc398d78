//! The layers on Linux, each tested by an operation that it denies.

use std::{
    fs::{self, File, OpenOptions},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
    ptr, thread,
    time::{Duration, Instant},
};

use landlock::{Access, AccessFs, BitFlags, RulesetCreatedAttr, path_beneath_rules};
use rustix::{
    mm::{MapFlags, ProtFlags, mmap_anonymous, munmap},
    net::{AddressFamily, SocketType, socket},
};
use seccompiler::TargetArch;

use super::{
    inherited,
    reach::{Layer, Reach, Role},
};
use crate::{
    capabilities,
    filter::{Filter, Threads, architecture, install, merge, refuse_unseen, to_oneself},
    ruleset,
    trial::{Held, forbidden},
};

/// Time limit for other threads to end. They need little time of a processor, but a busy machine may give them none for seconds,
/// and after the limit a guest may run without its layers (`--jail=auto`).
const THREADS_END_LIMIT: Duration = Duration::from_secs(60);

/// Files that the runtimes read: the process's own, the number of processors, the time zone.
const READ: &[&str] =
    &["/proc/self", "/sys/fs/cgroup", "/sys/devices/system/cpu", "/etc/localtime", "/usr/share/zoneinfo"];

/// Devices without hardware behind them.
const HARMLESS_DEVICES: &[&str] = &["/dev/null", "/dev/urandom"];

/// Folder of GPU nodes; NVIDIA's are in /dev itself.
const GPU_FOLDER: &str = "/dev/dri";
const GPU_PREFIX: &str = "/dev/nvidia";

/// Applies and tests the layers.
pub fn confine(reach: &Reach, role: Role) -> Vec<Layer> {
    // The nodes that this process can open so far must be out of reach afterwards.
    let nodes = gpu_nodes();
    let alone = alone();
    let bound = |held: Held| alone.clone().and(held);
    vec![
        ("descriptors", inherited::close(&reach.files)),
        ("no-new-privileges", bound(capabilities::no_new_privileges())),
        ("capabilities", bound(capabilities::drop_all())),
        ("landlock", bound(restrict_files(reach).and_then(|()| out_of_reach(&nodes, reach)))),
        ("seccomp", bound(filter_calls(role))),
    ]
}

/// Waits for the end of other threads, such as the compilation cache's, which the layers of this thread would not bind.
fn alone() -> Held {
    let start = Instant::now();
    loop {
        let threads = fs::read_dir("/proc/self/task").map_err(|error| format!("/proc/self/task: {error}"))?.count();
        if threads <= 1 {
            return Ok(());
        }
        if start.elapsed() > THREADS_END_LIMIT {
            return Err(format!("{} other threads are running", threads - 1));
        }
        thread::sleep(Duration::from_micros(200));
    }
}

fn restrict_files(reach: &Reach) -> Held {
    let all = AccessFs::from_all(ruleset::NEWEST);
    // Access to a guest's files: neither devices nor programs, nor the servers of sockets.
    let special =
        AccessFs::Execute | AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev | AccessFs::ResolveUnix;
    let guest = all & !special;
    let write: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate;
    let abi = ruleset::restrict(|rules| {
        rules
            .add_rules(path_beneath_rules(READ, AccessFs::ReadFile | AccessFs::ReadDir))?
            .add_rules(path_beneath_rules(std::env::current_exe().ok(), AccessFs::ReadFile))?
            .add_rules(path_beneath_rules(HARMLESS_DEVICES, AccessFs::ReadFile | AccessFs::WriteFile))?
            .add_rules(path_beneath_rules(&reach.folders, guest))?
            // A pipe has no path in a file system and needs no rule: it is open already.
            .add_rules(path_beneath_rules(reach.files.iter().filter(|file| file.is_file()), write))
    })?;
    if abi >= ruleset::SCOPES {
        Ok(())
    } else {
        Err("of this kernel's, files hold, and TCP or signals do not (Linux 6.12 has all of it)".to_owned())
    }
}

/// GPU nodes that this process could open.
fn gpu_nodes() -> Vec<PathBuf> {
    let entries = |folder: &str| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let nvidia = entries("/dev").filter(|path| path.to_string_lossy().starts_with(GPU_PREFIX));
    entries(GPU_FOLDER).chain(nvidia).filter(|node| opens(node).is_ok()).collect()
}

#[allow(clippy::disallowed_methods)] // It only sees whether it could.
fn opens(node: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).open(node)
}

fn out_of_reach(nodes: &[PathBuf], reach: &Reach) -> Held {
    let within = |path: &Path| {
        reach.folders.iter().filter_map(|folder| folder.canonicalize().ok()).any(|folder| path.starts_with(folder))
    };
    for path in nodes.iter().map(PathBuf::as_path).chain([Path::new("/etc/passwd")]) {
        if opens(path).is_ok() || File::open(path).is_ok() {
            // `--dir /dev` is the user's decision. A guest still cannot reach a driver, which requires ioctl.
            if within(path) {
                continue;
            }
            return Err(format!("the self-test could open {}", path.display()));
        }
        tracing::debug!("{} is out of reach", path.display());
    }
    Ok(())
}

fn filter_calls(role: Role) -> Held {
    let mut files = vec![rules(architecture()?)?];
    match role {
        Role::Guest => {}
        Role::Loader => files.push(LOAD),
        Role::Front => files.push(FRONT),
    }
    refuse_unseen(Threads::Calling)?;
    install(&to_oneself(merge(&files)?), Filter::Allow, Threads::Calling)?;
    forbidden("start a process", Command::new("/proc/self/exe").arg("--version").spawn())?;
    forbidden("make an Internet socket", TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))))?;
    forbidden("make a Unix socket", socket(AddressFamily::UNIX, SocketType::STREAM, None))?;
    if role == Role::Loader { Ok(()) } else { no_machine_code() }
}

/// See [`super::end_loading`].
pub fn end_loading() -> Layer {
    ("seccomp", alone().and_then(|()| no_more_code()))
}

/// Applies a second filter after that of a [`Role::Loader`].
fn no_more_code() -> Held {
    install(&to_oneself(merge(&[rules(architecture()?)?])?), Filter::Allow, Threads::Calling)?;
    no_machine_code()
}

#[allow(unsafe_code)]
fn no_machine_code() -> Held {
    const PAGE: usize = 4096;
    // SAFETY: a new mapping at a place of the kernel's choice, which is unmapped at once where the kernel makes it.
    let mapped = unsafe {
        mmap_anonymous(ptr::null_mut(), PAGE, ProtFlags::READ | ProtFlags::EXEC, MapFlags::PRIVATE)
            .and_then(|mapped| munmap(mapped, PAGE))
    };
    forbidden("make machine code", mapped)
}

/// Rules for a process that loads machine code.
const LOAD: &str = include_str!("../../policy/host/load.json");
/// Rules for a front process.
const FRONT: &str = include_str!("../../policy/host/front.json");

fn rules(architecture: TargetArch) -> Result<&'static str, String> {
    match architecture {
        TargetArch::x86_64 => Ok(include_str!("../../policy/host/x86_64.json")),
        TargetArch::aarch64 => Ok(include_str!("../../policy/host/aarch64.json")),
        TargetArch::riscv64 => Err("there are no rules for this architecture".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::filter::compile;

    /// The layers bind one thread, so the test starts its own.
    #[test]
    fn what_is_not_given_is_out_of_reach() {
        let given = std::env::temp_dir().join(format!("airlock-confine-{}", std::process::id()));
        let beside = given.with_extension("beside");
        fs::create_dir_all(&given).unwrap();
        let confined = given.clone();
        thread::spawn(move || {
            let reach = Reach { folders: vec![confined.clone()], ..Reach::default() };
            // A node that every user may open stands for a GPU's.
            let nodes = [PathBuf::from("/dev/zero")];
            assert!(out_of_reach(&nodes, &reach).is_err(), "the trial cannot fail");
            capabilities::no_new_privileges().unwrap();
            restrict_files(&reach).unwrap();
            out_of_reach(&nodes, &reach).unwrap();
            fs::write(confined.join("file"), "contents").unwrap();
            fs::rename(confined.join("file"), confined.join("other")).unwrap();
            assert!(fs::write(&beside, "contents").is_err());
            assert!(Command::new("/bin/true").status().is_err());
            filter_calls(Role::Loader).unwrap();
            // Machine code comes first, and then no more of it.
            assert!(no_machine_code().is_err(), "the trial cannot fail");
            no_more_code().unwrap();
            thread::spawn(|| ()).join().unwrap();
            // WASI's file operations: contents, appending and times, but neither modes nor attributes.
            let path = confined.join("other");
            let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
            let more = [std::io::IoSlice::new(b", and more")];
            rustix::io::pwritev2(&file, &more, 0, rustix::io::ReadWriteFlags::APPEND).unwrap();
            file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
            file.set_len(8).unwrap();
            file.sync_all().unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"contents");
            assert!(fs::set_permissions(&path, file.metadata().unwrap().permissions()).is_err());
            fs::create_dir(confined.join("inner")).unwrap();
            fs::remove_dir(confined.join("inner")).unwrap();
        })
        .join()
        .unwrap();
        fs::remove_dir_all(given).unwrap();
    }

    /// Landlock denies the sockets of others, even in a folder that is given, before the filter denies all.
    #[test]
    fn a_socket_of_another_process_is_out_of_reach() {
        use std::os::unix::net::{UnixListener, UnixStream};

        let given = std::env::temp_dir().join(format!("airlock-confine-unix-{}", std::process::id()));
        fs::create_dir_all(&given).unwrap();
        let path = given.join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let reach = Reach { folders: vec![given.clone()], ..Reach::default() };
        let abi = thread::spawn(|| {
            capabilities::no_new_privileges().unwrap();
            ruleset::restrict(Ok).unwrap()
        });
        let abi = abi.join().unwrap();
        let tried = thread::spawn(move || {
            capabilities::no_new_privileges().unwrap();
            restrict_files(&reach).unwrap();
            let connected = UnixStream::connect(&path);
            filter_calls(Role::Guest).unwrap();
            (connected, UnixStream::connect(&path))
        });
        let (connected, filtered) = tried.join().unwrap();
        drop(listener);
        fs::remove_dir_all(given).unwrap();
        if abi >= landlock::ABI::V9 {
            assert_eq!(connected.unwrap_err().kind(), std::io::ErrorKind::PermissionDenied);
        } else {
            connected.expect("this kernel's Landlock has no rules for it, and the trial can fail");
        }
        assert_eq!(filtered.unwrap_err().kind(), std::io::ErrorKind::PermissionDenied);
    }

    /// A datagram socket sends to any address, whoever its pair is.
    #[test]
    fn pairs_of_sockets_reach_no_other() {
        use rustix::net::{SocketFlags, socketpair};

        let made = thread::spawn(|| {
            capabilities::no_new_privileges().unwrap();
            filter_calls(Role::Guest).unwrap();
            [SocketType::STREAM, SocketType::SEQPACKET, SocketType::DGRAM, SocketType::RAW].map(|kind| {
                let flags = [SocketFlags::empty(), SocketFlags::CLOEXEC | SocketFlags::NONBLOCK];
                flags.map(|flags| socketpair(AddressFamily::UNIX, kind, flags, None).is_ok())
            })
        });
        assert_eq!(made.join().unwrap(), [[true; 2], [true; 2], [false; 2], [false; 2]]);
    }

    /// A socket that listens already accepts connections only in a front process.
    #[test]
    fn only_a_front_process_accepts_connections() {
        for (role, taken) in [(Role::Guest, false), (Role::Front, true)] {
            let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
            let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let accepted = thread::spawn(move || {
                capabilities::no_new_privileges().unwrap();
                filter_calls(role).unwrap();
                listener.accept().map(drop)
            });
            let accepted = accepted.join().unwrap();
            assert_eq!(accepted.is_ok(), taken, "{accepted:?}");
            drop(client);
        }
    }

    #[test]
    fn the_rules_of_every_architecture_make_filters_and_say_why() {
        for architecture in [TargetArch::x86_64, TargetArch::aarch64] {
            let rules = merge(&[rules(architecture).unwrap(), LOAD, FRONT]).unwrap();
            assert!(rules.iter().all(|rule| rule["comment"].as_str().is_some_and(|why| why.len() > 4)));
            compile(&rules, Filter::Allow, architecture).unwrap();
        }
    }

    /// System call names from the running kernel's own table, and from its headers where they are installed.
    fn kernel_table() -> BTreeSet<String> {
        /// Kernel functions whose system calls have other names.
        const NAMES: [(&str, &str); 7] = [
            ("newfstat", "fstat"),
            ("newstat", "stat"),
            ("newlstat", "lstat"),
            ("newuname", "uname"),
            ("umount", "umount2"),
            ("sendfile64", "sendfile"),
            ("sysctl", "_sysctl"),
        ];
        // Calls of 32-bit programs and of other machines, which have no number here.
        let foreign = |name: &str| {
            ["_time32", "16", "32", "64_64", "statfs64"].iter().any(|end| name.ends_with(end))
                || ["ia32_", "old", "s390_", "spu_", "pciconfig_", "ni_syscall"]
                    .iter()
                    .any(|start| name.starts_with(start))
        };
        let symbols = fs::read_to_string("/proc/kallsyms").unwrap_or_default();
        let prefix = if cfg!(target_arch = "x86_64") { "__x64_sys_" } else { "__arm64_sys_" };
        let symbols =
            symbols.lines().filter_map(|line| line.split(' ').nth(2)?.strip_prefix(prefix)?.split('.').next());
        let header = ["/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm-generic/unistd.h"];
        let header = header.map(|file| fs::read_to_string(file).unwrap_or_default());
        let header = if cfg!(target_arch = "x86_64") { &header[0] } else { &header[1] };
        let header = header.lines().filter_map(|line| line.strip_prefix("#define __NR_")?.split_whitespace().next());
        let name =
            |name: &str| NAMES.iter().find(|(function, _)| *function == name).map_or(name, |(_, call)| call).to_owned();
        symbols
            .chain(header)
            .map(|name| name.trim().to_owned())
            .filter(|call| !foreign(call))
            .map(|call| name(&call))
            .collect()
    }

    /// A new kernel's call that is on no list is refused; the lists must classify it all the same.
    #[test]
    fn every_call_of_the_kernel_is_allowed_or_refused_with_a_reason() {
        let (allowed, refused) = (rules(TargetArch::x86_64).unwrap(), include_str!("../../policy/host/refused.json"));
        let allowed: BTreeSet<String> =
            merge(&[allowed]).unwrap().iter().map(|rule| rule["syscall"].as_str().unwrap().to_owned()).collect();
        let mut refused_calls = BTreeSet::new();
        for group in merge(&[refused]).unwrap() {
            assert!(group["comment"].as_str().is_some_and(|why| why.len() > 4), "{group}");
            for call in group["syscalls"].as_array().unwrap() {
                assert!(refused_calls.insert(call.as_str().unwrap().to_owned()), "{call} twice");
            }
        }
        let both: Vec<_> = allowed.intersection(&refused_calls).collect();
        assert!(both.is_empty(), "on both lists: {both:?}");
        let table = kernel_table();
        assert!(table.len() > 300, "the kernel's table cannot be read: {} calls", table.len());
        let missing: Vec<_> =
            table.into_iter().filter(|call| !allowed.contains(call) && !refused_calls.contains(call)).collect();
        assert!(missing.is_empty(), "on no list of policy/host: {missing:?}");
    }
}
