//! Admission control: decides on a client from its peer credentials and the server's load.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::process::geteuid;
use thiserror::Error;

use super::{
    claims::Claim,
    crashes::{Crashes, Origin},
    options::ServeArguments,
};
use crate::platform::Peer;

/// A refused client. The text is sent to the client.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The peer credentials cannot be read.
    #[error("the credentials of the client cannot be read")]
    Unknown,
    /// The user is not allowed.
    #[error("user {uid} may not use this GPU daemon")]
    User { uid: u32 },
    /// `--max-sessions` is reached.
    #[error("{max} sessions are running already; try again later")]
    Sessions { max: usize },
    /// `--max-sessions-per-user` or the user's fair share is reached.
    #[error("user {uid} has {max} sessions already; try again later")]
    UserSessions { uid: u32, max: usize },
    /// The claim's limit is reached.
    #[error("the claim {claim} has {max} sessions already; try again later")]
    ClaimSessions { claim: Arc<str>, max: usize },
    /// `--max-total-memory` or `--max-total-gpu-memory` is reached.
    #[error("there is too little memory for a further session; try again later")]
    Memory,
    /// The client's origin is paused after crashes, for `wait`.
    #[error("GPU processes of this client (user {uid}, and its cgroup) crashed too often; try again in {} seconds", wait.as_secs_f64().ceil())]
    Crashes { uid: u32, wait: Duration },
    /// The claim's workers crash too often.
    #[error("GPU processes of the claim {claim} crashed too often; try again in {} seconds", wait.as_secs_f64().ceil())]
    ClaimCrashes { claim: Arc<str>, wait: Duration },
    /// The worker process cannot be created.
    #[error("the worker cannot be started: {cause}")]
    Start { cause: String },
}

impl Refusal {
    /// Values of the label `reason` in metrics and the log.
    pub const REASONS: [&str; 8] =
        ["unknown", "user", "sessions", "user_sessions", "claim_sessions", "memory", "crashes", "start"];

    /// The label: one of [`Self::REASONS`].
    pub fn reason(&self) -> &'static str {
        match self {
            Refusal::Unknown => "unknown",
            Refusal::User { .. } => "user",
            Refusal::Sessions { .. } => "sessions",
            Refusal::UserSessions { .. } => "user_sessions",
            Refusal::Memory => "memory",
            Refusal::ClaimSessions { .. } => "claim_sessions",
            Refusal::Crashes { .. } | Refusal::ClaimCrashes { .. } => "crashes",
            Refusal::Start { .. } => "start",
        }
    }
}

/// The server's load when a client connects.
#[derive(Clone, Copy, Debug, Default)]
pub struct Load {
    pub running: usize,
    /// Running sessions of the client's user, or of its claim.
    pub of_user: usize,
    /// A bound on total memory is reached.
    pub lacking: bool,
}

/// Admission policy and crash accounting.
#[derive(Debug)]
pub struct Admission {
    users: Vec<u32>,
    groups: Vec<u32>,
    max_sessions: usize,
    max_sessions_per_user: usize,
    /// More than one user may be admitted.
    shared: bool,
    crashes: Crashes,
}

impl Admission {
    /// Creates the policy of the command line.
    pub fn new(arguments: &ServeArguments) -> Self {
        let mut users: Vec<u32> = arguments.allow_uid.iter().map(|user| user.0).collect();
        let groups: Vec<u32> = arguments.allow_gid.iter().map(|group| group.0).collect();
        if users.is_empty() && groups.is_empty() {
            users = vec![geteuid().as_raw(), 0];
        }
        users.sort_unstable();
        users.dedup();
        Self {
            shared: users.len() > 1 || !groups.is_empty(),
            users,
            groups,
            max_sessions: arguments.max_sessions,
            max_sessions_per_user: arguments.max_sessions_per_user,
            crashes: Crashes::new(arguments.crash_limit, arguments.crash_window),
        }
    }

    /// Admits or refuses a client.
    ///
    /// Where several users may be admitted, a user's sessions are limited to the number of free places: one user can take half
    /// of the places, two a third each, and a place stays free for a user without sessions.
    pub fn check(&mut self, peer: &Peer, load: Load, now: Instant) -> Result<(), Refusal> {
        let Load { running, of_user, lacking } = load;
        let uid = peer.uid;
        let allowed = |group: &u32| self.groups.contains(group);
        if !(self.users.contains(&uid) || allowed(&peer.gid) || peer.groups.iter().any(allowed)) {
            return Err(Refusal::User { uid });
        }
        if let Some(wait) = self.crashes.pause(&Origin::of(peer), now) {
            return Err(Refusal::Crashes { uid, wait });
        }
        if of_user >= self.max_sessions_per_user {
            return Err(Refusal::UserSessions { uid, max: self.max_sessions_per_user });
        }
        if running >= self.max_sessions {
            return Err(Refusal::Sessions { max: self.max_sessions });
        }
        let left = self.max_sessions.saturating_sub(running);
        if self.shared && of_user > 0 && of_user >= left {
            return Err(Refusal::UserSessions { uid, max: of_user });
        }
        if lacking {
            return Err(Refusal::Memory);
        }
        Ok(())
    }

    /// Checks a client of a claim: access to its socket is permission, up to the claim's own limit.
    pub fn check_claim(&mut self, claim: &Claim, load: Load, now: Instant) -> Result<(), Refusal> {
        let Load { running, of_user: of_claim, lacking } = load;
        let name = || Arc::clone(&claim.name);
        if let Some(wait) = self.crashes.pause(&Origin::of_claim(&claim.name), now) {
            return Err(Refusal::ClaimCrashes { claim: name(), wait });
        }
        if of_claim >= claim.max_sessions {
            return Err(Refusal::ClaimSessions { claim: name(), max: claim.max_sessions });
        }
        if running >= self.max_sessions {
            return Err(Refusal::Sessions { max: self.max_sessions });
        }
        if lacking { Err(Refusal::Memory) } else { Ok(()) }
    }

    /// Counts a crash of this client's worker that may have reset a GPU.
    pub fn crashed(&mut self, peer: &Peer, claim: Option<&Claim>, now: Instant) {
        let origin = claim.map_or_else(|| Origin::of(peer), |claim| Origin::of_claim(&claim.name));
        self.crashes.count(&origin, now);
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        arguments: ServeArguments,
    }

    fn admission(arguments: &[&str]) -> Admission {
        let line = [&["serve"], arguments].concat();
        Admission::new(&Line::try_parse_from(line).unwrap().arguments)
    }

    fn peer(uid: u32, gid: u32, groups: &[u32]) -> Peer {
        Peer { pid: 1, uid, gid, groups: groups.to_vec(), cgroup: None }
    }

    fn load(running: usize, of_user: usize) -> Load {
        Load { running, of_user, lacking: false }
    }

    #[test]
    fn without_a_list_the_servers_user_and_root_are_admitted() {
        let mut admission = admission(&[]);
        let own = geteuid().as_raw();
        for (uid, allowed) in [(own, true), (0, true), (own + 1, false), (u32::MAX, false)] {
            assert_eq!(admission.check(&peer(uid, 0, &[0]), load(0, 0), Instant::now()).is_ok(), allowed, "{uid}");
        }
    }

    #[test]
    fn only_listed_users_and_groups_are_admitted() {
        let mut admission = admission(&["--allow-uid=7", "--allow-uid=8", "--allow-gid=70"]);
        let now = Instant::now();
        for allowed in [peer(7, 1, &[]), peer(8, 1, &[]), peer(9, 70, &[]), peer(9, 1, &[2, 70, 3])] {
            assert_eq!(admission.check(&allowed, load(0, 0), now), Ok(()));
        }
        for refused in [peer(0, 0, &[0]), peer(9, 7, &[8]), peer(70, 1, &[])] {
            assert_eq!(admission.check(&refused, load(0, 0), now), Err(Refusal::User { uid: refused.uid }));
        }
    }

    #[test]
    fn caps_hold_for_all_and_for_each_user() {
        let mut admission = admission(&["--allow-uid=7", "--max-sessions=4", "--max-sessions-per-user=2"]);
        let (seven, now) = (peer(7, 7, &[]), Instant::now());
        assert_eq!(admission.check(&seven, load(3, 1), now), Ok(()));
        assert_eq!(admission.check(&seven, load(3, 2), now), Err(Refusal::UserSessions { uid: 7, max: 2 }));
        assert_eq!(admission.check(&seven, load(4, 1), now), Err(Refusal::Sessions { max: 4 }));
    }

    /// Two users that hold idle sessions leave room for a third.
    #[test]
    fn no_users_take_all_places() {
        let mut admission = admission(&["--allow-gid=70", "--max-sessions=64", "--max-sessions-per-user=64"]);
        let now = Instant::now();
        let mut held = [0_usize; 3];
        for round in 0..1000 {
            let user = round % 2;
            let load = load(held.iter().sum(), held[user]);
            held[user] += usize::from(admission.check(&peer(user as u32, 70, &[]), load, now).is_ok());
        }
        assert_eq!(held, [22, 21, 0]);
        for _ in 0..100 {
            let load = load(held.iter().sum(), held[2]);
            held[2] += usize::from(admission.check(&peer(2, 70, &[]), load, now).is_ok());
        }
        assert!(held[2] >= 10, "{held:?}");
    }

    #[test]
    fn memory_comes_last() {
        let mut admission = admission(&["--allow-uid=7"]);
        let lacking = Load { lacking: true, ..load(0, 0) };
        assert_eq!(admission.check(&peer(7, 7, &[]), lacking, Instant::now()), Err(Refusal::Memory));
    }

    #[test]
    fn crashes_count_against_their_user() {
        let mut admission = admission(&["--allow-uid=7", "--allow-uid=8", "--crash-limit=2"]);
        let now = Instant::now();
        admission.crashed(&peer(7, 7, &[]), None, now);
        assert!(admission.check(&peer(7, 7, &[]), load(0, 0), now).is_ok());
        admission.crashed(&peer(7, 7, &[]), None, now);
        let refusal = admission.check(&peer(7, 7, &[]), load(0, 0), now).unwrap_err();
        assert_eq!(refusal.reason(), "crashes");
        assert_eq!(
            refusal.to_string(),
            "GPU processes of this client (user 7, and its cgroup) crashed too often; try again in 1 seconds"
        );
        assert!(admission.check(&peer(8, 7, &[]), load(0, 0), now).is_ok());
        // Another container, service or login of the same user.
        let beside = Peer { cgroup: Some("0::/beside".to_owned()), ..peer(7, 7, &[]) };
        assert!(admission.check(&beside, load(0, 0), now).is_ok());
    }
}
