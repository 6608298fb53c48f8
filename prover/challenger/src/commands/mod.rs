//! The subcommands of `gainsay-challenger`, one file each.

pub mod simulate;
pub mod vm;
