//! Error scopes: each error goes to the innermost scope of its kind, which keeps its first.

use airlock_protocol::{
    Event,
    commands::error::{ErrorFilter, GpuError, PopErrorScope, PushErrorScope, RaiseError},
};

use crate::{common::client::DEVICE, generate::Random, start};

const FILTERS: [ErrorFilter; 3] = [ErrorFilter::Validation, ErrorFilter::OutOfMemory, ErrorFilter::Internal];

#[test]
fn each_error_goes_where_webgpu_sends_it() {
    for seed in 0..20 {
        let mut random = Random::new(seed);
        let mut client = start();
        let mut scopes: Vec<(ErrorFilter, Option<String>)> = Vec::new();
        let (mut popped, mut uncaptured) = (Vec::new(), Vec::new());
        for call in 0..300 {
            let filter = FILTERS[random.below(3) as usize];
            match random.below(4) {
                0 => {
                    client.push(PushErrorScope { device: DEVICE, filter });
                    scopes.push((filter, None));
                }
                1 => {
                    let request = client.request();
                    client.push(PopErrorScope { request, device: DEVICE });
                    popped.push((request, scopes.pop()));
                }
                _ => {
                    let message = format!("error {call}");
                    client.push(RaiseError { device: DEVICE, kind: filter, message: &message });
                    match scopes.iter_mut().rev().find(|(of, _)| *of == filter) {
                        Some((_, first)) => _ = first.get_or_insert(message),
                        None => uncaptured.push(message),
                    }
                }
            }
        }
        let request = client.request();
        client.push(PopErrorScope { request, device: DEVICE });
        popped.push((request, scopes.pop()));
        let (mut answers, mut lonely) = (Vec::new(), Vec::new());
        client.wait(|event| {
            match event {
                Event::ScopePopped { request, result } => answers.push((request, result)),
                Event::Uncaptured { error, .. } => lonely.push(error.message),
                _ => {}
            }
            (answers.len() == popped.len()).then_some(())
        });
        for ((request, result), (expected_request, expected)) in answers.into_iter().zip(popped) {
            assert_eq!(request, expected_request, "seed {seed}");
            let expected = expected.map(|(kind, message)| message.map(|message| GpuError { kind, message }));
            assert_eq!(result.ok(), expected, "seed {seed}");
        }
        assert_eq!(lonely, uncaptured, "seed {seed}");
    }
}
