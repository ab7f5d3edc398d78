//! Puts load on a server, and prints the results as one line of JSON.
//!
//!     load ADDRESS:PORT PATH [--post FILE] [--clients N] [--seconds S]
//!
//! Exit code 1 when a request hung or no request was answered.
#![allow(clippy::disallowed_methods)]

use std::{fs, net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use airlock_tests::load::{Load, run};
use clap::Parser;

/// Put load on a server
#[derive(Debug, Parser)]
struct Arguments {
    /// The server
    address: SocketAddr,
    /// Path and query
    path: String,
    /// Send this file with each request
    #[arg(long, value_name = "FILE")]
    post: Option<PathBuf>,
    /// Clients at a time
    #[arg(long, default_value_t = 32)]
    clients: usize,
    /// Duration in seconds
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

fn main() -> ExitCode {
    let Arguments { address, path, post, clients, seconds } = Arguments::parse();
    let (method, body) = match post {
        None => ("GET", Vec::new()),
        Some(file) => match fs::read(&file) {
            Ok(body) => ("POST", body),
            Err(error) => {
                eprintln!("load: cannot read {}: {error}", file.display());
                return ExitCode::from(2);
            }
        },
    };
    let time = Duration::from_secs(seconds);
    let report = run(&Load { address, method: method.to_owned(), path, body, clients, time });
    println!("{}", report.json());
    if report.hung > 0 || report.statuses.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
