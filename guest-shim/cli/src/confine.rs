//! Confinement of the program's processes, with the policy of `--jail`: of the one that runs a guest in two steps, before its machine
//! code is loaded and after. The broker, which starts workers, runs by then. The layers are [`airlock::confine`]'s.

use airlock::confine::{Layer, Reach};
use airlock_traces::cli::jail::JailMode;

use super::error::CliError;

/// Confines this process, which must have a single thread: the layers would not apply to a second one.
pub fn confine(mode: JailMode, reach: &Reach) -> Result<(), CliError> {
    apply(mode, || airlock::confine::confine(reach))
}

/// The same, and machine code may be loaded until [`end_loading`].
pub fn confine_to_load(mode: JailMode, reach: &Reach) -> Result<(), CliError> {
    apply(mode, || airlock::confine::confine_to_load(reach))
}

/// Ends the loading of machine code.
pub fn end_loading(mode: JailMode) -> Result<(), CliError> {
    apply(mode, || vec![airlock::confine::end_loading()])
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
