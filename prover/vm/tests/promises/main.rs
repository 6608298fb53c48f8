//! The promises of the machine, one file each.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod elf_files;
mod engines_agree;
mod every_step_is_provable;
mod halting;
mod isa_conformance;
mod support;
