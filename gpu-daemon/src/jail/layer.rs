//! The layers of the jail and the families of drivers, by name.

use std::fmt;

/// One layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
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
    /// All of them, in the order in which they go up.
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

    /// The name in logs and reports.
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

/// What a driver is made of, as far as its system calls differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// llvmpipe, and others that render on the CPU.
    MesaSoftware,
    /// Mesa's drivers of GPUs, and all that is not known better.
    MesaHardware,
    /// NVIDIA's own driver.
    Nvidia,
}

impl Family {
    /// The name of its filter's file.
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
