//! The latest picture, for the threads of all viewers.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::link::Shown;

/// A compressed frame.
#[derive(Debug)]
pub struct Picture {
    /// The frame.
    pub shown: Shown,
    /// The JPEG file.
    pub jpeg: Vec<u8>,
}

/// The latest picture and its version.
#[derive(Debug, Default)]
pub struct Latest {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    picture: Option<Arc<Picture>>,
    /// Pictures so far.
    version: u64,
    over: bool,
}

/// The next thing for a viewer.
#[derive(Debug)]
pub enum Next {
    /// A newer picture, and its version.
    Picture(Arc<Picture>, u64),
    /// No picture within the limit.
    Nothing,
    /// The end of the pictures.
    Over,
}

impl Latest {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the picture.
    pub fn set(&self, picture: Picture) {
        let mut state = self.state();
        state.picture = Some(Arc::new(picture));
        state.version = state.version.saturating_add(1);
        self.changed.notify_all();
    }

    /// Marks the end of the pictures.
    pub fn end(&self) {
        self.state().over = true;
        self.changed.notify_all();
    }

    /// Waits until there is a picture newer than that version, up to a time limit.
    pub fn after(&self, version: u64, limit: Duration) -> Next {
        let state = self.state();
        let waits = |state: &mut State| state.version == version && !state.over;
        let (state, _) = self.changed.wait_timeout_while(state, limit, waits).unwrap_or_else(PoisonError::into_inner);
        match &state.picture {
            Some(picture) if state.version != version => Next::Picture(Arc::clone(picture), state.version),
            _ if state.over => Next::Over,
            _ => Next::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_viewer_gets_the_latest_once_and_the_end() {
        let latest = Latest::default();
        let picture = |number| {
            let shown = Shown { slot: 0, number, width: 1, height: 1, input: 0 };
            Picture { shown, jpeg: Vec::new() }
        };
        assert!(matches!(latest.after(0, Duration::ZERO), Next::Nothing));
        latest.set(picture(1));
        latest.set(picture(2));
        let Next::Picture(found, version) = latest.after(0, Duration::ZERO) else { panic!("no picture") };
        assert_eq!((found.shown.number, version), (2, 2));
        assert!(matches!(latest.after(version, Duration::ZERO), Next::Nothing));
        latest.set(picture(3));
        latest.end();
        // The last picture comes before the end.
        assert!(matches!(latest.after(version, Duration::MAX), Next::Picture(..)));
        assert!(matches!(latest.after(3, Duration::MAX), Next::Over));
    }
}
