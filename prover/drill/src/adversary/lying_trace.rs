//! A trace that is right up to one leaf of each level, and made up from there on.
//!
//! From the wrong step on the machine stands in a final state that no run reaches: halted, with the
//! liar's claim as its output. So every tree proves its last leaf to the contracts, and only one
//! instruction shows the lie.

use std::sync::{Arc, Mutex, PoisonError};

use alloy_primitives::{B256, Bytes, keccak256};

use super::{About, Lie};
use gainsay_challenger::{
    ChallengerError,
    dispute::{
        BelievedChild, Commitment, Evidence, SpansEvidence, Trace, TracePoint, game::GameAssertion,
    },
};

/// Where the status, the exit code and a1 are in a packed state.
const STATUS_OFFSET: usize = 112;
const EXIT_CODE_END: usize = 115;
const OUTPUT_OFFSET: usize = 195;

/// What one liar says, over what is right. Liars of one process share the right trace.
#[derive(Debug)]
pub struct LyingTrace<T> {
    right: Arc<Mutex<T>>,
    lie: Lie,
    salt: u64,
}

impl<T: Trace + Evidence> LyingTrace<T> {
    /// A trace with this lie; `salt` makes liars of one kind differ.
    #[must_use]
    pub const fn new(right: Arc<Mutex<T>>, lie: Lie, salt: u64) -> Self {
        Self { right, lie, salt }
    }

    /// What it lies about.
    #[must_use]
    pub const fn lie(&self) -> &Lie {
        &self.lie
    }

    fn lies_in(&self, point: &TracePoint) -> bool {
        self.lie.parent == point.parent && self.lie.block == point.block
    }

    fn with_right<R>(
        &self,
        ask: impl FnOnce(&mut T) -> Result<Option<R>, ChallengerError>,
    ) -> Result<Option<R>, ChallengerError> {
        ask(&mut self.right.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The state that the liar says the run ends in.
    fn false_end(&self) -> Result<Option<SpansEvidence>, ChallengerError> {
        let Lie { parent, block, .. } = self.lie;
        let point = TracePoint { parent, block, span: 0, step: 0 };
        let evidence = self.with_right(|right| right.final_state(&point))?;
        Ok(evidence.map(|it| SpansEvidence {
            claim: self.lie.claim,
            final_state: with_output(&it.final_state, &self.lie.claim),
            ..it
        }))
    }

    /// The first wrong state.
    fn wrong_state(&self) -> Result<Option<B256>, ChallengerError> {
        if self.lie.about == About::Claim {
            return Ok(self.false_end()?.map(|it| keccak256(&it.final_state)));
        }
        let words = [&self.lie.claim[..], b"wrong", &self.salt.to_be_bytes()];
        Ok(Some(keccak256(words.concat())))
    }
}

/// `right` up to `index`, wrong there; right again after it, or not.
fn bent(
    right: &Commitment,
    index: u64,
    wrong: B256,
    is_right_again: bool,
) -> Result<Arc<Commitment>, ChallengerError> {
    let mut leaves: Vec<B256> = (0..index).map(|at| right.leaf(at)).collect();
    leaves.push(wrong);
    if is_right_again {
        let last = right.last_leaf();
        let size = 1_u64 << right.height();
        let rest = (index.saturating_add(1)..size).map(|at| right.leaf(at));
        leaves.extend(rest.take_while(|leaf| *leaf != last));
        leaves.push(last);
    }
    Ok(Arc::new(Commitment::new(right.height(), &leaves)?))
}

/// The packed state of a machine that halted with exit code 0 and this output.
fn with_output(state: &Bytes, output: &B256) -> Bytes {
    let mut packed = state.to_vec();
    packed[STATUS_OFFSET..EXIT_CODE_END].copy_from_slice(&[1, 0, 0]);
    let registers = packed[OUTPUT_OFFSET..].chunks_exact_mut(8);
    // Registers are packed big endian, the output is their bytes as they lie in memory.
    for (register, word) in registers.zip(output.chunks_exact(8)) {
        for (to, from) in register.iter_mut().zip(word.iter().rev()) {
            *to = *from;
        }
    }
    packed.into()
}

impl<T: Trace + Evidence> Trace for LyingTrace<T> {
    fn child(
        &mut self,
        id: B256,
        parent: &GameAssertion,
    ) -> Result<Option<Arc<BelievedChild>>, ChallengerError> {
        if id != self.lie.parent {
            // Along what nobody contradicts it comes to its own.
            let is_agreed = parent.children.len() == 1;
            return self.with_right(|right| match is_agreed {
                true => right.child(id, parent),
                false => Ok(None),
            });
        }
        // The right trace answers about runs below children that it was asked for.
        let right = self.with_right(|right| right.child(id, parent))?;
        Ok(right.map(|_| self.lie.child.clone()))
    }

    /// Of other blocks it says nothing: a liar does not do the honest player's work.
    fn spans(&mut self, point: &TracePoint) -> Result<Option<Arc<Commitment>>, ChallengerError> {
        if !self.lies_in(point) {
            return Ok(None);
        }
        let Some(right) = self.with_right(|right| right.spans(point))? else {
            return Ok(None);
        };
        if self.lie.about == About::Steps {
            return Ok(Some(right));
        }
        let Some(wrong) = self.wrong_state()? else { return Ok(None) };
        bent(&right, self.lie.span, wrong, self.lie.about == About::Spans).map(Some)
    }

    fn steps(&mut self, point: &TracePoint) -> Result<Option<Arc<Commitment>>, ChallengerError> {
        if !self.lies_in(point) || point.span != self.lie.span {
            return Ok(None);
        }
        let Some(right) = self.with_right(|right| right.steps(point))? else {
            return Ok(None);
        };
        let Some(wrong) = self.wrong_state()? else { return Ok(None) };
        bent(&right, self.lie.step, wrong, self.lie.about == About::Steps).map(Some)
    }
}

impl<T: Trace + Evidence> Evidence for LyingTrace<T> {
    fn final_state(
        &mut self,
        point: &TracePoint,
    ) -> Result<Option<SpansEvidence>, ChallengerError> {
        if !self.lies_in(point) {
            return Ok(None);
        }
        if self.lie.about == About::Claim {
            return self.false_end();
        }
        self.with_right(|right| right.final_state(point))
    }

    /// There is no witness for a wrong step, and the right steps need no liar.
    fn witness(&mut self, _: &TracePoint) -> Result<Option<Bytes>, ChallengerError> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use gainsay_vm::{Hart, State};

    use super::*;

    #[test]
    fn a_made_up_state_has_halted_with_the_claim() {
        let mut hart = Hart::new(0x1_0000, B256::repeat_byte(7));
        hart.exit_code = 0x103;
        let [code_root, memory_root] = [1, 2].map(B256::repeat_byte);
        let state = State { code_root, memory_root, hart };
        let claim = keccak256(b"claim");
        let made_up = with_output(&Bytes::from(state.pack().to_vec()), &claim);
        let mut expected = state;
        expected.hart.status = gainsay_vm::Status::Halted;
        expected.hart.exit_code = 0;
        for (register, word) in expected.hart.x[11..15].iter_mut().zip(claim.chunks_exact(8)) {
            *register = u64::from_le_bytes(word.try_into().unwrap());
        }
        assert_eq!(expected.hart.output(), claim);
        assert_eq!(made_up.as_ref(), expected.pack());
    }

    #[test]
    fn a_bent_tree_is_wrong_from_one_leaf_on_or_there_alone() {
        let leaves: Vec<B256> = (1..=5).map(B256::repeat_byte).collect();
        let right = Commitment::new(3, &leaves).unwrap();
        let wrong = B256::repeat_byte(0xee);
        for index in 0..8 {
            let ends_wrong = bent(&right, index, wrong, false).unwrap();
            for at in 0..8 {
                let expected = if at < index { right.leaf(at) } else { wrong };
                assert_eq!(ends_wrong.leaf(at), expected, "{index} {at}");
            }
            if index < 7 {
                let ends_right = bent(&right, index, wrong, true).unwrap();
                for at in 0..8 {
                    let expected = if at == index { wrong } else { right.leaf(at) };
                    assert_eq!(ends_right.leaf(at), expected, "{index} {at}");
                }
            }
        }
    }
}
