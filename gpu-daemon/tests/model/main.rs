//! Model-based test of WebGPU's validation: random programs, valid and nearly valid, whose every call must have the
//! result that a model predicts, which was written from the specification alone.
//!
//! A failure names the seed and shows the shortest program that still disagrees. `AIRLOCK_SEED` runs one seed,
//! `AIRLOCK_SEEDS` that many.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(clippy::too_many_arguments)]

mod binding;
mod buffer;
#[path = "../common/mod.rs"]
mod common;
mod compute;
mod contents;
mod copies;
mod draws;
mod encoder;
mod generate;
mod generate_contents;
mod generate_draws;
mod model;
mod pass;
mod query;
mod scopes;
mod texture;

use std::{collections::BTreeMap, env};

use airlock_protocol::{
    Command, Event,
    commands::{
        binding::{CreateBindGroupLayout, CreatePipelineLayout},
        error::{ErrorFilter, PopErrorScope, PushErrorScope},
        instance::AdapterSelector,
        pipeline::{CreateComputePipeline, ProgrammableStage},
        session::DropObject,
        shader::CreateShaderModule,
    },
    ids::{Object, *},
};

use common::client::{Client, DEVICE};
use draws::MODULES;
use generate::{Random, program};
use model::{Layout, Model};

/// Programs per run.
const PROGRAMS: u64 = 2000;
/// Calls per program.
const CALLS: usize = 60;
/// Programs per worker.
const PER_WORKER: u64 = 250;

/// A call whose result differs from the model's, and that result.
struct Disagreement {
    at: usize,
    expected: bool,
    message: Option<String>,
}

#[test]
fn each_call_has_the_outcome_that_webgpu_gives_it() {
    let number = |name: &str| env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let seeds = match number("AIRLOCK_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("AIRLOCK_SEEDS").unwrap_or(PROGRAMS),
    };
    let (mut calls, mut errors, mut found) = (BTreeMap::<String, u64>::new(), 0_u64, Vec::new());
    let mut client = start();
    for seed in seeds {
        if seed.is_multiple_of(PER_WORKER) {
            client = start();
        }
        let program = program(&mut Random::new(seed), CALLS, 1000);
        let mut model = prepare();
        for call in &program {
            *calls.entry(name(call)).or_default() += 1;
            errors += u64::from(model.call(call) == Some(true));
        }
        if run(&mut client, &program, nothing).is_some() {
            let text = shrink_with(&mut client, program, |client, program| run(client, program, nothing));
            found.push(format!("seed {seed}:\n{text}"));
            if found.len() >= 20 {
                break;
            }
        }
    }
    eprintln!("{} calls, of which {errors} are errors: {calls:?}", calls.values().sum::<u64>());
    assert!(found.is_empty(), "{} programs disagree\n{}", found.len(), found.join("\n"));
}

fn start() -> Client {
    let mut client = Client::start();
    client.request_adapter(AdapterSelector::Noop).expect("the noop adapter is always there");
    client.request_device();
    start_with(client)
}

/// Creates what all programs may use, which [`prepare`] knows.
fn start_with(mut client: Client) -> Client {
    for (code, id) in MODULES.into_iter().chain([compute::MODULE]).zip(1..) {
        client.push(CreateShaderModule { device: DEVICE, module: ShaderModuleId(id), label: "", code });
    }
    for (entry, id) in compute::layouts().into_iter().zip(1..) {
        let (layout, entries) = (BindGroupLayoutId(id), vec![entry]);
        client.push(CreateBindGroupLayout { device: DEVICE, layout, label: "", entries });
    }
    for ((name, _, layouts), id) in compute::PIPELINES.into_iter().zip(1..) {
        let layout = PipelineLayoutId(id);
        let bind_group_layouts = layouts.iter().map(|&id| Some(BindGroupLayoutId(id))).collect();
        client.push(CreatePipelineLayout { device: DEVICE, layout, label: "", bind_group_layouts, immediate_size: 0 });
        let module = ShaderModuleId(MODULES.len() as u32 + 1);
        client.push(CreateComputePipeline {
            device: DEVICE,
            pipeline: ComputePipelineId(id),
            request: None,
            label: "",
            layout: Some(layout),
            compute: ProgrammableStage { module, entry_point: Some(name), constants: vec![] },
        });
    }
    client
}

/// A model of a device with what [`start_with`] creates.
fn prepare() -> Model {
    let layouts = (1..).zip(compute::layouts()).map(|(id, entry)| (id, Layout(Some(entry)))).collect();
    Model { layouts, ..Model::default() }
}

fn name(call: &Command<'_>) -> String {
    format!("{call:?}").split(['(', ' ', '{']).next().unwrap_or_default().to_owned()
}

fn nothing(_: &mut Client, _: &Model, _: usize) -> Option<Disagreement> {
    None
}

/// Runs a program and compares, at its end with `last`, too; skips calls with dead ids.
fn run(
    client: &mut Client,
    program: &[Command<'static>],
    last: impl FnOnce(&mut Client, &Model, usize) -> Option<Disagreement>,
) -> Option<Disagreement> {
    let mut model = prepare();
    let mut asked = Vec::new();
    for (at, call) in program.iter().enumerate() {
        let Some(expected) = model.call(call) else { continue };
        client.push(PushErrorScope { device: DEVICE, filter: ErrorFilter::Validation });
        client.push(call.clone());
        let request = client.request();
        client.push(PopErrorScope { request, device: DEVICE });
        if !model.unsure {
            asked.push((request, at, expected));
        }
    }
    let mut left = asked.len();
    let mut first: Option<Disagreement> = None;
    if left > 0 {
        client.wait(|event| {
            if let Event::ScopePopped { request, result } = event
                && let Some(&(_, at, expected)) = asked.iter().find(|(of, ..)| *of == request)
            {
                left -= 1;
                let message = result.expect("a scope is open").map(|error| error.message);
                if message.is_some() != expected && first.as_ref().is_none_or(|first| at < first.at) {
                    first = Some(Disagreement { at, expected, message });
                }
            }
            (left == 0).then_some(())
        });
    }
    let first = first.or_else(|| last(client, &model, program.len()));
    tidy(client, &model);
    first
}

/// Drops all objects, so that the next program may use their ids.
fn tidy(client: &mut Client, model: &Model) {
    let mut drop_all = |ids: Vec<Object>| ids.into_iter().for_each(|object| client.push(DropObject { object }));
    drop_all(model.render_passes.keys().map(|&id| Object::RenderPass(RenderPassId(id))).collect());
    drop_all(model.compute_passes.keys().map(|&id| Object::ComputePass(ComputePassId(id))).collect());
    drop_all(model.bundle_encoders.keys().map(|&id| Object::RenderBundleEncoder(RenderBundleEncoderId(id))).collect());
    drop_all(model.bundles.keys().map(|&id| Object::RenderBundle(RenderBundleId(id))).collect());
    drop_all(model.pipelines.keys().map(|&id| Object::RenderPipeline(RenderPipelineId(id))).collect());
    drop_all(model.encoders.keys().map(|&id| Object::CommandEncoder(CommandEncoderId(id))).collect());
    drop_all(model.commands.keys().map(|&id| Object::CommandBuffer(CommandBufferId(id))).collect());
    drop_all(model.groups.keys().map(|&id| Object::BindGroup(BindGroupId(id))).collect());
    let layouts = model.layouts.keys().filter(|&&id| id as usize > compute::layouts().len());
    drop_all(layouts.map(|&id| Object::BindGroupLayout(BindGroupLayoutId(id))).collect());
    drop_all(model.query_sets.keys().map(|&id| Object::QuerySet(QuerySetId(id))).collect());
    drop_all(model.views.keys().map(|&id| Object::TextureView(TextureViewId(id))).collect());
    drop_all(model.textures.keys().map(|&id| Object::Texture(TextureId(id))).collect());
    drop_all(model.buffers.keys().map(|&id| Object::Buffer(BufferId(id))).collect());
}

/// Minimizes a program: removes calls while it still differs, and returns the rest.
fn shrink_with(
    client: &mut Client,
    mut program: Vec<Command<'static>>,
    run: impl Fn(&mut Client, &[Command<'static>]) -> Option<Disagreement>,
) -> String {
    let mut at = program.len();
    while at > 0 {
        at -= 1;
        let mut shorter = program.clone();
        shorter.remove(at);
        if run(client, &shorter).is_some() {
            program = shorter;
            at = at.min(program.len());
        }
    }
    let Some(Disagreement { at, expected, message }) = run(client, &program) else {
        return "  it does not disagree any more".to_owned();
    };
    let calls: Vec<String> = program.iter().map(|call| format!("  {call:?}")).collect();
    let wanted = if expected { "an error" } else { "no error" };
    format!("{}\n  call {at} has {wanted} in WebGPU, and here {message:?}", calls.join("\n"))
}
