//! How long to look for something before sleeping until it comes.
//!
//! A sleeping thread takes a long time to wake: tens of microseconds, and hundreds where its processor has gone to sleep too,
//! while a small readback takes ten. So both sides look for a while before they sleep, if that has been worth it: when
//! the last wait was short the next one probably is, and when it was long there is nothing to be gained.

use std::time::Duration;

/// The longest time that is spent looking: about what a thread takes to wake on a processor that sleeps.
const LONGEST: Duration = Duration::from_micros(250);
/// The shortest.
const SHORTEST: Duration = Duration::from_micros(10);

/// How long to look, from how long the waits before have been.
#[derive(Clone, Copy, Debug)]
pub struct Eagerness(Duration);

impl Default for Eagerness {
    fn default() -> Self {
        Self(LONGEST)
    }
}

impl Eagerness {
    /// How long to look.
    pub fn window(self) -> Duration {
        self.0
    }

    /// Learns how long a wait has been.
    pub fn waited(&mut self, time: Duration) {
        self.0 = if time < LONGEST { LONGEST } else { (self.0 / 2).max(SHORTEST) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_waits_make_it_give_up_soon_and_a_short_one_makes_it_look_again() {
        let mut eagerness = Eagerness::default();
        for _ in 0..10 {
            eagerness.waited(Duration::from_millis(16));
        }
        assert_eq!(eagerness.window(), SHORTEST);
        eagerness.waited(LONGEST / 2);
        assert_eq!(eagerness.window(), LONGEST);
    }
}
