//! Several sinks as one.

use airlock::surface::{Frame, FrameSink, Interest};

/// Passes each frame to the sinks that are interested in it.
pub struct Sinks(Vec<Box<dyn FrameSink>>);

impl Sinks {
    /// Combines sinks.
    pub fn new(sinks: Vec<Box<dyn FrameSink>>) -> Self {
        Self(sinks)
    }
}

impl FrameSink for Sinks {
    fn interest(&mut self) -> Interest {
        self.0.iter_mut().map(|sink| sink.interest()).max().unwrap_or(Interest::None)
    }

    fn frame(&mut self, frame: &Frame<'_>) {
        for sink in &mut self.0 {
            if sink.interest() != Interest::None {
                sink.frame(frame);
            }
        }
    }
}
