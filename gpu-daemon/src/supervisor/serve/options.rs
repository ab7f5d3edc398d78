//! Command line of `serve`.

use std::{path::PathBuf, str::FromStr, time::Duration};

use airlock_protocol::size::Size;
use clap::Args;
use nix::unistd::{Group, User};

use super::claim_argument::ClaimArgument;
use crate::{
    logs::LogFormat,
    options::{ShaderCacheOptions, WorkerOptions, seconds},
};

/// Upper bound of `--standby-workers`: each takes a process's memory while idle.
const MAX_STANDBY: usize = 16;

/// The operator's settings of the server.
#[derive(Clone, Debug, Args)]
pub struct ServeArguments {
    /// Path of the socket to create; not needed when systemd passes one
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Serve a claim: a socket for one tenant, in a folder of --claims, with quotas of its own: NAME[,max-sessions=N]
    /// [,OPTION=VALUE]... with the options of a worker, for example team-a,max-sessions=4,max-gpu-memory=1G. Whoever reaches
    /// the folder may use it, whatever the user; may be repeated
    #[arg(help_heading = "Claims", long, value_name = "NAME[,...]", requires = "claims")]
    pub claim: Vec<ClaimArgument>,
    /// The folder in which each claim gets a folder with its socket. It is open to this user only; `gpu-daemon cdi` has
    /// container engines mount the claims' folders
    #[arg(help_heading = "Claims", long, value_name = "FOLDER", requires = "claim")]
    pub claims: Option<PathBuf>,
    /// Mode of the created sockets, in octal
    #[arg(help_heading = "Access", long, value_name = "MODE", default_value = "0660", value_parser = mode)]
    pub socket_mode: u32,
    /// Group of the created sockets
    #[arg(help_heading = "Access", long, value_name = "GROUP")]
    pub socket_group: Option<GroupId>,
    /// User who may have sessions, by number or name; repeatable. Without this and --allow-gid: the server's own user,
    /// and root
    #[arg(help_heading = "Access", long, value_name = "USER")]
    pub allow_uid: Vec<UserId>,
    /// Group whose members may have sessions, by number or name; repeatable. The groups of the client's process when it
    /// connects count
    #[arg(help_heading = "Access", long, value_name = "GROUP")]
    pub allow_gid: Vec<GroupId>,
    /// Concurrent sessions; further clients are refused
    #[arg(help_heading = "Server limits", long, value_name = "N", default_value_t = 64)]
    pub max_sessions: usize,
    /// Concurrent sessions of one user
    #[arg(help_heading = "Server limits", long, value_name = "N", default_value_t = 32)]
    pub max_sessions_per_user: usize,
    /// Memory of all workers together. Above it, the largest worker is ended, and clients are refused until memory is
    /// free again. Default: three quarters of the machine's
    #[arg(help_heading = "Server limits", long, value_name = "SIZE")]
    pub max_total_memory: Option<Size>,
    /// GPU memory of all sessions' buffers and textures together, with the same effect. Default: unbounded
    #[arg(help_heading = "Server limits", long, value_name = "SIZE")]
    pub max_total_gpu_memory: Option<Size>,
    /// End a session whose client sends no commands for this many seconds. Default: never
    #[arg(help_heading = "Server limits", long, value_name = "SECONDS", value_parser = seconds)]
    pub idle_timeout: Option<Duration>,
    /// Standby workers, whose drivers are started before a client connects; each takes a process's memory and holds the
    /// GPU's device open
    #[arg(long, alias = "spare-workers", value_name = "N", default_value_t = 0, value_parser = standby)]
    pub standby_workers: usize,
    /// Start each worker from the program's file. Otherwise workers are forked from a process that has loaded the drivers'
    /// libraries: they start faster and share its memory, and with it the layout of their address spaces
    #[arg(long)]
    pub no_zygote: bool,
    /// Crashes within --crash-window that may have reset a GPU, of the workers of one user's cgroup, before clients
    /// from there are refused for a pause, which doubles with each further crash; 0 for never
    #[arg(help_heading = "Server limits", long, value_name = "N", default_value_t = 5)]
    pub crash_limit: usize,
    /// Seconds within which crashes count together, and after which they are forgotten
    #[arg(help_heading = "Server limits", long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub crash_window: Duration,
    /// Seconds that sessions have to end by themselves when the server stops
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds_or_none)]
    pub drain: Duration,
    /// Format of the log
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// Serve metrics at /metrics, in Prometheus's text format, on HOST:PORT or unix:PATH. They are not
    /// access-controlled beyond that, so use a loopback address
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<MetricsAddress>,
    /// See [`ShaderCacheOptions`].
    #[command(flatten)]
    pub shader_cache: ShaderCacheOptions,
    /// Options of each worker.
    #[command(flatten)]
    pub worker: WorkerOptions,
}

/// A user id, parsed from a number or a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserId(pub u32);

/// A group id, parsed from a number or a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupId(pub u32);

/// Address of the metrics endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetricsAddress {
    /// A Unix socket.
    Unix(PathBuf),
    /// Host and port.
    Tcp(String),
}

impl FromStr for UserId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        id(text, |name| Ok(User::from_name(name)?.map(|user| user.uid.as_raw()))).map(Self)
    }
}

impl FromStr for GroupId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        id(text, |name| Ok(Group::from_name(name)?.map(|group| group.gid.as_raw()))).map(Self)
    }
}

impl FromStr for MetricsAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            Some("") => Err("`unix:` must be followed by a path".to_owned()),
            Some(path) => Ok(Self::Unix(path.into())),
            None => match text.rsplit_once(':') {
                Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(Self::Tcp(text.to_owned())),
                _ => Err("not an address: expected HOST:PORT, for example 127.0.0.1:9464, or unix:PATH".to_owned()),
            },
        }
    }
}

fn id(text: &str, named: impl FnOnce(&str) -> nix::Result<Option<u32>>) -> Result<u32, String> {
    // System calls take the largest number for "none".
    match text.parse::<u32>() {
        Ok(u32::MAX) => Err("4294967295 is not a valid id".to_owned()),
        Ok(number) => Ok(number),
        Err(_) => match named(text) {
            Ok(Some(number)) => Ok(number),
            Ok(None) => Err("unknown name".to_owned()),
            Err(error) => Err(format!("the name cannot be looked up: {error}")),
        },
    }
}

fn mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o777 => Ok(mode),
        _ => Err("not a mode: expected an octal number up to 0777, for example 0660".to_owned()),
    }
}

fn standby(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|&count| count <= MAX_STANDBY);
    count.ok_or_else(|| format!("a number of workers up to {MAX_STANDBY}"))
}

/// As [`seconds`], and accepts 0.
fn seconds_or_none(text: &str) -> Result<Duration, String> {
    if text.parse() == Ok(0.0) { Ok(Duration::ZERO) } else { seconds(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_groups_have_numbers_and_names() {
        assert_eq!("0".parse(), Ok(UserId(0)));
        assert_eq!("root".parse(), Ok(UserId(0)));
        assert_eq!("root".parse(), Ok(GroupId(0)));
        assert_eq!("4711".parse(), Ok(GroupId(4711)));
        for text in ["", "no-such-user-here", "4294967295", "-1"] {
            assert!(text.parse::<UserId>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_is_a_port_or_a_path() {
        assert_eq!("127.0.0.1:9464".parse(), Ok(MetricsAddress::Tcp("127.0.0.1:9464".to_owned())));
        assert_eq!("[::1]:80".parse(), Ok(MetricsAddress::Tcp("[::1]:80".to_owned())));
        assert_eq!("unix:/run/m".parse(), Ok(MetricsAddress::Unix("/run/m".into())));
        for text in ["", "unix:", "9464", ":9464", "host:port", "/run/m"] {
            assert!(text.parse::<MetricsAddress>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_mode_is_octal() {
        assert_eq!(mode("0660"), Ok(0o660));
        assert!(mode("888").is_err() && mode("1777").is_err() && mode("rw").is_err());
        assert_eq!(seconds_or_none("0"), Ok(Duration::ZERO));
        assert!(seconds_or_none("-1").is_err());
    }
}
