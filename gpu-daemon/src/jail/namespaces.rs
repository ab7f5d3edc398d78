//! A user namespace, in which this process has no power over anything outside, and a network namespace without an interface.

use std::{
    fs, io,
    net::{SocketAddr, UdpSocket},
};

use rustix::{
    process::{getgid, getuid},
    thread::{UnshareFlags, unshare_unsafe},
};

use super::trial::{Held, because};

/// Enters both. Needs a process with one thread.
#[allow(clippy::disallowed_methods)] // Files of the kernel's.
pub fn leave() -> (Held, Held) {
    let (user, group) = (getuid().as_raw(), getgid().as_raw());
    let entered = enter(UnshareFlags::NEWUSER);
    // It keeps its numbers, for drivers that ask who they are. Without them it would be nobody, and as jailed.
    let named = entered.clone().and_then(|()| {
        fs::write("/proc/self/setgroups", "deny")
            .and_then(|()| fs::write("/proc/self/uid_map", format!("{user} {user} 1")))
            .and_then(|()| fs::write("/proc/self/gid_map", format!("{group} {group} 1")))
            .map_err(|error| because("the user cannot be named in the namespace", error))
    });
    if let Err(why) = named
        && entered.is_ok()
    {
        tracing::debug!("{why}");
    }
    // In the namespace, this needs no privilege outside; for root, not even the namespace.
    let network = enter(UnshareFlags::NEWNET | UnshareFlags::NEWIPC).and_then(|()| no_network());
    (entered.and_then(|()| other_user_namespace()), network)
}

#[allow(unsafe_code)]
fn enter(flags: UnshareFlags) -> Held {
    // SAFETY: what makes the call unsafe is a thread that no longer shares descriptors or memory with the others; these
    // flags change neither.
    unsafe { unshare_unsafe(flags) }.map_err(|error| because("the kernel does not allow it", error))
}

/// In the first namespace, the whole range of numbers is mapped to itself.
fn other_user_namespace() -> Held {
    let map = fs::read_to_string("/proc/self/uid_map").map_err(|error| because("/proc/self/uid_map", error))?;
    let whole = map.split_whitespace().nth(2) == Some("4294967295");
    if whole { Err("the process is in the first user namespace".to_owned()) } else { Ok(()) }
}

/// Without an interface there is no way to anywhere, not even to this machine.
fn no_network() -> Held {
    let send = || -> io::Result<usize> {
        let discard: SocketAddr = ([127, 0, 0, 1], 9).into();
        UdpSocket::bind(SocketAddr::from(([0, 0, 0, 0], 0)))?.send_to(b"?", discard)
    };
    match send() {
        Ok(_) => Err("the self-test could send a datagram to 127.0.0.1".to_owned()),
        Err(_) => Ok(()),
    }
}
