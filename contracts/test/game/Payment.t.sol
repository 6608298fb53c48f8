// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IEdgeGame} from "../../src/IEdgeGame.sol";
import {Prices} from "../../src/game/Prices.sol";
import {Board, GameTest, Player} from "./GameTest.sol";
import {Trees} from "./Trees.sol";

/// @title  PaymentTest
/// @notice Who moves for the right side is paid out of the losers' stakes, by the move, and nothing
///         that a liar does brings back more than half of a stake or takes another's pay.
contract PaymentTest is GameTest {
    uint256 private constant PRICE = 50 gwei;
    uint256 private constant BLOCK = 2;
    uint256 private constant SPAN = 1;
    uint256 private constant STEP = 3;
    address private constant STRANGER = address(0x57);

    Player private good;
    Player private bad;
    bytes32 private spansId;
    bytes32 private stepsId;
    bytes32 private right;
    bytes32 private wrong;

    function gasPrice() internal pure override returns (uint256) {
        return PRICE;
    }

    function stakes() internal pure override returns (uint256[3] memory) {
        return [uint256(1 ether), 0.5 ether, 2 ether];
    }

    function setUp() public override {
        super.setUp();
        good = honest();
        bad = liar(1, BLOCK, SPAN, STEP);
        Board memory blocks = blocksOf(good);
        spansId = Trees.spansId(blocks.tree.idOf(blocks.start, 0, BLOCK));
        stepsId = Trees.stepsId(spansOf(good, BLOCK, 0).tree.idOf(spansId, 0, SPAN));
        wrong = propose(bad);
        vm.deal(STRANGER, 10 ether);
        right = proposeTree(STRANGER, outputOf(good, 3), blocks.tree);
    }

    /// A right assertion of a stranger, defended by a watcher that never proposes.
    function test_whoMoves_isPaid() public {
        playOut(pair(good, bad));
        close(good.account);
        uint256 moves = 2 + 2 + 3;
        uint256 gas = moves * Prices.BISECTION + 2 * Prices.OPENING + Prices.PROOF;
        uint256 paid = PRICE * (gas + 3 * Prices.CLOSING) + rest(1) + rest(2);
        equal(chain.credit(good.account), paid + stakes()[1] + stakes()[2]);
        equal(chain.credit(STRANGER), stakes()[0] + rest(0));
        equal(chain.credit(bad.account), 0);
        equal(address(0).balance, 3.5 ether / 2);
        conserves();
    }

    /// Each move pays who made it, also when the stakes on the right trees are others'.
    function test_whoOnlyBisects_isPaidForThat() public {
        Player memory opener = good;
        opener.account = address(0x0B);
        vm.deal(opener.account, 10 ether);
        Board memory blocks = blocksOf(good);
        vm.prank(good.account);
        game.bisect(blocks.start, blocks.tree.node(1, 0), blocks.tree.node(1, 1));
        playOut(pair(opener, bad));
        close(address(this));
        equal(chain.credit(good.account), PRICE * Prices.BISECTION);
        uint256 gas = 6 * Prices.BISECTION + 2 * Prices.OPENING + Prices.PROOF;
        uint256 paid = PRICE * gas + rest(1) + rest(2);
        equal(chain.credit(opener.account), paid + stakes()[1] + stakes()[2]);
        equal(chain.credit(address(this)), PRICE * 3 * Prices.CLOSING);
        conserves();
    }

    /// A copier that is first with each move of the right side is paid instead of its victim, which
    /// has not lost a stake; and a liar that copies against itself has half of its stakes burnt.
    function test_liarThatPlaysBothSides_losesHalf() public {
        Player memory copier = good;
        copier.account = bad.account;
        uint256 before = bad.account.balance;
        playOut(pair(copier, bad));
        playOut(pair(good, bad));
        close(bad.account);
        vm.prank(bad.account);
        chain.withdrawCredit(bad.account);
        uint256 lost = 1 ether + 0.5 ether + 2 ether;
        // `before` was taken with the stake of the proposal in the contract.
        isTrue(bad.account.balance <= before + 1 ether - lost / 2);
        equal(address(0).balance, lost / 2);
        equal(chain.credit(good.account), 0);
        conserves();
    }

    /// Whatever rivals there are, pots pay all moves of the right side: each rival brings its share.
    function test_manyRivals_payAll() public {
        Player[] memory players = new Player[](6);
        players[0] = good;
        players[1] = bad;
        for (uint256 i = 2; i < 6; ++i) {
            players[i] = liar(i, i % 4, i % 3, i % 7);
            propose(players[i]);
        }
        playOut(players);
        vm.warp(block.timestamp + PERIOD);
        updateAll(good);
        chain.collect(right, rivalsOf(players));
        uint256 pot = game.pot(Trees.blocksId(genesis));
        uint256 share = game.answerPrice(IEdgeGame.Level.Blocks) - PRICE * Prices.CLOSING;
        equal(pot, 5 * share);
        Board memory blocks = blocksOf(good);
        uint256 due = 0;
        for (uint256 i = 0; i < 4; ++i) {
            // The leaf of each block, and what is above it.
            bytes32 id = blocks.tree.idOf(blocks.start, 0, i);
            if (game.edge(id, blocks.tree.leaf(i)).createdAt == 0) continue;
            uint256 before = game.pot(blocks.start);
            payLine(line(blocks, i, 0));
            due += before - game.pot(blocks.start);
        }
        isTrue(due > 0 && due % (PRICE * Prices.BISECTION) == 0 && due <= pot);
    }

    // What is refused.

    function test_payBeforeTheEnd_reverts() public {
        playOut(pair(good, bad));
        Board memory blocks = blocksOf(good);
        IEdgeGame.Line memory given = line(blocks, BLOCK, 0);
        vm.expectRevert(
            abi.encodeWithSelector(
                IEdgeGame.EdgeNotConfirmed.selector, blocks.start, blocks.tree.root()
            )
        );
        this.payLine(given);
        // Won, but the loser is not collected yet.
        vm.warp(block.timestamp + PERIOD);
        updateAll(good);
        chain.confirm(right);
        uint256 due = 2 * PRICE * Prices.BISECTION;
        vm.expectRevert(
            abi.encodeWithSelector(IEdgeGame.EdgePotTooSmall.selector, blocks.start, 0, due)
        );
        this.payLine(given);
    }

    function test_payTwice_paysOnce() public {
        playOut(pair(good, bad));
        close(good.account);
        uint256 credit = chain.credit(good.account);
        uint256 pot = game.pot(stepsId);
        payAll();
        equal(chain.credit(good.account), credit);
        equal(game.pot(stepsId), pot);
    }

    /// Moves in a loser's tree, an opening that lost, a line that is not the winner's.
    function test_payALoser_reverts() public {
        playOut(pair(good, bad));
        close(good.account);
        Board memory blocks = blocksOf(bad);
        vm.expectRevert(
            abi.encodeWithSelector(
                IEdgeGame.EdgeNotConfirmed.selector, blocks.start, blocks.tree.root()
            )
        );
        this.payLine(line(blocks, BLOCK, 0));
        IEdgeGame.Line memory given = line(steps(good), STEP, 0);
        given.siblings[1] = "other";
        (bool isPaid,) = address(this).call(abi.encodeCall(this.payLine, (given)));
        isTrue(!isPaid);
    }

    function testFuzz_fill_byAnybodyElse_reverts(address caller) public {
        vm.assume(caller != address(chain));
        vm.expectRevert(abi.encodeWithSelector(IEdgeGame.EdgeNotAssertionChain.selector, caller));
        vm.prank(caller);
        game.fill(genesis);
    }

    // Ends.

    /// Settles, collects and pays all, sent by one account.
    function close(address sender) private {
        vm.warp(block.timestamp + PERIOD);
        updateAll(good);
        IEdgeGame.Settlement[] memory all = new IEdgeGame.Settlement[](2);
        all[0] = IEdgeGame.Settlement(spansId, spans(good).tree.root(), one(spans(bad).tree.root()));
        all[1] = IEdgeGame.Settlement(stepsId, steps(good).tree.root(), one(steps(bad).tree.root()));
        vm.prank(sender);
        game.conclude(new IEdgeGame.TimerUpdate[](0), all, new IEdgeGame.Line[](0));
        vm.prank(sender);
        chain.collect(right, one(wrong));
        payAll();
    }

    function payAll() private {
        payLine(line(blocksOf(good), BLOCK, spans(good).tree.root()));
        payLine(line(spans(good), SPAN, steps(good).tree.root()));
        payLine(line(steps(good), STEP, 0));
    }

    function payLine(IEdgeGame.Line memory given) public {
        IEdgeGame.Line[] memory lines = new IEdgeGame.Line[](1);
        lines[0] = given;
        game.conclude(new IEdgeGame.TimerUpdate[](0), new IEdgeGame.Settlement[](0), lines);
    }

    /// No ether comes or goes but by the ledger: credits here, pots there.
    function conserves() private view {
        Board memory blocks = blocksOf(good);
        uint256 pots = game.pot(blocks.start) + game.pot(spansId) + game.pot(stepsId);
        equal(address(game).balance, pots);
        uint256 credits = chain.credit(good.account) + chain.credit(bad.account)
            + chain.credit(STRANGER) + chain.credit(address(0x0B)) + chain.credit(address(this));
        equal(address(chain).balance, credits);
    }

    /// What is left of a loser's half for who staked on the winner.
    function rest(uint256 level) private view returns (uint256) {
        return stakes()[level] / 2 - game.answerPrice(IEdgeGame.Level(level));
    }

    function line(Board memory board, uint256 index, bytes32 opened)
        private
        pure
        returns (IEdgeGame.Line memory)
    {
        bytes32[] memory beside = board.tree.siblings(index, board.tree.height);
        return IEdgeGame.Line(board.start, uint64(index), board.tree.leaf(index), beside, opened);
    }

    function spans(Player memory p) private view returns (Board memory) {
        return spansOf(p, BLOCK, spansId);
    }

    function steps(Player memory p) private view returns (Board memory) {
        return stepsOf(p, spans(p), SPAN, stepsId);
    }

    function rivalsOf(Player[] memory players) private view returns (bytes32[] memory ids) {
        ids = new bytes32[](players.length - 1);
        for (uint256 i = 1; i < players.length; ++i) {
            ids[i - 1] = assertionOf(players[i]);
        }
    }

    function one(bytes32 id) private pure returns (bytes32[] memory ids) {
        ids = new bytes32[](1);
        ids[0] = id;
    }
}
