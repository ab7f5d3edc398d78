//! Systems that are no Unix.

/// Ends the process. Nothing is known here that is more immediate.
pub fn quit(code: u8) -> ! {
    std::process::exit(i32::from(code))
}

/// True when standard input may be a connection to somebody who holds it.
pub fn stdin_is_connection() -> bool {
    !std::io::IsTerminal::is_terminal(&std::io::stdin())
}

/// Standard output stays the connection, which nobody reads after the hello line.
pub fn leave_stdout() -> std::io::Result<()> {
    Ok(())
}

/// Nobody hands connections over here.
pub fn take_connection() -> std::io::Result<bool> {
    Ok(false)
}

/// Only a parent says here how a worker ended.
pub fn say_last(_: &str) {}

/// Has this process end with the one that started it: a worker ends with its client only.
pub fn end_with_parent(_: u32) -> std::io::Result<bool> {
    Ok(true)
}

/// There are no other users' processes to let in here.
pub fn open_to_others(_: &std::path::Path) -> std::io::Result<()> {
    Ok(())
}
