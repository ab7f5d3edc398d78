//! Adaptive spinning before blocking.
//!
//! A blocked thread takes tens of microseconds to wake, and hundreds where its processor has gone to sleep too, while a
//! small readback takes ten. So both sides spin for a while before they block, as long as recent waits were short:
//! after short waits the next one is probably short, and after long ones spinning gains nothing. Blocking itself may
//! lengthen the waits, so a thread that has stopped spinning tries again now and then.
//!
//! A client that records commands and awaits no answer sends a batch at nearly regular intervals. Its worker would take a
//! processor's whole time if it spun through them, and each batch would have to wake it if it blocked, at the client's cost. So it
//! naps nearly as long as the last intervals were, and spins for the rest.

use std::time::Duration;

/// The longest spin: longer than a readback of a megabyte takes.
const LONGEST: Duration = Duration::from_micros(500);
/// The shortest spin.
const SHORTEST: Duration = Duration::from_micros(10);
/// How long before the expected end of a wait a nap ends: a timer wakes a thread some microseconds late.
const EARLY: Duration = Duration::from_micros(12);
/// How long after its expected end a wait may still end while its thread spins.
const LATE: Duration = Duration::from_micros(25);
/// After a nap that was too long, the expected length falls by one part in this many.
const OVERSLEPT: u32 = 8;
/// Each wait counts as one part in this many of the expected length of the next.
const SMOOTHING: u32 = 4;
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
    /// The expected length of a wait for no answer, once there was one.
    rhythm: Option<Duration>,
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

    /// How long to nap before the spin; zero for no nap.
    pub fn nap(self) -> Duration {
        let nap = self.expected().map_or(Duration::ZERO, |wait| wait.saturating_sub(EARLY));
        if nap < SHORTEST { Duration::ZERO } else { nap }
    }

    /// How long to spin.
    pub fn window(self) -> Duration {
        match self.expected() {
            Some(wait) => wait.saturating_sub(self.nap()).saturating_add(LATE),
            None if self.should_spin() && !self.unhurried => LONGEST,
            None => SHORTEST,
        }
    }

    /// Records that the end of a wait came during the nap. Its length tells little: it includes the time that waking took.
    pub fn overslept(&mut self) {
        self.rhythm = self.rhythm.map(|last| last.saturating_sub(last / OVERSLEPT));
    }

    /// The expected length of a wait for no answer, where it is known and short.
    fn expected(self) -> Option<Duration> {
        self.rhythm.filter(|&wait| self.unhurried && (SHORTEST..LONGEST).contains(&wait))
    }

    /// Records the length of a wait.
    pub fn waited(&mut self, time: Duration) {
        // A wait for no answer tells nothing of how long answers take, and the other way round.
        if self.unhurried {
            // One long wait counts as little more than one that is too long.
            let time = time.min(LONGEST.saturating_mul(2));
            let last = self.rhythm.unwrap_or(time);
            self.rhythm = Some((last.saturating_mul(SMOOTHING - 1).saturating_add(time)) / SMOOTHING);
        } else {
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
    fn where_no_answer_is_awaited_waits_tell_nothing_of_answers() {
        let mut policy = SpinPolicy::default();
        policy.hurry(false);
        assert_eq!((policy.nap(), policy.window()), (Duration::ZERO, SHORTEST));
        (0..PATIENCE).for_each(|_| policy.waited(2 * LONGEST));
        assert_eq!((policy.nap(), policy.window()), (Duration::ZERO, SHORTEST));
        policy.hurry(true);
        assert_eq!((policy.nap(), policy.window()), (Duration::ZERO, LONGEST));
    }

    #[test]
    fn regular_waits_for_no_answer_are_slept_through_but_for_their_end() {
        let mut policy = SpinPolicy::default();
        policy.hurry(false);
        let wait = Duration::from_micros(100);
        (0..3).for_each(|_| policy.waited(wait));
        assert_eq!((policy.nap(), policy.window()), (wait - EARLY, EARLY + LATE));
        // Pauses of the client end it, and batches at intervals bring it back.
        (0..3).for_each(|_| policy.waited(Duration::from_secs(1)));
        assert_eq!((policy.nap(), policy.window()), (Duration::ZERO, SHORTEST));
        (0..3).for_each(|_| policy.waited(wait));
        assert!(policy.nap() > wait);
        // Batches that are there already, or nearly, are looked for at once.
        (0..100).for_each(|_| policy.waited(Duration::ZERO));
        assert_eq!((policy.nap(), policy.window()), (Duration::ZERO, SHORTEST));
        (0..100).for_each(|_| policy.waited(2 * SHORTEST));
        assert_eq!(policy.nap(), Duration::ZERO);
        assert!((2 * SHORTEST..LONGEST / 4).contains(&policy.window()), "{:?}", policy.window());
    }
}
