//! A cgroup for each worker, where the server may create one: the only bound that counts all of a worker's memory, of
//! any kind, and its threads.
//!
//! | | version 2 | version 1 |
//! |---|---|---|
//! | place | this process's group must be its own (systemd's `Delegate=memory pids`): it moves into a child `airlock-server`, because a group with bounded children may have no processes | below this process's group |
//! | memory of a worker | `memory.max`, and no swap | `memory.limit_in_bytes` |
//! | memory of all workers | `memory.max` of their parent | the same |
//! | out of memory | the kernel kills the whole group at once, `memory.oom.group` | the kernel kills a process of the group |
//! | threads | `pids.max` | `pids.max` |
//!
//! Groups that a killed server left behind are removed by the next server that finds them empty.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Mount point of the hierarchies, by systemd's convention, which other systems follow.
const MOUNT: &str = "/sys/fs/cgroup";
/// Maximum number of a worker's threads: a software driver has a few for each processor.
const MAX_THREADS: u32 = 2048;
/// Name of the group that this process moves into.
const SERVER: &str = "airlock-server";
/// Name prefix of the workers' parent group; the server's process id follows.
const WORKERS: &str = "airlock-workers-";

/// The parent of the workers' groups.
#[derive(Debug)]
pub struct Cgroups {
    version: Version,
    /// The workers' parent, in each hierarchy.
    parents: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// The group of one worker. Drop it after the worker has been reaped: that removes the group.
#[derive(Debug)]
pub struct Cgroup(Vec<PathBuf>);

impl Cgroups {
    /// Creates the workers' parent group with `total` as its memory bound in bytes. The error is the reason why groups are not
    /// available.
    pub fn new(total: u64) -> Result<Self, String> {
        let list = fs::read_to_string("/proc/self/cgroup").map_err(|error| error.to_string())?;
        let own = |controller: &str| {
            list.lines().find_map(|line| {
                let (_, rest) = line.split_once(':')?;
                let (controllers, path) = rest.split_once(':')?;
                controllers.split(',').any(|found| found == controller).then(|| path.trim_start_matches('/').to_owned())
            })
        };
        let groups = if Path::new(MOUNT).join("cgroup.controllers").exists() {
            let own = own("").ok_or("this process is in none")?;
            Self::version_two(&Path::new(MOUNT).join(own))?
        } else {
            let memory = own("memory").ok_or("no hierarchy has the memory controller")?;
            let folder = Path::new(MOUNT).join("memory").join(memory);
            let pids = own("pids").map(|path| Path::new(MOUNT).join("pids").join(path));
            Self::version_one(&folder, pids.as_deref())?
        };
        if let Some(memory) = groups.parents.first() {
            write(memory, groups.version.memory_file(), total)?;
        }
        Ok(groups)
    }

    fn version_two(own: &Path) -> Result<Self, String> {
        let inside = read(own, "cgroup.procs")?;
        let me = std::process::id().to_string();
        if inside.lines().any(|process| process != me) {
            return Err("this process's cgroup has other processes (systemd: Delegate=memory pids)".to_owned());
        }
        let server = own.join(SERVER);
        make(&server)?;
        write(&server, "cgroup.procs", &me)?;
        let all = "+memory +pids";
        if let Err(why) = write(own, "cgroup.subtree_control", all) {
            // Undo.
            let _ = write(own, "cgroup.procs", &me);
            let _ = fs::remove_dir(&server);
            return Err(why);
        }
        let parent = parent(own)?;
        write(&parent, "cgroup.subtree_control", all)?;
        Ok(Self { version: Version::Two, parents: vec![parent] })
    }

    fn version_one(memory: &Path, pids: Option<&Path>) -> Result<Self, String> {
        let mut parents = vec![parent(memory)?];
        parents.extend(pids.and_then(|pids| parent(pids).ok()));
        Ok(Self { version: Version::One, parents })
    }

    /// Creates a group for a worker with a memory bound in bytes.
    pub fn group(&self, name: &str, memory: u64) -> Result<Cgroup, String> {
        let mut made = Cgroup(Vec::new());
        for (index, parent) in self.parents.iter().enumerate() {
            let folder = parent.join(name);
            make(&folder)?;
            made.0.push(folder.clone());
            if index == 0 {
                write(&folder, self.version.memory_file(), memory)?;
            }
            match self.version {
                Version::Two => {
                    write(&folder, "memory.oom.group", 1)?;
                    write(&folder, "pids.max", MAX_THREADS)?;
                    // The file is missing in kernels without swap accounting.
                    let _ = write(&folder, "memory.swap.max", 0);
                }
                Version::One if index > 0 => write(&folder, "pids.max", MAX_THREADS)?,
                Version::One => {}
            }
        }
        Ok(made)
    }
}

impl Version {
    fn memory_file(self) -> &'static str {
        match self {
            Version::One => "memory.limit_in_bytes",
            Version::Two => "memory.max",
        }
    }
}

impl Drop for Cgroups {
    fn drop(&mut self) {
        for parent in &self.parents {
            let _ = fs::remove_dir(parent);
        }
    }
}

impl Cgroup {
    /// Moves a process into the group.
    pub fn add(&self, pid: u32) -> Result<(), String> {
        self.0.iter().try_for_each(|folder| write(folder, "cgroup.procs", pid))
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for folder in &self.0 {
            // Fails, and leaves the group, while a process is stuck in the kernel.
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Creates the workers' parent group and removes those of servers that no longer run.
fn parent(own: &Path) -> Result<PathBuf, String> {
    for entry in fs::read_dir(own).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let of = name.to_str().and_then(|name| name.strip_prefix(WORKERS)).and_then(|pid| pid.parse::<u32>().ok());
        if of.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            for group in fs::read_dir(entry.path()).into_iter().flatten().flatten() {
                let _ = fs::remove_dir(group.path());
            }
            let _ = fs::remove_dir(entry.path());
        }
    }
    let parent = own.join(format!("{WORKERS}{}", std::process::id()));
    make(&parent)?;
    Ok(parent)
}

fn make(folder: &Path) -> Result<(), String> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map_err(|error| format!("{}: {error}", folder.display())),
    }
}

fn read(folder: &Path, name: &str) -> Result<String, String> {
    let file = folder.join(name);
    fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))
}

/// Writes a file of the cgroup file system.
#[allow(clippy::disallowed_methods)]
fn write(folder: &Path, name: &str, value: impl ToString) -> Result<(), String> {
    let file = folder.join(name);
    fs::write(&file, value.to_string()).map_err(|error| format!("{}: {error}", file.display()))
}
