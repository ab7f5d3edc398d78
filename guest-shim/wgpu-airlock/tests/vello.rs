//! vello, whose driver's process is killed while it renders: it loses its device, makes a new one, and draws the same picture.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test ends at the first failure")]

mod common;

use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use wgpu_airlock::Options;

/// A worker's deadlines, all ten minutes: on a busy machine a software adapter needs longer for vello's submits than the
/// defaults allow, and nothing but the test may end this worker.
const PATIENT: [&str; 4] = ["gpu-timeout=600", "compile-timeout=600", "command-timeout=600", "client-timeout=600"];
/// Maximum number of pictures that are submitted until one is seen unfinished.
const IN_FLIGHT: usize = 500;
/// Number of pictures after which the driver is killed, and that follow.
const PICTURES: usize = 3;

/// A program that draws a scene with vello: everything that a lost device takes along.
struct Program {
    device: wgpu::Device,
    queue: wgpu::Queue,
    renderer: vello::Renderer,
    target: wgpu::Texture,
    lost: Arc<Mutex<Vec<(wgpu::DeviceLostReason, String)>>>,
}

impl Program {
    fn start() -> Result<Program, Box<dyn Error>> {
        let worker = PATIENT.map(str::to_owned).to_vec();
        let (device, queue) = common::device_with(Options { worker, ..Default::default() });
        let lost = Arc::new(Mutex::new(Vec::new()));
        let told = lost.clone();
        device.set_device_lost_callback(move |reason, message| told.lock().unwrap().push((reason, message)));
        device.on_uncaptured_error(Arc::new(|error: wgpu::Error| panic!("vello makes no errors, but: {error}")));
        let renderer = vector::renderer(&device)?;
        let target = vector::target(&device);
        Ok(Program { device, queue, renderer, target, lost })
    }

    /// Submits a picture.
    fn draw(&mut self, scene: &vello::Scene) -> Result<(), Box<dyn Error>> {
        vector::render(&mut self.renderer, &self.device, &self.queue, scene, &self.target)
    }

    /// Submits a picture and waits for its texels.
    fn picture(&mut self, scene: &vello::Scene) -> Result<Vec<u8>, Box<dyn Error>> {
        self.draw(scene)?;
        support::read_texture(&self.device, &self.queue, &self.target)
    }

    /// Returns true if the submitted work is not done yet.
    fn is_working(&self) -> bool {
        let wait = wgpu::PollType::Wait { submission_index: None, timeout: Some(Duration::from_millis(1)) };
        matches!(self.device.poll(wait), Err(wgpu::PollError::Timeout))
    }
}

#[test]
fn vello_outlives_its_driver() -> Result<(), Box<dyn Error>> {
    let scene = vector::scene()?;
    let undisturbed = Program::start()?.picture(&scene)?;
    assert!(undisturbed.iter().any(|channel| *channel != undisturbed[0]), "the scene is not one color");
    common::wait_until("the worker of the dropped instance ends", || common::workers().is_empty());

    let mut program = Program::start()?;
    for _ in 0..PICTURES {
        assert!(program.picture(&scene)? == undisturbed, "the same scene is the same picture");
    }

    // The driver ends in the middle of a picture.
    for submitted in 0.. {
        assert!(submitted < IN_FLIGHT, "none of {submitted} pictures took a millisecond");
        program.draw(&scene)?;
        if program.is_working() {
            break;
        }
    }
    common::kill_the_driver();

    // The program's next picture fails, and the program does not.
    let failed = program.picture(&scene).expect_err("the driver is dead");
    common::wait_until("the device is lost", || {
        program.device.poll(wgpu::PollType::Poll).unwrap();
        !program.lost.lock().unwrap().is_empty()
    });
    let lost = program.lost.lock().unwrap().clone();
    assert!(
        matches!(&*lost, [(wgpu::DeviceLostReason::Unknown, message)] if !message.is_empty()),
        "{lost:?}, {failed}"
    );
    common::wait_until("the killed worker is reaped", || common::workers().is_empty());

    // It continues with a new device and renderer, in a new process.
    program = Program::start()?;
    assert_eq!(common::workers().len(), 1);
    for _ in 0..PICTURES {
        assert!(program.picture(&scene)? == undisturbed, "the picture is that of the undisturbed run");
    }
    assert!(program.lost.lock().unwrap().is_empty());
    Ok(())
}
