//! Attacks of a compromised worker or host: calls are made in live, strictly jailed processes, as an attacker in them
//! would make them ([`airlock_tests::inject`]). Each test first makes calls that must be allowed to its attacker, so
//! that a failure is known to be the jail's.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::expect_used, clippy::panic, clippy::disallowed_methods, missing_docs)]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::fd::OwnedFd,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use airlock_tests::{
    inject::{Argument, Outcome, Stopped},
    processes::{arguments, children, open_files, runs, wait_for, worker_of, workers_of},
    programs::{LIMIT, Running, Serve, airlock, guest, program, run},
    scratch,
};
use nix::libc::{self, c_long};

/// A guest that draws for a long time.
fn long_run(options: &[&str]) -> Command {
    let mut command = airlock(["run"]);
    command.args(options).arg(guest("nbody")).args(["512", "100000"]);
    command
}

/// Number of system call filters of a process.
fn filters(id: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("Seccomp_filters:"))?.trim().parse().ok()
}

/// Waits until the drivers run, when a worker has its narrow filter.
fn narrowed(worker: u32) -> u32 {
    wait_for("narrow filter", Duration::from_secs(60), || {
        let status = fs::read_to_string(format!("/proc/{worker}/status")).ok()?;
        let filters: u32 =
            status.lines().find_map(|line| line.strip_prefix("Seccomp_filters:"))?.trim().parse().ok()?;
        (filters >= 6).then_some(worker)
    })
}

/// Waits until a host is confined. It may load its guest yet, before its last filter, which ends new machine code.
fn confined(host: u32) -> u32 {
    wait_for("confined host", Duration::from_secs(60), || (filters(host)? >= 3).then_some(host))
}

fn text(text: &str) -> Vec<u8> {
    [text.as_bytes(), b"\0"].concat()
}

fn path(path: &Path) -> Vec<u8> {
    text(path.to_str().expect("a printable path"))
}

const AT_FDCWD: Argument<'_> = Argument::Number(libc::AT_FDCWD as i64);

#[track_caller]
fn refused(who: &mut Stopped, what: &str, number: c_long, arguments: &[Argument<'_>]) {
    let outcome = who.call(number, arguments);
    assert!(outcome.is_refused(), "{what}: {outcome:?}");
}

/// A pseudoterminal of the test's own: its master, and its slave.
fn terminal() -> (fs::File, fs::File) {
    let pair = nix::pty::openpty(None, None).expect("a terminal");
    (fs::File::from(pair.master), fs::File::from(pair.slave))
}

/// A user types while a worker runs, and the worker's output is shown.
#[test]
fn a_worker_has_no_descriptor_of_the_terminal() {
    let (mut keys, user) = terminal();
    let stream = || Stdio::from(OwnedFd::from(user.try_clone().expect("a descriptor")));
    let mut command = long_run(&["--jail=strict"]);
    let mut host = command.stdin(stream()).stdout(stream()).stderr(stream()).spawn().expect("the host starts");
    let worker = narrowed(worker_of(host.id()));
    let opened = fs::read_link(format!("/proc/{}/fd/2", host.id())).expect("the host's own terminal");
    assert!(opened.starts_with("/dev/pts"), "{}", opened.display());
    for entry in fs::read_dir(format!("/proc/{worker}/fd")).expect("its descriptors") {
        let leads = fs::read_link(entry.expect("a descriptor").path()).unwrap_or_default();
        assert!(!leads.starts_with("/dev/pts"), "the worker has {}", leads.display());
    }
    keys.write_all(b"hush\n").expect("a typed line");
    {
        let mut worker = Stopped::new(worker);
        for descriptor in 0..3 {
            // Not stdin, which is the connection: a read of it would block.
            if descriptor > 0 {
                let (outcome, read) =
                    worker.call_with(libc::SYS_read, &[Argument::Number(descriptor), Argument::Bytes(&[0; 64])]);
                assert!(matches!(outcome, Outcome::Returned(code) if code < 0), "{outcome:?}");
                assert!(!read.starts_with(b"hush"), "a typed line is read");
            }
            // Only terminals answer TCGETS.
            let asked = [Argument::Number(descriptor), Argument::Number(0x5401), Argument::Bytes(&[0; 64])];
            let outcome = worker.call(libc::SYS_ioctl, &asked);
            assert_ne!(outcome, Outcome::Returned(0), "descriptor {descriptor} is a terminal");
        }
        // Its output is passed on, with control characters escaped.
        let said = b"\x1b]0;owned\x07ls\x1b[5n\n";
        let written = worker
            .call(libc::SYS_write, &[Argument::Number(2), Argument::Bytes(said), Argument::Number(said.len() as i64)]);
        assert_eq!(written, Outcome::Returned(said.len() as i64));
    }
    let mut shown = Vec::new();
    while !String::from_utf8_lossy(&shown).contains("owned") {
        let mut bytes = [0; 512];
        let count = keys.read(&mut bytes).expect("what is shown");
        shown.extend(&bytes[..count]);
    }
    let shown = String::from_utf8_lossy(&shown);
    assert!(shown.contains("worker: \\u{1b}]0;owned\\u{7}ls"), "{shown:?}");
    assert!(!shown.contains('\x1b'), "{shown:?}");
    host.kill().expect("the host runs");
    let _ = host.wait();
}

/// In strict mode a worker whose streams are not pipes does not start.
#[test]
fn a_worker_does_not_start_on_a_terminal_or_a_file() {
    let folder = scratch();
    let file = fs::File::create(folder.path().join("log")).expect("a file");
    let (_keys, user) = terminal();
    for (stream, what) in [(file, "a file"), (user, "a terminal")] {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().expect("a connection");
        let theirs = OwnedFd::from(theirs);
        let mut command = Command::new(program("gpu-daemon"));
        command.args(["worker", "--jail=strict"]).stdin(Stdio::from(theirs.try_clone().expect("its end")));
        let mut worker = command.stdout(Stdio::from(theirs)).stderr(Stdio::from(stream)).spawn().expect("it starts");
        drop(command);
        let mut said = String::new();
        let _ = BufReader::new(ours).read_line(&mut said);
        assert_eq!(worker.wait().expect("its end").code(), Some(2), "{what}");
        assert!(said.is_empty(), "it says {said:?} with {what}");
    }
}

/// Before Linux 6.12 the kernel sends such signals to any named process, in spite of Landlock.
#[test]
fn a_worker_has_no_signals_sent() {
    let host = Running::start(long_run(&["--jail=strict"]));
    let worker = narrowed(worker_of(host.id()));
    let mut worker = Stopped::new(worker);
    let number = |number: i32| Argument::Number(number.into());
    let (stdin, victim) = (number(0), Argument::Number(host.id().into()));
    assert!(matches!(worker.call(libc::SYS_fcntl, &[stdin, number(libc::F_GETFL)]), Outcome::Returned(0..)));
    refused(&mut worker, "F_SETOWN", libc::SYS_fcntl, &[stdin, number(libc::F_SETOWN), victim]);
    refused(&mut worker, "F_SETSIG", libc::SYS_fcntl, &[stdin, number(10), number(libc::SIGTERM)]);
    refused(&mut worker, "O_ASYNC", libc::SYS_fcntl, &[stdin, number(libc::F_SETFL), number(libc::O_ASYNC)]);
    let own = (host.id() as i32).to_le_bytes();
    refused(&mut worker, "FIOSETOWN", libc::SYS_ioctl, &[stdin, number(0x8901), Argument::Bytes(&own)]);
    for (name, call) in [
        ("kill", libc::SYS_kill),
        ("tkill", libc::SYS_tkill),
        ("rt_sigqueueinfo", libc::SYS_rt_sigqueueinfo),
        ("pidfd_open", libc::SYS_pidfd_open),
    ] {
        refused(&mut worker, name, call, &[victim, number(0), number(0)]);
    }
    refused(&mut worker, "tgkill", libc::SYS_tgkill, &[victim, victim, number(0)]);
}

/// Calls that name a process, or the clock of its processor time, and so tell whether it exists.
fn calls_about(id: u32) -> Vec<(&'static str, c_long, Vec<Argument<'static>>)> {
    let (id, no) = (i64::from(id), |number: i64| Argument::Number(number));
    // The kernel's id of a process's clock (clock_getcpuclockid(3)).
    let clock = no(i64::from((!(id as i32) << 3) | 2));
    let space = || Argument::Bytes(&[0; 64]);
    vec![
        ("kill", libc::SYS_kill, vec![no(id), no(0)]),
        ("pidfd_open", libc::SYS_pidfd_open, vec![no(id), no(0)]),
        ("getpgid", libc::SYS_getpgid, vec![no(id)]),
        ("getsid", libc::SYS_getsid, vec![no(id)]),
        ("getpriority", libc::SYS_getpriority, vec![no(0), no(id)]),
        ("ioprio_get", libc::SYS_ioprio_get, vec![no(1), no(id)]),
        ("kcmp", libc::SYS_kcmp, vec![no(id), no(id), no(1), no(0), no(0)]),
        ("get_robust_list", libc::SYS_get_robust_list, vec![no(id), space(), space()]),
        ("move_pages", libc::SYS_move_pages, vec![no(id), no(0), no(0), no(0), no(0), no(0)]),
        ("process_vm_readv", libc::SYS_process_vm_readv, vec![no(id), no(0), no(0), no(0), no(0), no(0)]),
        ("prlimit64", libc::SYS_prlimit64, vec![no(id), no(7), no(0), space()]),
        ("sched_getscheduler", libc::SYS_sched_getscheduler, vec![no(id)]),
        ("sched_getparam", libc::SYS_sched_getparam, vec![no(id), space()]),
        ("sched_getattr", libc::SYS_sched_getattr, vec![no(id), space(), no(48), no(0)]),
        ("sched_getaffinity", libc::SYS_sched_getaffinity, vec![no(id), no(64), space()]),
        ("clock_gettime", libc::SYS_clock_gettime, vec![clock, space()]),
        ("clock_getres", libc::SYS_clock_getres, vec![clock, space()]),
        ("clock_nanosleep", libc::SYS_clock_nanosleep, vec![clock, no(0), space(), no(0)]),
    ]
}

/// A worker has no PID namespace, so that each call which takes the number of a process has to be refused.
#[test]
fn nothing_tells_a_worker_or_a_host_of_other_processes() {
    let host = Running::start(long_run(&["--jail=strict"]));
    let worker = narrowed(worker_of(host.id()));
    let mut victim = Command::new("sleep");
    victim.arg("600");
    let victim = Running::start(victim);
    for id in [worker, confined(host.id())] {
        let mut attacked = Stopped::new(id);
        // The process's own processors and clocks stay readable.
        let own = [Argument::Number(id.into()), Argument::Number(64), Argument::Bytes(&[0; 64])];
        let affinity = attacked.call(libc::SYS_sched_getaffinity, &own);
        assert!(matches!(affinity, Outcome::Returned(1..)), "{affinity:?}");
        for clock in [libc::CLOCK_MONOTONIC, libc::CLOCK_PROCESS_CPUTIME_ID, libc::CLOCK_TAI] {
            let asked = [Argument::Number(clock.into()), Argument::Bytes(&[0; 64])];
            assert_eq!(attacked.call(libc::SYS_clock_gettime, &asked), Outcome::Returned(0), "{clock}");
        }
        for (name, number, arguments) in calls_about(victim.id()) {
            // The exploits' list ends a worker.
            if id == worker && name == "process_vm_readv" {
                continue;
            }
            refused(&mut attacked, name, number, &arguments);
        }
        // pthread_getattr_np(3) asks for its own threads, and accepts this answer only.
        let asked = [Argument::Number(victim.id().into()), Argument::Number(64), Argument::Bytes(&[0; 64])];
        let missing = Outcome::Returned(-i64::from(libc::ENOSYS));
        assert_eq!(attacked.call(libc::SYS_sched_getaffinity, &asked), missing);
    }
    assert!(runs(victim.id()));
}

/// A call that no driver makes ends the process, and the server counts it; its other sessions continue.
#[test]
fn an_exploits_call_ends_the_worker() {
    let serve = Serve::start(&["--jail=strict"]);
    let socket = serve.socket().to_str().expect("a printable path").to_owned();
    let bystander = Running::start(long_run(&["--daemon", &socket]));
    let own = wait_for("worker", Duration::from_secs(30), || workers_of(serve.id()).first().copied());
    for (ended, (name, call)) in [
        ("ptrace", libc::SYS_ptrace),
        ("process_vm_writev", libc::SYS_process_vm_writev),
        ("bpf", libc::SYS_bpf),
        ("kexec_load", libc::SYS_kexec_load),
        ("userfaultfd", libc::SYS_userfaultfd),
    ]
    .into_iter()
    .enumerate()
    {
        let attacked = Running::start(long_run(&["--daemon", &socket]));
        let worker = wait_for("second worker", Duration::from_secs(30), || {
            workers_of(serve.id()).into_iter().find(|&id| id != own)
        });
        let mut worker = Stopped::new(narrowed(worker));
        // A call that is merely missing from the list fails with an error.
        refused(
            &mut worker,
            "socket",
            libc::SYS_socket,
            &[Argument::Number(2), Argument::Number(1), Argument::Number(0)],
        );
        assert_eq!(worker.call(call, &[]), Outcome::Killed(libc::SIGSYS), "{name}");
        drop((worker, attacked));
        wait_for("end in the server's log", LIMIT, || {
            let lines = serve.lines();
            let counted = lines.iter().filter(|line| line.contains("session ends") && line.contains("SIGSYS"));
            (counted.count() == ended + 1).then_some(())
        });
    }
    assert!(runs(own) && runs(bystander.id()));
}

/// A worker may create files in one place only, its own, in memory, of bounded size, and only files and folders. The
/// copy on the disk is out of its reach, and so is the length of the file by which the contents are passed.
#[test]
fn a_worker_makes_files_in_its_shader_cache_only() {
    let caches = scratch();
    let mut first = airlock(["run", "--jail=strict"]);
    first.env("XDG_CACHE_HOME", caches.path()).arg(guest("collatz")).arg("27");
    run(first).succeeded();
    let store = caches.path().join("airlock/shaders");
    let others = fs::read_dir(&store).expect("the caches").next().expect("a cache").expect("a cache").path();
    let before = fs::read(&others).expect("its bytes");
    let mut command = long_run(&["--jail=strict"]);
    command.env("XDG_CACHE_HOME", caches.path());
    let host = Running::start(command);
    let id = narrowed(worker_of(host.id()));
    let file_of_cache = fs::read_dir(format!("/proc/{id}/fd")).expect("its descriptors").find_map(|entry| {
        let path = entry.ok()?.path();
        let leads = fs::read_link(&path).ok()?;
        leads.to_str()?.contains("airlock-shaders").then(|| path.file_name()?.to_str()?.parse::<i64>().ok())?
    });
    let mut worker = Stopped::new(id);
    let no = |number: i64| Argument::Number(number);
    let create = i64::from(libc::O_CREAT | libc::O_RDWR | libc::O_CLOEXEC);
    let make = |worker: &mut Stopped, name: &str| {
        worker.call(libc::SYS_openat, &[AT_FDCWD, Argument::Bytes(&text(name)), no(create), no(0o600)])
    };
    let Outcome::Returned(file @ 0..) = make(&mut worker, "/airlock-shaders/a") else { panic!("no file in the cache") };
    let fallocate = worker.call(libc::SYS_fallocate, &[no(file), no(0), no(0), no(64 << 20)]);
    assert_eq!(fallocate, Outcome::Returned(-i64::from(libc::ENOSPC)));
    for elsewhere in ["/a", "/tmp/a", "/lib/a", "/proc/self/a", "/airlock-shaders/../a"] {
        let made = make(&mut worker, elsewhere);
        assert!(matches!(made, Outcome::Returned(code) if code < 0), "{elsewhere}: {made:?}");
    }
    let (a, b, out) = (text("/airlock-shaders/a"), text("/airlock-shaders/b"), text("/lib/b"));
    let (a, b, out) = (Argument::Bytes(&a), Argument::Bytes(&b), Argument::Bytes(&out));
    assert_eq!(worker.call(libc::SYS_rename, &[a, b]), Outcome::Returned(0));
    for (what, number, arguments) in [
        ("symlink", libc::SYS_symlink, vec![out, a]),
        ("link", libc::SYS_link, vec![b, a]),
        ("mknod", libc::SYS_mknod, vec![a, no(0o10_600), no(0)]),
        ("chmod", libc::SYS_chmod, vec![b, no(0o4755)]),
        ("execve", libc::SYS_execve, vec![b, no(0), no(0)]),
    ] {
        refused(&mut worker, what, number, &arguments);
    }
    let taken_out = worker.call(libc::SYS_rename, &[b, out]);
    assert!(matches!(taken_out, Outcome::Returned(code) if code < 0), "{taken_out:?}");
    for (what, place) in [("its own or another's", &others), ("the folder", &store)] {
        let place = path(place);
        for mode in [libc::O_RDONLY, libc::O_RDWR] {
            let opened = worker.call(libc::SYS_openat, &[AT_FDCWD, Argument::Bytes(&place), no(mode.into()), no(0)]);
            assert!(matches!(opened, Outcome::Returned(code) if code < 0), "{what}: {opened:?}");
        }
    }
    let cache = file_of_cache.expect("the file of the cache");
    refused(&mut worker, "ftruncate", libc::SYS_ftruncate, &[no(cache), no(1 << 30)]);
    drop(worker);
    drop(host);
    assert_eq!(fs::read(&others).expect("its bytes"), before);
}

/// Memory that the worker does not map is in none of the process's figures.
#[test]
fn a_worker_does_not_hide_memory() {
    const FILES: i64 = 16;
    const BYTES: i64 = 128 << 20;
    let serve =
        Serve::start(&["--jail=strict", "--max-memory=512M", "--max-gpu-memory=512M", "--max-texture-memory=64M"]);
    let socket = serve.socket().to_str().expect("a printable path").to_owned();
    let bystander = Running::start(long_run(&["--daemon", &socket]));
    let own = wait_for("worker", Duration::from_secs(30), || workers_of(serve.id()).first().copied());
    let attacked = Running::start(long_run(&["--daemon", &socket]));
    let id =
        wait_for("second worker", Duration::from_secs(30), || workers_of(serve.id()).into_iter().find(|&id| id != own));
    let mut worker = Stopped::new(narrowed(id));
    let name = text("hidden");
    for _ in 0..FILES {
        let file = worker.call(libc::SYS_memfd_create, &[Argument::Bytes(&name), Argument::Number(0)]);
        let Outcome::Returned(file @ 0..) = file else { break };
        let place = [Argument::Number(file), Argument::Number(0), Argument::Number(0), Argument::Number(BYTES)];
        match worker.call(libc::SYS_fallocate, &place) {
            Outcome::Returned(0) => {}
            // The allocation failed, or the worker was killed.
            Outcome::Returned(_) | Outcome::Killed(_) => break,
        }
    }
    drop(worker);
    wait_for("end of the worker", Duration::from_secs(30), || (!runs(id)).then_some(()));
    assert!(attacked.finish().code() != Some(0));
    assert!(runs(own) && runs(bystander.id()));
}

/// Operations that Landlock does not check: modes, times, attributes, watches, and the objects of System V. The
/// attacker's own user may change the files.
#[test]
fn a_host_reaches_no_metadata_outside_its_folders() {
    let folder = scratch();
    let (secret, given) = (folder.path().join("secret"), folder.path().join("given"));
    fs::write(&secret, "secret").expect("a file");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).expect("its mode");
    fs::create_dir(&given).expect("a folder");
    let dir = given.to_str().expect("a printable path").to_owned();
    let host = Running::start(long_run(&["--jail=strict", "--dir", &dir]));
    worker_of(host.id());
    let id = confined(host.id());
    let before = fs::metadata(&secret).expect("the file").modified().expect("its time");
    let secret_path = path(&secret);
    let (file, value) = (Argument::Bytes(&secret_path), text("user.x"));
    let (name, space) = (Argument::Bytes(&value), [0_u8; 64]);
    let space = Argument::Bytes(&space);
    let no = |number: i64| Argument::Number(number);
    let mut host_process = Stopped::new(id);
    let calls: &[(&str, c_long, &[Argument<'_>])] = &[
        ("fchmodat2", 452, &[AT_FDCWD, file, no(0o666), no(0)]),
        ("fchmodat", libc::SYS_fchmodat, &[AT_FDCWD, file, no(0o666)]),
        ("chmod", libc::SYS_chmod, &[file, no(0o666)]),
        ("fchownat", libc::SYS_fchownat, &[AT_FDCWD, file, no(1), no(1), no(0)]),
        ("utimensat", libc::SYS_utimensat, &[AT_FDCWD, file, no(0), no(0)]),
        ("utime", libc::SYS_utime, &[file, no(0)]),
        ("futimesat", libc::SYS_futimesat, &[AT_FDCWD, file, no(0)]),
        ("getxattr", libc::SYS_getxattr, &[file, name, space, no(64)]),
        ("listxattr", libc::SYS_listxattr, &[file, space, no(64)]),
        ("setxattr", libc::SYS_setxattr, &[file, name, space, no(4), no(0)]),
        ("setxattrat", 463, &[AT_FDCWD, file, no(0), name, space, no(16)]),
        ("getxattrat", 464, &[AT_FDCWD, file, no(0), name, space, no(16)]),
        ("removexattrat", 466, &[AT_FDCWD, file, no(0), name]),
        ("file_getattr", 468, &[AT_FDCWD, file, space, no(24), no(0)]),
        ("file_setattr", 469, &[AT_FDCWD, file, space, no(24), no(0)]),
        ("inotify_init1", libc::SYS_inotify_init1, &[no(0)]),
        ("inotify_add_watch", libc::SYS_inotify_add_watch, &[no(0), file, no(0xfff)]),
        ("fanotify_init", libc::SYS_fanotify_init, &[no(0), no(0)]),
        ("semget", libc::SYS_semget, &[no(0x1234), no(1), no(0o1666)]),
        ("msgget", libc::SYS_msgget, &[no(0x1234), no(0o1666)]),
        ("shmget", libc::SYS_shmget, &[no(0x1234), no(4096), no(0o1666)]),
        ("mq_open", libc::SYS_mq_open, &[name, no(0x42), no(0o600), no(0)]),
        ("execve", libc::SYS_execve, &[file, no(0), no(0)]),
        ("ptrace", libc::SYS_ptrace, &[no(16), no(1), no(0), no(0)]),
        ("io_uring_setup", libc::SYS_io_uring_setup, &[no(8), space]),
    ];
    for (what, number, arguments) in calls {
        refused(&mut host_process, what, *number, arguments);
    }
    drop(host_process);
    let found = fs::metadata(&secret).expect("the file");
    assert_eq!((found.permissions().mode() & 0o777, found.modified().expect("its time")), (0o600, before));
    assert!(runs(host.id()), "the host does not go on");
}

/// Another process of the same user, which stands for everything that the user runs.
#[test]
fn a_host_signals_only_itself() {
    let mut victim = Command::new("sleep").arg("600").spawn().expect("a process");
    let host = Running::start(long_run(&["--jail=strict"]));
    worker_of(host.id());
    let id = confined(host.id());
    let mut host_process = Stopped::new(id);
    let no = |number: i64| Argument::Number(number);
    let (other, own) = (no(victim.id().into()), no(id.into()));
    refused(&mut host_process, "kill", libc::SYS_kill, &[other, no(9)]);
    refused(&mut host_process, "kill all", libc::SYS_kill, &[no(-1), no(0)]);
    refused(&mut host_process, "tkill", libc::SYS_tkill, &[other, no(9)]);
    refused(&mut host_process, "tgkill", libc::SYS_tgkill, &[other, other, no(9)]);
    refused(&mut host_process, "rt_sigqueueinfo", libc::SYS_rt_sigqueueinfo, &[other, no(9), no(0)]);
    refused(&mut host_process, "F_SETOWN", libc::SYS_fcntl, &[no(0), no(libc::F_SETOWN.into()), other]);
    let opened = host_process.call(libc::SYS_pidfd_open, &[other, no(0)]);
    if let Outcome::Returned(descriptor @ 0..) = opened {
        refused(&mut host_process, "pidfd", libc::SYS_pidfd_send_signal, &[no(descriptor), no(9), no(0), no(0)]);
    }
    // abort() must work.
    assert_eq!(host_process.call(libc::SYS_tgkill, &[own, own, no(0)]), Outcome::Returned(0));
    drop(host_process);
    assert!(victim.try_wait().expect("its state").is_none(), "the other process was ended");
    victim.kill().expect("it runs");
    let _ = victim.wait();
}

/// Whether its worker is its broker's or a server's, a host has the sockets that it started with, and pairs of its own. A
/// server of the same user stands for a session bus, an SSH agent, a container engine.
#[test]
fn a_host_connects_to_no_socket() {
    use std::os::unix::net::{UnixDatagram, UnixListener};

    let folder = scratch();
    let (bus, log) = (folder.path().join("bus"), folder.path().join("log"));
    let server = UnixListener::bind(&bus).expect("a server");
    server.set_nonblocking(true).expect("its mode");
    let logs = UnixDatagram::bind(&log).expect("a server of datagrams");
    logs.set_nonblocking(true).expect("its mode");
    let serve = Serve::start(&["--jail=strict"]);
    let socket = serve.socket().to_str().expect("a printable path").to_owned();
    for options in [&["--jail=strict"][..], &["--jail=strict", "--daemon", &socket]] {
        let host = Running::start(long_run(options));
        host.prints("adapter: ");
        let mut attacked = Stopped::new(confined(host.id()));
        let no = |number: i64| Argument::Number(number);
        let address = |path: &Path| [&1_u16.to_le_bytes()[..], path.as_os_str().as_encoded_bytes(), b"\0"].concat();
        let [bus, log] = [&bus, &log].map(|path| address(path));
        let to = |address: &Vec<u8>| no(address.len() as i64);
        // A pair's ends are sockets, so that only the call is refused.
        let (made, pair) = attacked.call_with(libc::SYS_socketpair, &[no(1), no(5), no(0), Argument::Bytes(&[0; 8])]);
        assert_eq!(made, Outcome::Returned(0));
        let end = no(i64::from(u32::from_ne_bytes([pair[0], pair[1], pair[2], pair[3]])));
        for kind in [libc::SOCK_STREAM, libc::SOCK_DGRAM, libc::SOCK_SEQPACKET] {
            refused(&mut attacked, "socket", libc::SYS_socket, &[no(1), no(kind.into()), no(0)]);
        }
        for address in [&bus, &log] {
            let arguments = [end, Argument::Bytes(address), to(address)];
            refused(&mut attacked, "connect", libc::SYS_connect, &arguments);
            refused(&mut attacked, "bind", libc::SYS_bind, &arguments);
        }
        // A datagram socket would need no connection.
        let space = [0; 8];
        for kind in [libc::SOCK_DGRAM, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, libc::SOCK_RAW] {
            let arguments = [no(1), no(kind.into()), no(0), Argument::Bytes(&space)];
            refused(&mut attacked, "socketpair", libc::SYS_socketpair, &arguments);
        }
        let sent = [end, Argument::Bytes(b"x"), no(1), no(0), Argument::Bytes(&log), to(&log)];
        attacked.call(libc::SYS_sendto, &sent);
        drop(attacked);
        assert!(runs(host.id()), "the host does not go on");
    }
    assert!(server.accept().is_err(), "a host is connected to the user's server");
    assert!(logs.recv(&mut [0; 8]).is_err(), "a host has sent to the user's server");
}

/// Compilation works on a stranger's bytes. The JavaScript runtime is a component that takes long enough to be caught at it.
#[test]
fn a_component_is_compiled_by_a_process_that_reaches_nothing() {
    let folder = scratch();
    let (script, bus) = (folder.path().join("app.js"), folder.path().join("bus"));
    fs::write(&script, "console.log('compiled');").expect("a script");
    let _listener = std::os::unix::net::UnixListener::bind(&bus).expect("a server");
    let mut command = airlock(["run", "--jail=strict", "--no-cache"]);
    command.arg(&script);
    let host = Running::start(command);
    let compiler = wait_for("compiler", LIMIT, || {
        let mut found = children(host.id()).into_iter();
        found.find(|&id| arguments(id).get(1).is_some_and(|word| word == "compile"))
    });
    wait_for("confined compiler", LIMIT, || (filters(compiler)? >= 3).then_some(()));
    let threads = fs::read_dir(format!("/proc/{}/task", host.id())).expect("the host").count();
    assert_eq!(threads, 1, "the host compiles, too");
    {
        let mut attacked = Stopped::new(compiler);
        let no = |number: i64| Argument::Number(number);
        // It has the component, and nothing but files in memory.
        let (outcome, read) = attacked.call_with(libc::SYS_pread64, &[no(0), Argument::Bytes(&[0; 4]), no(4), no(0)]);
        assert_eq!((outcome, read.as_slice()), (Outcome::Returned(4), &b"\0asm"[..]));
        let opened = open_files(compiler);
        let known = |name: &&String| !name.starts_with("/memfd:") && !name.starts_with("anon_inode:");
        assert_eq!(opened.iter().find(known), None, "{opened:?}");
        let (script, socket) = (path(&script), [&1_u16.to_le_bytes()[..], &path(&bus)].concat());
        let (script, socket) = (Argument::Bytes(&script), [Argument::Bytes(&socket), no(socket.len() as i64)]);
        let host = no(host.id().into());
        let anonymous = i64::from(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        for (what, number, arguments) in [
            ("open", libc::SYS_openat, vec![AT_FDCWD, script, no(libc::O_RDONLY.into()), no(0)]),
            (
                "create",
                libc::SYS_openat,
                vec![AT_FDCWD, script, no((libc::O_CREAT | libc::O_WRONLY).into()), no(0o600)],
            ),
            ("unlink", libc::SYS_unlinkat, vec![AT_FDCWD, script, no(0)]),
            ("execve", libc::SYS_execve, vec![script, no(0), no(0)]),
            ("fork", libc::SYS_fork, vec![]),
            ("socket", libc::SYS_socket, vec![no(1), no(libc::SOCK_STREAM.into()), no(0)]),
            ("connect", libc::SYS_connect, [&[no(0)][..], &socket].concat()),
            ("kill", libc::SYS_kill, vec![host, no(0)]),
            ("ptrace", libc::SYS_ptrace, vec![no(16), host, no(0), no(0)]),
            ("process_vm_writev", libc::SYS_process_vm_writev, vec![host, no(0), no(0), no(0), no(0), no(0)]),
            ("code", libc::SYS_mmap, vec![no(0), no(4096), no(5), no(anonymous), no(-1), no(0)]),
        ] {
            refused(&mut attacked, what, number, &arguments);
        }
    }
    let outcome = host.finish().succeeded();
    assert_eq!(outcome.stdout, "compiled\n", "{outcome}");
    assert!(script.is_file());
}

/// Entries of the cache are compiled once, and anew when they are damaged.
#[test]
fn a_cached_component_needs_no_compiler() {
    let folder = scratch();
    let compiles = || {
        let mut command = airlock(["run", "--jail=strict", "--adapter", "noop"]);
        command.env("XDG_CACHE_HOME", folder.path()).env("XDG_CONFIG_HOME", folder.path()).env("RUST_LOG", "debug");
        command.arg(guest("collatz")).arg("27");
        let outcome = run(command);
        assert!(outcome.stdout.contains("adapter: noop"), "{outcome}");
        outcome.stderr.contains("is compiled")
    };
    assert!(compiles());
    assert!(!compiles());
    let entries = folder.path().join("wasmtime/modules");
    let entries = fs::read_dir(entries).expect("the cache").next().expect("a folder").expect("a folder").path();
    let mut damaged = 0;
    for entry in fs::read_dir(entries).expect("entries") {
        let entry = entry.expect("an entry").path();
        if entry.extension().is_none() {
            fs::write(entry, "damaged").expect("an entry");
            damaged += 1;
        }
    }
    assert_eq!(damaged, 1);
    assert!(compiles());
}

/// A shell passes its own descriptors on.
#[test]
fn a_host_keeps_no_descriptor_that_it_was_not_given() {
    let folder = scratch();
    let secret = folder.path().join("secret");
    fs::write(&secret, "secret").expect("a file");
    let mut command = Command::new("bash");
    command.args(["-c", r#"exec 251<"$0"; exec "$@""#]).arg(&secret).arg(program("airlock"));
    command.args(["run", "--jail=strict"]).arg(guest("nbody")).args(["512", "100000"]).stdin(Stdio::null());
    let host = Running::start(command);
    worker_of(host.id());
    confined(host.id());
    let opened = |id: u32| {
        let entries = fs::read_dir(format!("/proc/{id}/fd")).expect("its descriptors");
        entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok()).any(|leads| leads == secret)
    };
    assert!(!opened(host.id()), "the host has it");
    for broker in children(host.id()) {
        assert!(!opened(broker), "its broker has it");
    }
}

/// An untrusted folder of traces, in which the names that `--bless` writes are links to another file.
#[test]
fn blessing_writes_through_no_link() {
    let folder = scratch();
    let traces = folder.path().join("traces");
    fs::create_dir(&traces).expect("a folder");
    let victim = folder.path().join("victim");
    fs::write(&victim, "mine").expect("a file");
    let mut record = airlock(["run", "--adapter", "noop", "--record"]);
    record.arg(traces.join("a.airtrace")).arg(guest("collatz")).arg("27");
    run(record);
    std::os::unix::fs::symlink(&victim, traces.join("a.txt")).expect("a link");
    let mut bless = airlock(["verify", "--bless"]);
    bless.arg(&traces);
    let outcome = run(bless);
    assert_ne!(outcome.code(), Some(0), "{outcome}");
    assert!(outcome.stdout.contains("symbolic link"), "{outcome}");
    assert_eq!(fs::read_to_string(&victim).expect("the file"), "mine");
    // A recording has its name from its first byte on, and follows no link to it either.
    std::os::unix::fs::symlink(&victim, folder.path().join("link.airtrace")).expect("a link");
    let mut record = airlock(["run", "--adapter", "noop", "--record"]);
    record.arg(folder.path().join("link.airtrace")).arg(guest("collatz")).arg("27");
    run(record);
    assert_eq!(fs::read_to_string(&victim).expect("the file"), "mine");
}

/// Landlock restricts opening a file, and not the check whether it exists.
#[test]
fn a_worker_sees_no_files_but_its_drivers() {
    let folder = scratch();
    let secret = folder.path().join("secret");
    fs::write(&secret, "secret").expect("a file");
    let mut command = long_run(&["--jail=strict"]);
    // It may name folders of the user who runs the tests, which the worker would be given.
    command.env_remove("LD_LIBRARY_PATH");
    let host = Running::start(command);
    let mut worker = Stopped::new(narrowed(worker_of(host.id())));
    let space = [0_u8; 256];
    let other = format!("/proc/{}/status", host.id());
    let mut look = |path: &str, number: c_long, rest: &[Argument<'_>]| {
        let path = text(path);
        let arguments = [&[AT_FDCWD, Argument::Bytes(&path)], rest].concat();
        worker.call(number, &arguments)
    };
    let mut exists = |path: &str| {
        let found = look(path, libc::SYS_newfstatat, &[Argument::Bytes(&space), Argument::Number(0)]);
        let accessible = look(path, libc::SYS_faccessat, &[Argument::Number(0)]);
        assert_eq!(found == Outcome::Returned(0), accessible == Outcome::Returned(0), "{path}");
        found == Outcome::Returned(0)
    };
    // The files that drivers read, and the process itself, exist: the check can find something.
    assert!(exists("/proc/self/status") && exists("/usr/lib") && exists("/dev/null"));
    for path in ["/etc/passwd", "/etc/shadow", "/root", "/home", "/var", "/proc/1/status", "/bin/sh", &other] {
        assert!(!exists(path), "{path}");
    }
    assert!(!exists(secret.to_str().expect("a printable path")), "the secret");
}
