//! seccomp: filters of system calls, from rules in the form of seccompiler's, with a comment on each.
//!
//! Filters of one process add up: the strictest answer to a call is the kernel's.

use std::collections::BTreeSet;

use seccompiler::{BpfProgram, TargetArch, apply_filter, apply_filter_all_threads, compile_from_json, sock_filter};
use serde_json::{Value, json};

use crate::trial::{Held, because};

const EPERM: u32 = 1;
const ENOSYS: u32 = 38;

/// Name of the only filter in a compiled set.
const NAME: &str = "filter";

/// Effect of a filter on the calls that its rules match.
#[derive(Clone, Copy, Debug)]
pub enum Filter {
    /// Allows them; all others fail with EPERM.
    Allow,
    /// Fails them with this errno; leaves others to the other filters.
    Refuse(u32),
    /// Kills the process; leaves others to the other filters.
    End,
}

/// Threads that a filter binds.
#[derive(Clone, Copy, Debug)]
pub enum Threads {
    /// The calling one, and those that it creates later.
    Calling,
    /// All of the process.
    All,
}

/// Returns this process's architecture; fails for one without rules.
pub fn architecture() -> Result<TargetArch, String> {
    match std::env::consts::ARCH.try_into() {
        Ok(architecture @ (TargetArch::x86_64 | TargetArch::aarch64)) => Ok(architecture),
        _ => Err("there are no rules for this architecture".to_owned()),
    }
}

/// Refuses calls that the rules cannot judge: those of the x32 ABI, which have the same architecture and numbers of their
/// own; clone3, whose flags are in memory: a filter cannot read them, and so cannot tell a thread from a process; and calls about
/// other processes.
pub fn refuse_unseen(threads: Threads) -> Held {
    let architecture = architecture()?;
    if architecture == TargetArch::x86_64 {
        apply(&no_x32(), threads)?;
    }
    install(&unseen(), Filter::Refuse(ENOSYS), threads)
}

fn unseen() -> Vec<Value> {
    [json!({ "syscall": "clone3" })].into_iter().chain(about_others()).collect()
}

/// Refuses ioctl requests: those that type or paste into the terminal, whose input the user's shell executes; and those
/// that make the kernel send signals to other processes, which Landlock covers from Linux 6.12 on.
pub fn refuse_requests(threads: Threads) -> Held {
    install(&request_rules(), Filter::Refuse(EPERM), threads)
}

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

/// Applies a filter of these rules.
pub fn install(rules: &[Value], filter: Filter, threads: Threads) -> Held {
    apply(&compile(rules, filter, architecture()?)?, threads)
}

/// Compiles these rules to a filter.
pub fn compile(rules: &[Value], filter: Filter, architecture: TargetArch) -> Result<BpfProgram, String> {
    let (on_match, on_mismatch) = match filter {
        Filter::Allow => (json!("allow"), json!({ "errno": EPERM })),
        Filter::Refuse(error) => (json!({ "errno": error }), json!("allow")),
        Filter::End => (json!("kill_process"), json!("allow")),
    };
    let filter = json!({ NAME: { "mismatch_action": on_mismatch, "match_action": on_match, "filter": rules } });
    let mut compiled = compile_from_json(filter.to_string().as_bytes(), architecture)
        .map_err(|error| because("the rules do not compile to a filter", error))?;
    compiled.remove(NAME).ok_or_else(|| "the rules do not compile to a filter".to_owned())
}

/// Applies a filter.
pub fn apply(filter: &BpfProgram, threads: Threads) -> Held {
    match threads {
        Threads::Calling => apply_filter(filter),
        Threads::All => apply_filter_all_threads(filter),
    }
    .map_err(|error| because("the kernel rejects the filter", error))
}

/// Merges the rules of several files. A call that one file allows without conditions is allowed without conditions.
pub fn merge(files: &[&str]) -> Result<Vec<Value>, String> {
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

/// Restricts tgkill to this process; Landlock does too, from its sixth version on.
pub fn to_oneself(mut rules: Vec<Value>) -> Vec<Value> {
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

/// Calls about another process, by their argument that names it: each would tell of any number whether a process has it.
/// C libraries name threads of their own, too, which no filter can tell from others; they accept that the call is missing.
fn about_others() -> Vec<Value> {
    const CALLS: [(&str, u32); 4] =
        [("sched_getaffinity", 0), ("sched_getparam", 0), ("sched_getscheduler", 0), ("getpriority", 1)];
    let own = std::process::id();
    let not = |index: u32, id: u32| json!({ "index": index, "type": "dword", "op": "ne", "val": id });
    let calls = CALLS.map(|(call, index)| json!({ "syscall": call, "args": [not(index, 0), not(index, own)] }));
    let kcmp = [0, 1].map(|index| json!({ "syscall": "kcmp", "args": [not(index, own)] }));
    calls.into_iter().chain(kcmp).collect()
}

fn no_x32() -> BpfProgram {
    const X32_BIT: u32 = 0x4000_0000;
    // BPF: load the call's number; above the bit, refuse; else allow.
    [(0x20, 0, 0, 0), (0x35, 0, 1, X32_BIT), (0x06, 0, 0, 0x0005_0000 | ENOSYS), (0x06, 0, 0, 0x7fff_0000)]
        .map(|(code, jt, jf, k)| sock_filter { code, jt, jf, k })
        .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_of_this_module_compile() {
        for architecture in [TargetArch::x86_64, TargetArch::aarch64] {
            compile(&request_rules(), Filter::Refuse(EPERM), architecture).unwrap();
            compile(&unseen(), Filter::Refuse(ENOSYS), architecture).unwrap();
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

    #[test]
    fn signals_go_to_this_process_alone() {
        let rules = to_oneself(merge(&[r#"[{"syscall": "tgkill", "comment": "threads"}]"#]).unwrap());
        assert_eq!(rules[0]["args"][0]["val"], std::process::id());
    }
}
