//! A malicious guest, within the interface.
//!
//! `hostile random SEED CALLS [idle]` calls functions of the interface at random, with arguments in every invalid state and
//! of every invalid value; the calls are generated from the interface (`build.rs`). `hostile SECTION` makes calls that are
//! known to break hosts, and checks their results. Both end with a computation whose result must be right. The tests check
//! the host and the GPU process afterwards (`tests/tests/hostile_guests.rs`).

mod calls;
mod check;
mod objects;
mod random;
mod sections;
mod world;

use guest_support::{Failure, Outcome, env};

use check::Check;
use objects::good_job_on_a_new_device;
use sections::{floods, numbers, shaders, sizes, states, traps};

guest_support::main!(run);

const USAGE: &str = "hostile random SEED CALLS [idle] | trap NAME | SECTION";

/// Runs the section with the wanted name; false if there is none.
macro_rules! sections {
    ($wanted:ident: $($file:ident::$name:ident),+ $(,)?) => {
        match $wanted {
            $(stringify!($name) => {
                let mut check = Check::default();
                $file::$name(&mut check).await?;
                check.end($wanted)?;
                true
            })+
            _ => false,
        }
    };
}

async fn run() -> Outcome {
    let args = env::args();
    let wanted = args.first().map(String::as_str).unwrap_or_default();
    match wanted {
        "random" => {
            let seed = env::number_or(&args, 1, "SEED", 1, USAGE)?;
            let calls = env::number_or(&args, 2, "CALLS", 1000, USAGE)?;
            return random::run(seed, calls, args.get(3).is_some_and(|word| word == "idle")).await;
        }
        "trap" => return traps::run(args.get(1).map(String::as_str).unwrap_or_default()).await,
        _ => {}
    }
    let found = sections!(wanted:
        states::ended, states::destroyed, states::dropped, states::foreign, states::lost, states::attachments,
        numbers::ranges, numbers::floats, numbers::names,
        sizes::objects, sizes::descriptors, sizes::texts, sizes::lists, sizes::pipelines,
        floods::scopes, floods::maps, floods::questions, floods::errors, floods::adapters,
        floods::reconnect,
        shaders::bombs,
    );
    if !found {
        return Err(Failure::usage("there is no such section", USAGE));
    }
    good_job_on_a_new_device().await
}
