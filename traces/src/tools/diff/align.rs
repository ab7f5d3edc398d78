//! Which item of one trace belongs to which of the other.

use std::time::Instant;

use similar::{Algorithm, DiffOp, capture_diff_slices_deadline};

use super::DEADLINE;

/// An item's hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hashes {
    /// Over all that is compared.
    pub whole: u64,
    /// Over what a changed command still has: its name and its label.
    pub shape: u64,
}

/// So many items that are pairs, or in one trace only.
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
    let middle =
        |side: &[Hashes], of: fn(&Hashes) -> u64| -> Vec<u64> { side.iter().take(side.len() - end).map(of).collect() };
    let (whole_a, whole_b) = (middle(a, |item| item.whole), middle(b, |item| item.whole));
    let mut steps = vec![Step::Pairs(start)];
    for op in capture_diff_slices_deadline(Algorithm::Myers, &whole_a, &whole_b, Some(until)) {
        match op {
            // Something has changed here: items that still look alike are pairs.
            DiffOp::Replace { old_index, old_len, new_index, new_len } => {
                let shape = |side: &[Hashes], start: usize, len: usize| -> Vec<u64> {
                    side.iter().skip(start).take(len).map(|item| item.shape).collect()
                };
                let (shape_a, shape_b) = (shape(a, old_index, old_len), shape(b, new_index, new_len));
                let ops = capture_diff_slices_deadline(Algorithm::Myers, &shape_a, &shape_b, Some(until));
                ops.iter().for_each(|op| add(&mut steps, op));
            }
            op => add(&mut steps, &op),
        }
    }
    steps.push(Step::Pairs(end));
    steps.retain(|step| !matches!(step, Step::Pairs(0) | Step::Removed(0) | Step::Added(0)));
    steps
}

fn add(steps: &mut Vec<Step>, op: &DiffOp) {
    match *op {
        DiffOp::Equal { len, .. } => steps.push(Step::Pairs(len)),
        DiffOp::Delete { old_len, .. } => steps.push(Step::Removed(old_len)),
        DiffOp::Insert { new_len, .. } => steps.push(Step::Added(new_len)),
        DiffOp::Replace { old_len, new_len, .. } => steps.extend([Step::Removed(old_len), Step::Added(new_len)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(items: &[(u64, u64)]) -> Vec<Hashes> {
        items.iter().map(|&(whole, shape)| Hashes { whole, shape }).collect()
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
