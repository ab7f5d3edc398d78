//! How long to look for something before sleeping until it comes.
//!
//! A sleeping thread takes a long time to wake: tens of microseconds, and hundreds where its processor has gone to sleep too,
//! while a small readback takes ten. So both sides look for a while before they sleep, if that has been worth it: when
//! the last waits were short the next one probably is, and when they were long there is nothing to be gained. What makes
//! them long may be the sleep itself, so now and then a thread that has given up looks again.

use std::time::Duration;

/// The longest time that is spent looking: about what a readback of a megabyte takes.
const LONGEST: Duration = Duration::from_micros(500);
/// The shortest.
const SHORTEST: Duration = Duration::from_micros(10);
/// Long waits in a row after which a thread gives up.
const PATIENCE: u32 = 3;
/// Waits from one look to the next by a thread that has given up.
const AGAIN: u32 = 8;

/// How long to look, from how long the waits before have been.
#[derive(Clone, Copy, Debug, Default)]
pub struct Eagerness {
    /// Long waits since the last short one.
    long: u32,
}

impl Eagerness {
    /// It is worth looking: what is waited for will probably come meanwhile.
    pub fn hopes(self) -> bool {
        self.long < PATIENCE || self.long.is_multiple_of(AGAIN)
    }

    /// How long to look.
    pub fn window(self) -> Duration {
        if self.hopes() { LONGEST } else { SHORTEST }
    }

    /// Learns how long a wait has been.
    pub fn waited(&mut self, time: Duration) {
        self.long = if time < LONGEST { 0 } else { self.long.wrapping_add(1) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_waits_make_it_give_up_soon_and_a_short_one_makes_it_look_again() {
        let mut eagerness = Eagerness::default();
        let mut looks = 0;
        for _ in 0..100 * AGAIN {
            eagerness.waited(Duration::from_millis(16));
            looks += u32::from(eagerness.window() == LONGEST);
        }
        assert_eq!(looks, 100 + PATIENCE - 1);
        eagerness.waited(LONGEST / 2);
        assert_eq!(eagerness.window(), LONGEST);
    }
}
