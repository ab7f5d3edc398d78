//! Adaptive spinning before blocking.
//!
//! A blocked thread takes tens of microseconds to wake, and hundreds where its processor has gone to sleep too, while a
//! small readback takes ten. So both sides spin for a while before they block, as long as recent waits were short:
//! after short waits the next one is probably short, and after long ones spinning gains nothing. Blocking itself may
//! lengthen the waits, so a thread that has stopped spinning tries again now and then.

use std::time::Duration;

/// The longest spin: longer than a readback of a megabyte takes.
const LONGEST: Duration = Duration::from_micros(500);
/// The shortest spin, also where the client waits for no answer. The pause between two batches of a client that records commands is
/// longer, so that a worker which spun through it would take a processor's whole time.
const SHORTEST: Duration = Duration::from_micros(10);
/// Long waits in a row after which a thread stops spinning.
const PATIENCE: u32 = 3;
/// Waits between two attempts of a thread that has stopped spinning.
const RETRY: u32 = 8;

/// Decides how long to spin, from the lengths of earlier waits.
#[derive(Clone, Copy, Debug, Default)]
pub struct SpinPolicy {
    /// Long waits since the last short one.
    long: u32,
    /// No answer is awaited.
    unhurried: bool,
}

impl SpinPolicy {
    /// Sets whether an answer is awaited, which is the default.
    pub fn hurry(&mut self, awaited: bool) {
        self.unhurried = !awaited;
    }

    /// True where the wait will probably be short.
    pub fn should_spin(self) -> bool {
        self.long < PATIENCE || self.long.is_multiple_of(RETRY)
    }

    /// How long to spin.
    pub fn window(self) -> Duration {
        if self.should_spin() && !self.unhurried { LONGEST } else { SHORTEST }
    }

    /// Records the length of a wait.
    pub fn waited(&mut self, time: Duration) {
        // A wait for no answer tells nothing of how long answers take.
        if !self.unhurried {
            self.long = if time < LONGEST { 0 } else { self.long.wrapping_add(1) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_waits_stop_it_soon_and_a_short_one_starts_it_again() {
        let mut policy = SpinPolicy::default();
        assert_eq!(policy.window(), LONGEST);
        let mut spins = 0;
        for _ in 0..100 * RETRY {
            policy.waited(Duration::from_millis(16));
            spins += u32::from(policy.window() == LONGEST);
        }
        assert_eq!(spins, 100 + PATIENCE - 1);
        policy.waited(LONGEST / 2);
        assert_eq!(policy.window(), LONGEST);
    }

    #[test]
    fn where_no_answer_is_awaited_waits_are_short_and_tell_nothing() {
        let mut policy = SpinPolicy::default();
        policy.hurry(false);
        assert_eq!(policy.window(), SHORTEST);
        (0..PATIENCE).for_each(|_| policy.waited(2 * LONGEST));
        policy.hurry(true);
        assert_eq!(policy.window(), LONGEST);
    }
}
