//! The rules of who is paid for moves, without an EVM: shares of a loser's stake, and lines.
//!
//! In: half of a loser's stake, or a line of moves in a tree that has won. Out: credits, pots, and
//! what is left for the account that staked on the winner. It burns nothing: the caller does.

use alloy_primitives::{Address, B256, U256};
use gainsay_challenger::dispute::{
    game::{EdgeId, GameEvent, Level, mutual_id},
    strategy::Line,
};
use gainsay_l1::prices::{
    BISECTION_GAS, CLOSING_GAS, OPENING_GAS, PROOF_GAS, answers_gas, step_answers_gas,
};
use gainsay_vm::node;

use super::contract::{Contracts, Refusal};

impl Contracts {
    fn price(&self, gas: u64) -> U256 {
        U256::from(gas) * U256::from(self.rules.gas_price)
    }

    /// Pays who closes a stake at a place, and the pot there, out of half of the stake. What is
    /// left is for who staked on the winner.
    // PROTOCOL.md GAME-17
    pub(super) fn share_out(
        &mut self,
        closer: Address,
        (place, level): (B256, Level),
        half: U256,
        now: u64,
    ) -> U256 {
        let height = self.rules.heights.of(level);
        let gas = match level {
            Level::Steps => step_answers_gas(height),
            Level::Blocks | Level::Spans => answers_gas(height),
        };
        let (answers, closing) = (self.price(gas), self.price(CLOSING_GAS));
        if !answers.is_zero() {
            self.credit(closer, closing, now);
            let amount = answers - closing;
            self.emit(GameEvent::PotFilled { place, amount }, now);
        }
        half - answers
    }

    /// Pays the moves on a line of a tree that has won, each once, to who made it.
    pub(super) fn pay(&mut self, line: &Line, now: u64) -> Result<(), Refusal> {
        let mut nodes = vec![line.end];
        for (height, sibling) in line.siblings.iter().enumerate() {
            let below = nodes[height];
            let is_left = line.index >> height & 1 == 0;
            nodes.push(if is_left { node(&below, sibling) } else { node(sibling, &below) });
        }
        let mut at = EdgeId::new(line.place, nodes[line.siblings.len()]);
        if self.game.edge(&at).is_none_or(|it| !it.confirmed) {
            return Err(Refusal("EdgeNotConfirmed"));
        }
        let mut due = Vec::new();
        for (height, sibling) in line.siblings.iter().enumerate().rev() {
            let edge = self.game.edge(&at).ok_or(Refusal("EdgeUnknown"))?;
            due.extend(edge.mover.filter(|_| !edge.is_paid).map(|it| (it, BISECTION_GAS)));
            let mutual = match line.index >> height & 1 {
                0 => mutual_id::of_left(at.mutual_id),
                _ => mutual_id::of_right(at.mutual_id, *sibling),
            };
            at = EdgeId::new(mutual, nodes[height]);
        }
        due.extend(self.leaf_payment(line, &at)?);
        let amount: U256 = due.iter().map(|(_, gas)| self.price(*gas)).sum();
        let pot = self.game.pots().find(|(place, _)| **place == line.place);
        if amount > pot.map_or(U256::ZERO, |(_, pot)| *pot) {
            return Err(Refusal("EdgePotTooSmall"));
        }
        for (mover, gas) in due {
            self.credit(mover, self.price(gas), now);
        }
        let (place, opened) = (line.place, line.opened);
        self.emit(GameEvent::LinePaid { place, end: at, opened, amount }, now);
        Ok(())
    }

    /// Who is paid for the leaf at the end of a line, and how much gas.
    fn leaf_payment(&self, line: &Line, end: &EdgeId) -> Result<Option<(Address, u64)>, Refusal> {
        let leaf = self.game.edge(end).ok_or(Refusal("EdgeUnknown"))?;
        if leaf.height > 0 || leaf.is_paid {
            return Ok(None);
        }
        let gas = if leaf.level == Level::Steps { PROOF_GAS } else { OPENING_GAS };
        if line.opened.is_zero() {
            return Ok(leaf.mover.map(|mover| (mover, gas)));
        }
        let opened = EdgeId::new(leaf.opened_id(end.mutual_id), line.opened);
        if self.game.edge(&opened).is_none_or(|it| !it.confirmed) {
            return Err(Refusal("EdgeNotConfirmed"));
        }
        match self.game.opening(&opened) {
            Some(opening) if opening.parent == *end => Ok(Some((opening.staker, gas))),
            _ => Err(Refusal("EdgeNotOpenedBelow")),
        }
    }
}
