//! Probes for replays.
