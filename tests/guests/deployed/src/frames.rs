//! A frame buffer on a surface: rows of blue, green, red and an unused byte.

use crate::bindings::wasi::frame_buffer::frame_buffer::{Buffer, Device};
use crate::bindings::wasi::graphics_context::graphics_context::Context;
use crate::bindings::wasi::surface::surface::{CreateDesc, Surface};
use crate::{Checked, check, line};

pub fn run(last: Option<u64>) -> Checked {
    let surface = Surface::new(CreateDesc { width: Some(32), height: Some(16) });
    let context = Context::new();
    // In the other order than `spin`.
    let device = Device::new();
    device.connect_graphics_context(&context);
    surface.connect_graphics_context(&context);
    let frames = surface.subscribe_frame();
    check(surface.get_frame().is_none(), "a frame event before a wait")?;
    for frame in 1.. {
        frames.block();
        check(frames.ready(), "ready until the event is taken")?;
        // Without `get-frame`: presenting takes the event, too.
        if frame % 2 == 0 {
            check(surface.get_frame().is_some(), "a frame event")?;
        }
        let (width, height) = (surface.width() as usize, surface.height() as usize);
        let buffer = Buffer::from_graphics_buffer(context.get_current_buffer());
        let corner = [frame as u8, (frame >> 8) as u8, 7];
        let middle = [10, 20, 30];
        let mut bytes = vec![0; 4 * width * height];
        for (at, texel) in bytes.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            let [r, g, b] = if at % width < 8 && at / width < 8 { corner } else { middle };
            *texel = [b, g, r, 0];
        }
        buffer.set(&bytes);
        check(buffer.get() == bytes, "the bytes of a frame")?;
        context.present();
        line(&format!("frame {frame}: middle 10 20 30 corner {} {} 7", corner[0], corner[1]));
        if last.is_some_and(|last| frame >= last) {
            break;
        }
    }
    Ok(())
}
