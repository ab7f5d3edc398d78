//! The front process: it listens, confines itself, and from then on compresses frames and answers browsers.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    net::{SocketAddr, TcpListener},
    os::{fd::AsFd as _, unix::fs::FileExt as _},
    sync::Arc,
    thread,
};

use airlock::confine::confine_front;
use airlock_traces::cli::jail::JailMode;
use clap::Args;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::{
    latest::{Latest, Picture},
    link::{FromFront, Link, SLOT, SLOTS, Shown, ToFront},
    serve::Server,
};
use crate::error::{CliError, WRONG_USE, plain};

/// Bytes of the token in the address.
const TOKEN: usize = 16;

/// JPEG quality, from 1 to 100. Higher values cost bytes without a visible difference.
const QUALITY: u8 = 85;

/// The front process of `airlock run --view`, which starts it.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Where it listens
    address: SocketAddr,
    /// How strictly it confines itself
    #[arg(long)]
    jail: JailMode,
    /// There is a flight recorder
    #[arg(long)]
    records: bool,
}

/// Runs until the guest's process has ended.
pub fn run(arguments: Arguments) -> Result<u8, CliError> {
    let failed = |cause| CliError::Runtime { cause };
    let (link, memory) = take_over().map_err(failed)?;
    let (listener, token) = match listen(&arguments) {
        Ok(ready) => ready,
        Err(why) => {
            // The guest's process reports it.
            let _ = link.send(&FromFront::Failed { why });
            return Ok(WRONG_USE);
        }
    };
    let address = listener.local_addr().map_err(failed)?;
    let latest = Arc::new(Latest::default());
    let server = Server::new(link.clone(), token.clone(), Arc::clone(&latest), arguments.records);
    let accepting = Arc::clone(&server);
    thread::Builder::new().name("accept".to_owned()).spawn(move || accepting.accept(&listener)).map_err(failed)?;
    link.send(&FromFront::Ready { address, token }).map_err(failed)?;
    compress(&link, &memory, &latest);
    latest.end();
    server.finish();
    Ok(0)
}

/// Takes over the socket and the memory from the standard streams, and replaces those with /dev/null.
fn take_over() -> io::Result<(Link, File)> {
    let socket = io::stdin().as_fd().try_clone_to_owned()?;
    let memory = io::stdout().as_fd().try_clone_to_owned()?;
    #[allow(clippy::disallowed_methods)] // A device, under a fixed name.
    let null = File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    Ok((Link::new(socket), File::from(memory)))
}

/// Binds the socket, creates the token, and confines the process.
fn listen(arguments: &Arguments) -> Result<(TcpListener, String), String> {
    let listener = TcpListener::bind(arguments.address).map_err(|error| plain(&error))?;
    let mut secret = [0; TOKEN];
    let random = fs::File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut secret));
    random.map_err(|error| format!("no random numbers: {}", plain(&error)))?;
    let token = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    if arguments.jail != JailMode::Off {
        for (layer, state) in confine_front() {
            match state {
                Ok(()) => {}
                Err(why) if arguments.jail == JailMode::Strict => {
                    return Err(format!("it cannot be confined: {layer}: {why}"));
                }
                Err(why) => tracing::warn!("the view's process is not confined by {layer}: {why}"),
            }
        }
    }
    Ok((listener, token))
}

/// Compresses the latest frame in a loop, until the guest's process has ended.
fn compress(link: &Link, memory: &File, latest: &Latest) {
    let free = |slot| link.send(&FromFront::Free { slot });
    while let Ok(Some(ToFront::Frame(mut shown))) = link.receive() {
        while let Ok(Some(ToFront::Frame(later))) = link.try_receive() {
            let _ = free(shown.slot);
            shown = later;
        }
        let rgba = read(memory, &shown);
        let _ = free(shown.slot);
        if let Some(jpeg) = rgba.and_then(|rgba| jpeg(&rgba, shown.width, shown.height)) {
            latest.set(Picture { shown, jpeg });
        }
    }
}

/// Copies a frame out of its slot.
fn read(memory: &File, shown: &Shown) -> Option<Vec<u8>> {
    let bytes = u64::from(shown.width).checked_mul(u64::from(shown.height))?.checked_mul(4)?;
    if shown.slot >= SLOTS || bytes > SLOT {
        return None;
    }
    let mut rgba = vec![0; usize::try_from(bytes).ok()?];
    memory.read_exact_at(&mut rgba, u64::from(shown.slot).checked_mul(SLOT)?).ok()?;
    Some(rgba)
}

fn jpeg(rgba: &[u8], width: u32, height: u32) -> Option<Vec<u8>> {
    let mut file = Vec::with_capacity(rgba.len() / 8);
    let mut encoder = Encoder::new(&mut file, QUALITY);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    let (width, height) = (u16::try_from(width).ok()?, u16::try_from(height).ok()?);
    encoder.encode(rgba, width, height, ColorType::Rgba).ok()?;
    Some(file)
}
