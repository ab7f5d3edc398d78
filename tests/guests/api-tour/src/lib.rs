//! A tour of the interface: calls every reachable function at least once, and checks its effects and errors. One module and
//! one line of output per WebGPU object, each on a device of its own.
//!
//! Two resources are unreachable, because no function returns them: `gpu-canvas-context` (there is no canvas; its functions
//! are `configure`, `unconfigure`, `get-configuration` and `get-current-texture`) and `gpu-uncaptured-error-event` (its
//! function is `error`; errors arrive on a stream instead).

mod adapter;
mod binding;
mod buffer;
mod check;
mod command_encoder;
mod compute_pass;
mod device;
mod error;
mod formats;
mod instance;
mod lost;
mod pipeline;
mod query_set;
mod queue;
mod records;
mod render_bundle;
mod render_pass;
mod sampler;
mod shader;
mod tasks;
mod texture;

use check::Check;
use guest_support::{Failure, Outcome, env, fail, outln};

guest_support::main!(run);

const USAGE: &str = "api-tour [SECTION]    (all sections by default; a word that is none lists them)";

/// Runs the section `$name` if it is wanted.
macro_rules! sections {
    ($check:ident, $wanted:ident, $names:ident: $($name:ident),+ $(,)?) => {
        const $names: &[&str] = &[$(stringify!($name)),+];
        $(
            if $wanted.as_deref().is_none_or(|wanted| wanted == stringify!($name)) {
                $check.begin(stringify!($name));
                if let Err(failure) = $name::tour(&mut $check).await {
                    $check.fail(&format!("the section ends early: {}", failure.message));
                }
                $check.end();
            }
        )+
    };
}

async fn run() -> Outcome {
    let args = env::args();
    if args.len() > 1 {
        return Err(Failure::usage("there is at most one argument", USAGE));
    }
    let wanted = args.into_iter().next().map(|name| name.replace('-', "_"));
    let mut check = Check::default();
    sections!(check, wanted, NAMES:
        instance, adapter, records, device, queue, buffer, texture, formats, sampler, binding, shader, pipeline,
        command_encoder, compute_pass, render_pass, render_bundle, query_set, error, tasks, lost,
    );
    if let Some(name) = wanted
        && !NAMES.contains(&name.as_str())
    {
        return Err(Failure::usage(format!("the sections are {}", NAMES.join(", ")), USAGE));
    }
    let (checks, failed) = check.totals();
    if failed > 0 {
        fail!("{failed} of {checks} checks failed");
    }
    outln!("ok: {checks} checks");
    Ok(())
}
