//! Passes whose commands cross to the host as one list, through the interface `airlock:passes`, or as calls.
//!
//! The commands and their order are the same both ways, so that recordings of the two can be compared. With `errors`,
//! malformed lists are sent, and each must raise a validation error. With `measure`, it is the case `draws` of the guest `bench`, as
//! lists.

mod bindings;
mod draws;
mod errors;
mod measured;
mod tour;

use guest_support::{ErrorScopes, Failure, Gpu, Outcome, env, outln};

guest_support::main!(run);

const USAGE: &str = "passes [lists|calls|errors [PASSES [DRAWS]]]    (lists, 50 passes of 2000 draws by default)
       passes measure [COUNT]                           (COUNT repetitions; by default as many as take 0.6 s)";

/// How commands cross to the host.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Lists,
    Calls,
}

async fn run() -> Outcome {
    let args = env::args();
    if args.first().is_some_and(|first| first == "measure") {
        let count: u32 = env::number_or(&args, 1, "COUNT", 0, USAGE)?;
        return measured::run((count > 0).then_some(count)).await;
    }
    let way = match args.first().map(String::as_str) {
        None | Some("lists") => Some(Way::Lists),
        Some("calls") => Some(Way::Calls),
        Some("errors") => None,
        Some(other) => return Err(Failure::usage(format!("{other:?} is none of lists, calls and errors"), USAGE)),
    };
    let passes: u32 = env::number_or(&args, 1, "PASSES", 50, USAGE)?;
    let count: u32 = env::number_or(&args, 2, "DRAWS", 2000, USAGE)?;
    if args.len() > 3 || passes == 0 || count == 0 || count > draws::PIXELS {
        return Err(Failure::usage(format!("PASSES is above 0, DRAWS from 1 to {}", draws::PIXELS), USAGE));
    }
    let gpu = Gpu::request("passes").await?;
    outln!("adapter: {}", gpu.adapter_name());
    match way {
        Some(way) => {
            let scopes = ErrorScopes::open(&gpu.device);
            tour::run(&gpu, way).await?;
            scopes.close("the tour").await?;
            draws::run(&gpu, way, passes, count).await
        }
        None => errors::run(&gpu).await,
    }
}
