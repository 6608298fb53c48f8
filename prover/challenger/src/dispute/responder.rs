//! Sends moves to L1: one move, one transaction.
//!
//! In: a [`Move`], and the [`Evidence`] that it carries. Out: a [`Response`]. A move whose effect
//! stands on L1 already is not sent, whoever made it. A move that L1 refuses, because the dispute
//! has changed, is reported as refused, and the next look at L1 decides again. The responder
//! decides nothing.
//!
//! Two players may send the same move at the same time. Contracts credit a stake that was not
//! needed, and a second equal move changes nothing: it costs only gas.

use alloy::rpc::types::TransactionReceipt;
use alloy_primitives::{Address, B256, Bytes, U256};
use gainsay_l1::{
    AssertionChain, EdgeGame, L1Error, Proposal, TxSender,
    bindings::{IAssertionChain::Status, IEdgeGame},
};
use tracing::debug;

use crate::{
    ChallengerError,
    dispute::{
        BelievedChild, Evidence, SpansEvidence, TracePoint,
        game::{EdgeId, INFINITE, Level, mutual_id},
        strategy::{Line, Move, OpenMove, Position, Settlement, TimerUpdate},
    },
};

/// What became of a move.
#[derive(Clone, Debug)]
pub enum Response {
    /// L1 holds the move.
    Sent {
        /// The transaction.
        hash: B256,
        /// The L1 block that holds it.
        l1_block: u64,
        /// Gas that it used.
        gas_used: u64,
        /// Wei that its gas cost.
        fee: U256,
    },
    /// L1 held the move before: from another player, or from us before a crash.
    Stands,
    /// The evidence that the move must carry is not computed yet.
    NotYet,
    /// L1 refuses the move: the dispute has changed since the decision.
    Refused {
        /// The contract's reason.
        reason: String,
    },
}

/// The evidence of a player that has computed nothing.
struct NoEvidence;

impl Evidence for NoEvidence {
    fn final_state(&mut self, _: &TracePoint) -> Result<Option<SpansEvidence>, ChallengerError> {
        Ok(None)
    }

    fn witness(&mut self, _: &TracePoint) -> Result<Option<Bytes>, ChallengerError> {
        Ok(None)
    }
}

/// Sends the moves of one player.
#[derive(Clone, Debug)]
pub struct Responder {
    sender: TxSender,
    chain: AssertionChain,
    game: EdgeGame,
}

impl Responder {
    /// A responder on the contracts of the AssertionChain at `address`.
    ///
    /// # Errors
    /// When L1 does not answer.
    pub async fn connect(sender: TxSender, address: Address) -> Result<Self, ChallengerError> {
        let chain = AssertionChain::new(sender.client(), address);
        let game = EdgeGame::new(sender.client(), chain.game().await?);
        Ok(Self { sender, chain, game })
    }

    /// The account that sends and stakes.
    #[must_use]
    pub const fn account(&self) -> Address {
        self.sender.address()
    }

    /// The sender of its transactions.
    #[must_use]
    pub const fn sender(&self) -> &TxSender {
        &self.sender
    }

    /// The contract of assertions.
    #[must_use]
    pub const fn chain(&self) -> &AssertionChain {
        &self.chain
    }

    /// The contract of disputes.
    #[must_use]
    pub const fn game(&self) -> &EdgeGame {
        &self.game
    }

    /// Makes a move, unless its effect stands on L1 already.
    ///
    /// # Errors
    /// Those of the evidence; those of [`TxSender::send`] but for what a contract refuses. After
    /// [`gainsay_l1::Action::Retry`] the same move may be made again.
    pub async fn respond(
        &self,
        next: &Move,
        evidence: &mut impl Evidence,
    ) -> Result<Response, ChallengerError> {
        if self.stands(next).await? {
            debug!(name = next.name(), "move stands on L1 already");
            return Ok(Response::Stands);
        }
        match self.send(next, evidence).await? {
            Some(sent) => self.conclude(next, sent).await,
            None => Ok(Response::NotYet),
        }
    }

    /// Makes a move that carries no evidence, unless it stands already.
    ///
    /// # Errors
    /// As [`Self::respond`].
    pub async fn respond_bare(&self, next: &Move) -> Result<Response, ChallengerError> {
        self.respond(next, &mut NoEvidence).await
    }

    /// Splits many edges in one transaction.
    ///
    /// # Errors
    /// As [`Self::respond`].
    pub async fn bisect(&self, edges: &[(EdgeId, [B256; 2])]) -> Result<Response, ChallengerError> {
        let bisections = edges.iter().map(|(edge, halves)| bisection(edge, halves)).collect();
        let sent = self.game.bisect(&self.sender, bisections).await;
        match edges.first() {
            Some((edge, [left, right])) => {
                let next = Move::Bisect { edge: *edge, left: *left, right: *right };
                self.conclude(&next, sent).await
            }
            None => Ok(Response::Stands),
        }
    }

    /// Sends a move; nothing if its evidence is not there yet.
    async fn send(
        &self,
        next: &Move,
        evidence: &mut impl Evidence,
    ) -> Result<Option<Result<TransactionReceipt, L1Error>>, ChallengerError> {
        let (chain, game, sender) = (&self.chain, &self.game, &self.sender);
        Ok(Some(match next {
            Move::Propose { parent, child, value, .. } => {
                chain.propose(sender, proposal(*parent, child, *value)).await
            }
            Move::Bisect { edge, left, right } => {
                game.bisect(sender, vec![bisection(edge, &[*left, *right])]).await
            }
            Move::OpenSpans(open) => {
                let Some(found) = evidence.final_state(&open.point)? else { return Ok(None) };
                let opening = IEdgeGame::openSpansCall {
                    position: position(&open.position),
                    program: found.program,
                    agreed: found.agreed,
                    claim: found.claim,
                    root: open.root,
                    finalState: found.final_state,
                    lastLeafProof: open.last_leaf_proof.clone(),
                };
                game.open_spans(sender, opening, open.stake).await
            }
            Move::OpenSteps(open) => game.open_steps(sender, steps_opening(open), open.stake).await,
            Move::ProveStep { position: at, point, agreed, .. } => {
                let Some(witness) = evidence.witness(point)? else { return Ok(None) };
                game.prove_step(sender, position(at), *agreed, witness).await
            }
            Move::ProveZero { position: at, .. } => game.prove_zero(sender, position(at)).await,
            Move::Conclude(it) => {
                let updates = it.updates.iter().map(timer_update).collect();
                let settlements = it.settlements.iter().map(settlement).collect();
                game.conclude(sender, updates, settlements, it.lines.iter().map(line).collect())
                    .await
            }
            Move::Confirm(id) => chain.confirm(sender, *id).await,
            Move::Collect { winner, losers } => {
                chain.collect(sender, *winner, losers.clone()).await
            }
            Move::Withdraw { .. } => chain.withdraw_credit(sender).await,
        }))
    }

    /// What became of a move that was sent.
    async fn conclude(
        &self,
        next: &Move,
        sent: Result<TransactionReceipt, L1Error>,
    ) -> Result<Response, ChallengerError> {
        let name = next.name();
        match sent {
            Ok(receipt) => {
                let (hash, gas_used) = (receipt.transaction_hash, receipt.gas_used);
                let l1_block = receipt.block_number.unwrap_or_default();
                let price = U256::from(receipt.effective_gas_price);
                let fee = price.saturating_mul(U256::from(gas_used));
                debug!(name, %hash, l1_block, gas_used, "moved");
                Ok(Response::Sent { hash, l1_block, gas_used, fee })
            }
            // Another player's move came first, or the node did not know the newest block yet.
            Err(error) if matches!(error, L1Error::Reverted { .. }) => {
                if self.stands(next).await? {
                    return Ok(Response::Stands);
                }
                let reason = error.to_string();
                debug!(name, reason, "move refused");
                Ok(Response::Refused { reason })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether L1 shows the effect of a move already. Timers are not compared: an update that
    /// raises none changes nothing.
    async fn stands(&self, next: &Move) -> Result<bool, ChallengerError> {
        Ok(match next {
            Move::Propose { parent, child, value, .. } => {
                self.is_proposed(proposal(*parent, child, *value)).await?
            }
            Move::Bisect { edge, .. } => self.edge(edge).await?.bisected,
            Move::OpenSpans(open) => self.exists(&opened_by(open, Level::Spans)).await?,
            Move::OpenSteps(open) => self.exists(&opened_by(open, Level::Steps)).await?,
            Move::ProveStep { edge, .. } | Move::ProveZero { edge, .. } => {
                self.edge(edge).await?.timer == INFINITE
            }
            // Timers and what is paid are not asked for: to conclude what stands changes nothing.
            Move::Conclude(it) => {
                it.updates.is_empty()
                    && it.lines.is_empty()
                    && self.are_settled(&it.settlements).await?
            }
            Move::Confirm(id) => {
                let found = self.chain.assertion(*id).await?;
                found.confirmed || found.halted
            }
            Move::Collect { losers, .. } => self.are_collected(losers).await?,
            Move::Withdraw { .. } => self.chain.credit(self.account()).await?.is_zero(),
        })
    }

    async fn edge(&self, id: &EdgeId) -> Result<IEdgeGame::Edge, L1Error> {
        let call = self.game.contract().edge(id.mutual_id, id.root);
        call.call().await.map_err(view("edge"))
    }

    async fn exists(&self, id: &EdgeId) -> Result<bool, L1Error> {
        Ok(self.edge(id).await?.createdAt != 0)
    }

    async fn are_settled(&self, settlements: &[Settlement]) -> Result<bool, L1Error> {
        for Settlement { winner, losers } in settlements {
            for root in std::iter::once(&winner.root).chain(losers) {
                let call = self.game.contract().opening(winner.mutual_id, *root);
                if call.call().await.map_err(view("opening"))?.isOpen {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    async fn are_collected(&self, losers: &[B256]) -> Result<bool, L1Error> {
        for id in losers {
            let call = self.chain.contract().assertion(*id);
            if call.call().await.map_err(view("assertion"))?.status != Status::Lost {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Asks L1 which id the proposal would get, and whether an assertion has that id.
    async fn is_proposed(&self, it: Proposal) -> Result<bool, L1Error> {
        let call = self.chain.contract().propose(
            it.parent,
            it.output_root,
            it.cursor.into(),
            it.root,
            it.last_leaf_proof,
            it.expected_batch_acc,
        );
        // The dry run reports a proposal that L1 refuses, with the reason.
        let Ok(id) = call.value(it.stake).from(self.account()).call().await else {
            return Ok(false);
        };
        match self.chain.assertion(id).await {
            Ok(_) => Ok(true),
            Err(L1Error::Missing { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn view(what: &'static str) -> impl FnOnce(alloy::contract::Error) -> L1Error {
    move |error| match error {
        alloy::contract::Error::TransportError(source) => L1Error::Transport { what, source },
        other => L1Error::Invalid { what, reason: other.to_string() },
    }
}

/// The edge that a stake makes.
fn opened_by(open: &OpenMove, level: Level) -> EdgeId {
    let mutual_id = match level {
        Level::Spans => mutual_id::of_spans(open.edge.mutual_id),
        _ => mutual_id::of_steps(open.edge.mutual_id),
    };
    EdgeId::new(mutual_id, open.root)
}

fn proposal(parent: B256, child: &BelievedChild, stake: U256) -> Proposal {
    Proposal {
        parent,
        output_root: child.output_root,
        cursor: child.cursor,
        root: child.claims.root(),
        last_leaf_proof: child.claims.last_leaf_proof(),
        expected_batch_acc: child.batch_limit_acc,
        stake,
    }
}

fn position(it: &Position) -> IEdgeGame::Position {
    let Position { start, index, lefts, agreed_proof } = it.clone();
    IEdgeGame::Position { start, index, lefts, agreedProof: agreed_proof }
}

const fn bisection(edge: &EdgeId, [left, right]: &[B256; 2]) -> IEdgeGame::Bisection {
    IEdgeGame::Bisection { mutualId: edge.mutual_id, left: *left, right: *right }
}

fn steps_opening(open: &OpenMove) -> IEdgeGame::openStepsCall {
    IEdgeGame::openStepsCall {
        position: position(&open.position),
        agreed: open.agreed,
        state: open.edge.root,
        root: open.root,
        lastLeafProof: open.last_leaf_proof.clone(),
    }
}

const fn timer_update(it: &TimerUpdate) -> IEdgeGame::TimerUpdate {
    let EdgeId { mutual_id, root } = it.edge;
    IEdgeGame::TimerUpdate { mutualId: mutual_id, root, left: it.left, right: it.right }
}

fn line(it: &Line) -> IEdgeGame::Line {
    let Line { place, index, end, siblings, opened } = it.clone();
    IEdgeGame::Line { mutualId: place, index, node: end, siblings, opened }
}

fn settlement(it: &Settlement) -> IEdgeGame::Settlement {
    let (winner, losers) = (it.winner.root, it.losers.clone());
    IEdgeGame::Settlement { mutualId: it.winner.mutual_id, winner, losers }
}
