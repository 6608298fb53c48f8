//! The log of a program: lines on standard error, so that standard output holds answers alone.
//!
//! In: what is logged unless the variable `RUST_LOG` says otherwise. Out: a logger for the whole
//! process. A main function calls it once, before anything else; no library does. It is in this
//! crate, because this is the lowest one that all binaries share.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

/// Starts the log. `directives` are the default for `RUST_LOG`.
///
/// # Panics
/// When the process has a logger already.
pub fn start_log(directives: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(directives));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .with_target(false)
        .init();
}
