//! Alignment of the items of two traces.

use std::time::Instant;

use similar::{Algorithm, DiffOp, capture_diff_slices_deadline};

use super::rows::DEADLINE;

/// An item's hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hashes {
    /// Over all compared parts.
    pub whole: u64,
    /// Over the parts that survive a change of a command: its name and its label.
    pub shape: u64,
    /// Over its name alone.
    pub name: u64,
}

/// A number of items that are pairs, or in one trace only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Pairs(usize),
    Removed(usize),
    Added(usize),
}

pub(super) fn align(a: &[Hashes], b: &[Hashes]) -> Vec<Step> {
    let until = Instant::now() + DEADLINE;
    let start = a.iter().zip(b).take_while(|(a, b)| a.whole == b.whole).count();
    let (a, b) = (a.get(start..).unwrap_or_default(), b.get(start..).unwrap_or_default());
    let end = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a.whole == b.whole).count();
    let (a, b) = (without_end(a, end), without_end(b, end));
    let mut steps = vec![Step::Pairs(start)];
    rows(a, b, &[|item| item.whole, |item| item.shape, |item| item.name], until, &mut steps);
    steps.push(Step::Pairs(end));
    steps.retain(|step| !matches!(step, Step::Pairs(0) | Step::Removed(0) | Step::Added(0)));
    steps
}

fn without_end(side: &[Hashes], end: usize) -> &[Hashes] {
    side.get(..side.len().saturating_sub(end)).unwrap_or_default()
}

/// Aligns by the first hash; where that finds nothing in common, by the next: items of the same shape are pairs.
fn rows(a: &[Hashes], b: &[Hashes], by: &[fn(&Hashes) -> u64], until: Instant, steps: &mut Vec<Step>) {
    let Some((&hash, rest)) = by.split_first() else {
        return steps.extend([Step::Removed(a.len()), Step::Added(b.len())]);
    };
    let (old, new): (Vec<_>, Vec<_>) = (a.iter().map(hash).collect(), b.iter().map(hash).collect());
    for op in capture_diff_slices_deadline(Algorithm::Myers, &old, &new, Some(until)) {
        match op {
            DiffOp::Equal { len, .. } => steps.push(Step::Pairs(len)),
            DiffOp::Delete { old_len, .. } => steps.push(Step::Removed(old_len)),
            DiffOp::Insert { new_len, .. } => steps.push(Step::Added(new_len)),
            DiffOp::Replace { .. } => {
                let (a, b) = (a.get(op.old_range()).unwrap_or_default(), b.get(op.new_range()).unwrap_or_default());
                rows(a, b, rest, until, steps);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(items: &[(u64, u64)]) -> Vec<Hashes> {
        items.iter().map(|&(whole, shape)| Hashes { whole, shape, name: shape / 10 }).collect()
    }

    #[test]
    fn changed_items_are_pairs_and_new_ones_are_not() {
        let a = row(&[(1, 1), (2, 2), (3, 3), (4, 4)]);
        assert_eq!(align(&a, &a), [Step::Pairs(4)]);
        let b = row(&[(1, 1), (9, 9), (2, 2), (3, 3), (4, 4)]);
        assert_eq!(align(&a, &b), [Step::Pairs(1), Step::Added(1), Step::Pairs(3)]);
        let b = row(&[(1, 1), (20, 2), (4, 4)]);
        assert_eq!(align(&a, &b), [Step::Pairs(1), Step::Pairs(1), Step::Removed(1), Step::Pairs(1)]);
        assert_eq!(align(&a, &[]), [Step::Removed(4)]);
    }
}
