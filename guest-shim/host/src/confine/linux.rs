//! The layers on Linux, each tested by an operation that it denies.

use std::{
    fs::{self, File, OpenOptions},
    io::ErrorKind,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, Scope, path_beneath_rules,
};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_no_new_privs};
use seccompiler::{BpfProgram, TargetArch, apply_filter, compile_from_json, sock_filter};
use serde_json::{Value, json};

use super::{Accepts, Layer, Reach, descriptors};

type Held = Result<(), String>;

/// How long threads that are ending are waited for.
const ALONE: Duration = Duration::from_secs(2);

/// Files that the runtimes read: the process's own, the number of processors, the time zone.
const READ: &[&str] =
    &["/proc/self", "/sys/fs/cgroup", "/sys/devices/system/cpu", "/etc/localtime", "/usr/share/zoneinfo"];

/// Devices without hardware behind them.
const HARMLESS_DEVICES: &[&str] = &["/dev/null", "/dev/urandom"];

/// Where GPUs have their nodes; NVIDIA's lie in /dev itself.
const GPU_FOLDER: &str = "/dev/dri";
const GPU_PREFIX: &str = "/dev/nvidia";

const EPERM: u32 = 1;
const ENOSYS: u32 = 38;

/// Puts the layers up.
pub fn confine(reach: &Reach, accepts: Accepts) -> Vec<Layer> {
    // The nodes that could be opened until now are what must be out of reach.
    let nodes = gpu_nodes();
    let alone = alone();
    let bound = |held: Held| alone.clone().and(held);
    vec![
        ("descriptors", descriptors::close(&reach.files)),
        ("no-new-privileges", bound(set_no_new_privs(true).map_err(|error| error.to_string()))),
        ("capabilities", bound(drop_capabilities())),
        ("landlock", bound(restrict_files(reach).and_then(|()| out_of_reach(&nodes, reach)))),
        ("seccomp", bound(filter_calls(accepts))),
    ]
}

/// Waits for the end of the compiler's threads, which the layers of this thread would not bind.
fn alone() -> Held {
    let start = Instant::now();
    loop {
        let threads = fs::read_dir("/proc/self/task").map_err(|error| format!("/proc/self/task: {error}"))?.count();
        if threads <= 1 {
            return Ok(());
        }
        if start.elapsed() > ALONE {
            return Err(format!("{} other threads are running", threads - 1));
        }
        thread::sleep(Duration::from_micros(200));
    }
}

fn drop_capabilities() -> Held {
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, none).map_err(|error| format!("capset: {error}"))?;
    match capabilities(None) {
        Ok(left) if left.effective.is_empty() && left.permitted.is_empty() => Ok(()),
        Ok(left) => Err(format!("{:?} is left", left.permitted)),
        Err(error) => Err(format!("capget: {error}")),
    }
}

fn restrict_files(reach: &Reach) -> Held {
    match apply_rules(reach) {
        Ok(LandlockStatus::Available { effective_abi, .. }) if effective_abi >= ABI::V6 => Ok(()),
        Ok(LandlockStatus::Available { .. }) => {
            Err("of this kernel's, files hold, and TCP or signals do not (Linux 6.12 has all of it)".to_owned())
        }
        Ok(LandlockStatus::NotEnabled) => Err("it is not enabled in this kernel (lsm=landlock,...)".to_owned()),
        Ok(LandlockStatus::NotImplemented) => Err("this kernel has none (Linux 5.13 has it)".to_owned()),
        Err(error) => Err(format!("the rules cannot be made: {error}")),
    }
}

fn apply_rules(reach: &Reach) -> Result<LandlockStatus, RulesetError> {
    let newest = ABI::V6;
    let all = AccessFs::from_all(newest);
    // A guest's files, not devices and not programs.
    let guest = all & !(AccessFs::Execute | AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev);
    let write: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate;
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?
        .handle_access(AccessNet::from_all(newest))?
        .scope(Scope::from_all(newest))?
        .create()?
        .add_rules(path_beneath_rules(READ, AccessFs::ReadFile | AccessFs::ReadDir))?
        .add_rules(path_beneath_rules(std::env::current_exe().ok(), AccessFs::ReadFile))?
        .add_rules(path_beneath_rules(HARMLESS_DEVICES, AccessFs::ReadFile | AccessFs::WriteFile))?
        .add_rules(path_beneath_rules(&reach.folders, guest))?
        // A pipe has no place in the tree of files, and needs no rule: it is open.
        .add_rules(path_beneath_rules(reach.files.iter().filter(|file| file.is_file()), write))?
        .restrict_self()?;
    Ok(status.landlock)
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
            // `--dir /dev` is the user's decision. A guest still cannot talk to a driver, which takes ioctl.
            if within(path) {
                continue;
            }
            return Err(format!("the self-test could open {}", path.display()));
        }
        tracing::debug!("{} is out of reach", path.display());
    }
    Ok(())
}

fn filter_calls(accepts: Accepts) -> Held {
    let (rules, architecture) = match std::env::consts::ARCH {
        "x86_64" => (include_str!("../../jail/x86_64.json"), TargetArch::x86_64),
        "aarch64" => (include_str!("../../jail/aarch64.json"), TargetArch::aarch64),
        _ => return Err("there are no rules for this architecture".to_owned()),
    };
    if architecture == TargetArch::x86_64 {
        apply_filter(&no_x32()).map_err(|error| format!("the kernel does not take the filter: {error}"))?;
    }
    // clone3 has its flags in memory, where no filter sees whether it makes a thread; the C library uses clone instead.
    install(&[json!({ "syscall": "clone3" })], json!({ "errno": ENOSYS }), json!("allow"), architecture)?;
    let mut rules = to_oneself(parse(rules)?);
    if accepts == Accepts::Connections {
        rules.push(json!({ "syscall": "accept4", "comment": "clients of the sockets that it was given" }));
    }
    install(&rules, json!("allow"), json!({ "errno": EPERM }), architecture)?;
    match Command::new("/proc/self/exe").arg("--version").spawn() {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
        Err(error) => return Err(format!("the self-test was refused a process by something else: {error}")),
        Ok(_) => return Err("the self-test could start a process".to_owned()),
    }
    match TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
        Err(error) => Err(format!("the self-test was refused a socket by something else: {error}")),
        Ok(_) => Err("the self-test could make an Internet socket".to_owned()),
    }
}

/// Rejects all calls of the x32 ABI, which share the architecture of the others and have numbers of their own.
fn no_x32() -> BpfProgram {
    const X32_BIT: u32 = 0x4000_0000;
    // BPF: load the call's number; above the bit, refuse; else allow.
    [(0x20, 0, 0, 0), (0x35, 0, 1, X32_BIT), (0x06, 0, 0, 0x0005_0000 | ENOSYS), (0x06, 0, 0, 0x7fff_0000)]
        .map(|(code, jt, jf, k)| sock_filter { code, jt, jf, k })
        .to_vec()
}

fn parse(rules: &str) -> Result<Vec<Value>, String> {
    serde_json::from_str(rules).map_err(|error| format!("a rule cannot be read: {error}"))
}

/// Restricts signals to this process, as Landlock does from its sixth version on.
fn to_oneself(mut rules: Vec<Value>) -> Vec<Value> {
    let own = std::process::id();
    for rule in rules.iter_mut().filter(|rule| rule["syscall"] == "tgkill") {
        rule["args"] = json!([{ "index": 0, "type": "dword", "op": "eq", "val": own }]);
    }
    rules
}

/// A filter with one action for the calls of its rules and another for all others.
fn install(rules: &[Value], named: Value, others: Value, architecture: TargetArch) -> Held {
    let filter = json!({ "host": { "mismatch_action": others, "match_action": named, "filter": rules } });
    let compiled = compile_from_json(filter.to_string().as_bytes(), architecture);
    let filters = compiled.map_err(|error| format!("the rules make no filter: {error}"))?;
    let filter = filters.get("host").ok_or("the rules make no filter")?;
    apply_filter(filter).map_err(|error| format!("the kernel does not take the filter: {error}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The layers bind a thread: one of the test's own.
    #[test]
    fn what_is_not_given_is_out_of_reach() {
        let given = std::env::temp_dir().join(format!("airlock-confine-{}", std::process::id()));
        let beside = given.with_extension("beside");
        fs::create_dir_all(&given).unwrap();
        let confined = given.clone();
        thread::spawn(move || {
            let reach = Reach { folders: vec![confined.clone()], files: Vec::new() };
            // A node that anyone may open stands for a GPU's.
            let nodes = [PathBuf::from("/dev/zero")];
            assert!(out_of_reach(&nodes, &reach).is_err(), "the trial cannot fail");
            set_no_new_privs(true).unwrap();
            restrict_files(&reach).unwrap();
            out_of_reach(&nodes, &reach).unwrap();
            fs::write(confined.join("file"), "contents").unwrap();
            fs::rename(confined.join("file"), confined.join("other")).unwrap();
            assert!(fs::write(&beside, "contents").is_err());
            assert!(Command::new("/bin/true").status().is_err());
            filter_calls(Accepts::Nothing).unwrap();
            thread::spawn(|| ()).join().unwrap();
            // What WASI has for files: contents, appended ones among them, and times, but neither modes nor attributes.
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

    /// A socket that listens already accepts connections only in a front process.
    #[test]
    fn only_a_front_process_accepts_connections() {
        for (accepts, taken) in [(Accepts::Nothing, false), (Accepts::Connections, true)] {
            let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
            let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let accepted = thread::spawn(move || {
                set_no_new_privs(true).unwrap();
                filter_calls(accepts).unwrap();
                listener.accept().map(drop)
            });
            let accepted = accepted.join().unwrap();
            assert_eq!(accepted.is_ok(), taken, "{accepted:?}");
            drop(client);
        }
    }

    #[test]
    fn the_rules_of_every_architecture_make_filters_and_say_why() {
        let files = [
            (include_str!("../../jail/x86_64.json"), TargetArch::x86_64),
            (include_str!("../../jail/aarch64.json"), TargetArch::aarch64),
        ];
        for (rules, architecture) in files {
            let rules = parse(rules).unwrap();
            assert!(rules.iter().all(|rule| rule["comment"].as_str().is_some_and(|why| why.len() > 4)));
            let filter = json!({ "host": { "mismatch_action": "trap", "match_action": "allow", "filter": rules } });
            compile_from_json(filter.to_string().as_bytes(), architecture).unwrap();
        }
    }

    /// The names of the running kernel's own table, and of its headers where they are installed.
    fn kernel_table() -> BTreeSet<String> {
        /// Functions whose calls have other names.
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

    /// A call that a new kernel has is refused as long as it is on no list; the lists classify it all the same.
    #[test]
    fn every_call_of_the_kernel_is_allowed_or_refused_with_a_reason() {
        let (allowed, refused) = (include_str!("../../jail/x86_64.json"), include_str!("../../jail/refused.json"));
        let allowed: BTreeSet<String> =
            parse(allowed).unwrap().iter().map(|rule| rule["syscall"].as_str().unwrap().to_owned()).collect();
        let mut refused_calls = BTreeSet::new();
        for group in parse(refused).unwrap() {
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
        assert!(missing.is_empty(), "on no list of guest-shim/host/jail: {missing:?}");
    }
}
