//! The canonical ABI, driven by tables: JavaScript values are stored to memory as arguments ([`lower`]), results are read
//! from memory as JavaScript values ([`lift`]), and [`call`] goes between them.
#![allow(unsafe_code)]

mod arena;
pub mod call;
mod lift;
mod lower;
