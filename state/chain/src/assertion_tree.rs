//! The assertions that L1 holds, as the events of the AssertionChain said.
//!
//! In: events in the order of L1, reorgs. Out: the tree of assertions from the genesis on, or from
//! the newest settled one on where the older ones are forgotten. Pure: it reads and sends nothing,
//! and does not know which assertion is right.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256};
use gainsay_derivation::{BatchIndex, Cursor};
use gainsay_l1::{
    ContractEvent, ContractEventKind,
    bindings::IAssertionChain::{AssertionProposed, IAssertionChainEvents},
};
use serde::{Deserialize, Serialize};

/// L1 blocks for which a newly confirmed assertion's ancestors are kept, in case of a reorg. More
/// than the log reader's window of blocks: the reader follows no deeper reorg.
const KEEP_L1_BLOCKS: u64 = 512;

/// One assertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProposedAssertion {
    /// Id of the assertion.
    pub id: B256,
    /// The id of the assertion that it extends.
    pub parent: B256,
    /// Who staked on it.
    pub proposer: Address,
    /// Root of the tree over the claims after each of its blocks.
    pub root: B256,
    /// Output root of its end claim.
    pub output_root: B256,
    /// Cursor of its end claim.
    pub cursor: Cursor,
    /// Batches that its children must read up to.
    pub batch_limit: BatchIndex,
    /// The L1 block that holds its proposal.
    pub l1_block: u64,
    /// Index of the proposal's log in that block.
    pub log_index: u64,
    /// The L1 block that confirmed it.
    pub confirmed_in: Option<u64>,
}

impl ProposedAssertion {
    /// The claim after its last block.
    #[must_use]
    pub fn claim(&self) -> B256 {
        end_claim(self.output_root, &self.cursor)
    }

    /// Whether it says that the program fails on one of its blocks: its end is claim 0.
    #[must_use]
    pub fn is_halt(&self) -> bool {
        self.claim().is_zero()
    }

    fn new(event: &ContractEvent, it: &AssertionProposed) -> Self {
        Self {
            id: it.id,
            parent: it.parent,
            proposer: it.proposer,
            root: it.root,
            output_root: it.outputRoot,
            cursor: it.cursor.clone().into(),
            batch_limit: BatchIndex(it.batchLimit),
            l1_block: event.l1_block,
            log_index: event.log_index,
            confirmed_in: None,
        }
    }
}

/// The end claim of an assertion. Output root 0 at the genesis's place in the Inbox gives claim 0:
/// the program fails.
#[must_use]
// PROTOCOL.md CLAIM-4
pub fn end_claim(output_root: B256, cursor: &Cursor) -> B256 {
    if output_root.is_zero() && *cursor == Cursor::default() {
        return B256::ZERO;
    }
    gainsay_derivation::claim(output_root, cursor)
}

/// Assertions by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssertionTree {
    genesis: ProposedAssertion,
    assertions: BTreeMap<B256, ProposedAssertion>,
    /// The assertion that has ended the chain, and the L1 block that did it.
    halted: Option<(B256, u64)>,
    /// The assertions that lost, with the L1 block that recorded the loss.
    lost: BTreeMap<B256, u64>,
}

impl AssertionTree {
    /// The tree of the genesis assertion alone, which is confirmed and which no event proposes.
    #[must_use]
    pub fn new(genesis: ProposedAssertion) -> Self {
        let assertions = BTreeMap::from([(genesis.id, genesis)]);
        Self { genesis, assertions, halted: None, lost: BTreeMap::new() }
    }

    /// Takes in an event. An event that was taken in before, or of another contract, changes
    /// nothing.
    pub fn apply(&mut self, event: &ContractEvent) {
        let ContractEventKind::Assertion(said) = &event.event else { return };
        match said {
            IAssertionChainEvents::AssertionProposed(it) => {
                let proposed = ProposedAssertion::new(event, it);
                self.assertions.entry(it.id).or_insert(proposed);
            }
            IAssertionChainEvents::AssertionConfirmed(it) => {
                let found = self.assertions.get_mut(&it.id);
                if let Some(found) = found.filter(|_| it.id != self.genesis.id) {
                    found.confirmed_in = Some(event.l1_block);
                }
            }
            IAssertionChainEvents::AssertionHalted(it) => {
                self.halted = Some((it.id, event.l1_block));
            }
            IAssertionChainEvents::AssertionLost(it) => {
                self.lost.entry(it.id).or_insert(event.l1_block);
            }
            // Whether an assertion is disputed is the game's to say.
            IAssertionChainEvents::AssertionRivaled(_)
            | IAssertionChainEvents::CreditAdded(_)
            | IAssertionChainEvents::CreditStaked(_)
            | IAssertionChainEvents::CreditWithdrawn(_) => {}
        }
    }

    /// Forgets what L1 blocks above `l1_block` said.
    pub fn rewind(&mut self, l1_block: u64) {
        let genesis = self.genesis.id;
        self.assertions.retain(|id, it| *id == genesis || it.l1_block <= l1_block);
        for assertion in self.assertions.values_mut().filter(|it| it.id != genesis) {
            assertion.confirmed_in = assertion.confirmed_in.filter(|at| *at <= l1_block);
        }
        self.halted = self.halted.filter(|(_, at)| *at <= l1_block);
        self.lost.retain(|_, at| *at <= l1_block);
    }

    /// Forgets the assertions below the newest confirmed one whose confirmation no reorg of L1,
    /// which is at `l1_block`, can take back any more.
    pub fn forget_settled(&mut self, l1_block: u64) {
        let settled_by = l1_block.saturating_sub(KEEP_L1_BLOCKS);
        let is_settled =
            |it: &&ProposedAssertion| it.confirmed_in.is_some_and(|at| at <= settled_by);
        let settled = self.assertions.values().filter(is_settled).map(|it| it.cursor).max();
        let is_ahead = |it: &ProposedAssertion| settled.is_none_or(|settled| it.cursor >= settled);
        let is_lost = |id: &B256| self.lost.get(id).is_some_and(|at| *at <= settled_by);
        // A halt has no place in the Inbox of its own.
        self.assertions.retain(|id, it| is_ahead(it) || it.is_halt() && !is_lost(id));
        let assertions = &self.assertions;
        self.lost.retain(|id, at| *at > settled_by || assertions.contains_key(id));
    }

    /// The assertion of block 0.
    #[must_use]
    pub const fn genesis(&self) -> &ProposedAssertion {
        &self.genesis
    }

    /// The assertion with this id.
    #[must_use]
    pub fn get(&self, id: B256) -> Option<&ProposedAssertion> {
        self.assertions.get(&id)
    }

    /// The newest confirmed assertion; there is always one, the genesis at the least.
    #[must_use]
    pub fn latest_confirmed(&self) -> ProposedAssertion {
        let confirmed = self.assertions.values().filter(|it| it.confirmed_in.is_some());
        confirmed.max_by_key(|it| it.cursor).copied().unwrap_or(self.genesis)
    }

    /// The newest pending assertion.
    #[must_use]
    pub fn latest_pending(&self) -> Option<ProposedAssertion> {
        let pending = self.assertions.values().filter(|it| {
            let is_decided = it.confirmed_in.is_some() || self.halted_by() == Some(it.id);
            !is_decided && !self.lost.contains_key(&it.id)
        });
        pending.max_by_key(|it| it.cursor).copied()
    }

    /// The assertion that has ended the chain: the program fails on one of its blocks.
    #[must_use]
    pub fn halted_by(&self) -> Option<B256> {
        self.halted.map(|(id, _)| id)
    }

    /// Assertions which say that the program fails on a block and have not lost, in the order of
    /// ids.
    pub fn halts(&self) -> impl Iterator<Item = &ProposedAssertion> {
        let is_lost = |it: &&ProposedAssertion| self.lost.contains_key(&it.id);
        self.assertions.values().filter(move |it| it.is_halt() && !is_lost(it))
    }

    /// The assertions that extend `parent`.
    #[must_use]
    pub fn children(&self, parent: B256) -> Vec<ProposedAssertion> {
        let genesis = self.genesis.id;
        let children = self.assertions.values();
        children.filter(|it| it.parent == parent && it.id != genesis).copied().collect()
    }

    /// Whether an assertion, or a pending one that it stands on, has a rival that has not lost: until
    /// a dispute is decided nobody knows when it is confirmed.
    #[must_use]
    pub fn is_disputed(&self, id: B256) -> bool {
        let mut next = self.assertions.get(&id).filter(|it| it.confirmed_in.is_none());
        while let Some(assertion) = next {
            let siblings = self.children(assertion.parent);
            let is_rival =
                |it: &ProposedAssertion| it.id != assertion.id && !self.lost.contains_key(&it.id);
            if siblings.iter().any(is_rival) {
                return true;
            }
            next = self.assertions.get(&assertion.parent).filter(|it| it.confirmed_in.is_none());
        }
        false
    }

    /// All but the genesis, in the order of L1: parents before children.
    #[must_use]
    pub fn in_order(&self) -> Vec<ProposedAssertion> {
        let genesis = self.genesis.id;
        let all = self.assertions.values().filter(|it| it.id != genesis);
        let mut all: Vec<ProposedAssertion> = all.copied().collect();
        all.sort_by_key(|it| (it.l1_block, it.log_index));
        all
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Log;
    use gainsay_l1::bindings::IAssertionChain;

    use super::*;

    fn id(n: u64) -> B256 {
        B256::with_last_byte(u8::try_from(n).unwrap())
    }

    fn event(l1_block: u64, event: IAssertionChainEvents) -> ContractEvent {
        let event = ContractEventKind::Assertion(event);
        ContractEvent { l1_block, l1_time: 0, log_index: 0, event, log: Log::default() }
    }

    /// Assertion n reads n batches and extends n - 1.
    fn proposed(l1_block: u64, n: u64) -> ContractEvent {
        let it = AssertionProposed {
            id: id(n),
            parent: id(n - 1),
            proposer: Default::default(),
            root: id(n),
            outputRoot: id(n),
            cursor: IAssertionChain::Cursor { batch: n, block: 0, depositsRead: 0 },
            batchLimit: n + 1,
            batchLimitAcc: B256::ZERO,
        };
        event(l1_block, IAssertionChainEvents::AssertionProposed(it))
    }

    fn confirmed(l1_block: u64, n: u64) -> ContractEvent {
        let it = IAssertionChain::AssertionConfirmed {
            id: id(n),
            outputRoot: id(n),
            cursor: IAssertionChain::Cursor { batch: n, block: 0, depositsRead: 0 },
        };
        event(l1_block, IAssertionChainEvents::AssertionConfirmed(it))
    }

    fn tree() -> AssertionTree {
        AssertionTree::new(ProposedAssertion {
            id: id(0),
            parent: B256::ZERO,
            proposer: Address::ZERO,
            root: B256::ZERO,
            output_root: B256::repeat_byte(9),
            cursor: Cursor::default(),
            batch_limit: BatchIndex(1),
            l1_block: 3,
            log_index: 0,
            confirmed_in: Some(3),
        })
    }

    #[test]
    fn a_reorg_brings_back_the_confirmed_parent_however_old() {
        let mut tree = tree();
        // The contract says so when it is deployed.
        tree.apply(&confirmed(4, 0));
        tree.apply(&proposed(5, 1));
        tree.apply(&proposed(50_000, 2));
        tree.apply(&proposed(50_000, 2));
        tree.apply(&confirmed(60_000, 1));
        tree.forget_settled(60_000);
        tree.apply(&confirmed(60_001, 2));
        tree.forget_settled(60_001);
        assert_eq!(tree.latest_confirmed().id, id(2));
        assert_eq!(tree.latest_pending(), None);
        tree.rewind(60_000);
        assert_eq!(tree.latest_confirmed().id, id(1));
        assert_eq!(tree.latest_pending().unwrap().id, id(2));
        tree.rewind(59_999);
        assert_eq!(tree.latest_confirmed().id, id(0));
        tree.rewind(49_999);
        assert_eq!(tree.children(id(1)), []);
        assert_eq!(tree.children(id(0)).len(), 1);
        // Even a reorg from before the contracts leaves the genesis.
        tree.rewind(0);
        assert_eq!((tree.latest_confirmed().id, tree.latest_pending()), (id(0), None));
        assert_eq!(tree.in_order(), []);
    }

    #[test]
    fn a_halt_is_kept_told_and_taken_back_by_a_reorg() {
        let mut tree = tree();
        tree.apply(&proposed(5, 1));
        tree.apply(&confirmed(10, 1));
        let mut halt = proposed(20, 2);
        if let ContractEventKind::Assertion(IAssertionChainEvents::AssertionProposed(it)) =
            &mut halt.event
        {
            it.outputRoot = B256::ZERO;
            it.cursor = IAssertionChain::Cursor { batch: 0, block: 0, depositsRead: 0 };
        }
        tree.apply(&halt);
        tree.forget_settled(100_000);
        let ids = |tree: &AssertionTree| tree.halts().map(|it| it.id).collect::<Vec<_>>();
        assert_eq!((ids(&tree), tree.halted_by()), (vec![id(2)], None));
        let halted = IAssertionChain::AssertionHalted { id: id(2), parent: id(1) };
        tree.apply(&event(30, IAssertionChainEvents::AssertionHalted(halted)));
        assert_eq!((tree.halted_by(), tree.latest_confirmed().id), (Some(id(2)), id(1)));
        tree.rewind(29);
        assert_eq!((ids(&tree), tree.halted_by()), (vec![id(2)], None));
        tree.rewind(19);
        assert!(ids(&tree).is_empty());
        // The genesis is at the same place and has an output root.
        assert!(!tree.genesis().is_halt());
        tree.apply(&halt);
        // One that lost is no halt any more, and not pending.
        let lost = IAssertionChain::AssertionLost {
            id: id(2),
            winner: id(1),
            reward: Default::default(),
            burnt: Default::default(),
        };
        tree.apply(&event(40, IAssertionChainEvents::AssertionLost(lost)));
        assert_eq!((ids(&tree), tree.latest_pending()), (vec![], None));
        tree.rewind(39);
        assert_eq!(ids(&tree), [id(2)]);
    }

    #[test]
    fn what_stands_on_a_disputed_assertion_is_disputed() {
        let mut tree = tree();
        tree.apply(&proposed(5, 1));
        tree.apply(&proposed(6, 2));
        assert!(!tree.is_disputed(id(1)) && !tree.is_disputed(id(2)));
        let mut rival = proposed(7, 1);
        if let ContractEventKind::Assertion(IAssertionChainEvents::AssertionProposed(it)) =
            &mut rival.event
        {
            it.id = id(9);
        }
        tree.apply(&rival);
        assert!(tree.is_disputed(id(1)) && tree.is_disputed(id(2)) && tree.is_disputed(id(9)));
        let lost = IAssertionChain::AssertionLost {
            id: id(9),
            winner: id(1),
            reward: Default::default(),
            burnt: Default::default(),
        };
        tree.apply(&event(8, IAssertionChainEvents::AssertionLost(lost)));
        assert!(!tree.is_disputed(id(2)));
        tree.rewind(7);
        assert!(tree.is_disputed(id(2)));
        tree.apply(&confirmed(8, 1));
        assert!(!tree.is_disputed(id(1)) && !tree.is_disputed(id(2)));
    }

    #[test]
    fn what_no_reorg_can_bring_back_is_forgotten_where_it_is_asked_for() {
        let (mut tree, mut whole) = (tree(), tree());
        for n in 1..=50 {
            for event in [proposed(n * 1_000, n), confirmed(n * 1_000 + 400, n)] {
                tree.apply(&event);
                whole.apply(&event);
            }
            tree.forget_settled(n * 1_000 + 400);
        }
        let ids = |tree: &AssertionTree| -> Vec<B256> {
            tree.in_order().iter().map(|it| it.id).collect()
        };
        assert_eq!(ids(&tree), [id(49), id(50)]);
        assert_eq!(ids(&whole), (1..=50).map(id).collect::<Vec<_>>());
        assert_eq!(whole.get(id(7)).unwrap().confirmed_in, Some(7_400));
        assert_eq!(tree.latest_confirmed(), whole.latest_confirmed());
    }
}
