//! Random walks: against a model that counts everything from scratch, against the EVM, and against
//! the bounds. `GAINSAY_SEED` replays a walk, `GAINSAY_ROUNDS` makes it longer.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, U256};
use gainsay_transition::{BlockState, L1FeeParams, RecoveredTx, StateReader, trie::Account};
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::{
    Pool, PoolError, PoolLimits,
    pooled_tx::PooledTx,
    test_chain::{FUNDS, GWEI, TestChain, TxPlan, wallet},
};

const WALLETS: u64 = 6;

fn seeded() -> (StdRng, u64) {
    let read = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let seed = read("GAINSAY_SEED").unwrap_or_else(|| rand::rng().random());
    println!("replay with GAINSAY_SEED={seed}");
    (StdRng::seed_from_u64(seed), read("GAINSAY_ROUNDS").unwrap_or_default().max(1_500))
}

fn next_base_fee(pool: &Pool) -> u64 {
    pool.content.read().head.next_base_fee
}

/// One sender's transactions in the model, by nonce.
type ModelQueue = BTreeMap<u64, (RecoveredTx, u64)>;

/// The pool without any bookkeeping: every figure is computed when it is asked for.
struct Model<'a> {
    chain: &'a TestChain,
    limits: PoolLimits,
    queues: BTreeMap<Address, ModelQueue>,
    arrivals: u64,
}

impl Model<'_> {
    fn account(&self, sender: Address) -> Account {
        self.chain.store.state().account(sender).unwrap().unwrap_or_default()
    }

    fn cost(&self, tx: &RecoveredTx) -> U256 {
        let state = self.chain.store.state();
        let mut state = BlockState::new(state, 1, Box::new(|| B256::ZERO));
        let l1_fee = L1FeeParams::read(&mut state).unwrap().l1_fee(&tx.raw);
        PooledTx::new(tx.clone()).l2_cost + l1_fee
    }

    /// Executable transactions of a sender, and what they cost.
    fn executable(&self, sender: Address) -> (Vec<&(RecoveredTx, u64)>, U256) {
        let account = self.account(sender);
        let (mut run, mut sum) = (Vec::new(), U256::ZERO);
        let Some(queue) = self.queues.get(&sender) else { return (run, sum) };
        for nonce in account.nonce.. {
            let Some(entry) = queue.get(&nonce) else { break };
            let cost = self.cost(&entry.0);
            if sum + cost > account.balance {
                break;
            }
            sum += cost;
            run.push(entry);
        }
        (run, sum)
    }

    fn add(&mut self, tx: &RecoveredTx) -> Result<(), &'static str> {
        let pooled = PooledTx::new(tx.clone());
        let (sender, nonce) = (tx.sender, pooled.nonce());
        let account = self.account(sender);
        let empty = ModelQueue::new();
        let queue = self.queues.get(&sender).unwrap_or(&empty);
        if queue.get(&nonce).is_some_and(|(old, _)| old.hash == tx.hash) {
            return Err("known");
        }
        if nonce < account.nonce {
            return Err("nonce");
        }
        if let Some((old, _)) = queue.get(&nonce) {
            let old = PooledTx::new(old.clone());
            let raised = |new: u128, old: u128| new > old && new * 100 >= old * 110;
            if !raised(pooled.fee_cap, old.fee_cap) || !raised(pooled.tip_cap, old.tip_cap) {
                return Err("replacement");
            }
        }
        let (run, _) = self.executable(sender);
        let next = account.nonce + run.len() as u64;
        // The executable ones but the replaced, or, behind a gap, all but the replaced.
        let others = queue.range(..if nonce <= next { next } else { u64::MAX });
        let others: U256 =
            others.filter(|(it, _)| **it != nonce).map(|(_, (tx, _))| self.cost(tx)).sum();
        if others + self.cost(tx) > account.balance {
            return Err("funds");
        }
        let further = queue.keys().all(|it| nonce > *it);
        if further && queue.len() >= self.limits.per_sender_max {
            return Err("limit");
        }
        self.arrivals += 1;
        let entry = (tx.clone(), self.arrivals);
        self.queues.entry(sender).or_default().insert(nonce, entry);
        self.settle();
        Ok(())
    }

    /// Drops what is stale and what waits in too great a number.
    fn settle(&mut self) {
        for sender in self.queues.keys().copied().collect::<Vec<_>>() {
            let nonce = self.account(sender).nonce;
            self.queues.get_mut(&sender).unwrap().retain(|it, _| *it >= nonce);
            let queue = self.queues.get_mut(&sender).unwrap();
            while queue.len() > self.limits.per_sender_max {
                queue.pop_last();
            }
        }
    }

    fn hashes(&self) -> BTreeSet<B256> {
        self.queues.values().flat_map(|queue| queue.values().map(|(tx, _)| tx.hash)).collect()
    }

    fn best(&self, base_fee: u64) -> Vec<B256> {
        let mut runs: Vec<_> = self.queues.keys().map(|it| self.executable(*it).0).collect();
        let mut best = Vec::new();
        loop {
            let tip = |run: &Vec<&(RecoveredTx, u64)>| {
                let (tx, arrival) = run.first()?;
                let tip = PooledTx::new(tx.clone()).effective_tip(base_fee)?;
                Some((tip, Reverse(*arrival)))
            };
            let Some(run) = runs.iter_mut().filter(|it| tip(it).is_some()).max_by_key(|it| tip(it))
            else {
                return best;
            };
            best.push(run.remove(0).0.hash);
        }
    }
}

fn random_tx(rng: &mut StdRng, chain: &TestChain) -> RecoveredTx {
    let key = wallet(rng.random_range(0..WALLETS));
    let account = chain.store.state().account(key.address()).unwrap().unwrap_or_default();
    let value = if rng.random_ratio(1, 4) { rng.random_range(0..FUNDS / 2) } else { 1 };
    let fee_cap = rng.random_range(1..40) * GWEI / 4;
    let plan = TxPlan {
        nonce: (account.nonce + rng.random_range(0..10)).saturating_sub(1),
        fee_cap,
        tip: rng.random_range(0..=fee_cap / (GWEI / 4)) * (GWEI / 4),
        value,
        ..TxPlan::default()
    };
    if rng.random_ratio(1, 5) { plan.sign_legacy(&key, true) } else { plan.sign(&key) }
}

fn kind(error: &PoolError) -> &'static str {
    match error {
        PoolError::AlreadyKnown => "known",
        PoolError::NonceTooLow { .. } => "nonce",
        PoolError::ReplacementUnderpriced => "replacement",
        PoolError::InsufficientFunds { .. } => "funds",
        PoolError::AccountLimit { .. } => "limit",
        other => panic!("{other}"),
    }
}

#[test]
fn a_random_walk_agrees_with_the_model_and_with_the_evm() {
    let (mut rng, rounds) = seeded();
    let chain = TestChain::new(WALLETS, &[]);
    let limits = PoolLimits { per_sender_max: 7, ..PoolLimits::default() };
    let pool = chain.pool(limits.clone());
    let mut model = Model { chain: &chain, limits, queues: BTreeMap::new(), arrivals: 0 };
    let mut timestamp = 1_001;
    for round in 0..rounds {
        match rng.random_range(0..20) {
            0 => {
                // A block of the best ones, some left out with all behind them.
                let mut best = pool.best(next_base_fee(&pool));
                let mut chosen = Vec::new();
                while let Some(tx) = best.next() {
                    match rng.random_ratio(3, 4) {
                        true => chosen.push(tx),
                        false => best.skip_sender(tx.sender),
                    }
                }
                let (executed, invalid) = chain.execute(chosen, timestamp);
                assert_eq!(invalid, [], "the EVM refused what the pool called executable");
                pool.on_block(&executed).unwrap();
                pool.on_block(&chain.commit(executed)).unwrap();
                model.settle();
                timestamp += 1;
            }
            1 if chain.store.head().number > 0 && rng.random_ratio(1, 4) => {
                let head = chain.store.head().number;
                let to = head - rng.random_range(1..=head.min(3));
                let blocks = to + 1..=head;
                let taken: Vec<_> = blocks
                    .flat_map(|number| chain.store.transactions(number).unwrap().unwrap())
                    .collect();
                chain.store.rewind(to).unwrap();
                pool.reset().unwrap();
                model.settle();
                for tx in taken {
                    let expected = model.add(&tx);
                    assert_eq!(pool.add(tx).map(|_| ()).map_err(|it| kind(&it)), expected);
                }
            }
            2 => {
                let hashes: Vec<_> = model.hashes().into_iter().collect();
                if let Some(hash) = hashes.get(rng.random_range(0..hashes.len().max(1))) {
                    pool.remove_invalid(hash).unwrap();
                    for queue in model.queues.values_mut() {
                        queue.retain(|_, (tx, _)| tx.hash != *hash);
                    }
                    model.settle();
                }
            }
            _ => {
                let tx = random_tx(&mut rng, &chain);
                let expected = model.add(&tx);
                let found = pool.add_raw(vec![tx.raw.clone()]).pop().unwrap();
                assert_eq!(found.map(|_| ()).map_err(|it| kind(&it)), expected, "round {round}");
            }
        }
        pool.content.read().assert_consistent();
        let base_fee = next_base_fee(&pool);
        let best: Vec<_> = pool.best(base_fee).map(|tx| tx.hash).collect();
        assert_eq!(best, model.best(base_fee), "round {round}");
        let hashes = model.hashes();
        assert_eq!(pool.len(), hashes.len(), "round {round}");
        assert!(hashes.iter().all(|hash| pool.get(hash).is_some()), "round {round}");
    }
    println!("{} blocks, {:?}", chain.store.head().number, pool.status());
}

/// Class, excess, fee, earlier arrival.
type Worth = (u8, Reverse<u64>, u128, Reverse<u64>);

/// What is worth how much, counted from scratch.
#[derive(Debug, PartialEq, Eq)]
struct Valued {
    sender: Address,
    nonce: u64,
    /// Of a transaction that waits with others behind it: what it would be worth were it the last.
    worth: Worth,
    waits: bool,
}

fn worths(pool: &Pool) -> BTreeMap<B256, Valued> {
    let content = pool.content.read();
    let base_fee = u128::from(content.head.next_base_fee);
    let l1_price = content.head.l1_price;
    let mut worths = BTreeMap::new();
    for (sender, queue) in content.queues() {
        let (mut fee_cap, mut tip_cap) = (u128::MAX, u128::MAX);
        let mut cost = U256::ZERO;
        for tx in queue.executable_from(0, usize::MAX) {
            (fee_cap, tip_cap) = (fee_cap.min(tx.fee_cap), tip_cap.min(tx.tip_cap));
            let (class, fee) = match fee_cap.checked_sub(base_fee) {
                Some(left) => (4, left.min(tip_cap)),
                None => (3, fee_cap),
            };
            cost += tx.cost(l1_price);
            let worth = (class, Reverse(0), fee, Reverse(tx.arrival));
            let valued = Valued { sender: *sender, nonce: tx.nonce(), worth, waits: false };
            worths.insert(tx.hash(), valued);
        }
        let mut bytes = 0;
        for tx in queue.queued() {
            cost += tx.cost(l1_price);
            bytes += tx.memory_bytes();
            let fee = tx.fee_cap.saturating_sub(base_fee).min(tx.tip_cap);
            let distance = tx.nonce() - queue.next_nonce();
            let share = content.limits.queued_share_bytes;
            let (class, excess) = match () {
                () if cost > queue.account().balance => (0, distance),
                () if bytes > share => (1, (bytes - share) as u64),
                () => (2, distance),
            };
            let worth = (class, Reverse(excess), fee, Reverse(tx.arrival));
            let valued = Valued { sender: *sender, nonce: tx.nonce(), worth, waits: true };
            worths.insert(tx.hash(), valued);
        }
    }
    worths
}

#[test]
fn a_flood_stays_within_the_bounds_and_drops_the_worse_for_the_better() {
    let (mut rng, rounds) = seeded();
    let chain = TestChain::new(WALLETS, &[]);
    let limits = PoolLimits {
        count_max: 20,
        memory_bytes_max: 32_000,
        per_sender_max: 9,
        queued_share_bytes: 4_000,
        ..PoolLimits::default()
    };
    let pool = chain.pool(limits);
    let (mut evicted, mut full) = (0, 0);
    for round in 0..rounds {
        if rng.random_ratio(1, 60) {
            let best = pool.best(next_base_fee(&pool)).take(3);
            let (block, invalid) = chain.execute(best, 1_001 + round);
            assert_eq!(invalid, []);
            pool.on_block(&block).unwrap();
            chain.commit(block);
        }
        let mut tx = random_tx(&mut rng, &chain);
        if rng.random_ratio(1, 30) {
            // One large transaction pushes out several, or none.
            let key = wallet(rng.random_range(0..WALLETS));
            let nonce = pool.next_nonce(key.address()).unwrap_or_default();
            let data = vec![1; rng.random_range(500..3_000)];
            let fee_cap = rng.random_range(2..40) * GWEI / 4;
            let plan = TxPlan { nonce, data, gas: 200_000, fee_cap, ..TxPlan::default() };
            tx = plan.sign(&key);
        }
        let before = worths(&pool);
        let answer = pool.add(tx.clone());
        pool.content.read().assert_consistent();
        let after = worths(&pool);
        let gone = before.iter().filter(|(hash, it)| {
            let replaced = it.sender == tx.sender && it.nonce == tx.envelope.nonce();
            !after.contains_key(*hash) && !replaced
        });
        let gone: Vec<_> = gone.map(|(_, it)| it).collect();
        match answer {
            Ok(hash) => {
                let worth = after[&hash].worth;
                evicted += gone.len();
                for victim in gone {
                    if victim.sender == tx.sender {
                        // Only what cannot run before it.
                        assert!(victim.waits && victim.nonce > tx.envelope.nonce(), "{round}");
                    } else {
                        assert!(victim.worth < worth, "round {round}: {victim:?} for {worth:?}");
                    }
                }
            }
            Err(error) => {
                let kept = before.keys().eq(after.keys());
                assert!(kept, "round {round}: refused, yet something is gone: {error}");
                full += usize::from(matches!(error, PoolError::Full { .. }));
            }
        }
    }
    println!("{evicted} evicted, {full} refused, {:?}", pool.status());
    assert!(evicted > 0 && full > 0, "the walk never filled the pool");
}
