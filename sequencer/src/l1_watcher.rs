//! Follows L1 for a node: looks often, informs the writer, shows the status.
//!
//! In: the follower, whose steps the writer takes in. Out: the writer's messages, the status, proofs
//! of withdrawals that outlive the history window, and a checkpoint of the store for each assertion that this node agrees with. It derives nothing and
//! sends nothing to L1.

use std::{collections::BTreeSet, time::Duration};

use alloy_primitives::B256;
use gainsay_chain::{
    AssertionTree, ChainError, Follower, Progress, ProposedAssertion, keep_proofs, l1_index,
};
use gainsay_l1::{Action, AssertionChain, L1BlockRef, L1Client, Outage};
use gainsay_store::L1LogRecord;

use crate::{
    error::NodeError,
    node_writer::{WriterMailbox, WriterMessage},
    status::{AgreedAssertion, AssertionSummary, BlockStatus, StatusHandle},
};

/// Checkpoints of the store that are kept.
const CHECKPOINTS_KEPT: usize = 4;
/// Pause after a look that failed.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// The watcher.
#[derive(Debug)]
pub struct L1Watcher {
    client: L1Client,
    follower: Follower<WriterMailbox>,
    writer: WriterMailbox,
    /// Answers at what time an assertion was made.
    contract: AssertionChain,
    status: StatusHandle,
    poll_interval: Duration,
    /// Whether L1's head was reached since the start.
    caught_up: bool,
    /// The assertion at which the last checkpoint was made.
    checkpointed: Option<B256>,
    /// The halts that the log names already.
    halts: HaltAlarm,
}

impl L1Watcher {
    /// A watcher that looks every `poll_interval`, and shows what it sees in `status`.
    #[must_use]
    pub fn new(
        client: L1Client,
        follower: Follower<WriterMailbox>,
        writer: WriterMailbox,
        status: StatusHandle,
        poll_interval: Duration,
    ) -> Self {
        let contract = AssertionChain::new(&client, follower.chain().rollup.assertion_chain);
        Self {
            client,
            follower,
            writer,
            contract,
            status,
            poll_interval,
            caught_up: false,
            checkpointed: None,
            halts: HaltAlarm::default(),
        }
    }

    /// Runs until an error that no retry can mend.
    ///
    /// # Errors
    /// Those whose action is fatal.
    pub async fn run(mut self) -> Result<(), NodeError> {
        let mut outage = Outage::new("L1 watcher");
        loop {
            let looked = self.look().await;
            match looked {
                Ok(progress) => {
                    outage.ended();
                    if progress == Progress::CaughtUp {
                        tokio::time::sleep(self.poll_interval).await;
                    }
                }
                // Also when L1 itself seems to refuse: the node may have made up the answer.
                Err(error) if error.action() != Action::Fatal => {
                    outage.failed(&error);
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// One look at L1.
    async fn look(&mut self) -> Result<Progress, NodeError> {
        let head = self.client.latest().await?;
        self.status.update(|status| status.l1_seen = head.number);
        let progress = self.follower.step(&head).await?;
        match progress {
            Progress::Advanced => {
                let l1_block = self.follower.l1_block().number;
                self.follower.assertions().write().forget_settled(l1_block);
                let news = self.halts.news(&self.follower.assertions().read());
                for line in news {
                    tracing::error!("ALARM halt: {line}");
                }
                self.checkpoint_at_assertion().await?;
                self.refresh_status().await?;
            }
            Progress::CaughtUp if !self.caught_up => {
                self.caught_up = true;
                let l1_block = self.follower.l1_block();
                tokio::task::block_in_place(|| {
                    self.writer.tell(WriterMessage::CaughtUp { l1_block })
                })?;
                self.refresh_status().await?;
                self.status.update(|status| status.is_caught_up = true);
            }
            Progress::CaughtUp => {}
        }
        Ok(progress)
    }

    /// Keeps a checkpoint of the store when an assertion that this node agrees with is new: what a
    /// dispute about its children starts from.
    async fn checkpoint_at_assertion(&mut self) -> Result<(), NodeError> {
        let pending = self.follower.assertions().read().latest_pending();
        let Some(pending) = pending.filter(|it| self.checkpointed != Some(it.id)) else {
            return Ok(());
        };
        if self.agreed_block(&pending)?.is_none() {
            return Ok(());
        }
        self.checkpointed = Some(pending.id);
        let store = &self.follower.chain().store;
        let path = tokio::task::block_in_place(|| {
            let path = store.checkpoint()?;
            store.prune_checkpoints(CHECKPOINTS_KEPT)?;
            Ok::<_, NodeError>(path)
        })?;
        tracing::debug!(assertion = %pending.id, path = %path.display(), "checkpoint");
        Ok(())
    }

    async fn refresh_status(&mut self) -> Result<(), NodeError> {
        let tip = self.follower.tip().clone();
        let finalized = self.follower.follow_finality().await?;
        let (confirmed, pending, halted_by) = {
            let assertions = self.follower.assertions().read();
            let halted_by = assertions.halted_by();
            (assertions.latest_confirmed(), assertions.latest_pending(), halted_by)
        };
        self.note_assertions()?;
        let proposed = match pending {
            Some(pending) => {
                let created = self.contract.assertion(pending.id).await?.created_at;
                let period = self.follower.chain().rollup.assertions.challenge_period_secs;
                let due = created.saturating_add(period);
                let seconds_left = due.saturating_sub(tip.block.timestamp);
                Some(self.summarize(&pending, Some(seconds_left))?)
            }
            None => None,
        };
        let confirmed = self.summarize(&confirmed, None)?;
        self.status.update(|status| {
            status.l1_head = block_status(&tip.block);
            if let Some(block) = finalized {
                status.l1_finalized = block_status(&block);
            }
            status.batches_posted = tip.batch_count;
            status.batches_derived = tip.batch_count;
            status.deposits_enqueued = tip.deposit_count;
            status.deposits_read = tip.deposits_read;
            status.proposed = proposed;
            status.confirmed = Some(confirmed);
            status.halted_by = halted_by;
        });
        Ok(())
    }

    /// Notes the assertions that this node agrees with, and keeps proofs of withdrawals by the blocks
    /// that they end at.
    fn note_assertions(&self) -> Result<(), ChainError> {
        let chain = self.follower.chain();
        let assertions = self.follower.assertions().read().clone();
        tokio::task::block_in_place(|| keep_proofs(chain, &assertions))?;
        let confirmed = assertions.latest_confirmed();
        let mut agreed = Vec::new();
        let pending = assertions.in_order().into_iter().filter(|it| it.confirmed_in.is_none());
        for assertion in pending.chain([confirmed]) {
            let Some(last_block) = self.agreed_block(&assertion)? else { continue };
            agreed.push(AgreedAssertion {
                id: assertion.id,
                last_block,
                created_at: self.created_at(&assertion)?,
                is_confirmed: assertion.confirmed_in.is_some(),
                is_disputed: assertions.is_disputed(assertion.id),
            });
        }
        self.status.set_assertions(agreed);
        Ok(())
    }

    /// L1 time of an assertion's proposal; that of the start for the genesis, which nobody proposed.
    fn created_at(&self, assertion: &ProposedAssertion) -> Result<u64, ChainError> {
        let mut logs = self.follower.chain().store.l1_logs(assertion.l1_block);
        let log = logs.find(|log| {
            let is_it = |log: &L1LogRecord| {
                (log.l1_block, log.log_index) >= (assertion.l1_block, assertion.log_index)
            };
            log.as_ref().map_or(true, is_it)
        });
        Ok(log.transpose()?.map_or(0, |log| log.l1_time))
    }

    fn summarize(
        &self,
        assertion: &ProposedAssertion,
        seconds_left: Option<u64>,
    ) -> Result<AssertionSummary, ChainError> {
        Ok(AssertionSummary {
            id: assertion.id,
            output_root: assertion.output_root,
            cursor: assertion.cursor,
            block_number: self.agreed_block(assertion)?,
            seconds_left,
        })
    }

    /// The last block of an assertion, if this node derived what it says of that block.
    fn agreed_block(&self, assertion: &ProposedAssertion) -> Result<Option<u64>, ChainError> {
        let store = &self.follower.chain().store;
        let Some(number) = l1_index::block_at_cursor(store, &assertion.cursor)? else {
            return Ok(None);
        };
        let record = store.cursor(number)?;
        Ok(record.filter(|it| it.output_root == assertion.output_root).map(|_| number.get()))
    }
}

/// The assertions, named in the log already, which say that the program fails on a block.
#[derive(Debug, Default)]
struct HaltAlarm {
    claimed: BTreeSet<B256>,
    halted_by: Option<B256>,
}

impl HaltAlarm {
    /// Log lines about halts that are not in the log yet.
    fn news(&mut self, assertions: &AssertionTree) -> Vec<String> {
        let mut lines = Vec::new();
        let claimed: BTreeSet<B256> = assertions.halts().map(|it| it.id).collect();
        for id in claimed.difference(&self.claimed) {
            lines.push(format!(
                "assertion {id} on L1 says that the program fails on a block of this chain: it is \
                 a lie that a challenger beats, or the chain will halt"
            ));
        }
        self.claimed = claimed;
        let halted_by = assertions.halted_by();
        if let Some(id) = halted_by.filter(|_| halted_by != self.halted_by) {
            lines.push(format!(
                "assertion {id} has ended this chain: the program fails on one of its blocks, and \
                 nothing behind its parent will ever be final"
            ));
        }
        self.halted_by = halted_by;
        lines
    }
}

const fn block_status(block: &L1BlockRef) -> BlockStatus {
    BlockStatus { number: block.number, hash: block.hash, timestamp: block.timestamp }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{Address, Log};
    use gainsay_derivation::{BatchIndex, Cursor};
    use gainsay_l1::{
        ContractEvent, ContractEventKind,
        bindings::IAssertionChain::{
            self, AssertionHalted, AssertionProposed, IAssertionChainEvents,
        },
    };

    use super::*;

    fn event(l1_block: u64, event: IAssertionChainEvents) -> ContractEvent {
        let event = ContractEventKind::Assertion(event);
        ContractEvent { l1_block, l1_time: 0, log_index: 0, event, log: Log::default() }
    }

    #[test]
    fn a_halt_is_told_when_it_is_claimed_and_when_it_is_final_once_each() {
        let [genesis, id] = [1, 2].map(B256::repeat_byte);
        let mut tree = AssertionTree::new(ProposedAssertion {
            id: genesis,
            parent: B256::ZERO,
            proposer: Address::ZERO,
            root: B256::ZERO,
            output_root: B256::repeat_byte(3),
            cursor: Cursor::default(),
            batch_limit: BatchIndex(1),
            l1_block: 0,
            log_index: 0,
            confirmed_in: Some(0),
        });
        let mut alarm = HaltAlarm::default();
        assert!(alarm.news(&tree).is_empty());
        let proposed = AssertionProposed {
            id,
            parent: genesis,
            proposer: Address::ZERO,
            root: B256::repeat_byte(4),
            outputRoot: B256::ZERO,
            cursor: IAssertionChain::Cursor { batch: 0, block: 0, depositsRead: 0 },
            batchLimit: 1,
            batchLimitAcc: B256::ZERO,
        };
        tree.apply(&event(1, IAssertionChainEvents::AssertionProposed(proposed)));
        let news = alarm.news(&tree);
        assert!(news.len() == 1 && news[0].contains("a lie that a challenger beats"), "{news:?}");
        assert!(alarm.news(&tree).is_empty());
        let halted = AssertionHalted { id, parent: genesis };
        tree.apply(&event(2, IAssertionChainEvents::AssertionHalted(halted)));
        let news = alarm.news(&tree);
        assert!(news.len() == 1 && news[0].contains("has ended this chain"), "{news:?}");
        assert!(alarm.news(&tree).is_empty());
    }
}
