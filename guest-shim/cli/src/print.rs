//! `--print-commands`: the command stream on standard error, one line per command, before it is sent.

use std::io::Write as _;

use airlock::Tap;
use airlock_traces::CommandLines;

/// Prints the commands of one session.
#[derive(Debug, Default)]
pub struct PrintCommands {
    lines: CommandLines,
    /// Buffer, reused from batch to batch.
    text: String,
}

impl Tap for PrintCommands {
    fn batch(&mut self, bytes: &[u8]) {
        self.text.clear();
        let outcome = self.lines.batch(bytes, &mut self.text);
        // A closed standard error does not stop the guest.
        let _ = std::io::stderr().lock().write_all(self.text.as_bytes());
        if let Err(error) = outcome {
            tracing::error!("--print-commands: {error}");
        }
    }
}
