//! The model of disputes, rebuilt from logs, is what the contracts say, after any moves; and in the
//! end the right assertion wins, whatever liars did.
//!
//! Real contracts on anvil, real witnesses, a tiny program. Players and moves are random, by a seed
//! that is printed; `GAINSAY_SEED` replays it, `GAINSAY_ROUNDS` makes more.
#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and its numbers are small"
)]

mod tiny_chain;

use std::sync::{Arc, Mutex};

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    providers::Provider,
    signers::local::PrivateKeySigner,
};
use gainsay_challenger::dispute::{
    BelievedChild, Commitment, Responder, Response,
    game::{AssertionStatus, EdgeId},
    strategy::{Move, StrategyConfig, decide, locked},
};
use gainsay_derivation::{BatchIndex, DepositIndex, claim};
use gainsay_drill::adversary::{
    About, Behaviour, Disputes, Fault, Liar, Lie, LyingTrace, read_disputes,
};
use gainsay_l1::{
    AssertionChain, AssertionParams, BatchPosition, DeployParams, DeployPlan, Deployment, Inbox,
    InboxParams, L1Client, PendingNonce, TxSender, TxSenderConfig, bindings::IEdgeGame, deploy,
};
use gainsay_tests::{L1, Role, artifacts, rounds, seeded, signer};
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};
use serde_json::json;
use tiny_chain::{CURSOR, HEIGHTS, TinyTrace, program};
use tokio::time::Duration;

const CHALLENGE_PERIOD_SECS: u64 = 600;
const CONFIG_HASH: B256 = B256::repeat_byte(0xc0);
const GENESIS_OUTPUT_ROOT: B256 = B256::repeat_byte(0x60);
/// Wei that movers are paid for each gas.
const GAS_PRICE: u64 = 1;
const STAKE: u64 = 10_000_000;

/// Contracts on an L1 that mines each transaction at once, and one batch in them.
struct Chain {
    client: L1Client,
    deployment: Deployment,
    game: Address,
    right: TinyTrace,
    genesis: B256,
    l1: L1,
    _folder: tempfile::TempDir,
}

fn config() -> TxSenderConfig {
    TxSenderConfig {
        poll_interval: Duration::from_millis(5),
        pending: PendingNonce::Replace,
        ..TxSenderConfig::default()
    }
}

impl Chain {
    async fn start(fails: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let l1 = L1::start(folder.path(), 32).await;
        l1.mine_at_once().await;
        let client = l1.client();
        let sender = |role| TxSender::new(client.clone(), signer(role), config());
        let (deployer, poster) =
            (sender(Role::Deployer).await.unwrap(), sender(Role::Poster).await.unwrap());
        let params = DeployParams {
            inbox: InboxParams {
                sequencer: poster.address(),
                force_delay_secs: 100,
                max_batch_deposit_gas: 20_000_000,
                max_deposit_gas_per_block: 10_000_000,
            },
            assertions: AssertionParams {
                blocks_height: HEIGHTS.blocks,
                spans_height: HEIGHTS.spans,
                steps_height: HEIGHTS.steps,
                challenge_period_secs: CHALLENGE_PERIOD_SECS,
                min_interval_secs: 0,
                stake_wei: U256::from(STAKE),
                program_hash: program(fails).hash(),
                vm_version: 1,
            },
            reference_gas_price_wei: GAS_PRICE,
            config_hash: CONFIG_HASH,
            genesis_output_root: GENESIS_OUTPUT_ROOT,
        };
        let plan = DeployPlan::next(&deployer).await.unwrap();
        let deployment = deploy(&deployer, &artifacts(), &params, &plan).await.unwrap();
        let inbox = Inbox::new(&client, deployment.inbox);
        let deposits_read = inbox.deposit_count().await.unwrap();
        let deposit_acc = inbox.deposit_acc(deposits_read, Default::default()).await.unwrap();
        let at = BatchPosition {
            index: BatchIndex(0),
            batch_acc: B256::ZERO,
            deposits_read: DepositIndex(deposits_read),
            deposit_acc,
        };
        inbox.post_batch_calldata(&poster, at, Bytes::from_static(b"batch")).await.unwrap();
        let contract = AssertionChain::new(&client, deployment.assertion_chain);
        let genesis = contract.genesis_id().await.unwrap();
        let limit_acc = contract.assertion(genesis).await.unwrap().batch_limit_acc;
        let right = TinyTrace::new(genesis, GENESIS_OUTPUT_ROOT, limit_acc, CONFIG_HASH, fails);
        let game = contract.game().await.unwrap();
        Self { client, deployment, game, right, genesis, l1, _folder: folder }
    }

    /// A player's hand, with ether for its stakes.
    async fn responder(&self, signer: PrivateKeySigner) -> Responder {
        let wealth = json!([signer.address(), "0x8ac7230489e80000"]);
        self.l1.rpc.call("anvil_setBalance", wealth).await;
        let sender = TxSender::new(self.client.clone(), signer, config()).await.unwrap();
        Responder::connect(sender, self.deployment.assertion_chain).await.unwrap()
    }

    async fn disputes(&self) -> Disputes {
        let start = self.deployment.l1_start.number;
        let address = self.deployment.assertion_chain;
        read_disputes(&self.client, start, address, self.game, HEIGHTS).await.unwrap()
    }

    /// A lie anywhere. One in four is about the inside of what is right. The first liar is a thief:
    /// it lies right behind the block on which the program fails.
    fn lie(&self, rng: &mut StdRng, salt: u64) -> Lie {
        let mut block = rng.random_range(0..1_u64 << HEIGHTS.blocks);
        let last_run = self.right.last_run();
        let about = match rng.random_range(0..8) {
            _ if salt == 0 => About::Claim,
            0 => About::Spans,
            1 => About::Steps,
            _ => About::Claim,
        };
        let right = self.right.right();
        let (mut claims, mut end, mut cursor) =
            (self.right.claims(), right.output_root, right.cursor);
        if salt == 0 && last_run + 1 < 1 << HEIGHTS.blocks {
            block = last_run + 1;
        }
        if about == About::Claim {
            end = B256::left_padding_from(&(salt + 1).to_be_bytes());
            cursor = CURSOR;
            claims[block as usize..].fill(claim(end, &cursor));
        } else {
            block = block.min(last_run);
        }
        let child = BelievedChild {
            output_root: end,
            cursor,
            claims: Commitment::new(HEIGHTS.blocks, &claims).unwrap(),
            batch_limit_acc: self.right.right().batch_limit_acc,
        };
        Lie {
            fault: Fault::MiddleBlock,
            about,
            parent: self.genesis,
            child: Arc::new(child),
            block,
            claim: claims[block as usize],
            // One before the last, so that a right end can follow.
            span: rng.random_range(0..(1 << HEIGHTS.spans) - 1),
            step: rng.random_range(0..(1 << HEIGHTS.steps) - 1),
        }
    }

    /// The model says what the contracts say, about everything.
    async fn assert_model(&self, disputes: &Disputes) {
        let Disputes { game, time, l1_block, .. } = disputes;
        let contract = IEdgeGame::new(self.game, self.client.provider().clone());
        for (id, edge) in game.edges() {
            let call = contract.edge(id.mutual_id, id.root).block((*l1_block).into());
            let found = call.call().await.unwrap();
            let rivaled_at = game.place(&id.mutual_id).and_then(|it| it.rivaled_at);
            assert_eq!(
                (found.createdAt, found.rivaledAt, found.timer, found.level as u8),
                (
                    edge.created_at,
                    rivaled_at.unwrap_or_default(),
                    game.known_timer(id, *time),
                    edge.level as u8
                ),
                "{id:?} at L1 block {l1_block}"
            );
            assert_eq!(
                (found.height, found.bisected, found.confirmed),
                (edge.height, edge.children.is_some(), edge.confirmed),
                "{id:?} at L1 block {l1_block}"
            );
            let call = contract.opening(id.mutual_id, id.root).block((*l1_block).into());
            let found = call.call().await.unwrap();
            let opening = game.opening(id);
            let expected =
                opening.map_or_else(Default::default, |it| (it.parent.root, it.staker, it.is_open));
            assert_eq!((found.parentRoot, found.staker, found.isOpen), expected, "{id:?}");
        }
        self.assert_assertions(disputes).await;
        let balance = |address| self.client.provider().get_balance(address);
        assert_eq!(balance(self.game).await.unwrap(), game.held(), "stakes and pots in the game");
        for (place, pot) in game.pots() {
            assert_eq!(contract.pot(*place).call().await.unwrap(), *pot, "{place}");
        }
        let staked = game.assertions().filter(|(_, it)| it.holds_stake()).count();
        let held = game.credit_sum() + U256::from(STAKE) * U256::from(staked);
        let chain = balance(self.deployment.assertion_chain).await.unwrap();
        assert_eq!(chain, held, "credit and stakes in the AssertionChain");
    }

    async fn assert_assertions(&self, disputes: &Disputes) {
        let contract = AssertionChain::new(&self.client, self.deployment.assertion_chain);
        for (id, assertion) in disputes.game.assertions() {
            let found = contract.contract().assertion(*id).call().await.unwrap();
            let rivaled_at = assertion.rivaled_at.unwrap_or_default();
            assert_eq!((found.createdAt, found.rivaledAt), (assertion.created_at, rivaled_at));
            let status = match assertion.status {
                AssertionStatus::Pending => 1,
                AssertionStatus::Confirmed => 2,
                AssertionStatus::Lost => 3,
                AssertionStatus::Halted => 4,
            };
            assert_eq!((found.root, found.status as u8), (assertion.root, status), "{id}");
        }
        let halted_by = contract.contract().haltedBy().call().await.unwrap();
        assert_eq!(disputes.game.halted_by().unwrap_or_default(), halted_by);
    }
}

/// Who is right.
struct Honest {
    responder: Responder,
    trace: TinyTrace,
    config: StrategyConfig,
}

impl Honest {
    async fn new(chain: &Chain, role: Role) -> Self {
        let responder = chain.responder(signer(role)).await;
        let (spans_stake, steps_stake) = responder.game().stakes().await.unwrap();
        let config = StrategyConfig {
            account: responder.account(),
            challenge_period_secs: CHALLENGE_PERIOD_SECS,
            stake: U256::from(STAKE),
            spans_stake,
            steps_stake,
            gas_price: U256::from(GAS_PRICE),
            budget: U256::MAX,
        };
        Self { responder, trace: chain.right.clone(), config }
    }

    fn decide(&mut self, disputes: &Disputes) -> Vec<Move> {
        decide(&disputes.game, &mut self.trace, &self.config, disputes.time).unwrap().moves
    }

    /// Makes a move. By what L1 shows it is always a right one.
    async fn play(&mut self, next: &Move) -> Response {
        let response = self.responder.respond(next, &mut self.trace).await.unwrap();
        assert!(
            matches!(response, Response::Sent { .. } | Response::Stands),
            "{}: {response:?}",
            next.name()
        );
        response
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_any_moves_the_model_is_the_contract_and_the_right_side_wins() {
    let mut rng = seeded("model_is_the_contract");
    for round in 0..rounds(2) {
        play(&mut rng, round % 2 == 1).await;
    }
}

async fn play(rng: &mut StdRng, fails: bool) {
    let chain = Chain::start(fails).await;
    let mut honest = Honest::new(&chain, Role::User(0)).await;
    let mut liars = Vec::new();
    let right = Arc::new(Mutex::new(chain.right.clone()));
    for salt in 0..4 {
        let trace = LyingTrace::new(right.clone(), chain.lie(rng, salt), salt);
        let responder = chain
            .responder(PrivateKeySigner::from_bytes(&rng.random::<[u8; 32]>().into()).unwrap())
            .await;
        liars.push(Liar::new(trace, responder, Behaviour::Eager).await.unwrap());
    }
    let is_false = |liar: &&mut Liar<TinyTrace>| liar.lie().about == About::Claim;
    for liar in liars.iter_mut().filter(is_false) {
        liar.propose().await.unwrap();
    }
    let mut moves = 0;
    // Random moves of all, some never made, with all the time that L1 may let pass.
    for look in 0..120 {
        let disputes = chain.disputes().await;
        if look % 4 == 0 {
            chain.assert_model(&disputes).await;
        }
        let todo = honest.decide(&disputes);
        if let Some(next) = todo.choose(rng) {
            let sent = honest.play(next).await;
            moves += u64::from(matches!(sent, Response::Sent { .. }));
            // Twice is once.
            if rng.random_bool(0.1) {
                honest.responder.respond(next, &mut honest.trace).await.unwrap();
            }
        }
        let liar = rng.random_range(0..liars.len());
        if rng.random_bool(0.8) {
            liars[liar].play(&chain.disputes().await).await.unwrap();
        }
        if rng.random_bool(0.2) {
            chain.l1.travel(rng.random_range(1..20)).await;
        }
    }
    let winner = finish(&chain, &mut honest, &mut moves).await;
    let disputes = chain.disputes().await;
    chain.assert_model(&disputes).await;
    let root = chain.right.right().claims.root();
    assert_eq!(disputes.game.assertion(&winner).unwrap().root, root);
    let is_halt = chain.right.claims().last().unwrap().is_zero();
    assert_eq!(disputes.game.halted_by().is_some(), is_halt);
    assert_paid(&disputes, honest.config.account);
    println!("{moves} moves of the honest side, {} edges", disputes.game.edges().count());
}

/// Every move that the honest side made in trees that have won was paid, whoever collected.
fn assert_paid(disputes: &Disputes, account: Address) {
    let mut paid = 0;
    for (id, edge) in disputes.game.edges().filter(|(_, it)| it.mover == Some(account)) {
        let dispute = disputes.game.assertion(&edge.dispute).unwrap();
        assert!(edge.is_paid, "{id:?} below {}", dispute.root);
        paid += 1;
    }
    assert!(paid > 0, "the honest side bisects at least once");
}

/// Lets the honest side win: all of its moves, and time when it has none.
async fn finish(chain: &Chain, honest: &mut Honest, moves: &mut u64) -> B256 {
    for _ in 0..400 {
        let disputes = chain.disputes().await;
        let todo = honest.decide(&disputes);
        let confirmed = disputes.game.latest_confirmed();
        let winner = (confirmed != chain.genesis).then_some(confirmed);
        let winner = disputes.game.halted_by().or(winner);
        let is_over = todo.is_empty() && locked(&disputes.game, &honest.config).is_zero();
        if let Some(winner) = winner.filter(|_| is_over) {
            return winner;
        }
        if todo.is_empty() {
            chain.l1.travel(CHALLENGE_PERIOD_SECS / 4).await;
        }
        for next in &todo {
            let sent = honest.play(next).await;
            *moves += u64::from(matches!(sent, Response::Sent { .. }));
        }
    }
    let disputes = chain.disputes().await;
    let edges: Vec<(&EdgeId, _)> = disputes.game.edges().collect();
    panic!("the right assertion is not confirmed; {} edges", edges.len());
}
