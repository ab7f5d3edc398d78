//! What can be done with a trace, apart from the command line.

pub mod trim;
