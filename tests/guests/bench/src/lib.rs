//! The cost of calls, uploads and readbacks, measured inside the guest. `tests/bench` runs it under two hosts and compares.
//!
//! Each figure is a line of JSON. Every case warms up, repeats a fixed piece of work until the figure is stable, and reports
//! the median of the repetitions, because other load on the machine slows down only a few of them. If the adapter computes,
//! the results are checked, and a difference ends the guest with exit code 1; an adapter that executes nothing is detected
//! at the start and reported in each line (`"checked":false`).
//!
//! It calls only functions that every host has. Above all, it waits with a readback of 4 bytes, because on some hosts
//! `on-submitted-work-done` never completes by itself.

mod compute;
mod objects;
mod readback;
mod render;
mod upload;

use guest_support::{Failure, Outcome, env};
use measure::Bench;

guest_support::main!(run);

const USAGE: &str = "bench CASE|GROUP|all [COUNT]    (COUNT repetitions; by default as many as take 0.6 s)";

const KIB: u32 = 1 << 10;
const MIB: u32 = 1 << 20;

/// All cases. A group is a prefix of their names: `write-buffer` selects five.
const CASES: [(&str, Case); 17] = [
    ("first-result", Case::FirstResult),
    ("draws", Case::Draws),
    ("dispatches", Case::Dispatches),
    ("create-drop", Case::CreateDrop(objects::Kind::View)),
    ("create-drop-sampler", Case::CreateDrop(objects::Kind::Sampler)),
    ("create-drop-buffer", Case::CreateDrop(objects::Kind::Buffer)),
    ("write-buffer-64b", Case::WriteBuffer { size: 64, writes: 5000 }),
    ("write-buffer-4k", Case::WriteBuffer { size: 4 * KIB, writes: 1000 }),
    ("write-buffer-64k", Case::WriteBuffer { size: 64 * KIB, writes: 200 }),
    ("write-buffer-1m", Case::WriteBuffer { size: MIB, writes: 20 }),
    ("write-buffer-16m", Case::WriteBuffer { size: 16 * MIB, writes: 4 }),
    ("write-texture-64", Case::WriteTexture { side: 64, writes: 200 }),
    ("write-texture-4096", Case::WriteTexture { side: 4096, writes: 1 }),
    ("readback-4b", Case::Readback { size: 4, trips: 50 }),
    ("readback-1m", Case::Readback { size: MIB, trips: 1 }),
    ("readback-16m", Case::Readback { size: 16 * MIB, trips: 1 }),
    ("submit-to-done", Case::SubmitToDone),
];

/// A case's work.
#[derive(Clone, Copy)]
enum Case {
    /// From the start to 4 bytes that the GPU computed.
    FirstResult,
    /// Pairs of set-bind-group and draw.
    Draws,
    /// Pairs of set-bind-group and dispatch.
    Dispatches,
    /// Creates and drops objects.
    CreateDrop(objects::Kind),
    /// `writes` writes of `size` bytes, then one wait.
    WriteBuffer { size: u32, writes: u32 },
    /// `writes` writes of a whole square texture, then one wait.
    WriteTexture { side: u32, writes: u32 },
    /// `trips` round trips of `size` bytes per repetition.
    Readback { size: u32, trips: u32 },
    /// Empty submits, and a wait for each.
    SubmitToDone,
}

async fn run() -> Outcome {
    let args = env::args();
    let count: u32 = env::number_or(&args, 1, "COUNT", 0, USAGE)?;
    let wanted = args.first().map_or("", String::as_str);
    let is_wanted = |name: &str| {
        let rest = name.strip_prefix(wanted);
        wanted == "all" || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    // `create-drop` is a case and a prefix of others; the exact name selects only itself.
    let exact = CASES.iter().any(|(name, _)| *name == wanted);
    let chosen: Vec<_> =
        CASES.into_iter().filter(|(name, _)| if exact { *name == wanted } else { is_wanted(name) }).collect();
    if args.len() > 2 || chosen.is_empty() || wanted.is_empty() {
        let names = CASES.map(|(name, _)| name).join(", ");
        return Err(Failure::usage(format!("the cases are {names}"), USAGE));
    }
    for (name, case) in chosen {
        if let Case::FirstResult = case {
            compute::first_result(name).await?;
            continue;
        }
        let bench = Bench::new(name, (count > 0).then_some(count)).await?;
        match case {
            Case::FirstResult => {}
            Case::Draws => render::draws(&bench).await?,
            Case::Dispatches => compute::dispatches(&bench).await?,
            Case::CreateDrop(kind) => objects::create_drop(&bench, kind).await?,
            Case::WriteBuffer { size, writes } => upload::write_buffer(&bench, size, writes).await?,
            Case::WriteTexture { side, writes } => upload::write_texture(&bench, side, writes).await?,
            Case::Readback { size, trips } => readback::round_trips(&bench, size, trips).await?,
            Case::SubmitToDone => readback::submit_to_done(&bench).await?,
        }
    }
    Ok(())
}
