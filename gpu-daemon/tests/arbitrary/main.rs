//! Robustness against arbitrary valid messages: the worker returns errors and continues.
//!
//! Each seed is a session of random commands on live objects. A failure names the seed; `AIRLOCK_SEED` runs one seed
//! and prints its commands, `AIRLOCK_SEEDS` runs that many.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "../common/mod.rs"]
mod common;
mod generator;
mod valid;

use std::time::Duration;

use airlock_protocol::{
    Command, Event,
    codec::{BatchWriter, decode_event},
    commands::{
        adapter::RequestDevice,
        command_encoder::{CreateCommandEncoder, FinishCommandEncoder},
        compute_pass::{BeginComputePass, ComputePassSetBindGroup, ComputePassSetPipeline, EndComputePass},
        error::PopErrorScope,
        instance::{AdapterSelector, RequestAdapter},
        queue::Submit,
        render_bundle::{BundleSetPipeline, FinishRenderBundle},
        render_pass::{EndRenderPass, ExecuteBundles, RenderPassSetPipeline},
        session::DropObject,
    },
    ids::{
        AdapterId, CommandBufferId, CommandEncoderId, ComputePassId, Object, RenderBundleEncoderId, RenderBundleId,
        RenderPassId, RequestId,
    },
};
use generator::{Generator, Live, Random};
use serde::Deserialize;
use valid::DEVICE;

const COMMANDS: usize = 2000;
/// Commands that random choice rarely makes valid.
const LEFT_OUT: &[&str] = &[
    "RequestAdapter",
    "ListAdapters",
    "RequestDevice",
    "DestroyDevice",
    "WriteMapped",
    "PushErrorScope",
    "PopErrorScope",
    "RaiseError",
    "Stage",
];

struct Worker {
    worker: common::Worker,
    writer: BatchWriter,
}

impl Worker {
    fn start(selector: AdapterSelector<'_>) -> Self {
        let mut worker = Self { worker: common::Worker::start(&[]), writer: BatchWriter::default() };
        let (request, adapter) = (RequestId(u64::MAX), AdapterId(0));
        let force_fallback_adapter = false;
        worker
            .push(RequestAdapter { request, adapter, power_preference: None, force_fallback_adapter, selector }.into());
        let (required_features, required_limits) = (vec![], vec![]);
        let device = DEVICE;
        worker.push(RequestDevice { request, adapter, device, label: "", required_features, required_limits }.into());
        worker
    }

    fn push(&mut self, command: Command<'_>) {
        self.writer.push(&command).unwrap();
    }

    /// Waits until all commands are executed; the error is the reason of the session's end.
    fn settle(&mut self) -> Result<(), String> {
        let barrier = RequestId(u64::MAX - 1);
        self.push(PopErrorScope { request: barrier, device: DEVICE }.into());
        let _ = self.writer.finish(|bytes| self.worker.batches.send(bytes));
        loop {
            let Ok(event) = self.worker.events.recv_timeout(Duration::from_secs(120)) else {
                return Err(format!("no answer; exit: {:?}", self.worker.process.try_wait()));
            };
            match decode_event(&event).unwrap() {
                Event::ScopePopped { request, .. } if request == barrier => return Ok(()),
                Event::Closed { reason } => return Err(reason),
                Event::AdapterReply { result: Err(reason), .. } => return Err(reason),
                Event::DeviceLost { message, .. } => return Err(format!("device lost: {message}")),
                _ => {}
            }
        }
    }
}

/// One seed's session.
struct Run {
    random: Random,
    live: Live,
    worker: Worker,
    sent: usize,
    print: bool,
}

impl Run {
    fn push(&mut self, command: Command<'_>) -> Result<(), String> {
        if self.print {
            eprintln!("{}: {command:?}", self.sent);
        }
        self.worker.push(command);
        self.sent += 1;
        if self.sent.is_multiple_of(50) || self.print { self.worker.settle() } else { Ok(()) }
    }

    /// Sends a random command, of one of these names if any are given.
    fn random(&mut self, names: &[&str]) -> Result<(), String> {
        for _ in 0..100 {
            let name = if names.is_empty() { self.random.pick(Command::NAMES) } else { self.random.pick(names) };
            // Few drops, or there would be no dependent sequences.
            if LEFT_OUT.contains(&name) || (name == "DropObject" && self.random.below(3) != 0) {
                continue;
            }
            let mut generator = Generator::new(&mut self.random, &mut self.live);
            generator.command = Command::NAMES.iter().position(|&known| known == name);
            let Ok(command) = Command::deserialize(&mut generator) else { continue };
            let made = generator.made;
            if let Command::DropObject(DropObject { object }) = command {
                let (kind, number) = object.describe();
                let is = |name: &str| name.strip_suffix("Id") == Some(kind);
                let fixed = self.live.good.iter().any(|(name, ids)| is(name) && ids.contains(&number));
                if fixed || matches!(object, Object::Device(_) | Object::Adapter(_)) {
                    continue;
                }
                for (name, ids) in &mut self.live.ids {
                    if is(name) {
                        ids.retain(|&id| id != number);
                    }
                }
            }
            if let Some((name, id)) = made {
                self.live.ids.entry(name).or_default().push(id);
            }
            return self.push(command);
        }
        Ok(())
    }

    /// Sends valid commands around a few random ones, whose errors are then the first ones.
    fn scenario(&mut self) -> Result<(), String> {
        let kind = self.random.below(4);
        let prefix: &[&str] = match kind {
            0 => &["Copy", "ClearBuffer", "ResolveQuerySet", "Encoder"],
            1 => &["RenderPass", "Set", "BeginOcclusion", "EndOcclusion", "ExecuteBundles"],
            2 => &["ComputePass", "Dispatch"],
            _ => &["Bundle"],
        };
        let names: Vec<&str> = Command::NAMES
            .iter()
            .copied()
            .filter(|name| *name != "SetLabel" && prefix.iter().any(|prefix| name.starts_with(prefix)))
            .collect();
        let number = 1_000_000;
        let encoder = CommandEncoderId(number);
        self.push(CreateCommandEncoder { device: DEVICE, encoder, label: "" }.into())?;
        let mut drops = vec![Object::CommandEncoder(encoder), Object::CommandBuffer(CommandBufferId(number))];
        self.live.good.insert("CommandEncoderId", vec![number]);
        match kind {
            1 => {
                let pass = RenderPassId(number);
                self.push(valid::render_pass(encoder, pass))?;
                self.push(RenderPassSetPipeline { pass, pipeline: valid::RENDER }.into())?;
                drops.push(Object::RenderPass(pass));
                self.live.good.insert("RenderPassId", vec![number]);
            }
            2 => {
                let pass = ComputePassId(number);
                self.push(BeginComputePass { encoder, pass, label: "", timestamp_writes: None }.into())?;
                self.push(ComputePassSetPipeline { pass, pipeline: valid::COMPUTE }.into())?;
                let bind_group = Some(valid::GROUP);
                let dynamic_offsets = vec![];
                self.push(ComputePassSetBindGroup { pass, index: 0, bind_group, dynamic_offsets }.into())?;
                drops.push(Object::ComputePass(pass));
                self.live.good.insert("ComputePassId", vec![number]);
            }
            3 => {
                let bundle = RenderBundleEncoderId(number);
                self.push(valid::bundle_encoder(bundle))?;
                self.push(BundleSetPipeline { encoder: bundle, pipeline: valid::RENDER }.into())?;
                drops.push(Object::RenderBundleEncoder(bundle));
                drops.push(Object::RenderBundle(RenderBundleId(number)));
                self.live.good.insert("RenderBundleEncoderId", vec![number]);
            }
            _ => {}
        }
        for _ in 0..=self.random.below(4) {
            self.random(&names)?;
        }
        match kind {
            1 => self.push(EndRenderPass { pass: RenderPassId(number) }.into())?,
            2 => self.push(EndComputePass { pass: ComputePassId(number) }.into())?,
            3 => {
                let (bundle_encoder, bundle) = (RenderBundleEncoderId(number), RenderBundleId(number));
                self.push(FinishRenderBundle { encoder: bundle_encoder, bundle, label: "" }.into())?;
                let pass = RenderPassId(number);
                self.push(valid::render_pass(encoder, pass))?;
                self.push(ExecuteBundles { pass, bundles: vec![bundle] }.into())?;
                self.push(EndRenderPass { pass }.into())?;
                drops.push(Object::RenderPass(pass));
            }
            _ => {}
        }
        let command_buffer = CommandBufferId(number);
        self.push(FinishCommandEncoder { encoder, command_buffer, label: "" }.into())?;
        self.push(Submit { device: DEVICE, command_buffers: vec![command_buffer] }.into())?;
        for object in drops {
            self.push(DropObject { object }.into())?;
        }
        for name in ["CommandEncoderId", "RenderPassId", "ComputePassId", "RenderBundleEncoderId"] {
            self.live.good.remove(name);
        }
        Ok(())
    }
}

fn run(seed: u64, selector: AdapterSelector<'_>, print: bool) -> Result<(), String> {
    let random = Random::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut run = Run { random, live: Live::default(), worker: Worker::start(selector), sent: 0, print };
    let result = run.execute();
    result.map_err(|reason| format!("seed {seed}, about command {}: {reason}", run.sent))
}

impl Run {
    fn execute(&mut self) -> Result<(), String> {
        for (name, id, command) in valid::objects() {
            self.push(command)?;
            self.live.good.entry(name).or_default().push(id);
            self.live.ids.entry(name).or_default().push(id);
            self.live.next = 100;
        }
        self.worker.settle()?;
        while self.sent < COMMANDS {
            if self.random.below(3) == 0 { self.random(&[])? } else { self.scenario()? }
        }
        self.worker.settle()
    }
}

fn seeds(default: u64) -> (Vec<u64>, bool) {
    let number = |name| std::env::var(name).ok().and_then(|text: String| text.parse::<u64>().ok());
    match number("AIRLOCK_SEED") {
        Some(seed) => (vec![seed], true),
        None => ((1..=number("AIRLOCK_SEEDS").unwrap_or(default)).collect(), false),
    }
}

fn all(selector: AdapterSelector<'_>) {
    let (seeds, print) = seeds(4);
    let failures: Vec<String> = seeds.into_iter().filter_map(|seed| run(seed, selector, print).err()).collect();
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn arbitrary_commands_do_not_end_a_session_on_a_driver() {
    all(AdapterSelector::Any);
}

#[test]
fn arbitrary_commands_do_not_end_a_session_on_the_noop_backend() {
    all(AdapterSelector::Noop);
}
