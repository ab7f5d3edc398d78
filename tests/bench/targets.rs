//! The target of each figure, in one table.

use crate::{processor, table::Row, workloads::Workload};

/// Kinds of adapters with their own targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// Mesa's software adapter.
    Llvmpipe,
    /// wgpu's backend that executes nothing.
    Noop,
    /// Any other adapter.
    Gpu,
}

impl Device {
    /// The kind of an adapter, by the name that Airlock reports.
    pub fn of(adapter: &str) -> Self {
        match adapter {
            name if name.contains("llvmpipe") => Self::Llvmpipe,
            name if name.contains("noop") => Self::Noop,
            _ => Self::Gpu,
        }
    }
}

/// A target's bound, and the value that it applies to.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    /// The median of the first column's value divided by the second's: Airlock's by the peer's.
    Ratio(f64),
    /// The median of the first column's value minus the second's: Airlock's minus the peer's.
    Beyond(f64),
    /// The median of Airlock's value.
    AtMost(f64),
}

/// A figure, where it is measured, and its bound.
type Target = (&'static str, &'static str, Device, Bound);

const US: f64 = 1e3;
const MS: f64 = 1e6;
const MIB: f64 = (1 << 20) as f64;

use Bound::{AtMost, Beyond, Ratio};
use Device::{Gpu, Llvmpipe, Noop};

const TARGETS: [Target; 43] = [
    ("draws", "whole", Llvmpipe, Ratio(1.0)),
    ("draws", "whole", Gpu, Ratio(0.75)),
    ("draws", "whole", Noop, Ratio(1.1)),
    ("draws", "held", Llvmpipe, Ratio(0.75)),
    ("draws", "held", Noop, Ratio(1.1)),
    ("draws-lists", "whole", Llvmpipe, Ratio(1.0)),
    ("draws-lists", "held", Noop, Ratio(0.35)),
    ("draws-lists", "held", Noop, AtMost(60.0)),
    ("draws-lists", "whole processor", Noop, Ratio(0.6)),
    ("dispatches", "whole", Llvmpipe, Ratio(1.05)),
    ("dispatches", "whole", Noop, Ratio(1.1)),
    ("create-drop", "whole", Llvmpipe, Ratio(0.7)),
    ("create-drop", "whole", Noop, Ratio(0.7)),
    ("create-drop-sampler", "whole", Noop, Ratio(0.7)),
    ("create-drop-buffer", "whole", Noop, Ratio(0.7)),
    ("write-buffer-64b", "whole", Llvmpipe, Ratio(0.95)),
    ("write-buffer-64b", "whole", Noop, Ratio(0.6)),
    ("write-buffer-64k", "whole", Llvmpipe, Ratio(0.8)),
    ("write-buffer-64k", "whole", Noop, Ratio(1.0)),
    ("write-buffer-1m", "whole", Llvmpipe, Ratio(1.0)),
    ("write-buffer-1m", "whole", Noop, Ratio(1.0)),
    ("write-buffer-16m", "whole", Llvmpipe, Ratio(1.0)),
    ("write-buffer-16m", "whole", Noop, Ratio(1.0)),
    ("write-texture-4096", "whole", Llvmpipe, Ratio(1.0)),
    ("write-texture-4096", "whole", Noop, Ratio(1.0)),
    ("readback-4b", "round-trip", Llvmpipe, Beyond(40.0 * US)),
    ("readback-4b", "round-trip", Noop, Beyond(6.0 * US)),
    ("readback-1m", "round-trip", Llvmpipe, Ratio(1.0)),
    ("readback-1m", "round-trip", Noop, Ratio(1.35)),
    ("readback-16m", "round-trip", Llvmpipe, Ratio(1.0)),
    ("readback-16m", "round-trip", Noop, Ratio(1.2)),
    ("first-result", "in-guest", Llvmpipe, Ratio(1.0)),
    ("start-up", "spawn-to-exit", Llvmpipe, AtMost(120.0 * MS)),
    ("start-up", "spawn-to-exit", Llvmpipe, Ratio(0.5)),
    ("memory", "host-above-guest", Llvmpipe, AtMost(64.0 * MIB)),
    ("memory", "host-above-guest", Noop, AtMost(64.0 * MIB)),
    ("wgpu-draws", "whole", Llvmpipe, Ratio(1.1)),
    ("wgpu-draws", "whole", Gpu, Ratio(1.1)),
    ("wgpu-draws", "held", Llvmpipe, Ratio(1.1)),
    ("wgpu-draws", "held", Gpu, Ratio(1.1)),
    ("js-start", "spawn-to-line", Llvmpipe, Beyond(60.0 * MS)),
    ("js-start", "spawn-to-line", Gpu, Beyond(60.0 * MS)),
    ("js-start", "spawn-to-line", Noop, Beyond(60.0 * MS)),
];

/// The target of processor time, of every workload that the peer runs as well and that has no target of its own for it.
const PROCESSOR: Bound = Ratio(1.15);

/// The targets of a figure: none, one or two.
pub fn of(workload: Workload, figure: &str, device: Device) -> impl Iterator<Item = Bound> {
    let is = move |target: &&Target| target.0 == workload.name && target.1 == figure && target.2 == device;
    let is_general =
        processor::is_figure(figure) && !workload.compares_guests() && !TARGETS.iter().any(|target| is(&target));
    let processor = is_general.then_some(PROCESSOR);
    TARGETS.iter().filter(is).map(|target| target.3).chain(processor)
}

impl Bound {
    /// Whether the row is within the bound; `None` if its value was not measured.
    pub fn is_met(self, row: &Row) -> Option<bool> {
        let (found, bound) = match self {
            Ratio(bound) => (row.ratio()?, bound),
            Beyond(bound) => (row.difference()?, bound),
            AtMost(bound) => (row.airlock()?, bound),
        };
        Some(found.median <= bound)
    }
}
