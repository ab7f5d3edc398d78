//! User namespace, without privileges outside it, and network namespace, without interfaces.

use std::{
    fs, io,
    net::{SocketAddr, UdpSocket},
};

use rustix::{
    process::{getgid, getuid},
    thread::{UnshareFlags, unshare_unsafe},
};

use crate::trial::{Held, because};

/// Enters both namespaces. The process must have one thread.
#[allow(clippy::disallowed_methods)] // Files of the proc file system.
pub fn leave() -> (Held, Held) {
    let (user, group) = (getuid().as_raw(), getgid().as_raw());
    let entered = enter(UnshareFlags::NEWUSER);
    // Maps user and group to themselves, for drivers that read them. Without the map they are `nobody`; the jail still holds.
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
    // Within the user namespace this needs no privilege; root does not even need the namespace.
    let network = enter(UnshareFlags::NEWNET | UnshareFlags::NEWIPC).and_then(|()| no_network());
    (entered.and_then(|()| other_user_namespace()), network)
}

#[allow(unsafe_code)]
fn enter(flags: UnshareFlags) -> Held {
    // SAFETY: the call is unsafe because a thread may stop sharing descriptors or memory with the others; these flags
    // change neither.
    unsafe { unshare_unsafe(flags) }.map_err(|error| because("the kernel does not allow it", error))
}

/// Checks the user namespace. In the initial one, the whole range of ids is mapped to itself.
fn other_user_namespace() -> Held {
    let map = fs::read_to_string("/proc/self/uid_map").map_err(|error| because("/proc/self/uid_map", error))?;
    let whole = map.split_whitespace().nth(2) == Some("4294967295");
    if whole { Err("the process is in the initial user namespace".to_owned()) } else { Ok(()) }
}

/// Checks the network namespace: without an interface no address is reachable, not even the loopback address.
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
