//! `gainsay status`: how far a chain is, on L2 and by what L1 has recorded.
//!
//! In: the answer of `rollup_status`. Out: a table with the age of every head and the time left of
//! every claim, so that nothing that waits looks stuck; or the answer itself as JSON.

use std::{
    fmt::Write,
    time::{SystemTime, UNIX_EPOCH},
};

use super::{amount::format_secs, l2_rpc::L2Rpc};
use crate::status::{AssertionSummary, BlockStatus, NodeStatus};

/// Show where a chain stands.
#[derive(Clone, Debug, clap::Args)]
pub struct StatusArgs {
    /// JSON-RPC endpoint of the sequencer or of a follower.
    #[arg(long, value_name = "URL")]
    pub l2_rpc: String,
    /// Prints JSON.
    #[arg(long)]
    pub json: bool,
}

/// Asks and prints.
///
/// # Errors
/// When the node does not answer.
pub async fn run(args: StatusArgs) -> anyhow::Result<()> {
    let l2 = L2Rpc::connect(&args.l2_rpc)?;
    if args.json {
        let answer: serde_json::Value = l2.get("rollup_status").await?;
        println!("{}", serde_json::to_string_pretty(&answer)?);
        return Ok(());
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    print!("{}", table(&l2.get("rollup_status").await?, now));
    Ok(())
}

fn table(status: &NodeStatus, now: u64) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: String| {
        let _infallible = writeln!(text, "{name:<13} {value}");
    };
    row("node", if status.sequencing { "sequencer" } else { "follower" }.to_owned());
    row("latest", block_row(&status.latest, now));
    let behind = |head: &BlockStatus| {
        let blocks = status.latest.number.saturating_sub(head.number);
        let note = if blocks == 0 { String::new() } else { format!(", {blocks} behind latest") };
        format!("{}{note}", block_row(head, now))
    };
    row("safe", behind(&status.safe));
    row("finalized", behind(&status.finalized));
    row("proposed", assertion_row(status.proposed.as_ref(), "nothing pending"));
    row("confirmed", assertion_row(status.confirmed.as_ref(), "nothing yet"));
    if let Some(id) = status.halted_by {
        row("HALTED", format!("for ever, by assertion {id}: the program fails on a block"));
    }
    row("L1 head", block_row(&status.l1_head, now));
    row("L1 finalized", block_row(&status.l1_finalized, now));
    row("batches", progress(status.batches.posted, "on L1", status.batches.derived, "derived"));
    row("deposits", progress(status.deposits.enqueued, "on L1", status.deposits.read, "read"));
    text
}

/// `block 12  0x1234..abcd  3 s ago`
fn block_row(block: &BlockStatus, now: u64) -> String {
    if block.timestamp == 0 {
        return "none yet".to_owned();
    }
    let age = match now.checked_sub(block.timestamp) {
        Some(age) => format!("{} ago", format_secs(age)),
        // A sequencer may run ahead of this machine's clock, and tests travel in time.
        None => format!("{} ahead of this clock", format_secs(block.timestamp - now)),
    };
    format!("block {:<10} {}  {age}", block.number, short(&block.hash.to_string()))
}

fn assertion_row(assertion: Option<&AssertionSummary>, none: &str) -> String {
    let Some(assertion) = assertion else { return none.to_owned() };
    let block = match assertion.block_number {
        Some(number) => format!("block {number:<10}"),
        None => "block not known to this node".to_owned(),
    };
    let left = match assertion.seconds_left {
        None => String::new(),
        Some(0) => "  can be confirmed now".to_owned(),
        Some(secs) => format!("  can be confirmed in {} unless challenged", format_secs(secs)),
    };
    let (id, batch) = (short(&assertion.id.to_string()), assertion.cursor.batch);
    format!("{block} {id}  up to batch {batch}{left}")
}

fn progress(all: u64, all_word: &str, done: u64, done_word: &str) -> String {
    let waiting = all.saturating_sub(done);
    let note = if waiting == 0 { String::new() } else { format!(", {waiting} waiting") };
    format!("{all} {all_word}, {done} {done_word}{note}")
}

/// `0x` and the first and last four digits of a hash.
fn short(hash: &str) -> String {
    match (hash.get(..6), hash.get(hash.len().saturating_sub(4)..)) {
        (Some(start), Some(end)) => format!("{start}..{end}"),
        _ => hash.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{BatchCounts, DepositCounts};
    use alloy_primitives::B256;
    use gainsay_derivation::{BatchIndex, Cursor, DepositIndex};

    #[test]
    fn the_table_shows_ages_and_the_time_left() {
        let block =
            |number, timestamp| BlockStatus { number, hash: B256::repeat_byte(7), timestamp };
        let assertion = |seconds_left| AssertionSummary {
            id: B256::repeat_byte(9),
            output_root: B256::ZERO,
            cursor: Cursor { batch: BatchIndex(4), block: 0, deposits_read: DepositIndex(5) },
            block_number: Some(80),
            seconds_left,
        };
        let mut status = NodeStatus {
            sequencing: true,
            latest: block(100, 10_000),
            safe: block(90, 9_880),
            finalized: block(0, 1_000),
            proposed: Some(assertion(Some(3_660))),
            confirmed: None,
            halted_by: None,
            l1_head: block(55, 9_999),
            l1_finalized: block(0, 0),
            batches: BatchCounts { posted: 5, derived: 5 },
            deposits: DepositCounts { enqueued: 7, read: 5 },
        };
        let text = table(&status, 10_005);
        let row = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
        assert!(row("latest").ends_with("5 s ago"), "{text}");
        assert!(row("safe").ends_with("2 min 5 s ago, 10 behind latest"), "{text}");
        assert!(row("proposed").ends_with("confirmed in 1 h 1 min unless challenged"), "{text}");
        assert!(row("confirmed").ends_with("nothing yet"), "{text}");
        assert!(row("L1 finalized").ends_with("none yet"), "{text}");
        assert!(row("batches").ends_with("5 on L1, 5 derived"), "{text}");
        assert!(row("deposits").ends_with("7 on L1, 5 read, 2 waiting"), "{text}");
        assert!(!text.contains("HALTED"), "{text}");

        status.proposed = Some(assertion(Some(0)));
        status.confirmed = Some(assertion(None));
        status.halted_by = Some(Default::default());
        let text = table(&status, 9_990);
        assert!(text.contains("10 s ahead of this clock"), "{text}");
        assert!(text.contains("can be confirmed now"), "{text}");
        assert!(text.contains("HALTED        for ever, by assertion 0x0000"), "{text}");
        assert!(text.contains("0x0909..0909  up to batch 4\n"), "{text}");
    }
}
