//! The two record resources, which represent WebIDL's `record` types: string keys, in the order of insertion.

use guest_support::Outcome;
use guest_support::gpu::*;

use crate::check::Check;

pub async fn tour(check: &mut Check) -> Outcome {
    let strings = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<String>>();

    let constants = RecordGpuPipelineConstantValue::new();
    check.that("a new record is empty", constants.keys().is_empty() && constants.values().is_empty());
    check.that("a new record has no entries", constants.entries().is_empty());
    constants.add("b", 2.5);
    constants.add("a", -1.0);
    constants.add("ü", f64::MAX);
    check.same("get", constants.get("a"), Some(-1.0));
    check.same("get of an absent key", constants.get("c"), None);
    check.that("has", constants.has("ü") && !constants.has("u"));
    check.same_list("keys in order", &constants.keys(), &strings(&["b", "a", "ü"]));
    check.same_list("values in order", &constants.values(), &[2.5, -1.0, f64::MAX]);
    constants.add("b", 3.0);
    check.same_list("a second add replaces in place", &constants.values(), &[3.0, -1.0, f64::MAX]);
    constants.remove("a");
    constants.remove("never there");
    let expected = [("b".to_string(), 3.0), ("ü".to_string(), f64::MAX)];
    check.same_list("entries after remove", &constants.entries(), &expected);

    let limits = RecordOptionGpuSize64::new();
    check.that("a new record of options is empty", limits.entries().is_empty());
    limits.add("maxBindGroups", Some(u64::MAX));
    limits.add("maxBufferSize", None);
    check.same("get of a value", limits.get("maxBindGroups"), Some(Some(u64::MAX)));
    check.same("get of an undefined value", limits.get("maxBufferSize"), Some(None));
    check.same("get of an absent limit", limits.get("other"), None);
    check.that("has an undefined value", limits.has("maxBufferSize") && !limits.has("other"));
    check.same_list("keys of options", &limits.keys(), &strings(&["maxBindGroups", "maxBufferSize"]));
    check.same_list("values of options", &limits.values(), &[Some(u64::MAX), None]);
    limits.remove("maxBindGroups");
    check.same_list("entries of options", &limits.entries(), &[("maxBufferSize".to_string(), None)]);
    Ok(())
}
