//! System calls of a worker. The rules are data, in `policy/worker`, one file per processor architecture and driver family.
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
use seccompiler::TargetArch;

use super::layer::Family;
use crate::{
    filter::{
        Filter, Threads, apply, architecture, compile, install, merge, refuse_requests, refuse_unseen, to_oneself,
    },
    trial::{Held, because, forbidden},
};

macro_rules! files {
    ($architecture:literal) => {
        Files {
            exploits: include_str!(concat!("../../policy/worker/", $architecture, "-exploits.json")),
            common: include_str!(concat!("../../policy/worker/", $architecture, "-common.json")),
            startup: include_str!(concat!("../../policy/worker/", $architecture, "-startup.json")),
            mesa_software: include_str!(concat!("../../policy/worker/", $architecture, "-mesa-software.json")),
            mesa_hardware: include_str!(concat!("../../policy/worker/", $architecture, "-mesa-hardware.json")),
            nvidia: include_str!(concat!("../../policy/worker/", $architecture, "-nvidia.json")),
            shader_cache: include_str!(concat!("../../policy/worker/", $architecture, "-shader-cache.json")),
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
    let files = Files::of(architecture()?)?;
    let mut rules = vec![files.common, files.startup, files.mesa_software, files.mesa_hardware, files.nvidia];
    rules.extend(cache.then_some(files.shader_cache));
    refuse_unseen(Threads::All)?;
    refuse_requests(Threads::All)?;
    install(&merge(&[files.exploits])?, Filter::End, Threads::All)?;
    install(&to_oneself(merge(&rules)?), Filter::Allow, Threads::All)?;
    forbidden("make an Internet socket", socket(AddressFamily::INET, SocketType::DGRAM, None))
}

/// Applies the filter for the rest of the session.
pub fn narrow(families: &BTreeSet<Family>, cache: bool) -> Held {
    let architecture = architecture()?;
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
    let applied = apply(&filter, Threads::All);
    let _ = go.send(());
    let tried = told.recv().map_err(|_| "the self-test said nothing".to_owned());
    let _ = trial.join();
    applied.and_then(|()| forbidden("make a socket", tried?))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

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

    /// Calls that a driver may need must not kill its process.
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
}
