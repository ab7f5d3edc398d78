//! Confinement of `airlock run` before the guest runs, with the policy of `--jail`. The component is compiled by then, and the
//! broker runs, which starts workers. The layers are [`airlock::confine`]'s.

use airlock::confine::Reach;
use airlock_traces::cli::jail::JailMode;

use super::error::CliError;

/// Confines this process. It must have no second thread: the layers would not bind it.
pub fn confine(mode: JailMode, reach: &Reach) -> Result<(), CliError> {
    if mode == JailMode::Off {
        return Ok(());
    }
    for (layer, state) in airlock::confine::confine(reach) {
        match state {
            Ok(()) => {}
            Err(why) if mode == JailMode::Strict => return Err(CliError::Unconfined { layer, why }),
            Err(why) => tracing::warn!("this process is not confined by {layer}: {why}"),
        }
    }
    Ok(())
}
