//! `gpu-buffer`: attributes, every way to map, and every way in which mapping fails.

use std::future::ready;

use guest_support::gpu::*;
use guest_support::tasks::join;
use guest_support::{Gpu, Outcome};

use crate::check::{Check, check_error, check_label, check_success, plain_device};

const READ: GpuBufferUsage = GpuBufferUsage::MAP_READ.union(GpuBufferUsage::COPY_DST);
const WRITE: GpuBufferUsage = GpuBufferUsage::MAP_WRITE.union(GpuBufferUsage::COPY_SRC);

pub async fn tour(check: &mut Check) -> Outcome {
    let gpu = plain_device("buffer").await?;
    creation(check, &gpu).await?;
    mapped_at_creation(check, &gpu).await?;
    mapping(check, &gpu).await?;
    mapping_fails(check, &gpu).await?;
    ranges_fail(check, &gpu).await?;
    destruction(check, &gpu).await
}

async fn creation(check: &mut Check, gpu: &Gpu) -> Outcome {
    let device = &gpu.device;
    let descriptor = |size, usage, mapped| GpuBufferDescriptor {
        size,
        usage,
        mapped_at_creation: mapped,
        label: Some("buffer".to_string()),
    };
    let all = GpuBufferUsage::all() - GpuBufferUsage::MAP_READ - GpuBufferUsage::MAP_WRITE;
    for usage in [READ, WRITE, GpuBufferUsage::UNIFORM, all] {
        let buffer =
            check.valid(device, "a buffer", || device.create_buffer(&descriptor(40, usage, Some(false)))).await;
        check.same("its size", buffer.size(), 40);
        check.same("its usage", buffer.usage(), usage);
        check.same("its map state", buffer.map_state(), GpuBufferMapState::Unmapped);
        check_label!(check, buffer, "buffer");
    }
    let empty = check.valid(device, "a buffer of 0 bytes", || gpu.buffer("", 0, READ)).await;
    check.same("its size", empty.size(), 0);
    let fresh = gpu.buffer("fresh", 64, GpuBufferUsage::COPY_SRC);
    check.same_list("a new buffer is zero", &gpu.download::<u8>(&fresh).await?, &[0; 64]);

    let most = device.limits().max_buffer_size();
    for (what, size, usage) in [
        ("a buffer without usage", 4, GpuBufferUsage::empty()),
        ("a buffer that is mapped both ways", 4, GpuBufferUsage::MAP_READ | GpuBufferUsage::MAP_WRITE),
        ("a mappable vertex buffer", 4, GpuBufferUsage::MAP_READ | GpuBufferUsage::VERTEX),
        ("a buffer above the limit", most + 4, GpuBufferUsage::COPY_DST),
    ] {
        let buffer = check.invalid(device, what, || device.create_buffer(&descriptor(size, usage, None))).await;
        check.same("an invalid buffer keeps its size", buffer.size(), size);
        check.same("an invalid buffer keeps its usage", buffer.usage(), usage);
    }
    Ok(())
}

async fn mapped_at_creation(check: &mut Check, gpu: &Gpu) -> Outcome {
    let buffer = gpu.device.create_buffer(&GpuBufferDescriptor {
        size: 32,
        usage: GpuBufferUsage::COPY_SRC,
        mapped_at_creation: Some(true),
        label: None,
    });
    check.same("mapped at creation", buffer.map_state(), GpuBufferMapState::Mapped);
    let zero = buffer.get_mapped_range_get_with_copy(None, None);
    check.same("its contents", zero.ok(), Some(vec![0; 32]));
    check_success!(check, "set all", buffer.get_mapped_range_set_with_copy(&[7; 32], None, None));
    check_success!(check, "set a part", buffer.get_mapped_range_set_with_copy(&[1, 2, 3, 4], Some(8), Some(4)));
    check_success!(check, "set the rest", buffer.get_mapped_range_set_with_copy(&[9; 8], Some(24), None));
    let mut expected = [7; 32];
    expected[8..12].copy_from_slice(&[1, 2, 3, 4]);
    expected[24..].fill(9);
    let part = buffer.get_mapped_range_get_with_copy(Some(8), Some(16));
    check.same("a part of it", part.ok(), Some(expected[8..24].to_vec()));
    check_success!(check, "unmap", buffer.unmap());
    check.same("unmapped", buffer.map_state(), GpuBufferMapState::Unmapped);
    check.same_list("what the GPU sees", &gpu.download::<u8>(&buffer).await?, &expected);
    Ok(())
}

async fn mapping(check: &mut Check, gpu: &Gpu) -> Outcome {
    let source = gpu.buffer("source", 64, WRITE);
    // The state is pending from the request to its completion.
    let (mapped, pending) = join(source.map_async(GpuMapMode::WRITE, None, None), async { source.map_state() }).await;
    check_success!(check, "map to write", mapped);
    check.same("while mapping", pending, GpuBufferMapState::Pending);
    check.same("mapped", source.map_state(), GpuBufferMapState::Mapped);
    let numbers: Vec<u8> = (100..164).collect();
    check_success!(check, "write", source.get_mapped_range_set_with_copy(&numbers, None, None));
    check_success!(check, "unmap", source.unmap());

    let target = gpu.buffer("target", 64, READ);
    let encoder = gpu.encoder("copy");
    encoder.copy_buffer_to_buffer(&source, None, &target, None, None);
    gpu.submit(&encoder);
    check_success!(check, "map a part", target.map_async(GpuMapMode::READ, Some(16), Some(32)).await);
    let all = target.get_mapped_range_get_with_copy(Some(16), Some(32));
    check.same("the part", all.ok(), Some(numbers[16..48].to_vec()));
    let inner = target.get_mapped_range_get_with_copy(Some(24), Some(4));
    check.same("a part of the part", inner.ok(), Some(numbers[24..28].to_vec()));
    use GetMappedRangeErrorKind::OperationError;
    let before = target.get_mapped_range_get_with_copy(Some(8), Some(8));
    check_error!(check, "a range before the mapped part", before, OperationError);
    let behind = target.get_mapped_range_get_with_copy(Some(40), Some(16));
    check_error!(check, "a range over its end", behind, OperationError);
    check_success!(check, "unmap", target.unmap());

    check_success!(check, "map again", target.map_async(GpuMapMode::READ, None, None).await);
    let all = target.get_mapped_range_get_with_copy(None, None);
    check.same("everything", all.ok(), Some(numbers.clone()));
    check_success!(check, "unmap", target.unmap());
    check_success!(check, "unmap what is not mapped", target.unmap());

    // The contents remain when the buffer is mapped for writing again.
    check_success!(check, "map the source again", source.map_async(GpuMapMode::WRITE, Some(8), Some(8)).await);
    let kept = source.get_mapped_range_get_with_copy(Some(8), Some(8));
    check.same("the source's contents", kept.ok(), Some(numbers[8..16].to_vec()));
    check_success!(check, "unmap", source.unmap());
    Ok(())
}

async fn mapping_fails(check: &mut Check, gpu: &Gpu) -> Outcome {
    use MapAsyncErrorKind::{AbortError, OperationError};
    let device = &gpu.device;
    let buffer = gpu.buffer("buffer", 64, READ);
    let neither = gpu.buffer("not mappable", 64, GpuBufferUsage::COPY_DST);
    let both = GpuMapMode::READ | GpuMapMode::WRITE;
    // Each is also a validation error of the device.
    for (what, buffer, mode, offset, size) in [
        ("the wrong mode", &buffer, GpuMapMode::WRITE, None, None),
        ("no mode", &buffer, GpuMapMode::empty(), None, None),
        ("both modes", &buffer, both, None, None),
        ("a buffer without the usage", &neither, GpuMapMode::READ, None, None),
        ("an odd offset", &buffer, GpuMapMode::READ, Some(4), None),
        ("an odd size", &buffer, GpuMapMode::READ, None, Some(6)),
        ("a range over the end", &buffer, GpuMapMode::READ, Some(32), Some(40)),
        ("an offset behind the end", &buffer, GpuMapMode::READ, Some(72), None),
    ] {
        device.push_error_scope(GpuErrorFilter::Validation);
        let result = buffer.map_async(mode, offset, size).await;
        check_error!(check, what, result, OperationError);
        let caught = device.pop_error_scope().await;
        check.that(&format!("{what}: a validation error, too"), matches!(caught, Ok(Some(_))));
        check.same("still unmapped", buffer.map_state(), GpuBufferMapState::Unmapped);
    }

    device.push_error_scope(GpuErrorFilter::Validation);
    let (first, second) =
        join(buffer.map_async(GpuMapMode::READ, None, None), buffer.map_async(GpuMapMode::READ, None, None)).await;
    check_success!(check, "the first of two requests", first);
    check_error!(check, "the second of two requests", second, OperationError);
    let third = buffer.map_async(GpuMapMode::READ, None, None).await;
    check_error!(check, "a request while mapped", third, OperationError);
    check_success!(check, "unmap", buffer.unmap());
    // Both outcomes are accepted: the early rejections may be validation errors as well.
    let _ = device.pop_error_scope().await;

    let (aborted, unmapped) = join(buffer.map_async(GpuMapMode::READ, None, None), async { buffer.unmap() }).await;
    check_error!(check, "unmapped while pending", aborted, AbortError);
    check_success!(check, "unmap while pending", unmapped);
    check.same("after the abort", buffer.map_state(), GpuBufferMapState::Unmapped);

    let doomed = gpu.buffer("doomed", 64, READ);
    let (aborted, ()) = join(doomed.map_async(GpuMapMode::READ, None, None), async { doomed.destroy() }).await;
    check_error!(check, "destroyed while pending", aborted, AbortError);

    // Dropping a future drops its request's result, not the buffer.
    {
        let request = std::pin::pin!(buffer.map_async(GpuMapMode::READ, None, None));
        guest_support::tasks::race(request, ready(())).await;
    }
    check_success!(check, "unmap after a dropped request", buffer.unmap());
    check_success!(check, "map after a dropped request", buffer.map_async(GpuMapMode::READ, None, None).await);
    check_success!(check, "unmap", buffer.unmap());
    Ok(())
}

async fn ranges_fail(check: &mut Check, gpu: &Gpu) -> Outcome {
    use GetMappedRangeErrorKind::OperationError;
    let buffer = gpu.buffer("buffer", 64, WRITE);
    check_error!(check, "get while unmapped", buffer.get_mapped_range_get_with_copy(None, None), OperationError);
    let set = buffer.get_mapped_range_set_with_copy(&[0; 8], None, Some(8));
    check_error!(check, "set while unmapped", set, OperationError);

    check_success!(check, "map", buffer.map_async(GpuMapMode::WRITE, None, None).await);
    for (what, offset, size) in [
        ("an odd offset", Some(4), Some(8)),
        ("an odd size", Some(8), Some(6)),
        ("a size over the end", Some(32), Some(36)),
        ("an offset behind the end", Some(72), None),
    ] {
        let get = buffer.get_mapped_range_get_with_copy(offset, size);
        check_error!(check, &format!("get, {what}"), get, OperationError);
        let set = buffer.get_mapped_range_set_with_copy(&[1; 64], offset, size);
        check_error!(check, &format!("set, {what}"), set, OperationError);
    }
    let set = buffer.get_mapped_range_set_with_copy(&[1; 16], Some(0), Some(8));
    check.that("set of more than the range fails", set.is_err());
    let untouched = buffer.get_mapped_range_get_with_copy(None, None);
    check.same("nothing was written", untouched.ok(), Some(vec![0; 64]));
    check_success!(check, "unmap", buffer.unmap());
    Ok(())
}

async fn destruction(check: &mut Check, gpu: &Gpu) -> Outcome {
    let device = &gpu.device;
    let buffer = gpu.buffer("buffer", 16, READ);
    let source = gpu.buffer("source", 16, GpuBufferUsage::COPY_SRC);
    let encoder = gpu.encoder("copy");
    encoder.copy_buffer_to_buffer(&source, None, &buffer, None, None);
    let commands = encoder.finish(None);
    buffer.destroy();
    buffer.destroy();
    check.same("a destroyed buffer keeps its size", buffer.size(), 16);
    check.same("a destroyed buffer is unmapped", buffer.map_state(), GpuBufferMapState::Unmapped);
    check.invalid(device, "a submit with a destroyed buffer", || gpu.queue.submit(&[&commands])).await;
    device.push_error_scope(GpuErrorFilter::Validation);
    let result = buffer.map_async(GpuMapMode::READ, None, None).await;
    check_error!(check, "map a destroyed buffer", result, MapAsyncErrorKind::OperationError);
    let _ = device.pop_error_scope().await;

    let mapped = gpu.buffer("mapped", 16, READ);
    check_success!(check, "map", mapped.map_async(GpuMapMode::READ, None, None).await);
    mapped.destroy();
    check.same("destroying unmaps", mapped.map_state(), GpuBufferMapState::Unmapped);
    let range = mapped.get_mapped_range_get_with_copy(None, None);
    check_error!(check, "a range of a destroyed buffer", range, GetMappedRangeErrorKind::OperationError);
    Ok(())
}
