//! Sends the transactions of one key to L1 and stays with each until it is confirmed.
//!
//! In: [`L1Call`]s. Out: the receipt of a successful, confirmed transaction. One transaction is in
//! flight at a time: further calls wait their turn in order of arrival. A transaction that L1 does
//! not include is replaced with higher fees; one that a reorg or a node dropped is sent again; a
//! nonce taken by a foreign transaction is an error, and no other nonce is tried. A broadcast whose
//! answer was lost is followed like any other: it may be in the pool. Every wait is bounded.
//!
//! Each call is dry-run first, so that a call the contract refuses costs nothing. Blobs always go
//! with EIP-7594 cell proofs: L1 is at Osaka or later, where nodes take nothing else.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::{
    eips::{BlockId, eip7825::MAX_TX_GAS_LIMIT_OSAKA},
    providers::Provider,
    rpc::types::TransactionReceipt,
    signers::local::PrivateKeySigner,
};
use alloy_primitives::{Address, B256};
use tokio::sync::Mutex;
use tracing::{debug, info, warn};

use crate::{
    L1BlockRef, L1Client, L1Error, L1Fees,
    background::in_background,
    broadcast::{BroadcastOutcome, outcome_of},
    call_in_flight::{InFlight, LastCall, outbid},
    fees::{FeeLimits, TxFees},
    kzg::{KnownBlobs, proving_setup},
    outage::ask_twice,
    transaction::{L1Call, PreparedCall},
};
use futures::future::BoxFuture;

mod observation;
use observation::Observation;

/// Most broadcasts of one call: the first and its replacements.
const BROADCASTS_MAX: usize = 24;
/// Tries to find a nonce that the node takes.
const NONCE_TRIES_MAX: u32 = 3;

/// What to do at the first call with transactions of the key that are pending from before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PendingNonce {
    /// Leave them alone and queue behind them. For keys that others use too.
    #[default]
    Queue,
    /// Take their nonces by outbidding them. For keys that belong to this process alone, whose
    /// calls name the position they expect, so that it does not matter which one is included.
    Replace,
}

/// Settings of a [`TxSender`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxSenderConfig {
    /// L1 blocks that must hold or follow the transaction; 1 is satisfied by inclusion.
    pub confirmations: u64,
    /// Pause between two looks at L1.
    pub poll_interval: Duration,
    /// Fees are raised when so many L1 blocks passed without inclusion.
    pub bump_after_blocks: u64,
    /// Fees are raised when this time passed without inclusion.
    pub bump_after: Duration,
    /// A call not included within this time fails with [`L1Error::NotIncluded`].
    pub time_limit: Duration,
    /// A nonce that is used up while no receipt of ours shows for this long was taken by a foreign
    /// transaction. Covers nodes behind a load balancer that learn of a block one after another.
    pub replaced_after: Duration,
    /// A call of which L1 says nothing for so long is given up: the caller decides again.
    pub unseen_after: Duration,
    /// Percent added to estimated gas.
    pub gas_margin_percent: u64,
    /// Limits on fees.
    pub fee_limits: FeeLimits,
    /// Pending transactions from before.
    pub pending: PendingNonce,
}

impl Default for TxSenderConfig {
    fn default() -> Self {
        Self {
            confirmations: 1,
            poll_interval: Duration::from_millis(500),
            bump_after_blocks: 3,
            bump_after: Duration::from_secs(40),
            time_limit: Duration::from_secs(600),
            replaced_after: Duration::from_secs(6),
            unseen_after: Duration::from_secs(30),
            gas_margin_percent: 20,
            fee_limits: FeeLimits::default(),
            pending: PendingNonce::default(),
        }
    }
}

/// The sender of one key. Clones share the key's queue; make one per key and process.
#[derive(Clone, Debug)]
pub struct TxSender {
    client: L1Client,
    signer: PrivateKeySigner,
    chain_id: u64,
    config: Arc<TxSenderConfig>,
    last: Arc<Mutex<Option<LastCall>>>,
}

impl TxSender {
    /// A sender for `signer`. Asks L1 for its chain id.
    ///
    /// # Errors
    /// [`L1Error::Transport`] when L1 does not answer.
    pub async fn new(
        client: L1Client,
        signer: PrivateKeySigner,
        config: TxSenderConfig,
    ) -> Result<Self, L1Error> {
        let chain_id = ask_twice("chain id", async || client.chain_id().await).await?;
        Ok(Self { client, signer, chain_id, config: Arc::new(config), last: Arc::default() })
    }

    /// The account that signs.
    #[must_use]
    pub const fn address(&self) -> Address {
        self.signer.address()
    }

    /// The connection it sends through.
    #[must_use]
    pub const fn client(&self) -> &L1Client {
        &self.client
    }

    /// Sends a call and waits until it is confirmed. Returns the receipt of a success.
    ///
    /// # Errors
    /// [`L1Error::Reverted`] with the decoded reason when the dry run or the mined transaction
    /// reverts; [`L1Error::Replaced`], [`L1Error::InsufficientFunds`], [`L1Error::GasAboveCap`];
    /// [`L1Error::NotIncluded`] after the time limit; [`L1Error::NonceGap`] when a reorg dropped
    /// transactions before it; transport errors before the first broadcast, or when L1 says nothing
    /// of the call for long. After `NotIncluded` the next call takes the same nonce and outbids it.
    pub fn send(&self, call: L1Call) -> BoxFuture<'_, Result<TransactionReceipt, L1Error>> {
        Box::pin(async move {
            let call = prepare(call, self.client.known_blobs()).await?;
            let mut last = self.last.lock().await;
            let gas_limit = self.dry_run(&call).await?;
            let mut flight = self.launch(call, gas_limit, last.as_ref()).await?;
            let outcome = self.follow(&mut flight).await;
            let hash =
                outcome.as_ref().map_or(flight.last_hash(), |receipt| receipt.transaction_hash);
            *last = Some(LastCall { nonce: flight.nonce, hash, fees: flight.fees });
            let receipt = outcome?;
            if receipt.status() {
                return Ok(receipt);
            }
            Err(self.mined_revert(&flight, &receipt).await)
        })
    }

    /// Runs the call on the node, without a transaction.
    ///
    /// # Errors
    /// The same [`L1Error::Reverted`] as [`Self::send`].
    pub fn simulate(&self, call: L1Call) -> BoxFuture<'_, Result<(), L1Error>> {
        Box::pin(async move {
            let call = prepare(call, self.client.known_blobs()).await?;
            let request = call.simulation(self.address());
            match self.client.provider().call(request).await {
                Ok(_) => Ok(()),
                Err(error) => Err(L1Error::revert_or("eth_call", &call.target(), error)),
            }
        })
    }

    /// Gas limit of the call, found by running it on the node.
    async fn dry_run(&self, call: &PreparedCall) -> Result<u64, L1Error> {
        let request = call.simulation(self.address());
        let estimate = match self.client.provider().estimate_gas(request).await {
            Ok(gas) => gas,
            Err(error) => return Err(L1Error::revert_or("eth_estimateGas", &call.target(), error)),
        };
        if estimate > MAX_TX_GAS_LIMIT_OSAKA {
            return Err(L1Error::GasAboveCap { needed: estimate, max: MAX_TX_GAS_LIMIT_OSAKA });
        }
        let margin = estimate.saturating_mul(self.config.gas_margin_percent) / 100;
        let limit = call.gas_limit.unwrap_or_else(|| estimate.saturating_add(margin));
        Ok(limit.min(MAX_TX_GAS_LIMIT_OSAKA))
    }

    async fn fees(&self, call: &PreparedCall) -> Result<L1Fees, L1Error> {
        match call.carries_blobs() {
            true => self.client.fees_with_blobs().await,
            false => self.client.fees().await,
        }
    }

    /// Makes the first broadcast.
    async fn launch(
        &self,
        call: PreparedCall,
        gas_limit: u64,
        last: Option<&LastCall>,
    ) -> Result<InFlight, L1Error> {
        let asked = self.fees(&call).await?;
        let limits = &self.config.fee_limits;
        let fees = TxFees::first(&asked, limits, call.carries_blobs());
        let sent_at_block = self.client.latest().await?.number;
        let (hashes, raw, sent_at) = (Vec::new(), Vec::new(), Instant::now());
        let mut flight =
            InFlight { call, gas_limit, nonce: 0, hashes, fees, raw, sent_at, sent_at_block };
        for _ in 0..NONCE_TRIES_MAX {
            flight.nonce = self.next_nonce(last).await?;
            if let Some(last) = last.filter(|last| last.nonce == flight.nonce) {
                flight.fees = outbid(&flight.fees, &last.fees);
            }
            self.check_balance(&flight.call, gas_limit, &flight.fees).await?;
            flight.hashes.clear();
            if self.enter_pool(&mut flight, &asked).await? {
                return Ok(flight);
            }
        }
        let reason = "the node's nonce of the account is not the one it accepts".to_owned();
        Err(L1Error::Refused { nonce: self.transaction_count(BlockId::latest()).await?, reason })
    }

    /// Broadcasts until a pool takes the call, or may have taken it. Returns false if another
    /// transaction used the nonce.
    async fn enter_pool(&self, flight: &mut InFlight, asked: &L1Fees) -> Result<bool, L1Error> {
        let nonce = flight.nonce;
        for _ in 0..BROADCASTS_MAX {
            let (hash, raw) = flight.sign(&self.signer, self.chain_id)?;
            flight.hashes.push(hash);
            flight.raw = raw;
            match self.broadcast(nonce, hash, &flight.raw).await? {
                BroadcastOutcome::Accepted | BroadcastOutcome::Unanswered => {
                    info!(%hash, nonce, flight.gas_limit, fees = ?flight.fees, "sent L1 transaction");
                    return Ok(true);
                }
                // A broadcast whose answer was lost may be in a block already.
                BroadcastOutcome::NonceTooLow => return self.is_mined(flight).await,
                BroadcastOutcome::Underpriced => {
                    let bumped = flight.fees.bumped(asked, &self.config.fee_limits);
                    flight.fees = bumped.ok_or_else(|| L1Error::Refused {
                        nonce,
                        reason: "underpriced at the highest fees allowed".to_owned(),
                    })?;
                }
            }
        }
        let reason = format!("underpriced {BROADCASTS_MAX} times in a row");
        Err(L1Error::Refused { nonce, reason })
    }

    /// Whether a broadcast of this call is in a block. A node may know that a nonce is used up
    /// before it knows by which transaction.
    async fn is_mined(&self, flight: &InFlight) -> Result<bool, L1Error> {
        let started = Instant::now();
        loop {
            if self.find_receipt(flight).await?.is_some() {
                return Ok(true);
            }
            if started.elapsed() >= self.config.replaced_after {
                return Ok(false);
            }
            tokio::time::sleep(self.config.poll_interval).await;
        }
    }

    /// Looks at L1 until the call is confirmed, replaced or out of time.
    async fn follow(&self, flight: &mut InFlight) -> Result<TransactionReceipt, L1Error> {
        let started = Instant::now();
        let mut foreign_since: Option<Instant> = None;
        let mut gap_since: Option<Instant> = None;
        let mut unseen_since: Option<Instant> = None;
        loop {
            let observed = match self.client.latest().await {
                Ok(head) => self.observe(flight).await.map(|seen| (head, seen)),
                Err(error) => Err(error),
            };
            if observed.is_ok() {
                unseen_since = None;
            }
            let mut included = false;
            match observed {
                Ok((head, Observation::Included(receipt))) => {
                    included = true;
                    foreign_since = None;
                    gap_since = None;
                    if self.is_confirmed(&receipt, &head).await.unwrap_or(false) {
                        return Ok(*receipt);
                    }
                }
                Ok((_, Observation::NonceTaken)) => {
                    let since = *foreign_since.get_or_insert_with(Instant::now);
                    if since.elapsed() >= self.config.replaced_after {
                        return Err(L1Error::Replaced {
                            from: self.address(),
                            nonce: flight.nonce,
                            hash: flight.last_hash(),
                        });
                    }
                }
                Ok((_, Observation::Gap { next })) => {
                    let since = *gap_since.get_or_insert_with(Instant::now);
                    if since.elapsed() >= self.config.replaced_after {
                        return Err(L1Error::NonceGap { nonce: flight.nonce, next });
                    }
                }
                Ok((head, seen)) => {
                    foreign_since = None;
                    gap_since = None;
                    self.keep_alive(flight, &head, &seen).await;
                }
                Err(error) => {
                    let since = *unseen_since.get_or_insert_with(Instant::now);
                    if since.elapsed() >= self.config.unseen_after {
                        return Err(error);
                    }
                    warn!(%error, "cannot check an L1 transaction, trying again");
                }
            }
            if !included && started.elapsed() >= self.config.time_limit {
                return Err(L1Error::NotIncluded {
                    hash: flight.last_hash(),
                    nonce: flight.nonce,
                    waited_secs: started.elapsed().as_secs(),
                });
            }
            tokio::time::sleep(self.config.poll_interval).await;
        }
    }

    /// Replaces a transaction that waits too long and sends a dropped one again. Failures are left
    /// to the next look.
    async fn keep_alive(&self, flight: &mut InFlight, head: &L1BlockRef, seen: &Observation) {
        let blocks = head.number.saturating_sub(flight.sent_at_block);
        let overdue = blocks >= self.config.bump_after_blocks
            || flight.sent_at.elapsed() >= self.config.bump_after;
        let result = if overdue && flight.hashes.len() < BROADCASTS_MAX {
            self.replace(flight, head).await
        } else if matches!(seen, Observation::Dropped) {
            let hash = flight.last_hash();
            debug!(%hash, "L1 node dropped the transaction, sending it again");
            self.broadcast(flight.nonce, hash, &flight.raw).await.map(|_| ())
        } else {
            Ok(())
        };
        if let Err(error) = result {
            warn!(%error, nonce = flight.nonce, "L1 transaction not sent again");
        }
    }

    /// Broadcasts the call with higher fees.
    async fn replace(&self, flight: &mut InFlight, head: &L1BlockRef) -> Result<(), L1Error> {
        flight.sent_at = Instant::now();
        flight.sent_at_block = head.number;
        let asked = self.fees(&flight.call).await?;
        let Some(fees) = flight.fees.bumped(&asked, &self.config.fee_limits) else {
            warn!(nonce = flight.nonce, fees = ?flight.fees, "L1 transaction waits at the fee limit");
            return Ok(());
        };
        let before = std::mem::replace(&mut flight.fees, fees);
        let (hash, raw) = flight.sign(&self.signer, self.chain_id)?;
        // A pool that finds it underpriced still makes the next replacement start from here.
        let outcome = self.broadcast(flight.nonce, hash, &raw).await;
        let outcome = outcome.inspect_err(|_| flight.fees = before)?;
        if matches!(outcome, BroadcastOutcome::Accepted | BroadcastOutcome::Unanswered) {
            info!(%hash, nonce = flight.nonce, ?fees, "replaced L1 transaction with higher fees");
            flight.hashes.push(hash);
            flight.raw = raw;
        }
        Ok(())
    }

    async fn broadcast(
        &self,
        nonce: u64,
        hash: B256,
        raw: &[u8],
    ) -> Result<BroadcastOutcome, L1Error> {
        let Err(error) = self.client.provider().send_raw_transaction(raw).await else {
            return Ok(BroadcastOutcome::Accepted);
        };
        debug!(%hash, nonce, %error, "L1 node answered the broadcast");
        let outcome = outcome_of(nonce, error)?;
        if outcome == BroadcastOutcome::Unanswered {
            warn!(%hash, nonce, "no answer to the broadcast of an L1 transaction: looking for it");
        }
        Ok(outcome)
    }
}

async fn prepare(call: L1Call, known: &Arc<KnownBlobs>) -> Result<PreparedCall, L1Error> {
    if call.blobs.is_empty() {
        return PreparedCall::new(call, known);
    }
    // The table is built once, at full priority: at the low priority of the proofs it would take
    // minutes on a busy machine.
    tokio::task::spawn_blocking(proving_setup).await.expect("the setup is built in");
    let known = Arc::clone(known);
    in_background("blob_proofs", move || PreparedCall::new(call, &known)).await
}
