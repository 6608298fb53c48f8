//! The promises of the L1 client, one file each, kept against a real anvil with the real contracts.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod anvil;
mod chain;
mod contracts_are_called;
mod l1_is_read_as_it_was_written;
mod several_nodes_stand_in;
mod transactions_get_into_l1;
