//! Health of devices: the claim's socket, the daemon's answers, and crashes of the claim's workers.
//!
//! One tenant whose workers crash makes its own device unhealthy, and no other one: otherwise any tenant could take the node's
//! devices from all. Several such devices at a time are a sign of a broken driver or GPU, and make all unhealthy.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    fs,
    os::unix::fs::FileTypeExt as _,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::watch, time};

use crate::{
    claims::Claims,
    metrics::{self, Crashes},
    options::Options,
};

/// Interval of all checks.
const INTERVAL: Duration = Duration::from_secs(1);
/// Upper bound of remembered times of a claim's crashes; with a higher limit, earlier ones count as the oldest of these.
const MAX_REMEMBERED: usize = 1024;

/// A snapshot of all devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Devices {
    /// The CDI file's vendor and class.
    pub kind: String,
    /// Devices by their ids.
    pub devices: BTreeMap<String, State>,
}

/// A device's state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The reason to be unhealthy; `None` for a healthy device.
    pub fault: Option<Fault>,
    /// Crashes within the window.
    pub crashes: u64,
}

/// A reason for a device to be unhealthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The CDI file is gone or damaged, so the engine cannot inject it.
    File,
    /// The daemon does not answer.
    Daemon,
    /// Workers of many claims crash.
    Storm,
    /// Workers of the claim crash.
    Crashes,
    /// The claim's socket is missing.
    Socket,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::File => "the CDI file is missing or damaged",
            Self::Daemon => "gpu-daemon does not answer",
            Self::Storm => "workers of many claims crash",
            Self::Crashes => "its workers crash",
            Self::Socket => "its socket is missing",
        })
    }
}

/// Crashes of one claim.
#[derive(Debug, Default)]
struct History {
    /// The daemon's counter at the last scrape.
    counter: u64,
    /// Times of crashes within the window, with their numbers.
    recent: VecDeque<(Instant, u64)>,
    /// True once the limit was reached, while a crash is within the window.
    crashing: bool,
}

impl History {
    fn count(&self) -> u64 {
        self.recent.iter().fold(0, |sum, &(_, count)| sum.saturating_add(count))
    }

    /// Records the counter's new value. A value below the last means that the daemon has restarted.
    fn advance(&mut self, counter: u64, now: Instant) {
        let by = counter.checked_sub(self.counter).unwrap_or(counter);
        self.counter = counter;
        if by > 0 {
            self.recent.push_back((now, by));
        }
        if self.recent.len() > MAX_REMEMBERED
            && let Some((_, oldest)) = self.recent.pop_front()
            && let Some((_, next)) = self.recent.front_mut()
        {
            *next = next.saturating_add(oldest);
        }
    }

    fn forget(&mut self, limit: u64, window: Duration, now: Instant) {
        while self.recent.front().is_some_and(|&(at, _)| now.saturating_duration_since(at) > window) {
            self.recent.pop_front();
        }
        self.crashing = !self.recent.is_empty() && (self.crashing || self.count() >= limit);
    }
}

/// State kept between checks.
#[derive(Debug)]
struct Monitor {
    crash_limit: u64,
    crash_window: Duration,
    storm_claims: u64,
    daemon_timeout: Duration,
    /// Contents of the last file that could be read.
    claims: Claims,
    histories: HashMap<String, History>,
    /// Time of the daemon's last answer.
    answered: Option<Instant>,
}

impl Monitor {
    fn new(options: &Options) -> Self {
        Self {
            crash_limit: options.crash_limit,
            crash_window: options.crash_window,
            storm_claims: options.storm_claims,
            daemon_timeout: options.daemon_timeout,
            claims: Claims::default(),
            histories: HashMap::new(),
            answered: None,
        }
    }

    /// Evaluates one check. `claims` and `crashes` are `None` where they could not be read; `has_socket` is true for an existing
    /// socket.
    fn check(
        &mut self,
        claims: Option<Claims>,
        crashes: Option<&Crashes>,
        has_socket: impl Fn(&std::path::Path) -> bool,
        now: Instant,
    ) -> Devices {
        let has_file = claims.is_some();
        self.claims = claims.unwrap_or_else(|| std::mem::take(&mut self.claims));
        self.histories.retain(|name, _| self.claims.sockets.contains_key(name));
        for name in self.claims.sockets.keys() {
            let counter = crashes.and_then(|crashes| crashes.get(name));
            match (self.histories.get_mut(name), counter) {
                (Some(history), Some(&counter)) => history.advance(counter, now),
                // Crashes before the first scrape do not count.
                (None, Some(&counter)) => {
                    self.histories.insert(name.clone(), History { counter, ..History::default() });
                }
                (_, None) => {}
            }
        }
        self.histories.values_mut().for_each(|history| history.forget(self.crash_limit, self.crash_window, now));
        if crashes.is_some() {
            self.answered = Some(now);
        }
        let answers = self.answered.is_some_and(|at| now.saturating_duration_since(at) < self.daemon_timeout);
        let crashing = self.histories.values().filter(|history| history.crashing).count();
        let is_storm = u64::try_from(crashing).unwrap_or(u64::MAX) >= self.storm_claims;
        let state = |name: &String, socket: &std::path::Path| {
            let history = self.histories.get(name);
            let fault = if !has_file {
                Some(Fault::File)
            } else if !answers {
                Some(Fault::Daemon)
            } else if is_storm {
                Some(Fault::Storm)
            } else if history.is_some_and(|history| history.crashing) {
                Some(Fault::Crashes)
            } else if !has_socket(socket) {
                Some(Fault::Socket)
            } else {
                None
            };
            State { fault, crashes: history.map_or(0, History::count) }
        };
        let devices = self.claims.sockets.iter().map(|(name, socket)| (name.clone(), state(name, socket)));
        Devices { kind: self.claims.kind.clone(), devices: devices.collect() }
    }
}

/// Checks all devices periodically, and publishes each change.
pub async fn watch(options: &Options, sender: &watch::Sender<Arc<Devices>>) {
    let mut monitor = Monitor::new(options);
    let (mut file_error, mut daemon_error) = (String::new(), String::new());
    let mut ticks = time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let claims = said(Claims::read(&options.cdi), &mut file_error, "the devices");
        let crashes = said(metrics::scrape(&options.metrics).await, &mut daemon_error, "the daemon's metrics");
        let has_socket = |path: &std::path::Path| fs::metadata(path).is_ok_and(|found| found.file_type().is_socket());
        let found = monitor.check(claims, crashes.as_ref(), has_socket, Instant::now());
        sender.send_if_modified(|last| {
            if **last == found {
                return false;
            }
            log(last, &found);
            *last = Arc::new(found);
            true
        });
    }
}

/// Logs the first of equal errors in a row, and the first success after them.
fn said<T, E: std::fmt::Display>(result: Result<T, E>, last: &mut String, what: &str) -> Option<T> {
    let (value, error) = match result {
        Ok(value) => (Some(value), String::new()),
        Err(error) => (None, error.to_string()),
    };
    if *last != error {
        match &value {
            Some(_) => tracing::info!("{what} can be read again"),
            None => tracing::warn!("{what} cannot be read: {error}"),
        }
        *last = error;
    }
    value
}

/// Logs the changes between two snapshots.
fn log(before: &Devices, now: &Devices) {
    for (name, state) in &now.devices {
        let last = before.devices.get(name).map(|state| state.fault);
        match (last, state.fault) {
            (last, fault) if last == Some(fault) => {}
            (_, None) => tracing::info!(device = name, "device is healthy"),
            (_, Some(fault)) => tracing::warn!(device = name, "device is unhealthy: {fault}"),
        }
    }
    for name in before.devices.keys().filter(|name| !now.devices.contains_key(*name)) {
        tracing::info!(device = name, "device is gone");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(60);

    fn monitor() -> Monitor {
        Monitor {
            crash_limit: 3,
            crash_window: WINDOW,
            storm_claims: 2,
            daemon_timeout: Duration::from_secs(10),
            claims: Claims::default(),
            histories: HashMap::new(),
            answered: None,
        }
    }

    fn claims() -> Option<Claims> {
        let sockets = ["a", "b", "c"].map(|name| (name.to_owned(), name.into()));
        Some(Claims { kind: "airlock.dev/session".to_owned(), sockets: BTreeMap::from(sockets) })
    }

    fn crashes(counts: [u64; 3]) -> Crashes {
        ["a", "b", "c"].map(str::to_owned).into_iter().zip(counts).collect()
    }

    fn faults(devices: &Devices) -> [Option<Fault>; 3] {
        ["a", "b", "c"].map(|name| devices.devices[name].fault)
    }

    #[test]
    fn a_tenants_crashes_are_its_own_and_those_of_many_are_a_storm() {
        let (mut monitor, start) = (monitor(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut faults =
            |counts, seconds| faults(&monitor.check(claims(), Some(&crashes(counts)), |_| true, at(seconds)));
        // Crashes before the first scrape do not count.
        assert_eq!(faults([100, 0, 0], 0), [None; 3]);
        assert_eq!(faults([102, 0, 0], 1), [None; 3]);
        assert_eq!(faults([103, 0, 0], 2), [Some(Fault::Crashes), None, None]);
        assert_eq!(faults([103, 3, 0], 3), [Some(Fault::Storm); 3]);
        // One further crash prolongs the first claim's fault; the second claim's window passes.
        assert_eq!(faults([104, 3, 0], 62), [Some(Fault::Storm); 3]);
        assert_eq!(faults([104, 3, 0], 64), [Some(Fault::Crashes), None, None]);
        assert_eq!(faults([104, 3, 0], 123), [None; 3]);
        // The daemon has restarted, and its workers crash.
        assert_eq!(faults([0, 0, 3], 124), [None, None, Some(Fault::Crashes)]);
    }

    #[test]
    fn a_silent_daemon_a_missing_file_and_a_missing_socket_are_faults() {
        let (mut monitor, start) = (monitor(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(monitor.check(None, None, |_| true, at(0)).devices.is_empty());
        assert_eq!(faults(&monitor.check(claims(), None, |_| true, at(1))), [Some(Fault::Daemon); 3]);
        let none = crashes([0; 3]);
        let is_b = |path: &std::path::Path| path == std::path::Path::new("b");
        let socket = Some(Fault::Socket);
        assert_eq!(faults(&monitor.check(claims(), Some(&none), is_b, at(2))), [socket, None, socket]);
        assert_eq!(faults(&monitor.check(claims(), None, |_| true, at(11))), [None; 3]);
        assert_eq!(faults(&monitor.check(claims(), None, |_| true, at(12))), [Some(Fault::Daemon); 3]);
        assert_eq!(faults(&monitor.check(None, Some(&none), |_| true, at(13))), [Some(Fault::File); 3]);
        assert_eq!(faults(&monitor.check(claims(), Some(&none), |_| true, at(14))), [None; 3]);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (mut history, start) = (History::default(), Instant::now());
        for number in 1..=3 * MAX_REMEMBERED as u64 {
            history.advance(number, start);
        }
        assert_eq!((history.recent.len(), history.count()), (MAX_REMEMBERED, 3 * MAX_REMEMBERED as u64));
        history.advance(u64::MAX, start);
        history.advance(0, start);
        history.advance(u64::MAX, start);
        assert_eq!(history.count(), u64::MAX);
    }
}
