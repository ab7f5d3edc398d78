//! The command line.

use std::{path::PathBuf, str::FromStr, time::Duration};

use airlock_protocol::pages::PagesArguments;
use clap::{Args, Parser, Subcommand};

/// Offers the claims of `gpu-daemon serve` to Kubernetes: a device plugin for the kubelet of one node.
///
/// Each device of the CDI file is one device of the resource, which one container has at a time. A device is unhealthy while its
/// claim's socket is missing, while the daemon does not answer, and while workers of its claim crash again and again.
///
/// Log messages go to standard error; RUST_LOG filters them (default: info).
#[derive(Clone, Debug, Parser)]
#[command(name = "airlock-device-plugin", version, about, args_conflicts_with_subcommands = true)]
pub struct Line {
    /// See [`Command`].
    #[command(subcommand)]
    pub command: Option<Command>,
    /// See [`Options`].
    #[command(flatten)]
    pub options: Options,
}

/// Other work than a plugin's.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Print a manual page or a shell's completions, for packages.
    #[command(hide = true)]
    Pages(PagesArguments),
}

/// The operator's settings.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The CDI file that `gpu-daemon cdi --output` writes; it may appear and change at any time
    #[arg(long, value_name = "FILE", default_value = "/var/run/cdi/airlock.json")]
    pub cdi: PathBuf,
    /// The metrics of the daemon, as `gpu-daemon serve --metrics` has them: HOST:PORT, or unix:PATH
    #[arg(long, value_name = "ADDRESS", default_value = "unix:/run/airlock/metrics.sock")]
    pub metrics: MetricsAddress,
    /// The resource's name
    #[arg(long, value_name = "DOMAIN/NAME", default_value = "airlock.dev/session", value_parser = resource)]
    pub resource: String,
    /// The kubelet's folder of device plugins
    #[arg(long, value_name = "FOLDER", default_value = "/var/lib/kubelet/device-plugins")]
    pub kubelet: PathBuf,
    /// Crashes of a claim's workers within --crash-window after which its device is unhealthy, until there was none for as long
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    pub crash_limit: u64,
    /// Seconds within which crashes count together
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub crash_window: Duration,
    /// Devices that are unhealthy by crashes at the same time after which all are: the driver or the GPU fails, and not a tenant
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    pub storm_claims: u64,
    /// Seconds without an answer of the daemon after which all devices are unhealthy
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub daemon_timeout: Duration,
}

/// Address of the daemon's metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetricsAddress {
    /// A Unix socket.
    Unix(PathBuf),
    /// Host and port.
    Tcp(String),
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

/// Upper bound of a period: a day.
const MAX_SECONDS: f64 = 86_400.0;

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|&seconds: &f64| seconds > 0.0 && seconds <= MAX_SECONDS);
    seconds.map(Duration::from_secs_f64).ok_or_else(|| format!("a number of seconds above 0, up to {MAX_SECONDS}"))
}

/// Checks the name of an extended resource as Kubernetes does: a DNS name of its own, and a label.
fn resource(text: &str) -> Result<String, String> {
    let is_part = |part: &str| {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !part.is_empty() && part.len() <= 63 && part.bytes().all(fits) && !part.starts_with('-') && !part.ends_with('-')
    };
    match text.split_once('/') {
        Some((domain, name))
            if domain.len() <= 253
                && domain.split('.').all(is_part)
                && is_part(name)
                && domain != "kubernetes.io"
                && !domain.ends_with(".kubernetes.io") =>
        {
            Ok(text.to_owned())
        }
        _ => Err("not a resource: expected DOMAIN/NAME, for example airlock.dev/session".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_extended_ones() {
        assert!(resource("airlock.dev/session").is_ok() && resource("a/b").is_ok());
        for text in
            ["", "session", "/session", "airlock.dev/", "a/b/c", "A.dev/b", "a..b/c", "kubernetes.io/gpu", "a/-b"]
        {
            assert!(resource(text).is_err(), "{text}");
        }
    }

    #[test]
    fn periods_are_bounded() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for text in ["", "0", "-1", "nan", "inf", "1e30"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
