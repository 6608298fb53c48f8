//! The promises of the README, one file each: real processes on a real L1, and what a liar, a crash
//! or an outage does to them. `cargo test --workspace --test end_to_end survives_kill` runs one.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod anyone_can_rebuild;
mod asks_l1_little;
mod believes_only_l1;
mod claims_are_confirmed;
mod documents;
mod hostile_batches;
mod knows_its_l1;
mod l1_nodes_disagree;
mod no_censorship;
mod posts_once;
mod proves_blocks;
mod reads_no_log_twice;
mod survives_kill;
mod survives_l1_outage;
mod survives_l1_reorg;
mod takes_money_out;
mod wallets_just_work;
mod watches;
mod wins_disputes;
