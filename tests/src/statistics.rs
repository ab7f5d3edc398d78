//! Medians and quartiles of a few measurements.
//!
//! Other load on the machine makes some runs slower and none faster, so that a mean mostly measures that load. The
//! median and the quartiles describe half of the runs.

/// The median of some values, and the quartiles around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// A quarter of the values lie below it.
    pub low: f64,
    /// Half of the values lie below it.
    pub median: f64,
    /// A quarter of the values lie above it.
    pub high: f64,
}

impl Spread {
    /// The spread of values in any order; `None` without values.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        Some(Self { low: quantile(&values, 0.25)?, median: quantile(&values, 0.5)?, high: quantile(&values, 0.75)? })
    }
}

/// The value below which this share of the sorted values lies; interpolated between two of them.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = last as f64 * share;
    let below = sorted.get(position.floor() as usize)?;
    let above = sorted.get(position.ceil() as usize)?;
    Some(below + (above - below) * position.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(low: f64, median: f64, high: f64) -> Option<Spread> {
        Some(Spread { low, median, high })
    }

    #[test]
    fn nothing_has_no_middle() {
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn one_value_is_all_of_them() {
        assert_eq!(Spread::of([3.0]), spread(3.0, 3.0, 3.0));
    }

    #[test]
    fn an_odd_number_has_a_middle_value() {
        assert_eq!(Spread::of([5.0, 1.0, 3.0, 2.0, 4.0]), spread(2.0, 3.0, 4.0));
    }

    #[test]
    fn between_two_values_the_middle_is_halfway() {
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 3.0]), spread(1.75, 2.5, 3.25));
    }

    #[test]
    fn a_run_that_was_held_up_moves_nothing_but_the_end() {
        assert_eq!(Spread::of([1.0, 2.0, 3.0, 4.0, 1e9]), spread(2.0, 3.0, 4.0));
    }
}
