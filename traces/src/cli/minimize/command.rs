//! An external program that decides whether a trace shows the fault.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::{cli::ToolError, file::trace::Trace};

use super::output::{beside, save};

/// The polling interval of the program.
const LOOK: Duration = Duration::from_millis(2);

/// A program, and the file of its candidate.
#[derive(Debug)]
pub struct External {
    command: Vec<OsString>,
    candidate: PathBuf,
    timeout: Duration,
}

impl External {
    /// Candidates are written beside the output.
    pub fn new(command: &[OsString], output: &Path, timeout: Duration) -> Self {
        Self { command: command.to_vec(), candidate: beside(output, ".candidate"), timeout }
    }

    /// The program's name.
    pub fn name(&self) -> String {
        self.command.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Runs the program on a trace; true when it exits with 0 in time. Its output is discarded.
    pub fn shows(&self, trace: &Trace, stop: &AtomicBool) -> Result<bool, ToolError> {
        save(trace, &self.candidate)?;
        let mut arguments = self.command.iter().skip(1).cloned().collect::<Vec<_>>();
        let mut named = false;
        for argument in arguments.iter_mut().filter(|argument| *argument == "{}") {
            *argument = self.candidate.clone().into();
            named = true;
        }
        if !named {
            arguments.push(self.candidate.clone().into());
        }
        let program = self.command.first().cloned().unwrap_or_default();
        let mut child = Command::new(&program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| ToolError::Refused(format!("cannot start {}: {error}", program.display())))?;
        let deadline = Instant::now().checked_add(self.timeout);
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Ok(status.success()),
                Ok(None) if deadline.is_none_or(|end| Instant::now() < end) && !stop.load(Ordering::Relaxed) => {
                    thread::sleep(LOOK);
                }
                _ => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Ok(false);
                }
            }
        }
    }
}

impl Drop for External {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.candidate);
    }
}
