//! Options of an instance: its worker, adapter and recordings.

use std::path::PathBuf;
use std::sync::Arc;

use airlock_client::{AdapterChoice, Client};
use airlock_protocol::connect::{ConnectError, Daemon};
use airlock_traces::capture::flight::{self, FlightOptions};
use airlock_traces::capture::{self, Notice, Recorder};
use airlock_traces::header::Header;

use crate::context::Context;

/// Version of the interface in traces, the same as in those of `airlock run`.
const WEBGPU_VERSION: &str = "0.3.0-rc.2";

/// Configuration of an instance's worker and recordings. By default: a worker of its own from the first program `gpu-daemon` that
/// is found, jailed as far as the kernel supports it, with the usual quotas, and no recording.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Source of workers: a program, or the socket of `gpu-daemon serve`. By default the program is searched for beside the
    /// running executable, on `PATH`, and in the variable `AIRLOCK_GPU_DAEMON`.
    pub daemon: Option<Daemon>,
    /// Quotas, deadlines and the jail of the worker, as `gpu-daemon worker --help` names them: `max-gpu-memory=1G`,
    /// `gpu-timeout=5`, `jail=strict`. Not for a worker from a socket, whose server has set its own.
    pub worker: Vec<String>,
    /// Choice of the adapter.
    pub adapter: AdapterChoice,
    /// Records everything that happens between the program and the GPU, for `airlock replay` and `airlock trace`. The file is
    /// complete once the instance and everything made from it is dropped; `airlock trace recover` makes a trace from the file of
    /// a program that ended without that.
    pub record: Option<PathBuf>,
    /// Keeps the last submits in memory, and writes them to this folder as a trace when the worker dies, a device is lost,
    /// or an error is not caught.
    pub flight_recorder: Option<PathBuf>,
}

impl Options {
    /// Starts the recordings and the first worker.
    pub(crate) fn start(self) -> Result<Arc<Context>, ConnectError> {
        let mut daemon = self.daemon.map_or_else(Daemon::find, Ok)?;
        if let Daemon::Spawn { arguments, .. } = &mut daemon {
            arguments.extend(self.worker.iter().map(|option| format!("--{option}")));
            if self.adapter != AdapterChoice::Noop {
                // The drivers load while the program continues.
                arguments.push("--start-drivers".to_owned());
            }
        }
        let recorders = recorders(self.record, self.flight_recorder);
        let builder = Client::builder().daemon(daemon).adapter(self.adapter);
        let builder = recorders.iter().fold(builder, |builder, recorder| {
            let recorder = Arc::clone(recorder);
            builder.tap(move |_| Box::new(recorder.session()))
        });
        let mut client = builder.build();
        client.connect()?;
        Ok(Context::new(client, recorders))
    }
}

fn recorders(file: Option<PathBuf>, folder: Option<PathBuf>) -> Vec<Arc<Recorder>> {
    let notice = || -> Notice { Box::new(|message| tracing::warn!("{message}")) };
    let header = || Header::of_this_program(None, WEBGPU_VERSION);
    let file = file.map(|path| Recorder::start(capture::Options::new(path, header()), notice()));
    let folder = folder.map(|folder| flight::start(FlightOptions::new(folder, header()), notice()));
    file.into_iter().chain(folder).map(Arc::new).collect()
}
