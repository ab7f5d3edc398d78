//! Linker options of the programs, for their build scripts. Each start of a program reads its relocations.

use std::{env, process::Command};

/// The first glibc that applies relative relocations in their short form, `DT_RELR`.
const SHORT_FORM: (u32, u32) = (2, 36);

/// Prints the options for cargo.
pub fn options() {
    let target = |name: &str| env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    if target("OS") != "linux" || target("ENV") != "gnu" {
        return;
    }
    // A program with the short form does not start with an older glibc.
    if env::var("TARGET") == env::var("HOST") && glibc().is_some_and(|version| version >= SHORT_FORM) {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// The version of this machine's glibc.
fn glibc() -> Option<(u32, u32)> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = said.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
}
