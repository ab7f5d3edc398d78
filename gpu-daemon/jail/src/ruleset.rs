//! Landlock: denies files, TCP, signals to other processes and their Unix sockets, except for the rules that a caller adds.

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, LandlockStatus, Ruleset, RulesetAttr, RulesetCreated,
    RulesetError, Scope,
};

use crate::trial::because;

/// The newest Landlock ABI that is used: with rules for Unix sockets by their paths, Linux 7.1.
pub const NEWEST: ABI = ABI::V9;
/// The first ABI with rules for TCP: Linux 6.7.
pub const TCP: ABI = ABI::V4;
/// The first ABI with scopes for signals and abstract sockets: Linux 6.12.
pub const SCOPES: ABI = ABI::V6;

/// Restricts this thread, and the threads that it creates later, to the rules that `allow` adds. Returns the effective
/// ABI, which may deny less than [`NEWEST`], or the reason why there are no rules.
pub fn restrict(allow: impl FnOnce(RulesetCreated) -> Result<RulesetCreated, RulesetError>) -> Result<ABI, String> {
    let apply = || {
        let rules = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(NEWEST))?
            .handle_access(AccessNet::from_all(NEWEST))?
            .scope(Scope::from_all(NEWEST))?
            .create()?;
        allow(rules)?.restrict_self()
    };
    match apply().map(|status| status.landlock) {
        Ok(LandlockStatus::Available { effective_abi, .. }) => Ok(effective_abi),
        Ok(LandlockStatus::NotEnabled) => Err("it is not enabled in this kernel (lsm=landlock,...)".to_owned()),
        Ok(LandlockStatus::NotImplemented) => Err("this kernel has none (Linux 5.13 has it)".to_owned()),
        Err(error) => Err(because("the rules cannot be made", error)),
    }
}
