//! The canonical ABI, driven by tables: [`lower`] stores JavaScript values to memory as arguments, [`lift`] reads results
//! from memory as JavaScript values, and [`call`] calls the core imports.
#![allow(unsafe_code)]

mod arena;
pub mod call;
mod lift;
mod lower;
