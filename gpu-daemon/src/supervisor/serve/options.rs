//! The command line of `serve`.

use std::{path::PathBuf, str::FromStr, time::Duration};

use airlock_protocol::size::Size;
use clap::Args;
use nix::unistd::{Group, User};

use super::claim_argument::ClaimArgument;
use crate::{
    logs::LogFormat,
    options::{WorkerOptions, seconds},
};

/// The most workers that are kept to spare. Each has a process's memory and does nothing.
const MAX_SPARES: usize = 16;

/// What an operator sets for the server.
#[derive(Clone, Debug, Args)]
pub struct ServeArguments {
    /// Where the socket is made. Not needed when systemd hands one over
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
    /// Mode of the sockets that are made, in octal
    #[arg(help_heading = "Who is let in", long, value_name = "MODE", default_value = "0660", value_parser = mode)]
    pub socket_mode: u32,
    /// Group of the sockets that are made
    #[arg(help_heading = "Who is let in", long, value_name = "GROUP")]
    pub socket_group: Option<GroupId>,
    /// A user who may have sessions, by number or name; may be repeated. Without this and --allow-gid: the user who runs
    /// the server, and root
    #[arg(help_heading = "Who is let in", long, value_name = "USER")]
    pub allow_uid: Vec<UserId>,
    /// A group whose members may have sessions, by number or name; may be repeated. What counts is what groups the
    /// client's process has when it connects
    #[arg(help_heading = "Who is let in", long, value_name = "GROUP")]
    pub allow_gid: Vec<GroupId>,
    /// Sessions that may run at a time; further clients are refused
    #[arg(help_heading = "How much is let in", long, value_name = "N", default_value_t = 64)]
    pub max_sessions: usize,
    /// Sessions that one user may run at a time
    #[arg(help_heading = "How much is let in", long, value_name = "N", default_value_t = 32)]
    pub max_sessions_per_user: usize,
    /// Memory of all workers together. Where they exceed it, the one that has the most is ended, and clients are refused
    /// until there is some again. Default: three quarters of the machine's
    #[arg(help_heading = "How much is let in", long, value_name = "SIZE")]
    pub max_total_memory: Option<Size>,
    /// GPU memory of all sessions' buffers and textures together, with the same effect. Default: not bounded
    #[arg(help_heading = "How much is let in", long, value_name = "SIZE")]
    pub max_total_gpu_memory: Option<Size>,
    /// Seconds after which a session is ended whose client asks nothing of it. Default: never
    #[arg(help_heading = "How much is let in", long, value_name = "SECONDS", value_parser = seconds)]
    pub idle_timeout: Option<Duration>,
    /// Workers to spare, which have started their drivers before a client comes; each takes a process's memory, and holds
    /// the GPU's device open
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = spares)]
    pub spare_workers: usize,
    /// Crashes that may have reset a GPU, of the workers of one user's cgroup within --crash-window, after which clients
    /// from there are refused for a while, which doubles with each further one; 0 for never
    #[arg(help_heading = "How much is let in", long, value_name = "N", default_value_t = 5)]
    pub crash_limit: usize,
    /// Seconds in which crashes count together, and after which they are forgiven
    #[arg(help_heading = "How much is let in", long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub crash_window: Duration,
    /// Seconds that sessions get to end by themselves when the server is told to stop
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds_or_none)]
    pub drain: Duration,
    /// How the log looks
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// Where metrics are served at /metrics, in Prometheus's text format: HOST:PORT, or unix:PATH. Whoever reaches it may
    /// read them, so use a loopback address
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<MetricsAddress>,
    /// What each worker is started with.
    #[command(flatten)]
    pub worker: WorkerOptions,
}

/// A user, given by number or name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserId(pub u32);

/// A group, given by number or name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupId(pub u32);

/// Where metrics are served.
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
            Some("") => Err("unix: is followed by a path".to_owned()),
            Some(path) => Ok(Self::Unix(path.into())),
            None => match text.rsplit_once(':') {
                Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(Self::Tcp(text.to_owned())),
                _ => Err("an address is HOST:PORT, for example 127.0.0.1:9464, or unix:PATH".to_owned()),
            },
        }
    }
}

fn id(text: &str, named: impl FnOnce(&str) -> nix::Result<Option<u32>>) -> Result<u32, String> {
    // The largest number is what system calls take for "none".
    match text.parse::<u32>() {
        Ok(u32::MAX) => Err("this number is nobody's".to_owned()),
        Ok(number) => Ok(number),
        Err(_) => match named(text) {
            Ok(Some(number)) => Ok(number),
            Ok(None) => Err("there is nobody of this name".to_owned()),
            Err(error) => Err(format!("the name cannot be looked up: {error}")),
        },
    }
}

fn mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o777 => Ok(mode),
        _ => Err("a mode is an octal number up to 0777, for example 0660".to_owned()),
    }
}

fn spares(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|&count| count <= MAX_SPARES);
    count.ok_or_else(|| format!("a number of workers up to {MAX_SPARES}"))
}

/// Like [`seconds`], and 0 is one.
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
