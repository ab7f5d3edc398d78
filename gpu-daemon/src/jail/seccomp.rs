//! seccomp: filters of system calls. The filters are data, in `gpu-daemon/jail/`, one file per processor architecture
//! and driver family, in the form of seccompiler's rules with a comment on each.
//!
//! A call that no rule allows fails with EPERM: a driver that makes an optional call continues without it. A few calls
//! are made by no driver and only by exploits (`*-exploits.json`): those kill the process with SIGSYS, which `serve`
//! counts.

use std::{
    collections::BTreeSet,
    sync::mpsc::{channel, sync_channel},
    thread,
};

use rustix::net::{AddressFamily, SocketType, socket};
use seccompiler::{BpfProgram, TargetArch, apply_filter_all_threads, compile_from_json, sock_filter};
use serde_json::{Value, json};

use super::{
    layer::Family,
    trial::{Held, because, forbidden},
};

const EPERM: u32 = 1;
const ENOSYS: u32 = 38;

macro_rules! files {
    ($architecture:literal) => {
        Files {
            exploits: include_str!(concat!("../../jail/", $architecture, "-exploits.json")),
            common: include_str!(concat!("../../jail/", $architecture, "-common.json")),
            startup: include_str!(concat!("../../jail/", $architecture, "-startup.json")),
            mesa_software: include_str!(concat!("../../jail/", $architecture, "-mesa-software.json")),
            mesa_hardware: include_str!(concat!("../../jail/", $architecture, "-mesa-hardware.json")),
            nvidia: include_str!(concat!("../../jail/", $architecture, "-nvidia.json")),
            shader_cache: include_str!(concat!("../../jail/", $architecture, "-shader-cache.json")),
        }
    };
}

/// The rules of one architecture.
#[derive(Debug)]
struct Files {
    exploits: &'static str,
    common: &'static str,
    startup: &'static str,
    mesa_software: &'static str,
    mesa_hardware: &'static str,
    nvidia: &'static str,
    shader_cache: &'static str,
}

impl Files {
    fn of(architecture: TargetArch) -> Result<Self, String> {
        match architecture {
            TargetArch::x86_64 => Ok(files!("x86_64")),
            TargetArch::aarch64 => Ok(files!("aarch64")),
            TargetArch::riscv64 => Err("there are no rules for this architecture".to_owned()),
        }
    }

    fn family(&self, family: Family) -> &'static str {
        match family {
            Family::MesaSoftware => self.mesa_software,
            Family::MesaHardware => self.mesa_hardware,
            Family::Nvidia => self.nvidia,
        }
    }
}

/// Applies the filter for the start, before the driver families are known: the calls that any family needs, and those of
/// their shader cache, where there is one.
pub fn start(cache: bool) -> Held {
    let architecture = this_architecture()?;
    let files = Files::of(architecture)?;
    let mut rules = vec![files.common, files.startup, files.mesa_software, files.mesa_hardware, files.nvidia];
    rules.extend(cache.then_some(files.shader_cache));
    if architecture == TargetArch::x86_64 {
        apply(&no_x32())?;
    }
    apply(&compile(&clone3_rules(), Filter::Refuse(ENOSYS), architecture)?)?;
    apply(&compile(&request_rules(), Filter::Refuse(EPERM), architecture)?)?;
    apply(&compile(&merge(&[files.exploits])?, Filter::End, architecture)?)?;
    apply(&compile(&to_oneself(merge(&rules)?), Filter::Allow, architecture)?)?;
    forbidden("make an Internet socket", socket(AddressFamily::INET, SocketType::DGRAM, None))
}

/// Applies the filter for the rest of the session.
pub fn narrow(families: &BTreeSet<Family>, cache: bool) -> Held {
    let architecture = this_architecture()?;
    let files = Files::of(architecture)?;
    let mut rules = vec![files.common];
    rules.extend(families.iter().map(|&family| files.family(family)));
    rules.extend(cache.then_some(files.shader_cache));
    let filter = compile(&to_oneself(merge(&rules)?), Filter::Allow, architecture)?;
    // Tested on a thread that exists before the filter, as the drivers' threads do.
    let (go, wait) = sync_channel::<()>(0);
    let (tell, told) = channel();
    let trial = thread::Builder::new().name("self-test".to_owned());
    let trial = trial.spawn(move || {
        let _ = wait.recv();
        let _ = tell.send(socket(AddressFamily::UNIX, SocketType::DGRAM, None).map(drop));
    });
    let trial = trial.map_err(|error| because("the self-test needs a thread", error))?;
    let applied = apply(&filter);
    let _ = go.send(());
    let tried = told.recv().map_err(|_| "the self-test said nothing".to_owned());
    let _ = trial.join();
    applied.and_then(|()| forbidden("make a socket", tried?))
}

fn this_architecture() -> Result<TargetArch, String> {
    std::env::consts::ARCH.try_into().map_err(|_| "there are no rules for this architecture".to_owned())
}

fn apply(filter: &BpfProgram) -> Held {
    apply_filter_all_threads(filter).map_err(|error| because("the kernel rejects the filter", error))
}

/// Merges the rules of several files. A call that one file allows without conditions is allowed without conditions.
fn merge(files: &[&str]) -> Result<Vec<Value>, String> {
    let mut rules: Vec<Value> = Vec::new();
    for file in files {
        let more: Vec<Value> = serde_json::from_str(file).map_err(|error| because("a rule cannot be read", error))?;
        rules.extend(more);
    }
    let name = |rule: &Value| rule.get("syscall").and_then(Value::as_str).map(str::to_owned);
    let without: BTreeSet<_> = rules.iter().filter(|rule| rule.get("args").is_none()).filter_map(name).collect();
    rules.retain(|rule| rule.get("args").is_none() || name(rule).is_some_and(|name| !without.contains(&name)));
    Ok(rules)
}

/// Rules for clone3. Its flags are in memory, where a filter cannot see whether it creates a thread or a process.
fn clone3_rules() -> Vec<Value> {
    vec![json!({ "syscall": "clone3" })]
}

/// Refused ioctl requests: those that type or paste into the terminal, whose input the user's shell executes; and those
/// that make the kernel send signals to other processes, which Landlock covers from Linux 6.12 on.
fn request_rules() -> Vec<Value> {
    const TIOCSTI: u32 = 0x5412;
    const TIOCLINUX: u32 = 0x541c;
    const FIOASYNC: u32 = 0x5452;
    const FIOSETOWN: u32 = 0x8901;
    const SIOCSPGRP: u32 = 0x8902;
    let rule =
        |request| json!({ "syscall": "ioctl", "args": [{ "index": 1, "type": "dword", "op": "eq", "val": request }] });
    [TIOCSTI, TIOCLINUX, FIOASYNC, FIOSETOWN, SIOCSPGRP].map(rule).to_vec()
}

/// Refuses the x32 ABI, whose calls have the same architecture and numbers of their own.
fn no_x32() -> BpfProgram {
    const X32_BIT: u32 = 0x4000_0000;
    // BPF: load the call's number; above the bit, refuse; else allow.
    [(0x20, 0, 0, 0), (0x35, 0, 1, X32_BIT), (0x06, 0, 0, 0x0005_0000 | ENOSYS), (0x06, 0, 0, 0x7fff_0000)]
        .map(|(code, jt, jf, k)| sock_filter { code, jt, jf, k })
        .to_vec()
}

/// Restricts tgkill to this process; Landlock does too, from its sixth version on.
fn to_oneself(mut rules: Vec<Value>) -> Vec<Value> {
    let own = std::process::id();
    for rule in &mut rules {
        if rule.get("syscall").and_then(Value::as_str) == Some("tgkill")
            && let Some(rule) = rule.as_object_mut()
        {
            rule.insert("args".to_owned(), json!([{ "index": 0, "type": "dword", "op": "eq", "val": own }]));
        }
    }
    rules
}

/// Action of a filter on the calls that its rules match.
#[derive(Clone, Copy, Debug)]
enum Filter {
    /// Allows them; all others fail with EPERM.
    Allow,
    /// Fails them with this errno; leaves others to the other filters.
    Refuse(u32),
    /// Kills the process; leaves others to the other filters.
    End,
}

fn compile(rules: &[Value], filter: Filter, architecture: TargetArch) -> Result<BpfProgram, String> {
    let (on_match, on_mismatch) = match filter {
        Filter::Allow => (json!("allow"), json!({ "errno": EPERM })),
        Filter::Refuse(error) => (json!({ "errno": error }), json!("allow")),
        Filter::End => (json!("kill_process"), json!("allow")),
    };
    let filter = json!({ "worker": { "mismatch_action": on_mismatch, "match_action": on_match, "filter": rules } });
    let mut compiled = compile_from_json(filter.to_string().as_bytes(), architecture)
        .map_err(|error| because("the rules do not compile to a filter", error))?;
    compiled.remove("worker").ok_or_else(|| "the rules do not compile to a filter".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAMILIES: [Family; 3] = [Family::MesaSoftware, Family::MesaHardware, Family::Nvidia];

    impl Files {
        fn allowed(&self) -> [&'static str; 6] {
            let Self { common, startup, mesa_software, mesa_hardware, nvidia, shader_cache, .. } = *self;
            [common, startup, mesa_software, mesa_hardware, nvidia, shader_cache]
        }
    }

    #[test]
    fn rules_of_every_architecture_and_family_compile() {
        for architecture in [TargetArch::x86_64, TargetArch::aarch64] {
            let files = Files::of(architecture).unwrap();
            for family in FAMILIES {
                let cached = vec![files.common, files.family(family), files.shader_cache];
                for rules in [vec![files.common, files.family(family)], vec![files.common, files.startup], cached] {
                    let filter = compile(&merge(&rules).unwrap(), Filter::Allow, architecture).unwrap();
                    assert!(filter.len() > 100, "{family:?}");
                }
            }
            compile(&clone3_rules(), Filter::Refuse(ENOSYS), architecture).unwrap();
            compile(&merge(&[files.exploits]).unwrap(), Filter::End, architecture).unwrap();
        }
    }

    #[test]
    fn every_rule_has_a_reason() {
        for architecture in [TargetArch::x86_64, TargetArch::aarch64] {
            let files = Files::of(architecture).unwrap();
            for file in [files.exploits].into_iter().chain(files.allowed()) {
                for rule in merge(&[file]).unwrap() {
                    assert!(rule.get("comment").and_then(Value::as_str).is_some_and(|why| why.len() > 4), "{rule}");
                }
            }
        }
    }

    /// A call that a driver may need must not kill it.
    #[test]
    fn exploit_calls_are_allowed_nowhere() {
        for architecture in [TargetArch::x86_64, TargetArch::aarch64] {
            let files = Files::of(architecture).unwrap();
            let names = |file| -> BTreeSet<String> {
                merge(&[file]).unwrap().iter().map(|rule| rule["syscall"].as_str().unwrap().to_owned()).collect()
            };
            let exploits = names(files.exploits);
            for file in files.allowed() {
                assert!(exploits.is_disjoint(&names(file)), "{:?}", exploits.intersection(&names(file)));
            }
        }
    }

    #[test]
    fn a_rule_without_conditions_wins() {
        let merged = merge(&[
            r#"[{"syscall": "mmap", "args": [], "comment": "a"}, {"syscall": "read", "args": [], "comment": "b"}]"#,
            r#"[{"syscall": "mmap", "comment": "c"}]"#,
        ]);
        let names: Vec<_> = merged.unwrap().iter().map(|rule| rule["comment"].to_string()).collect();
        assert_eq!(names, ["\"b\"", "\"c\""]);
    }
}
