//! Usage errors print one line and exit with 2.

use std::{fs, net::TcpListener};

use airlock_tests::{
    programs::{airlock, guest, run},
    scratch,
};

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let mut command = airlock(["serve", "--listen", &address]);
    command.arg(guest("hello"));
    run(command).refused(&["cannot listen on", &address, "address already in use"]);
    let mut command = airlock(["serve", "--listen", "127.0.0.1:0", "--admin", &address]);
    command.arg(guest("hello"));
    run(command).refused(&["cannot listen on", &address]);
}

#[test]
fn a_component_without_a_handler_is_no_service() {
    let mut command = airlock(["serve", "--listen", "127.0.0.1:0"]);
    command.arg(guest("collatz"));
    run(command).refused(&["collatz.wasm is no HTTP service", "wasi:cli/run", "wasi:http/handler"]);
    let mut command = airlock(["run"]);
    command.arg(guest("hello"));
    run(command).refused(&["is not a command", "wasi:http/incoming-handler", "`airlock serve` runs it"]);
}

#[test]
fn other_files_and_adapters_that_are_not_there_are_refused() {
    let folder = scratch();
    let text = folder.path().join("app.wasm");
    fs::write(&text, "hello").expect("a file");
    let mut command = airlock(["serve", "--listen", "127.0.0.1:0"]);
    command.arg(&text);
    run(command).refused(&["is not WebAssembly"]);
    let mut command = airlock(["serve", "--listen", "127.0.0.1:0", "--adapter", "radeon 9700"]);
    command.arg(guest("classify"));
    run(command).refused(&["no adapter matches --adapter radeon 9700"]);
    let mut command = airlock(["serve", "--listen", "127.0.0.1:0", "--daemon", "/nowhere/gpu.sock"]);
    command.arg(guest("classify"));
    run(command).refused(&["cannot connect to the GPU daemon at /nowhere/gpu.sock"]);
    let mut command = airlock(["serve", "--listen", "127.0.0.1:0", "--env", "AIRLOCK_NO_SUCH_VARIABLE"]);
    command.arg(guest("hello"));
    run(command).refused(&["there is no such variable"]);
}
