//! Text for log lines: what a move does.

use alloy_primitives::{B256, U256, hex, utils::format_ether};

use crate::dispute::{
    game::{EdgeId, Game, Level},
    strategy::Move,
};

/// What a move does.
#[must_use]
pub fn describe(next: &Move, game: &Game) -> String {
    let ether = |wei: &U256| ether(*wei);
    match next {
        Move::Propose { parent, child, stake, .. } => format!(
            "propose the right claims after {}, root {}, stake {} ether",
            short(*parent),
            short(child.claims.root()),
            ether(stake)
        ),
        Move::Bisect { edge, .. } => format!("bisect {}", describe_edge(edge, game)),
        Move::OpenSpans(open) => format!(
            "open the run on block {} after the parent, stake {} ether",
            open.point.block.saturating_add(1),
            ether(&open.stake)
        ),
        Move::OpenSteps(open) => format!(
            "open span {} of block {} after the parent, stake {} ether",
            open.point.span,
            open.point.block.saturating_add(1),
            ether(&open.stake)
        ),
        Move::ProveStep { point, .. } => format!(
            "prove instruction {} of span {} of block {} after the parent",
            point.step,
            point.span,
            point.block.saturating_add(1)
        ),
        Move::ProveZero { position, .. } => format!(
            "prove that claim 0 follows claim 0 at block {} after the parent",
            position.index.saturating_add(1)
        ),
        Move::Conclude(it) => {
            let losers: usize = it.settlements.iter().map(|it| it.losers.len()).sum();
            format!(
                "update {} timers, settle {} levels with the stakes of {losers} losers, pay {} lines",
                it.updates.len(),
                it.settlements.len(),
                it.lines.len()
            )
        }
        Move::Confirm(id) => format!("confirm assertion {}", short(*id)),
        Move::Collect { winner, losers } => format!(
            "confirm assertion {} and take the stakes of {} wrong ones",
            short(*winner),
            losers.len()
        ),
        Move::Withdraw { amount } => format!("withdraw {} ether", ether(amount)),
    }
}

fn describe_edge(id: &EdgeId, game: &Game) -> String {
    let Some(edge) = game.edge(id) else { return short(id.root) };
    let what = match edge.level {
        Level::Blocks => "claims of blocks",
        Level::Spans => "machine states of spans",
        Level::Steps => "machine states of instructions",
    };
    format!("{} {what} in two", 1_u64 << edge.height.min(63))
}

/// Ether without the zeros at its end.
pub(super) fn ether(wei: U256) -> String {
    let text = format_ether(wei);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The beginning of a hash.
pub(super) fn short(hash: B256) -> String {
    format!("0x{}..", hex::encode(&hash[..4]))
}
