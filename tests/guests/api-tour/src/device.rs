//! `gpu-device`: its attributes. The objects that it creates have sections of their own.

use guest_support::gpu::*;
use guest_support::{Gpu, Outcome};

use crate::adapter::all_limits;
use crate::check::{Check, FEATURES, check_label, plain_device, rich_device};

pub async fn tour(check: &mut Check) -> Outcome {
    let gpu = plain_device("plain").await?;
    let device = &gpu.device;
    check_label!(check, device, "plain");
    check.that("a plain device has the core", device.features().has("core-features-and-limits"));
    for (name, _) in &FEATURES[1..] {
        // Tier 2 implies tier 1 and so on, but features that were not requested are off.
        check.that(&format!("a plain device has no {name}"), !device.features().has(name));
    }
    for limit in all_limits(&device.limits()).iter().filter(|limit| limit.name != "maxImmediateSize") {
        check.same(&format!("{} of a plain device", limit.name), limit.value, limit.default);
    }
    let info = device.adapter_info();
    check.same("the adapter's description", info.description(), gpu.adapter.info().description());

    let queue = device.queue();
    check_label!(check, queue, "");
    check.same("there is one queue", device.queue().label(), queue.label());

    let rich = rich_device("rich").await?;
    for (name, _) in FEATURES {
        let (has, offered) = (rich.device.features().has(name), rich.adapter.features().has(name));
        check.same(&format!("{name} was requested where it is offered"), has, offered);
    }
    let groups = rich.adapter.limits().max_bind_groups();
    check.same("a requested limit", rich.device.limits().max_bind_groups(), groups);

    let named = Gpu::request_with(GpuRequestAdapterOptions::default(), |_| {
        Ok(GpuDeviceDescriptor {
            default_queue: Some(GpuQueueDescriptor { label: Some("the queue".to_string()) }),
            ..Default::default()
        })
    })
    .await?;
    check.same("no label", named.device.label(), String::new());
    check.same("the queue's label from the device's descriptor", named.queue.label(), "the queue".to_string());
    Ok(())
}
