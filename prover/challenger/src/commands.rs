//! The subcommands of `gainsay-challenger`, one file each.

pub mod bundle;
pub mod chain_args;
pub mod program;
pub mod prove;
pub mod replay;
pub mod step;
pub mod vm;
pub mod watch;
