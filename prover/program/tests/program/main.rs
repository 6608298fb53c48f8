//! What the program promises: it claims what the native transition claims, on a host and in the
//! machine, whatever the batches hold, and from the recorded preimages alone.

#![expect(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "tests may panic")]

mod chain;
mod claims;
mod hostile;
mod machine;
mod native_is_the_program;
