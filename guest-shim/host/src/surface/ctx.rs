//! State of a guest's surfaces in a store: the display, the sink, and the frames in flight.

use std::{
    collections::VecDeque,
    fmt,
    future::{Future as _, poll_fn},
    pin::Pin,
    task::{Context, Poll, Waker},
};

use airlock_client::{
    Client, Wait,
    canvas::{Canvas, FrameRead, Presented, SpareBuffers},
    mapping::MappedBytes,
};
use wasmtime::component::{HasData, ResourceTable};

use super::{
    display::Display,
    frame::{self, Frame, FrameSink, Interest},
    state::State,
};
use crate::WasiWebGpuCtx;

/// Maximum number of frames in flight: the GPU draws one while the guest makes the next.
const MAX_FLIGHT: usize = 2;

/// A frame that the GPU may not have finished.
enum InFlight {
    /// Its texels are being read back.
    Read(FrameRead, frame::Presented),
    /// It is not read back.
    Done(Wait<()>),
}

/// State of a guest's surfaces.
pub struct SurfaceCtx {
    pub(super) display: Display,
    pub(super) sink: Box<dyn FrameSink>,
    flight: VecDeque<InFlight>,
    spare: SpareBuffers,
}

impl fmt::Debug for SurfaceCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SurfaceCtx").field("display", &self.display).field("flight", &self.flight.len()).finish()
    }
}

impl SurfaceCtx {
    /// Creates the state for a display, whose frames go to a sink.
    pub fn new(display: Display, sink: Box<dyn FrameSink>) -> Self {
        Self { display, sink, flight: VecDeque::new(), spare: SpareBuffers::default() }
    }

    /// The display.
    pub fn display(&self) -> &Display {
        &self.display
    }

    /// Passes frames that have arrived to the sink. True if there is room for another frame; otherwise the task of the context is
    /// woken when there may be.
    pub(crate) fn collect(&mut self, client: &mut Client, context: &mut Context<'_>) -> bool {
        while let Some(first) = self.flight.front_mut() {
            let texels = match first {
                InFlight::Read(read, _) => read.poll(client, context),
                InFlight::Done(done) => Pin::new(done).poll(context).map(|_| None),
            };
            let Poll::Ready(texels) = texels else { break };
            self.landed(client, texels);
        }
        self.has_room()
    }

    /// True if there is room for another frame in flight. The display learns of it, for pollables, which have no access to this.
    fn has_room(&self) -> bool {
        let room = self.flight.len() < MAX_FLIGHT;
        self.display.set_room(room);
        room
    }

    /// Blocks until the first frame in flight has arrived.
    fn wait(&mut self, client: &mut Client) {
        match self.flight.pop_front() {
            Some(InFlight::Done(done)) => {
                let _ = done.wait();
            }
            Some(InFlight::Read(mut read, presented)) => {
                let texels = read.wait(client);
                self.flight.push_front(InFlight::Read(read, presented));
                self.landed(client, texels);
            }
            None => {}
        }
    }

    /// Passes the first frame in flight to the sink.
    fn landed(&mut self, client: &mut Client, texels: Option<MappedBytes>) {
        let Some(InFlight::Read(read, presented)) = self.flight.pop_front() else { return };
        if let Some(texels) = &texels {
            self.sink.frame(&Frame::of_canvas(read.info(), texels, presented));
        }
        drop(texels);
        read.end(client, &mut self.spare);
    }

    /// Presents a canvas. If the sink wants the frame, its texels are in flight afterwards.
    pub(super) fn present(&mut self, gpu: &mut WasiWebGpuCtx, canvas: &mut Canvas) {
        let client = &mut gpu.client;
        let interest = self.sink.interest();
        self.collect(client, &mut Context::from_waker(Waker::noop()));
        while interest == Interest::Every && self.flight.len() >= MAX_FLIGHT {
            self.wait(client);
        }
        let room = self.has_room();
        let wanted = interest != Interest::None && room;
        let Some(shown) = canvas.present(client, wanted.then_some(&mut self.spare)) else { return };
        let presented = frame::Presented { input: self.display.taken() };
        match shown {
            Presented::Read(read) => self.flight.push_back(InFlight::Read(read, presented)),
            // Without room, the frame is not tracked: a guest that ignores beats is not limited.
            Presented::Done(done) if room => self.flight.push_back(InFlight::Done(done)),
            Presented::Done(_) => {}
        }
        self.has_room();
        self.display.count();
    }

    /// Presents the frame buffer of a surface.
    pub(super) fn present_bytes(&mut self, surface: &State) {
        let number = self.display.number();
        if self.sink.interest() != Interest::None {
            let presented = frame::Presented { input: self.display.taken() };
            self.sink.frame(&Frame::of_bytes(number, surface.size(), &surface.texels(), presented));
        }
        self.display.count();
    }

    /// Waits for the frames in flight, and passes them to the sink, at the end of a run.
    pub async fn finish(&mut self, gpu: &mut WasiWebGpuCtx) {
        gpu.client.send_gathered();
        poll_fn(|context| {
            self.collect(&mut gpu.client, context);
            if self.flight.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        self.spare.clear(&mut gpu.client);
    }
}

/// The parts of a store's data that host functions of surfaces use.
#[derive(Debug)]
pub struct WasiSurfaceCtxView<'a> {
    /// The surfaces.
    pub surfaces: &'a mut SurfaceCtx,
    /// The GPU.
    pub gpu: &'a mut WasiWebGpuCtx,
    /// Resource table.
    pub table: &'a mut ResourceTable,
}

/// Access to the surface state in a store's data. Implement it for the store's type.
pub trait WasiSurfaceView: Send {
    /// Returns the parts that the host functions use.
    fn surfaces(&mut self) -> WasiSurfaceCtxView<'_>;
}

/// Lets generated code reach a [`WasiSurfaceCtxView`] in any store's data.
pub struct WasiSurface;

impl HasData for WasiSurface {
    type Data<'a> = WasiSurfaceCtxView<'a>;
}
