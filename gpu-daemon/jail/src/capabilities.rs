//! Capabilities and no_new_privs: drops all privileges, and every way to regain them.

use rustix::{
    process::chroot,
    thread::{
        CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set, clear_ambient_capability_set,
        no_new_privs, remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
    },
};

use crate::trial::{Held, because, forbidden};

/// Sets no_new_privs: no program that this process executes has more privileges than it.
pub fn no_new_privileges() -> Held {
    set_no_new_privs(true).map_err(|error| because("prctl", error))?;
    match no_new_privs() {
        // A trial would need a program with more privileges, so the bit itself is read.
        Ok(true) => Ok(()),
        Ok(false) => Err("the bit is not set".to_owned()),
        Err(error) => Err(because("prctl", error)),
    }
}

/// Drops all capabilities, and the bounding and ambient sets, from which they could be regained.
pub fn drop_all() -> Held {
    for capability in CapabilitySet::all().iter() {
        // Fails where it is absent or may not be removed; the result is checked below.
        let _ = remove_capability_from_bounding_set(capability);
    }
    let _ = clear_ambient_capability_set();
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, none).map_err(|error| because("capset", error))?;
    if let Some(left) = CapabilitySet::all().iter().find(|&one| capability_is_in_bounding_set(one) == Ok(true))
        // An unprivileged process cannot narrow the bounding set, which has no effect with no_new_privs.
        && no_new_privs() != Ok(true)
    {
        return Err(format!("{left:?} is left"));
    }
    match capabilities(None) {
        Ok(left) if left.effective.is_empty() && left.permitted.is_empty() => {}
        Ok(left) => return Err(format!("{:?} is left", left.permitted)),
        Err(error) => return Err(because("capget", error)),
    }
    forbidden("change its root folder", chroot("/"))
}
