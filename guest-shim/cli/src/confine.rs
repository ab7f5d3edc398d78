//! Confinement of `airlock run` before the guest runs, with the policy of `--jail`. The component is compiled by then, and the
//! broker runs, which starts workers. The layers are [`airlock::confine`]'s.

use airlock::confine::{Layer, Reach};
use airlock_traces::cli::jail::JailMode;

use super::error::CliError;

/// Confines this process, which must have a single thread: the layers would not apply to a second one.
pub fn confine(mode: JailMode, reach: &Reach) -> Result<(), CliError> {
    apply(mode, || airlock::confine::confine(reach))
}

/// Confines a process that accepts connections and runs no guest.
pub fn confine_front(mode: JailMode) -> Result<(), CliError> {
    apply(mode, airlock::confine::confine_front)
}

fn apply(mode: JailMode, confine: impl FnOnce() -> Vec<Layer>) -> Result<(), CliError> {
    if mode == JailMode::Off {
        return Ok(());
    }
    for (layer, state) in confine() {
        match state {
            Ok(()) => {}
            Err(why) if mode == JailMode::Strict => return Err(CliError::Unconfined { layer, why }),
            Err(why) => tracing::warn!("this process is not confined by {layer}: {why}"),
        }
    }
    Ok(())
}
