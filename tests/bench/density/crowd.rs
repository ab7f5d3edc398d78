//! The sessions of one round.

use std::{
    io::{self, BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use airlock_tests::{
    processes::{descendants, proportional_memory},
    programs::guest,
};

use crate::Error;

/// Steps between two reports of a guest; each ends with a readback.
const REPORT: u64 = 20;
/// More steps than a guest makes in a round.
const STEPS: u64 = 100_000_000;

/// A line of a guest.
enum Line {
    /// It simulates: its device works, and its first steps are checked.
    Ready,
    /// It has made [`REPORT`] more steps.
    Report,
    /// Its standard output has ended.
    End,
}

/// Guests that run at the same time; they end with this value.
pub struct Crowd {
    guests: Vec<Child>,
    lines: mpsc::Receiver<(usize, Line)>,
    start: Instant,
}

/// Proportional set sizes in bytes, each a mean over its processes. Pages that processes share count in parts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// Of a process that runs a guest; `None` where the kernel does not tell.
    pub host: Option<f64>,
    /// Of a session's processes at the server.
    pub worker: Option<f64>,
}

impl Crowd {
    /// Starts all guests, one after the other and without a pause.
    pub fn start(airlock: &Path, socket: &Path, bodies: u16, sessions: usize) -> Result<Self, Error> {
        let (send, lines) = mpsc::channel();
        let mut crowd = Self { guests: Vec::new(), lines, start: Instant::now() };
        for number in 0..sessions {
            let mut command = Command::new(airlock);
            command.env_remove("RUST_LOG").args(["run", "--daemon"]).arg(socket).arg(guest("nbody"));
            command.args(["--report-every".to_owned(), REPORT.to_string(), bodies.to_string(), STEPS.to_string()]);
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let failed = |source: io::Error| Error::Start { program: PathBuf::from(airlock), source };
            let mut child = command.spawn().map_err(failed)?;
            let stdout = child.stdout.take();
            crowd.guests.push(child);
            let send = send.clone();
            thread::spawn(move || {
                let lines = stdout.into_iter().flat_map(|pipe| BufReader::new(pipe).lines().map_while(Result::ok));
                for line in lines {
                    let line = match line.trim_start() {
                        line if line.starts_with("step ") => Line::Report,
                        line if line.contains("energy at the start") => Line::Ready,
                        _ => continue,
                    };
                    // Nothing is counted after the round.
                    let _ = send.send((number, line));
                }
                let _ = send.send((number, Line::End));
            });
        }
        Ok(crowd)
    }

    /// Waits until all guests simulate, and returns the time since the start of the first.
    pub fn wait(&mut self, limit: Duration) -> Result<Duration, Error> {
        let mut ready = 0;
        while ready < self.guests.len() {
            let left = limit.saturating_sub(self.start.elapsed());
            match self.lines.recv_timeout(left) {
                Ok((_, Line::Ready)) => ready += 1,
                Ok((_, Line::Report)) => {}
                Ok((number, Line::End)) => return Err(self.ended(number)),
                Err(_) => return Err(Error::Slow { ready, wanted: self.guests.len(), limit }),
            }
        }
        Ok(self.start.elapsed())
    }

    /// Memory of the guests' processes and of the server's descendants.
    pub fn memory(&self, server: u32) -> Memory {
        let sum = |ids: &[u32]| ids.iter().map(|&id| proportional_memory(id)).sum::<Option<u64>>();
        let each = |bytes: u64| bytes as f64 / self.guests.len() as f64;
        let workers = descendants(server);
        let hosts = descendants(std::process::id()).into_iter().filter(|id| *id != server && !workers.contains(id));
        let hosts: Vec<_> = hosts.collect();
        Memory { host: sum(&hosts).map(each), worker: sum(&workers).map(each) }
    }

    /// Counts the steps of each guest in the next `window`, to the nearest report.
    pub fn steps(&mut self, window: Duration) -> Result<Vec<u64>, Error> {
        let mut steps = vec![0; self.guests.len()];
        // Reports from before the window.
        while let Ok((number, line)) = self.lines.try_recv() {
            if matches!(line, Line::End) {
                return Err(self.ended(number));
            }
        }
        let start = Instant::now();
        loop {
            match self.lines.recv_timeout(window.saturating_sub(start.elapsed())) {
                Ok((number, Line::Report)) => {
                    if let Some(steps) = steps.get_mut(number) {
                        *steps += REPORT;
                    }
                }
                Ok((_, Line::Ready)) => {}
                Ok((number, Line::End)) => return Err(self.ended(number)),
                Err(_) => return Ok(steps),
            }
            if start.elapsed() >= window {
                return Ok(steps);
            }
        }
    }

    /// The error for a guest that has ended; the others are killed with this value.
    fn ended(&mut self, number: usize) -> Error {
        let mut stderr = String::new();
        if let Some(mut pipe) = self.guests.get_mut(number).and_then(|guest| guest.stderr.take()) {
            // Output before a failed read is kept.
            let _ = pipe.read_to_string(&mut stderr);
        }
        Error::Ended { number, stderr }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for guest in &mut self.guests {
            let _ = guest.kill();
        }
        for guest in &mut self.guests {
            let _ = guest.wait();
        }
    }
}
