//! Linux: the kernel's facilities for a jail, and the files of graphics drivers. The checks need no privileges and have no
//! lasting effects.

use std::{
    env, fs,
    path::{Path, PathBuf},
    thread,
};

use airlock_protocol::commands::adapter::Capabilities;
use landlock::{AccessFs, LandlockStatus, Ruleset, RulesetAttr, RulesetError};
use rustix::fs::{Access, MemfdFlags, SealFlags, access, fcntl_add_seals, memfd_create};

use super::report::{Facility, Finding, System};

const INSTALL_DRIVERS: &str = "apt-get install libvulkan1 mesa-vulkan-drivers   (Debian, Ubuntu)";

/// Variables that replace the Vulkan loader's search path for drivers. The first that is set takes precedence.
const DRIVER_VARIABLES: [&str; 2] = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"];

/// The kernel and its facilities.
pub fn examine() -> System {
    let release = read("/proc/sys/kernel/osrelease").unwrap_or_default();
    System {
        name: format!("Linux {release}").trim_end().to_owned(),
        jail: vec![landlock(), seccomp(), user_namespaces(), memfd_sealing(), no_new_privileges()],
    }
}

/// Findings on missing adapters, and on hardware that no adapter uses. `None` for an unknown list of adapters.
pub fn graphics(adapters: Option<&[Capabilities]>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let found = adapters.unwrap_or_default();
    if found.is_empty() {
        let why = missing_files().or_else(|| adapters.map(|_| no_device()));
        findings.extend(why.map(|(problem, remedy)| Finding {
            problem: problem.to_owned(),
            remedy: Some(remedy.to_owned()),
            necessary: true,
        }));
    }
    if found.iter().all(|adapter| adapter.info.is_fallback_adapter) {
        findings.extend(unused_hardware());
    }
    findings
}

/// The problem and the remedy, if the Vulkan loader or its drivers are missing.
fn missing_files() -> Option<(&'static str, &'static str)> {
    if !has_vulkan_loader() {
        return Some(("there is no Vulkan loader (libvulkan.so.1)", INSTALL_DRIVERS));
    }
    if !driver_manifests().is_empty() {
        return None;
    }
    Some(match DRIVER_VARIABLES.iter().find(|variable| env::var_os(variable).is_some()) {
        Some(&"VK_DRIVER_FILES") => ("VK_DRIVER_FILES names no Vulkan driver that exists", "unset VK_DRIVER_FILES"),
        Some(_) => ("VK_ICD_FILENAMES names no Vulkan driver that exists", "unset VK_ICD_FILENAMES"),
        None => ("there is no Vulkan driver", INSTALL_DRIVERS),
    })
}

fn no_device() -> (&'static str, &'static str) {
    (
        "the Vulkan drivers that are installed find no device",
        "apt-get install mesa-vulkan-drivers   (has the software driver llvmpipe; `vulkaninfo` tells more)",
    )
}

/// A finding for hardware that no adapter offers.
fn unused_hardware() -> Option<Finding> {
    let nodes: Vec<_> = entries("/dev/dri").into_iter().filter(|node| is_named(node, "renderD")).collect();
    let note = |problem: String, remedy: Option<&str>| Finding {
        problem,
        remedy: remedy.map(str::to_owned),
        necessary: false,
    };
    if let Some(node) = nodes.iter().find(|node| access(*node, Access::READ_OK | Access::WRITE_OK).is_err()) {
        let problem = format!("there is a GPU at {}, which you may not open", node.display());
        return Some(note(problem, Some("sudo usermod -aG render,video \"$USER\"   (then log in again)")));
    }
    if Path::new("/dev/nvidiactl").exists() && !driver_manifests().iter().any(|file| is_named(file, "nvidia")) {
        let remedy = "apt-get install libnvidia-gl-<version of the kernel driver>   (in a container: \
                      NVIDIA_DRIVER_CAPABILITIES=graphics)";
        return Some(note("there is an NVIDIA GPU without its Vulkan driver".to_owned(), Some(remedy)));
    }
    nodes.first().map(|node| {
        note(format!("there is a GPU at {}, for which no Vulkan driver is installed", node.display()), None)
    })
}

fn has_vulkan_loader() -> bool {
    let given = env::var_os("LD_LIBRARY_PATH").map(|paths| env::split_paths(&paths).collect::<Vec<_>>());
    let usual = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib"].map(PathBuf::from);
    // Debian has a folder per architecture below these.
    let below = ["/usr/lib", "/lib"].into_iter().flat_map(entries).filter(|folder| folder.ends_with(architecture()));
    given.into_iter().flatten().chain(usual).chain(below).any(|folder| folder.join("libvulkan.so.1").exists())
}

fn architecture() -> String {
    format!("{}-linux-gnu", env::consts::ARCH)
}

/// Manifests of Vulkan drivers in the loader's search path.
fn driver_manifests() -> Vec<PathBuf> {
    for variable in DRIVER_VARIABLES {
        if let Some(files) = env::var_os(variable) {
            return env::split_paths(&files).filter(|file| file.exists()).collect();
        }
    }
    ["/usr/share/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/etc/vulkan/icd.d"]
        .into_iter()
        .flat_map(entries)
        .filter(|file| file.extension().is_some_and(|extension| extension == "json"))
        .collect()
}

/// The kernel's version of Landlock. It is reported only to a thread that restricts itself, so a short-lived thread does.
fn landlock() -> Facility {
    let restrict = || -> Result<LandlockStatus, RulesetError> {
        Ok(Ruleset::default().handle_access(AccessFs::Execute)?.create()?.restrict_self()?.landlock)
    };
    let (available, detail, remedy) = match thread::spawn(restrict).join() {
        Ok(Ok(LandlockStatus::Available { effective_abi, kernel_abi })) => {
            (Some(true), format!("ABI {}", kernel_abi.unwrap_or(effective_abi as i32)), None)
        }
        Ok(Ok(LandlockStatus::NotEnabled)) => {
            (Some(false), "not enabled".to_owned(), Some("boot with lsm=landlock,... on the kernel's command line"))
        }
        Ok(Ok(LandlockStatus::NotImplemented)) => {
            (Some(false), "not in this kernel (Linux 5.13 has it)".to_owned(), None)
        }
        Ok(Err(_)) | Err(_) => (None, "the kernel does not say".to_owned(), None),
    };
    Facility { name: "Landlock", available, detail, remedy: remedy.map(str::to_owned) }
}

fn seccomp() -> Facility {
    let actions = read("/proc/sys/kernel/seccomp/actions_avail");
    Facility {
        name: "seccomp filters",
        available: Some(actions.is_some()),
        detail: actions.map_or_else(|| "not in this kernel".to_owned(), |actions| actions.replace(' ', ", ")),
        remedy: None,
    }
}

fn user_namespaces() -> Facility {
    let is = |file: &str, value: &str| read(file).is_some_and(|found| found == value);
    let (available, detail, remedy) = if !Path::new("/proc/self/ns/user").exists() {
        (false, "not in this kernel", None)
    } else if is("/proc/sys/user/max_user_namespaces", "0") {
        (false, "none allowed", Some("sysctl user.max_user_namespaces=15000"))
    } else if is("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        (false, "only for root", Some("sysctl kernel.unprivileged_userns_clone=1"))
    } else if is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1") {
        (false, "only with an AppArmor profile", Some("sysctl kernel.apparmor_restrict_unprivileged_userns=0"))
    } else {
        (true, "", None)
    };
    Facility {
        name: "unprivileged user namespaces",
        available: Some(available),
        detail: detail.to_owned(),
        remedy: remedy.map(str::to_owned),
    }
}

fn memfd_sealing() -> Facility {
    let sealed = memfd_create("airlock-doctor", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)
        .and_then(|memory| fcntl_add_seals(&memory, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL));
    Facility {
        name: "memfd sealing",
        available: Some(sealed.is_ok()),
        detail: sealed.err().map_or_else(String::new, |error| error.to_string()),
        remedy: None,
    }
}

fn no_new_privileges() -> Facility {
    let status = read("/proc/self/status");
    Facility {
        name: "no_new_privs",
        available: status.map(|status| status.lines().any(|line| line.starts_with("NoNewPrivs:"))),
        detail: String::new(),
        remedy: None,
    }
}

fn read(file: &str) -> Option<String> {
    fs::read_to_string(file).ok().map(|text| text.trim().to_owned())
}

fn entries(folder: &str) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// True when the file's name starts with `start`.
fn is_named(file: &Path, start: &str) -> bool {
    file.file_name().is_some_and(|name| name.to_string_lossy().starts_with(start))
}
