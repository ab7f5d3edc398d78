//! Malformed lists: each raises one validation error, and the commands before the malformed one are recorded.

use airlock_passes::{List, Offsets, Token};
use guest_support::gpu::{GpuBindingResource, GpuBufferUsage, GpuErrorFilter, GpuErrorKind};
use guest_support::passes::compute_pass;
use guest_support::{Failure, Gpu, Outcome, fail, outln};

use crate::bindings::passes;

pub async fn run(gpu: &Gpu) -> Outcome {
    let pipeline = gpu.compute_pipeline("tour", include_str!("tour.wgsl"), "main").await?;
    let numbers = gpu.buffer("numbers", 32, GpuBufferUsage::STORAGE | GpuBufferUsage::COPY_SRC);
    let group = gpu.bind_group(&pipeline.get_bind_group_layout(0), vec![GpuBindingResource::GpuBuffer(&numbers)]);
    let (pipeline_token, buffer_token) =
        (Token::of(passes::compute_pipeline_token(&pipeline)), Token::of(passes::buffer_token(&numbers)));
    if Token::of(passes::buffer_token(&numbers)) != buffer_token {
        fail!("the buffer has two tokens");
    }
    // The token of a buffer whose handle is dropped, and whose slot in the host's table another object reuses.
    let dropped = {
        let buffer = gpu.buffer("dropped", 16, GpuBufferUsage::INDIRECT);
        Token::of(passes::buffer_token(&buffer))
    };
    let _another = gpu.buffer("another", 16, GpuBufferUsage::INDIRECT);

    let list = |write: &dyn Fn(&mut List)| {
        let mut list = List::new();
        list.set_pipeline(pipeline_token);
        list.set_bind_group(0, Some(Token::of(passes::bind_group_token(&group))), Offsets::NONE);
        list.dispatch_workgroups(1, 1, 1);
        write(&mut list);
        list.bytes().to_vec()
    };
    let cases: [(&str, Vec<u8>); 9] = [
        ("there is no command 0", [&list(&|_| {})[..], &[0]].concat()),
        ("ends within a command", [&list(&|_| {})[..], &[20, 1, 0]].concat()),
        ("the token is 0", [&list(&|_| {})[..], &[1], &[0; 8]].concat()),
        ("names no live object", list(&|list| list.dispatch_workgroups_indirect(dropped, 0))),
        ("names no live object", list(&|list| list.dispatch_workgroups_indirect(pipeline_token, 0))),
        ("names no live object", list(&|list| list.set_pipeline(buffer_token))),
        ("names no live object", list(&|list| list.set_bind_group(0, Token::new(u64::MAX), Offsets::NONE))),
        ("a compute pass has no such command", list(&|list| list.draw(3, 1, 0, 0))),
        ("UTF-8", [&list(&|_| {})[..], &[17, 1, 0, 0, 0, 0xff]].concat()),
    ];
    let count = cases.len() as u32;
    for (expected, bytes) in cases {
        gpu.device.push_error_scope(GpuErrorFilter::Validation);
        let encoder = gpu.encoder("errors");
        let pass = compute_pass(&encoder, "errors");
        passes::encode_compute_pass(&pass, &bytes);
        pass.end();
        gpu.submit(&encoder);
        let caught = gpu
            .device
            .pop_error_scope()
            .await
            .map_err(|error| Failure::new(format!("cannot pop an error scope: {}", error.message)))?;
        match caught {
            Some(error)
                if matches!(error.kind(), GpuErrorKind::ValidationError) && error.message().contains(expected) => {}
            Some(error) => fail!("the error is {:?}, expected {expected:?}", error.message()),
            None => fail!("a list raises no error, expected {expected:?}"),
        }
    }
    let found: Vec<u32> = gpu.download(&numbers).await?;
    if found != [count, 0, 0, 0, 0, 0, 0, 0] {
        fail!("the commands before the malformed ones were not all recorded: {found:?}");
    }
    outln!("ok: {count} malformed lists are {count} validation errors");
    Ok(())
}
