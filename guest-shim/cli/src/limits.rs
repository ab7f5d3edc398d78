//! Limits of a guest in the process that runs it: memory and time.

use std::{sync::Arc, thread, time::Duration};

use airlock_traces::cli::{size::Size, terminal};
use clap::Args;
use tokio::sync::Notify;
use wasmtime::{Engine, ResourceLimiter};

/// Exit code of a guest that exceeded its time limit, as in timeout(1).
pub const TIMED_OUT: u8 = 124;

/// Maximum elements of a table. A table holds references to functions, of which no program has as many.
const MAX_TABLE: usize = 10_000_000;

/// Maximum bytes of a memory with 32-bit addresses.
const ADDRESSABLE: u64 = 4 << 30;

/// What a person sets.
#[derive(Clone, Debug, Args)]
pub struct LimitOptions {
    /// Linear memory of the guest, all instances together: beyond, its memory does not grow
    #[arg(long, value_name = "SIZE", default_value = "4G")]
    max_guest_memory: Size,
    /// End the guest after so many seconds, with exit code 124. Default: never
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub timeout: Option<Duration>,
}

impl LimitOptions {
    /// Memory limiter for the guest.
    pub fn memory(&self) -> Memory {
        Memory::of(self.max_guest_memory.0)
    }
}

/// Remaining bytes of linear memory. A guest with one memory of 32-bit addresses cannot exceed the default.
#[derive(Debug)]
pub struct Memory {
    left: u64,
    told: bool,
}

impl Memory {
    /// A limiter with this many bytes.
    pub fn of(bytes: u64) -> Self {
        Self { left: bytes, told: false }
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        // A memory of 32-bit addresses cannot be larger, whatever the limit.
        if desired as u64 > ADDRESSABLE {
            return Ok(false);
        }
        match self.left.checked_sub(desired.saturating_sub(current) as u64) {
            Some(left) => {
                self.left = left;
                Ok(true)
            }
            None => {
                // The failure is the guest's to handle; the warning gives the user its reason, once.
                if !std::mem::replace(&mut self.told, true) {
                    tracing::warn!("the guest asks for more memory than --max-guest-memory allows");
                }
                Ok(false)
            }
        }
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= MAX_TABLE)
    }
}

/// Starts the time limit. At its end, running code of the guest is interrupted, and the task that waits for the guest
/// is notified.
pub fn expire(engine: &Engine, after: Duration) -> std::io::Result<Arc<Notify>> {
    let (over, engine) = (Arc::new(Notify::new()), engine.clone());
    let told = Arc::clone(&over);
    let wait = move || {
        thread::sleep(after);
        engine.increment_epoch();
        told.notify_one();
    };
    thread::Builder::new().name("timeout".to_owned()).spawn(wait)?;
    Ok(over)
}

/// Prints that the time limit was exceeded, and returns the exit code.
pub fn timed_out() -> u8 {
    terminal::error("the guest ran for longer than --timeout allows");
    TIMED_OUT
}

/// Parses seconds, with fractions; at most a year, so that no sum of times overflows.
pub fn seconds(text: &str) -> Result<Duration, String> {
    const MOST: f64 = 366.0 * 86_400.0;
    match text.parse::<f64>() {
        Ok(value) if value > 0.0 && value <= MOST => Ok(Duration::from_secs_f64(value)),
        _ => Err(format!("a number of seconds above 0 and up to {MOST}, for example 2.5")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_counted_over_all_instances() {
        let mut memory = Memory { left: 100, told: false };
        assert!(memory.memory_growing(0, 60, None).unwrap());
        assert!(!memory.memory_growing(0, 41, None).unwrap());
        assert!(memory.memory_growing(60, 100, None).unwrap());
        assert!(!memory.memory_growing(100, 101, None).unwrap());
    }

    #[test]
    fn a_timeout_is_a_time() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for text in ["0", "-1", "NaN", "inf", "1e12", "soon", ""] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
