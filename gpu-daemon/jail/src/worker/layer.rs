//! Names of the jail's layers and of driver families.

use std::fmt;

/// A layer of the jail; the table in [`worker`](crate::worker) describes each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the table in the module's parent describes each")]
pub enum Layer {
    Descriptors,
    StandardStreams,
    NoNewPrivileges,
    UserNamespace,
    NetworkNamespace,
    MinimalRoot,
    Capabilities,
    Limits,
    LandlockFiles,
    LandlockTcp,
    LandlockScope,
    Seccomp,
}

impl Layer {
    /// All layers, in the order in which they are applied.
    pub const ALL: [Layer; 12] = [
        Layer::Descriptors,
        Layer::StandardStreams,
        Layer::UserNamespace,
        Layer::NetworkNamespace,
        Layer::NoNewPrivileges,
        Layer::MinimalRoot,
        Layer::Capabilities,
        Layer::Limits,
        Layer::LandlockFiles,
        Layer::LandlockTcp,
        Layer::LandlockScope,
        Layer::Seccomp,
    ];

    /// Name in logs and reports.
    pub fn name(self) -> &'static str {
        match self {
            Layer::Descriptors => "descriptors",
            Layer::StandardStreams => "standard-streams",
            Layer::NoNewPrivileges => "no-new-privileges",
            Layer::UserNamespace => "user-namespace",
            Layer::NetworkNamespace => "network-namespace",
            Layer::MinimalRoot => "minimal-root",
            Layer::Capabilities => "capabilities",
            Layer::Limits => "limits",
            Layer::LandlockFiles => "landlock-files",
            Layer::LandlockTcp => "landlock-tcp",
            Layer::LandlockScope => "landlock-scope",
            Layer::Seccomp => "seccomp",
        }
    }
}

/// Driver families, by the system calls that they need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// llvmpipe, and other drivers that render on the CPU.
    MesaSoftware,
    /// Mesa's GPU drivers, and unknown drivers.
    MesaHardware,
    /// NVIDIA's own driver.
    Nvidia,
}

impl Family {
    /// Name in the filter's file name.
    pub fn name(self) -> &'static str {
        match self {
            Family::MesaSoftware => "mesa-software",
            Family::MesaHardware => "mesa-hardware",
            Family::Nvidia => "nvidia",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
