//! A lit, textured cube that turns, on a surface. Dragging turns it, space stops and starts it, `c` changes its colour, the
//! arrows up and down change its distance, escape ends the program.
//!
//! With `--state`, each frame prints the expected colours in its middle and in its upper left corner to standard output: the
//! cube's colour on the view axis, by a ray that the CPU casts, and that of a square which counts frames.

mod cube;
mod render;

use guest_support::gpu::GpuTexture;
use guest_support::{Failure, Gpu, Outcome, env, outln};
use window::{App, Key, KeyEvent, Pointer, PointerEvent, Window};

use cube::{State, TINTS};
use render::Renderer;

guest_support::main!(run);

const USAGE: &str = "spin [--state] [FRAMES]    (endless by default)";

/// Radians per frame, and per texel of a drag.
const TURN: f32 = 0.02;
const DRAG: f32 = 0.01;

struct Spin {
    renderer: Renderer,
    state: State,
    size: (u32, u32),
    turning: bool,
    /// The last event of a drag; `None` while the button is up.
    dragged: Option<PointerEvent>,
    tell: bool,
    frame: u64,
    last: Option<u64>,
    ended: bool,
}

async fn run() -> Outcome {
    let mut args = env::args();
    let tell = args.first().is_some_and(|first| first == "--state");
    if tell {
        args.remove(0);
    }
    let last = match args.as_slice() {
        [] => None,
        [frames] => Some(frames.parse().map_err(|_| Failure::usage("FRAMES is a number", USAGE))?),
        _ => return Err(Failure::usage("there is at most one number", USAGE)),
    };
    let gpu = Gpu::request("spin").await?;
    let window = Window::open(&gpu);
    let size = (window.surface.width(), window.surface.height());
    outln!("adapter: {}, {} x {}", gpu.adapter_name(), size.0, size.1);
    let renderer = Renderer::new(gpu, window.format).await?;
    let (state, turning) = (State::default(), true);
    let app = Spin { renderer, state, size, turning, dragged: None, tell, frame: 0, last, ended: false };
    window.run(app).await;
    outln!("ok");
    Ok(())
}

impl App for Spin {
    fn pointer(&mut self, what: Pointer, event: PointerEvent) {
        match what {
            Pointer::Down => self.dragged = Some(event),
            Pointer::Up => self.dragged = None,
            Pointer::Move => {
                if let Some(from) = self.dragged {
                    self.state.yaw += (event.x - from.x) as f32 * DRAG;
                    self.state.pitch += (event.y - from.y) as f32 * DRAG;
                    self.dragged = Some(event);
                }
            }
        }
    }

    fn key(&mut self, event: KeyEvent) {
        match event.key {
            Some(Key::Space) => self.turning = !self.turning,
            Some(Key::KeyC) => self.state.tint = (self.state.tint + 1) % TINTS.len(),
            Some(Key::ArrowUp) => self.state.distance = (self.state.distance - 0.25).max(2.5),
            Some(Key::ArrowDown) => self.state.distance = (self.state.distance + 0.25).min(10.0),
            Some(Key::Escape) => self.ended = true,
            _ => {}
        }
    }

    fn resize(&mut self, width: u32, height: u32) {
        self.size = (width, height);
    }

    fn frame(&mut self, texture: &GpuTexture) -> bool {
        self.frame += 1;
        if self.turning && self.dragged.is_none() {
            self.state.yaw += TURN;
        }
        let marker = [self.frame as u8, (self.frame >> 8) as u8, 40 * self.state.tint as u8];
        self.renderer.draw(texture, self.size, &self.state, marker);
        if self.tell {
            let [mr, mg, mb] = marker;
            match cube::middle(&self.state) {
                Some([r, g, b]) => outln!("frame {}: middle {r} {g} {b} corner {mr} {mg} {mb}", self.frame),
                // Near an edge between two colours.
                None => outln!("frame {}: middle ? corner {mr} {mg} {mb}", self.frame),
            }
        }
        !self.ended && self.last.is_none_or(|last| self.frame < last)
    }
}
