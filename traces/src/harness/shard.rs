//! Sharding of a folder's traces over several machines.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Maximum number of shards.
const MOST: u32 = 100_000;

/// The `number`th of `of` parts, from 1: as `3/16` on the command line.
///
/// Every `of`th trace of a sorted list belongs to a shard, so that the traces of one program, which are alike and
/// adjacent, are spread over all shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// The shard's number, from 1.
    pub number: u32,
    /// The number of shards.
    pub of: u32,
}

impl Shard {
    /// Selects this shard of a list that is the same, in the same order, on all machines.
    pub fn select<T>(self, all: Vec<T>) -> Vec<T> {
        let first = usize::try_from(self.number.saturating_sub(1)).unwrap_or(usize::MAX);
        let step = usize::try_from(self.of).unwrap_or(usize::MAX).max(1);
        all.into_iter().skip(first).step_by(step).collect()
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("a part of several, from 1/1 to {MOST}/{MOST}, for example 3/16");
        let (number, of) = text.split_once('/').ok_or_else(wrong)?;
        let [number, of] = [number, of].map(|text| text.parse::<u32>().map_err(|_| wrong()));
        let shard = Self { number: number?, of: of? };
        if (1..=MOST).contains(&shard.of) && (1..=shard.of).contains(&shard.number) { Ok(shard) } else { Err(wrong()) }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_parsed_and_nonsense_is_not() {
        assert_eq!("3/16".parse(), Ok(Shard { number: 3, of: 16 }));
        for text in ["", "3", "0/4", "5/4", "1/0", "a/b", "1/2/3", "-1/2", "1/100001"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_parts_are_the_whole() {
        for count in [0, 1, 7, 100] {
            for of in [1, 3, 16] {
                let parts = (1..=of).map(|number| Shard { number, of }.select((0..count).collect::<Vec<_>>()));
                let parts: Vec<_> = parts.collect();
                let sizes = parts.iter().map(Vec::len);
                assert!(sizes.clone().max().unwrap() - sizes.min().unwrap() <= 1);
                let mut all = parts.concat();
                all.sort_unstable();
                assert_eq!(all, (0..count).collect::<Vec<_>>());
            }
        }
    }
}
