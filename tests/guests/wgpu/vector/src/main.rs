//! `vello`: filled and stroked paths, gradients, a clip with blending, and text, all in compute shaders.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (device, queue) = support::device(wgpu::Features::empty())?;
    let mut renderer = vector::renderer(&device)?;
    let target = vector::target(&device);
    vector::render(&mut renderer, &device, &queue, &vector::scene()?, &target)?;
    support::write_picture(&device, &queue, &target)
}
