//! seccomp: which system calls there are at all. The filters are data, in `gpu-daemon/jail/`, one file per processor
//! architecture and driver family, in the form of seccompiler's rules with a comment on each.
//!
//! A call that no rule allows fails with EPERM: a driver that tries something for its comfort goes on without it. A few
//! calls have no place in any driver and are made by exploits only (`*-exploits.json`): those end the process, with SIGSYS,
//! which `serve` counts.

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

/// The filter for the start, when it is not known yet which drivers there are: what any of them needs, and what their shader
/// cache needs where there is one.
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

/// The filter for the rest of the session.
pub fn narrow(families: &BTreeSet<Family>, cache: bool) -> Held {
    let architecture = this_architecture()?;
    let files = Files::of(architecture)?;
    let mut rules = vec![files.common];
    rules.extend(families.iter().map(|&family| files.family(family)));
    rules.extend(cache.then_some(files.shader_cache));
    let filter = compile(&to_oneself(merge(&rules)?), Filter::Allow, architecture)?;
    // Tried on a thread that was there before, because the drivers' threads were.
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
    apply_filter_all_threads(filter).map_err(|error| because("the kernel does not take the filter", error))
}

/// The rules of several files as one list. A call that one file allows without conditions is allowed without.
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

/// clone3 has its flags in memory, where a filter cannot see whether it makes a thread or a process.
fn clone3_rules() -> Vec<Value> {
    vec![json!({ "syscall": "clone3" })]
}

/// Requests that type into the terminal, or paste, because what is typed there is done by the user's shell; and those that
/// have the kernel send signals to others, which Landlock sees from Linux 6.12 on.
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

/// The calls of the x32 ABI, which have the architecture of the others and numbers of their own: there are none.
fn no_x32() -> BpfProgram {
    const X32_BIT: u32 = 0x4000_0000;
    // BPF: load the call's number; above the bit, refuse; else allow.
    [(0x20, 0, 0, 0), (0x35, 0, 1, X32_BIT), (0x06, 0, 0, 0x0005_0000 | ENOSYS), (0x06, 0, 0, 0x7fff_0000)]
        .map(|(code, jt, jf, k)| sock_filter { code, jt, jf, k })
        .to_vec()
}

/// Signals are for this process: Landlock says so too, from its sixth version on.
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

/// What a filter does with the calls that its rules match.
#[derive(Clone, Copy, Debug)]
enum Filter {
    /// They are allowed, and all others fail with EPERM.
    Allow,
    /// They fail with this error, and others are not its concern.
    Refuse(u32),
    /// They end the process, and others are not its concern.
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
        .map_err(|error| because("the rules make no filter", error))?;
    compiled.remove("worker").ok_or_else(|| "the rules make no filter".to_owned())
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
    fn the_rules_of_every_architecture_and_family_make_filters() {
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
    fn every_rule_says_why() {
        for architecture in [TargetArch::x86_64, TargetArch::aarch64] {
            let files = Files::of(architecture).unwrap();
            for file in [files.exploits].into_iter().chain(files.allowed()) {
                for rule in merge(&[file]).unwrap() {
                    assert!(rule.get("comment").and_then(Value::as_str).is_some_and(|why| why.len() > 4), "{rule}");
                }
            }
        }
    }

    /// Nothing is both: what a driver may need must not end it.
    #[test]
    fn what_ends_the_process_is_allowed_nowhere() {
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
