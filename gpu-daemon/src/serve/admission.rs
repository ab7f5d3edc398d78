//! Who gets a session: all that is decided about a client, from what the kernel says about it.

use std::time::{Duration, Instant};

use rustix::process::geteuid;
use thiserror::Error;

use super::{crashes::Crashes, options::ServeArguments};
use crate::platform::Peer;

/// Why a client gets no session. The text is what the client is told.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The kernel does not say who it is.
    #[error("it is not known who you are")]
    Unknown,
    /// It may not.
    #[error("user {uid} may not use this GPU daemon")]
    User {
        /// Who.
        uid: u32,
    },
    /// There are enough sessions.
    #[error("{most} sessions are running already; try again later")]
    Sessions {
        /// How many.
        most: usize,
    },
    /// The user has enough sessions.
    #[error("user {uid} has {most} sessions already; try again later")]
    UserSessions {
        /// Who.
        uid: u32,
        /// How many.
        most: usize,
    },
    /// The user's workers crash too often.
    #[error("GPU processes of user {uid} crashed too often; try again in {} seconds", wait.as_secs_f64().ceil())]
    Crashes {
        /// Who.
        uid: u32,
        /// What is left of the pause.
        wait: Duration,
    },
    /// There are no means for one.
    #[error("the worker cannot be started: {cause}")]
    Start {
        /// Why.
        cause: String,
    },
}

impl Refusal {
    /// The `reason`s of refusals in metrics and the log.
    pub const REASONS: [&str; 6] = ["unknown", "user", "sessions", "user_sessions", "crashes", "start"];

    /// One of [`Self::REASONS`].
    pub fn reason(&self) -> &'static str {
        match self {
            Refusal::Unknown => "unknown",
            Refusal::User { .. } => "user",
            Refusal::Sessions { .. } => "sessions",
            Refusal::UserSessions { .. } => "user_sessions",
            Refusal::Crashes { .. } => "crashes",
            Refusal::Start { .. } => "start",
        }
    }
}

/// Decides.
#[derive(Debug)]
pub struct Admission {
    users: Vec<u32>,
    groups: Vec<u32>,
    max_sessions: usize,
    max_sessions_per_user: usize,
    crashes: Crashes,
}

impl Admission {
    /// What the operator wants.
    pub fn new(arguments: &ServeArguments) -> Self {
        let mut users: Vec<u32> = arguments.allow_uid.iter().map(|user| user.0).collect();
        let groups: Vec<u32> = arguments.allow_gid.iter().map(|group| group.0).collect();
        if users.is_empty() && groups.is_empty() {
            users = vec![geteuid().as_raw(), 0];
        }
        Self {
            users,
            groups,
            max_sessions: arguments.max_sessions,
            max_sessions_per_user: arguments.max_sessions_per_user,
            crashes: Crashes::new(arguments.crash_limit, arguments.crash_window),
        }
    }

    /// Whether a client gets a session, with so many running in all and of its user.
    pub fn check(&mut self, peer: &Peer, running: usize, of_user: usize, now: Instant) -> Result<(), Refusal> {
        let uid = peer.uid;
        let allowed = |group: &u32| self.groups.contains(group);
        if !(self.users.contains(&uid) || allowed(&peer.gid) || peer.groups.iter().any(allowed)) {
            return Err(Refusal::User { uid });
        }
        if let Some(wait) = self.crashes.pause(uid, now) {
            return Err(Refusal::Crashes { uid, wait });
        }
        if of_user >= self.max_sessions_per_user {
            return Err(Refusal::UserSessions { uid, most: self.max_sessions_per_user });
        }
        if running >= self.max_sessions {
            return Err(Refusal::Sessions { most: self.max_sessions });
        }
        Ok(())
    }

    /// A worker of this user crashed.
    pub fn crashed(&mut self, uid: u32, now: Instant) {
        self.crashes.count(uid, now);
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
        Peer { pid: 1, uid, gid, groups: groups.to_vec() }
    }

    #[test]
    fn without_a_list_the_server_s_user_and_root_are_let_in() {
        let mut admission = admission(&[]);
        let own = geteuid().as_raw();
        for (uid, allowed) in [(own, true), (0, true), (own + 1, false), (u32::MAX, false)] {
            assert_eq!(admission.check(&peer(uid, 0, &[0]), 0, 0, Instant::now()).is_ok(), allowed, "{uid}");
        }
    }

    #[test]
    fn lists_name_users_and_groups_and_nobody_else() {
        let mut admission = admission(&["--allow-uid=7", "--allow-uid=8", "--allow-gid=70"]);
        let now = Instant::now();
        for allowed in [peer(7, 1, &[]), peer(8, 1, &[]), peer(9, 70, &[]), peer(9, 1, &[2, 70, 3])] {
            assert_eq!(admission.check(&allowed, 0, 0, now), Ok(()));
        }
        for refused in [peer(0, 0, &[0]), peer(9, 7, &[8]), peer(70, 1, &[])] {
            assert_eq!(admission.check(&refused, 0, 0, now), Err(Refusal::User { uid: refused.uid }));
        }
    }

    #[test]
    fn caps_hold_for_all_and_for_each_user() {
        let mut admission = admission(&["--allow-uid=7", "--max-sessions=4", "--max-sessions-per-user=2"]);
        let (seven, now) = (peer(7, 7, &[]), Instant::now());
        assert_eq!(admission.check(&seven, 3, 1, now), Ok(()));
        assert_eq!(admission.check(&seven, 3, 2, now), Err(Refusal::UserSessions { uid: 7, most: 2 }));
        assert_eq!(admission.check(&seven, 4, 1, now), Err(Refusal::Sessions { most: 4 }));
    }

    #[test]
    fn crashes_count_against_their_user() {
        let mut admission = admission(&["--allow-uid=7", "--allow-uid=8", "--crash-limit=2"]);
        let now = Instant::now();
        admission.crashed(7, now);
        assert!(admission.check(&peer(7, 7, &[]), 0, 0, now).is_ok());
        admission.crashed(7, now);
        let refusal = admission.check(&peer(7, 7, &[]), 0, 0, now).unwrap_err();
        assert_eq!(refusal.reason(), "crashes");
        assert_eq!(refusal.to_string(), "GPU processes of user 7 crashed too often; try again in 1 seconds");
        assert!(admission.check(&peer(8, 7, &[]), 0, 0, now).is_ok());
    }
}
