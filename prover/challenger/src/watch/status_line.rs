//! The status of a watch in one line on standard output, at most every few seconds and only when
//! something has changed.

use std::time::{Duration, Instant};

use alloy_primitives::{B256, U256};
use gainsay_l1::L1BlockRef;

use super::{
    Numbers,
    narration::{ether, short},
};
use crate::{ChainFollower, dispute::TraceWork};

/// Pause between two lines.
const PAUSE: Duration = Duration::from_secs(3);

/// What was printed last, and when.
#[derive(Clone, Debug, Default)]
pub struct StatusLine {
    printed_at: Option<Instant>,
    /// The last line, without the numbers that always change.
    line: String,
}

impl StatusLine {
    /// Prints how far a long derivation is.
    pub(super) fn catching_up(&mut self, follower: &ChainFollower, head: &L1BlockRef) {
        let (block, l1) = (follower.chain().safe_block(), follower.l1_block().number);
        if head.number.saturating_sub(l1) > 0 && self.is_due() {
            println!("deriving | L1 {l1} of {} | L2 {block}", head.number);
            self.printed_at = Some(Instant::now());
        }
    }

    /// Prints the status, if it has changed and is due.
    pub(super) fn tell(
        &mut self,
        numbers: &Numbers,
        confirmed: B256,
        budget: Option<U256>,
        work: Option<&TraceWork>,
        alarms: usize,
    ) {
        if !self.is_due() {
            return;
        }
        let mut line = format!(
            "L2 {} | assertions: {} confirmed (last {}), {} pending, {} lost | disputes: {}, {} edges",
            numbers.l2_block,
            numbers.confirmed,
            short(confirmed),
            numbers.pending,
            numbers.lost,
            numbers.disputes,
            numbers.edges
        );
        if let Some(budget) = budget {
            line += &format!(" | locked {} ether", ether(numbers.locked));
            if budget != U256::MAX {
                line += &format!(" of {}", ether(budget));
            }
        }
        let computing = work.map(|it| {
            let behind =
                if it.waiting > 0 { format!(", {} more", it.waiting) } else { String::new() };
            format!(" | computing {} ({} s{behind})", it.what, it.elapsed.as_secs())
        });
        line += &computing.unwrap_or_default();
        line += &if alarms == 0 { " | no alarm".to_owned() } else { format!(" | {alarms} ALARMS") };
        if line == self.line {
            return;
        }
        println!("L1 {} | {line}", numbers.l1_block);
        self.line = line;
        self.printed_at = Some(Instant::now());
    }

    fn is_due(&self) -> bool {
        self.printed_at.is_none_or(|at| at.elapsed() > PAUSE)
    }
}
