//! Fallbacks for systems other than Unix.

/// Exits the process. There is no portable form without exit handlers.
pub fn quit(code: u8) -> ! {
    std::process::exit(i32::from(code))
}

/// True when standard input may be a connection: it is not a terminal.
pub fn stdin_is_connection() -> bool {
    !std::io::IsTerminal::is_terminal(&std::io::stdin())
}

/// Does nothing: standard output stays the connection, which is not read after the hello line.
pub fn leave_stdout() -> std::io::Result<()> {
    Ok(())
}

/// Unsupported: standby workers need descriptor passing.
pub fn take_connection() -> std::io::Result<bool> {
    Ok(false)
}

/// Does nothing: the parent alone reports a worker's exit.
pub fn say_last(_: &str) {}

/// Does nothing: sleeps are as long as the system makes them.
pub fn sleep_precisely() -> std::io::Result<()> {
    Ok(())
}

/// Unsupported: a worker exits with its client only.
pub fn end_with_parent(_: u32) -> std::io::Result<bool> {
    Ok(true)
}
