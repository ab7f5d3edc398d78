//! Values of the stream as text, trees and facts, for every command alike.

pub mod facts;
pub mod lines;
pub mod node;
pub mod notation;
