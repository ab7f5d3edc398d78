//! The option for the strictness of the jail.

use std::fmt;

use clap::ValueEnum;

/// The strictness of the jail where the kernel lacks a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum JailMode {
    /// Every layer holds, or nothing is run
    Strict,
    /// As many layers as the kernel has
    #[default]
    BestEffort,
    /// None: for debuggers and profilers
    Off,
}

impl fmt::Display for JailMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            JailMode::Strict => "strict",
            JailMode::BestEffort => "best-effort",
            JailMode::Off => "off",
        })
    }
}
