//! Random programs, valid and invalid, on this backend and on wgpu's own: each call has an error of the same kind or none,
//! each panic is on both sides, and what can be read back is the same.
//!
//! `AIRLOCK_DIFFERENTIAL` is the number of programs, 200 by default; `AIRLOCK_DIFFERENTIAL_SEED` the number of the first. A run of
//! one program prints its calls. Both sides have the same software adapter and the same limits and features.
#![allow(clippy::unwrap_used, reason = "a test ends at the first failure")]

mod generate;
mod known;
mod op;
mod random;
mod recording;
mod side;

use std::collections::{BTreeMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use generate::Generator;
use side::{Outcome, Side};

/// Calls of one program.
const CALLS: u64 = 60;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{variable}: {text}")))
}

#[test]
fn programs_do_the_same_on_both_backends() {
    let mut plain = Side::new(&wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends: wgpu::Backends::VULKAN,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    }));
    let mut airlock = Side::new(&wgpu_airlock::instance(Default::default()).unwrap());
    assert_eq!(plain.adapter, airlock.adapter);
    // Panics are outcomes here; their messages are in them.
    std::panic::set_hook(Box::new(|_| {}));

    let first = number("AIRLOCK_DIFFERENTIAL_SEED", 0);
    let count = number("AIRLOCK_DIFFERENTIAL", 200);
    let (mut calls, mut errors, mut differences) = (0u64, 0u64, Vec::new());
    let mut kinds = BTreeMap::new();
    for seed in first..first + count {
        plain.clear();
        airlock.clear();
        let mut generator = Generator::new(seed);
        let (mut readbacks, mut facts) = (None, Facts::default());
        for place in 0.. {
            let op = if place < CALLS {
                generator.next(&plain.counts())
            } else {
                let Some(op) = readbacks.get_or_insert_with(|| op::readbacks(plain.counts())).next() else { break };
                op
            };
            let [expected, found] = [&mut plain, &mut airlock].map(|side| outcome(side, &op));
            if count == 1 {
                eprintln!("call {place}: {op:?}\n  {expected:?}");
            }
            calls += 1;
            let name = format!("{op:?}");
            let name = name.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned();
            let (total, succeeded) = kinds.entry(name).or_insert((0u64, 0u64));
            *total += 1;
            *succeeded += u64::from(matches!(expected, Outcome::Done { error: None, .. }));
            errors += u64::from(!matches!(expected, Outcome::Done { error: None, .. }));
            facts.note(&op);
            generator.known.note(&op, matches!(expected, Outcome::Done { error: None, .. }));
            match listed(&op, &facts, &expected, &found) {
                Some(Listed::GoesOn) => continue,
                Some(Listed::Ends) => break,
                None => {}
            }
            if expected != found {
                differences
                    .push(format!("seed {seed}, call {place}: {op:?}\n  plain   {expected:?}\n  airlock {found:?}"));
                break;
            }
        }
    }
    let _ = std::panic::take_hook();
    eprintln!("{count} programs, {calls} calls, of which {errors} failed alike");
    for (name, (total, succeeded)) in kinds {
        eprintln!("{name:<22} {total:>8} calls, {succeeded:>8} without an error");
    }
    assert!(differences.is_empty(), "{} programs differ:\n{}", differences.len(), differences.join("\n"));
    // A run in which everything fails or nothing does compares nothing.
    assert!(errors * 20 > calls && errors * 10 < calls * 9, "{errors} of {calls}");
}

/// Continuation of a program after a listed difference.
enum Listed {
    GoesOn,
    Ends,
}

/// The differences that are right, each with its reason.
fn listed(op: &op::Op, facts: &Facts, plain: &Outcome, airlock: &Outcome) -> Option<Listed> {
    use Listed::{Ends, GoesOn};
    use op::Op;
    const INVALID: Option<&str> = Some("validation");
    let (plain, found) = match (plain, airlock) {
        // wgpu-core panics in the first command of a bundle's encoder that is invalid; WebGPU has a validation error in `finish`
        // (GPURenderBundleEncoder.finish). Here the rest of the commands comes, in which wgpu's own slices may panic.
        (Outcome::Panicked(message), Outcome::Done { error: INVALID, .. } | Outcome::Panicked(_))
            if message.contains("RenderBundleEncoder") =>
        {
            return matches!(op, Op::CreateBundle { .. }).then_some(Ends);
        }
        // wgpu-core unwraps the layer of a resolve target that has several (`attachments.rs` of the worker has more of this).
        (Outcome::Panicked(message), Outcome::Done { error: INVALID, .. }) if message.contains("Option::unwrap()") => {
            return resolves(op).then_some(Ends);
        }
        // wgpu-core asserts that `multi_draw_indirect` draws something.
        (Outcome::Panicked(message), Outcome::Done { .. }) if message.contains("buffer_size >= data_size") => {
            return matches!(op, Op::Record { .. }).then_some(Ends);
        }
        (Outcome::Done { error: plain, .. }, Outcome::Done { error: found, .. }) => (*plain, *found),
        _ => return None,
    };
    match (op, plain, found) {
        // An error of wgpu; WebGPU has the call do nothing (GPUBuffer.unmap).
        (Op::Unmap { .. }, INVALID, None) => Some(GoesOn),
        // WebGPU allows a set of no queries (GPUDevice.createQuerySet).
        (Op::CreateQuerySet { count: 0, .. }, INVALID, None) => Some(Ends),
        // A feature of wgpu, which the devices of both sides lack; WebGPU's devices have 64 bytes (maxImmediateSize).
        (Op::CreatePipelineLayout { immediates: 1.., .. }, INVALID, None) => Some(Ends),
        (Op::Record { commands, .. }, INVALID, None) if sets_immediates(commands) => Some(Ends),
        // A level of a 3D texture is one subresource (GPUCommandEncoder.copyTextureToTexture); wgpu-core compares slices.
        (Op::Record { commands, .. }, None, INVALID) if facts.copies_within_a_volume(commands) => Some(Ends),
        // `executeBundles` resets the pass's state, even for an empty list (GPURenderPassEncoder.executeBundles); wgpu-core keeps it.
        (Op::Record { commands, .. }, None, INVALID) if executes_nothing(commands) => Some(Ends),
        // wgpu-core does not look at indirect draws of a bundle; WebGPU does (GPURenderCommandsMixin.drawIndirect).
        (Op::CreateBundle { commands, .. }, None, INVALID) if draws_indirectly(commands) => Some(Ends),
        // wgpu does not look at an empty write; WebGPU does (GPUQueue.writeBuffer).
        (Op::WriteBuffer { len: 0, .. }, None, INVALID) => Some(GoesOn),
        // To wgpu an error of the call; WebGPU has it at the submit, and the view or group is valid.
        (Op::CreateView { texture, .. }, INVALID, None) if facts.destroyed.contains(texture) => Some(Ends),
        (Op::CreateGroup { .. }, INVALID, None) if facts.has_destroyed() => Some(Ends),
        // wgpu-core keeps the first mistake of a recording only, here a destroyed resource, which it reports at the submit. The
        // other mistake is an error of WebGPU's `finish`.
        (Op::Record { .. }, None, INVALID) if facts.has_destroyed() => Some(Ends),
        _ => None,
    }
}

/// Properties of a program's objects on which differences depend.
#[derive(Default)]
struct Facts {
    textures: usize,
    /// 3D textures.
    volumes: HashSet<usize>,
    /// Destroyed textures.
    destroyed: HashSet<usize>,
    /// Destroyed objects of other kinds.
    others: usize,
}

impl Facts {
    fn has_destroyed(&self) -> bool {
        !self.destroyed.is_empty() || self.others > 0
    }

    /// True for a copy from some slices of a level to others.
    fn copies_within_a_volume(&self, commands: &[op::Command]) -> bool {
        commands.iter().any(|command| match command {
            op::Command::TextureToTexture { from, to, .. } => {
                (from.texture, from.mip) == (to.texture, to.mip) && self.volumes.contains(&from.texture)
            }
            _ => false,
        })
    }

    fn note(&mut self, op: &op::Op) {
        match op {
            op::Op::CreateTexture { dimension, .. } => {
                if *dimension == wgpu::TextureDimension::D3 {
                    self.volumes.insert(self.textures);
                }
                self.textures += 1;
            }
            op::Op::DestroyTexture { texture } => drop(self.destroyed.insert(*texture)),
            op::Op::DestroyBuffer { .. } | op::Op::DestroyQuerySet { .. } => self.others += 1,
            _ => {}
        }
    }
}

fn resolves(op: &op::Op) -> bool {
    let op::Op::Record { commands, .. } = op else { return false };
    commands.iter().any(|command| matches!(command, op::Command::Render { resolve: Some(_), .. }))
}

fn executes_nothing(commands: &[op::Command]) -> bool {
    let nothing = |draw: &op::Draw| matches!(draw, op::Draw::Bundles(bundles) if bundles.is_empty());
    commands
        .iter()
        .any(|command| matches!(command, op::Command::Render { commands, .. } if commands.iter().any(nothing)))
}

fn draws_indirectly(commands: &[op::Draw]) -> bool {
    commands.iter().any(|command| matches!(command, op::Draw::Indirect(..)))
}

fn sets_immediates(commands: &[op::Command]) -> bool {
    let sets = |command: &op::Compute| matches!(command, op::Compute::Immediates(..));
    commands.iter().any(|command| matches!(command, op::Command::Compute(commands) if commands.iter().any(sets)))
}

fn outcome(side: &mut Side, op: &op::Op) -> Outcome {
    catch_unwind(AssertUnwindSafe(|| side.apply(op))).unwrap_or_else(|panic| {
        side.recover();
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        // The values in a message come from wgpu's own checks, which are the same code on both sides.
        Outcome::Panicked(text.unwrap_or_default().lines().next().unwrap_or_default().to_owned())
    })
}
