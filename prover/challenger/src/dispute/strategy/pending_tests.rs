//! Long lines of pending assertions, and stakes of others, as the strategy sees them.

use std::sync::Arc;

use alloy_primitives::{Address, B256, U256, keccak256};

use super::{Alarm, Conclusion, Decision, Move, Settlement, StrategyConfig, decide};
use crate::{
    ChallengerError,
    dispute::{
        BelievedChild, Commitment, Trace, TracePoint,
        game::{
            AssertionStatus, EdgeId, Game, GameAssertion, GameEvent, Heights, Level, Opening,
            mutual_id,
        },
    },
};

const PERIOD_SECS: u64 = 10_000;
const BLOCKS_HEIGHT: u8 = 2;

/// Believes that each assertion has the child whose claims its own id determines.
struct Line;

fn right_child(parent: B256) -> BelievedChild {
    let claims = Commitment::new(BLOCKS_HEIGHT, &[keccak256(parent)]).unwrap();
    let (output_root, batch_limit_acc) = (claims.root(), B256::ZERO);
    BelievedChild { output_root, cursor: Default::default(), claims, batch_limit_acc }
}

impl Trace for Line {
    fn child(
        &mut self,
        id: B256,
        _: &GameAssertion,
    ) -> Result<Option<Arc<BelievedChild>>, ChallengerError> {
        Ok(Some(Arc::new(right_child(id))))
    }

    fn spans(&mut self, _: &TracePoint) -> Result<Option<Arc<Commitment>>, ChallengerError> {
        Ok(None)
    }

    fn steps(&mut self, _: &TracePoint) -> Result<Option<Arc<Commitment>>, ChallengerError> {
        Ok(None)
    }
}

/// Zero is the parent of the genesis assertion, which has number 0, and names none.
fn id(number: u64) -> B256 {
    B256::left_padding_from(&(number + 1).to_be_bytes())
}

fn propose(game: &mut Game, number: u64, parent: u64, root: B256, time: u64) {
    let assertion = GameAssertion {
        parent: id(parent),
        root,
        output_root: root,
        cursor: Default::default(),
        proposer: Address::repeat_byte(0x11),
        batch_limit: None,
        created_at: time,
        rivaled_at: None,
        status: AssertionStatus::Pending,
        children: Vec::new(),
    };
    game.apply(&GameEvent::Proposed { id: id(number), assertion }, time);
}

fn confirm(game: &mut Game, number: u64, time: u64) {
    let (output_root, cursor) = (B256::ZERO, Default::default());
    game.apply(&GameEvent::Confirmed { id: id(number), output_root, cursor }, time);
}

/// A stranger's line of right assertions 1 to `length` behind the genesis assertion, one a second.
fn line_of(length: u64) -> Game {
    let mut game = Game::new(Heights { blocks: BLOCKS_HEIGHT, spans: 2, steps: 2 });
    confirm(&mut game, 0, 0);
    for number in 1..=length {
        let parent = number - 1;
        propose(&mut game, number, parent, right_child(id(parent)).claims.root(), number);
    }
    game
}

fn look(game: &Game, time: u64) -> Decision {
    let config = StrategyConfig {
        account: Address::repeat_byte(0x22),
        challenge_period_secs: PERIOD_SECS,
        stake: U256::from(8),
        spans_stake: U256::from(4),
        steps_stake: U256::from(2),
        gas_price: U256::ZERO,
        budget: U256::MAX,
    };
    decide(game, &mut Line, &config, time).unwrap()
}

#[test]
fn a_lie_300_deep_in_a_line_of_400_is_seen_and_answered() {
    let mut game = line_of(400);
    assert_eq!(look(&game, 500), Decision::default());
    let lie = B256::repeat_byte(0xee);
    propose(&mut game, 1000, 300, lie, 450);
    let right = right_child(id(300)).claims;
    let place = mutual_id::of_blocks(id(300));
    for (root, created_at) in [(right.root(), 301), (lie, 450)] {
        let (edge, parent_assertion) = (EdgeId::new(place, root), id(300));
        game.apply(&GameEvent::RootAdded { edge, parent_assertion, created_at }, 450);
    }
    game.apply(&GameEvent::Rivaled { first: id(301), rival: id(1000) }, 450);
    let decision = look(&game, 500);
    let (claimed, computed) = (lie, right.root());
    let alarm = Alarm::WrongAssertion { id: id(1000), parent: id(300), claimed, computed };
    assert_eq!(decision.alarms, [alarm]);
    let [left, right_half] = [right.node(1, 0), right.node(1, 1)];
    let edge = EdgeId::new(place, right.root());
    assert_eq!(decision.moves, [Move::Bisect { edge, left, right: right_half }]);
}

#[test]
fn a_lie_at_the_end_of_a_line_of_400_gets_a_rival() {
    let mut game = line_of(400);
    propose(&mut game, 1000, 400, B256::repeat_byte(0xee), 450);
    let decision = look(&game, 500);
    let (parent, child, stake) = (id(400), Arc::new(right_child(id(400))), U256::from(8));
    assert_eq!(decision.moves, [Move::Propose { parent, child, stake, value: stake }]);
    assert_eq!(decision.alarms.len(), 1);
}

#[test]
fn what_is_due_is_confirmed_whoever_proposed_it() {
    let mut game = line_of(400);
    assert!(look(&game, PERIOD_SECS).moves.is_empty());
    for number in 1..=400 {
        let time = PERIOD_SECS + 400 + number;
        assert_eq!(look(&game, time).moves, [Move::Confirm(id(number))]);
        confirm(&mut game, number, time);
    }
    assert_eq!(look(&game, 2 * PERIOD_SECS), Decision::default());
}

#[test]
fn what_builds_on_a_loser_pays_too() {
    let mut game = line_of(1);
    propose(&mut game, 2, 0, B256::repeat_byte(0xee), 2);
    propose(&mut game, 3, 2, B256::repeat_byte(0xef), 3);
    confirm(&mut game, 1, 4);
    let collect = |losers: &[u64]| {
        let losers = losers.iter().copied().map(id).collect();
        [Move::Collect { winner: id(1), losers }]
    };
    assert_eq!(look(&game, 5).moves, collect(&[2, 3]));
    // As many as one transaction takes went before.
    game.apply(&GameEvent::Lost { id: id(2) }, 6);
    assert_eq!(look(&game, 7).moves, collect(&[3]));
    game.apply(&GameEvent::Lost { id: id(3) }, 8);
    assert!(look(&game, 9).moves.is_empty());
}

#[test]
fn stakes_of_strangers_are_settled() {
    let mut game = Game::new(Heights { blocks: 0, spans: 2, steps: 2 });
    confirm(&mut game, 0, 0);
    let place = mutual_id::of_blocks(id(0));
    let place_below = mutual_id::of_spans(place);
    let open = |game: &mut Game, number: u8, time: u64| {
        let parent = EdgeId::new(place, B256::repeat_byte(number));
        let parent_assertion = id(0);
        let root = GameEvent::RootAdded { edge: parent, parent_assertion, created_at: time };
        game.apply(&root, time);
        let opening = Opening {
            parent,
            level: Level::Spans,
            agreed: B256::ZERO,
            staker: Address::repeat_byte(number),
            stake: U256::from(4),
            is_open: true,
        };
        let opened = EdgeId::new(place_below, B256::repeat_byte(number | 0xf0));
        game.apply(&GameEvent::Opened { opened, opening }, time);
        opened
    };
    let winner = open(&mut game, 1, 10);
    let later = 10 + PERIOD_SECS;
    assert!(look(&game, later).moves.is_empty(), "nobody lost");
    let loser = open(&mut game, 2, later);
    let settlements = vec![Settlement { winner, losers: vec![loser.root] }];
    assert_eq!(
        look(&game, later).moves,
        [Move::Conclude(Conclusion { settlements, ..Conclusion::default() })]
    );
    // A level that nobody has won yet is left alone.
    let mut young = Game::new(Heights { blocks: 0, spans: 2, steps: 2 });
    confirm(&mut young, 0, 0);
    open(&mut young, 1, 11);
    open(&mut young, 2, later);
    assert!(look(&young, later).moves.is_empty());
    for edge in [winner, loser] {
        game.apply(&GameEvent::StakeClosed { edge }, later);
    }
    assert!(look(&game, later + 1).moves.is_empty());
}
