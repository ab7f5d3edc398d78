//! The calls, generated from the interface by `build.rs`.

use std::cell::RefCell;

use guest_support::gpu::{self, *};

use crate::world::*;

include!(concat!(env!("OUT_DIR"), "/calls.rs"));
