// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAssertionChain} from "../src/IAssertionChain.sol";
import {IEdgeGame} from "../src/IEdgeGame.sol";
import {MutualId} from "../src/game/MutualId.sol";
import {AssertionTest} from "./AssertionTest.sol";

/// @title  AssertionStakesTest
/// @notice A stake lies on each pending leaf and nowhere else: who builds a line needs one, each
///         wrong branch holds one, and none gets away.
contract AssertionStakesTest is AssertionTest {
    address internal constant CAROL = address(0xCA401);

    function test_theStake_movesOn() public {
        start();
        bytes32 first = propose(ALICE, childOf(genesis, 1));
        start();
        bytes32 second = proposeWith(ALICE, 0, childOf(first, 2));
        equal(address(chain).balance, STAKE);
        equal(chain.credit(ALICE), 0);
        vm.warp(block.timestamp + PERIOD);
        chain.confirm(first);
        equal(chain.credit(ALICE), 0);
        chain.confirm(second);
        equal(chain.credit(ALICE), STAKE);
    }

    /// What is sent with a stake that moves on is not needed.
    function test_theStake_movesOn_andWhatIsSentIsCredited() public {
        start();
        bytes32 first = propose(ALICE, childOf(genesis, 1));
        start();
        vm.expectEmit(address(chain));
        emit IAssertionChain.CreditAdded(ALICE, STAKE);
        propose(ALICE, childOf(first, 2));
        equal(chain.credit(ALICE), STAKE);
        equal(address(chain).balance, 2 * STAKE);
    }

    function test_aStrangersChild_freesTheStake() public {
        start();
        bytes32 first = propose(ALICE, childOf(genesis, 1));
        start();
        propose(BOB, childOf(first, 2));
        equal(chain.credit(ALICE), STAKE);
        // The rival's stake comes out of the credit.
        vm.expectEmit(address(chain));
        emit IAssertionChain.CreditStaked(ALICE, STAKE);
        proposeWith(ALICE, 0, childOf(first, 3));
        equal(chain.credit(ALICE), 0);
        equal(address(chain).balance, 2 * STAKE);
    }

    /// Whatever is sent: it goes through if ether and credit make a stake, and nothing is lost.
    function testFuzz_valueAndCredit_payTheStake(uint256 value, uint256 credit) public {
        start();
        (value, credit) = (value % (2 * STAKE), credit % (2 * STAKE));
        if (value % 4 == 0) value = STAKE - credit % STAKE;
        chain.addCredit{value: credit}(CAROL);
        vm.deal(CAROL, value);
        Proposal memory made = childOf(genesis, 1);
        if (value + credit < STAKE) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    IAssertionChain.AssertionStakeMissing.selector, CAROL, value + credit, STAKE
                )
            );
            proposeWith(CAROL, value, made);
            return;
        }
        proposeWith(CAROL, value, made);
        equal(chain.credit(CAROL), value + credit - STAKE);
        equal(address(chain).balance, value + credit);
    }

    /// Its move was sent for a parent that held its stake; somebody confirmed that first.
    function test_crossedByAConfirmation_creditPays() public {
        start();
        bytes32 first = propose(ALICE, childOf(genesis, 1));
        start();
        Proposal memory made = childOf(first, 2);
        vm.warp(block.timestamp + PERIOD);
        vm.prank(BOB);
        chain.confirm(first);
        proposeWith(ALICE, 0, made);
        equal(chain.credit(ALICE), 0);
        equal(address(chain).balance, STAKE);
    }

    /// A liar takes the first child at each of 30 tips; a budget of one stake answers all.
    function test_oneStake_answersALiarAtEachOfThirtyTips() public {
        vm.deal(CAROL, STAKE);
        bytes32 tip = genesis;
        for (uint256 i = 0; i < 30; ++i) {
            start();
            propose(BOB, childOf(tip, 1000 + i));
            tip = proposeWith(CAROL, CAROL.balance, childOf(tip, i));
        }
        equal(CAROL.balance, 0);
        equal(address(chain).balance, 31 * STAKE);
        // The liar's are as many as its branches; the honest one lies on the last.
        equal(chain.credit(CAROL), 0);
        equal(assertionOf(tip).firstChild, 0);
    }

    /// The same line without a liar: nothing but the first move sends ether.
    function test_oneStake_carriesALineOfThirty() public {
        vm.deal(CAROL, STAKE);
        bytes32 tip = genesis;
        for (uint256 i = 0; i < 30; ++i) {
            start();
            tip = proposeWith(CAROL, CAROL.balance, childOf(tip, i));
        }
        equal(address(chain).balance, STAKE);
        vm.warp(block.timestamp + PERIOD);
        bytes32[] memory line = new bytes32[](30);
        for (uint256 i = 30; i > 0; --i) {
            line[i - 1] = tip;
            tip = assertionOf(tip).parent;
        }
        for (uint256 i = 0; i < 30; ++i) {
            chain.confirm(line[i]);
        }
        equal(chain.credit(CAROL), STAKE);
    }

    /// A loser moves its stake on before those who collect it; it comes one assertion far.
    function test_aLosersStake_cannotRunAhead() public {
        start();
        bytes32 right = propose(ALICE, childOf(genesis, 1));
        bytes32 wrong = propose(BOB, childOf(genesis, 2));
        start();
        bytes32 child = proposeWith(BOB, 0, childOf(wrong, 3));
        wins(right);
        start();
        refuses(childOf(wrong, 4), decided(wrong)); // beaten, though nobody has collected it
        bytes32 grandchild = proposeWith(BOB, 0, childOf(child, 5));
        chain.collect(right, list(wrong));
        equal(chain.credit(ALICE), STAKE);
        start();
        refuses(childOf(child, 6), decided(child));
        bytes32 last = proposeWith(BOB, 0, childOf(grandchild, 7));
        bytes32[] memory losers = new bytes32[](2);
        (losers[0], losers[1]) = (child, grandchild);
        chain.collect(right, losers);
        start();
        refuses(childOf(last, 8), decided(last));
        vm.expectEmit(address(chain));
        emit IAssertionChain.AssertionLost(last, right, STAKE / 2, STAKE / 2);
        chain.collect(right, list(last));
        equal(chain.credit(ALICE), STAKE + STAKE / 2);
        equal(address(0).balance, STAKE / 2);
        equal(address(chain).balance, STAKE + STAKE / 2);
    }

    /// A second account frees the first one's stake by one of its own: a branch holds one always,
    /// and two leaves two.
    function test_eachWrongLeaf_holdsAStake() public {
        start();
        bytes32 right = propose(ALICE, childOf(genesis, 1));
        bytes32 wrong = propose(BOB, childOf(genesis, 2));
        start();
        bytes32 child = propose(withAStake(CAROL), childOf(wrong, 3));
        bytes32 twin = proposeWith(BOB, 0, childOf(wrong, 4));
        equal(chain.credit(BOB), 0);
        equal(address(chain).balance, 3 * STAKE);
        wins(right);
        bytes32[] memory losers = new bytes32[](3);
        (losers[0], losers[1], losers[2]) = (wrong, child, twin);
        chain.collect(right, losers);
        equal(address(0).balance, STAKE);
        equal(chain.credit(ALICE), 2 * STAKE);
        equal(address(chain).balance, 2 * STAKE);
    }

    /// A parent that is confirmed, and whose stake is gone, has children like any.
    function test_childOfAConfirmedParent_takesAStake() public {
        start();
        bytes32 first = propose(ALICE, childOf(genesis, 1));
        start();
        vm.warp(block.timestamp + PERIOD);
        chain.confirm(first);
        vm.prank(ALICE);
        chain.withdrawCredit(ALICE);
        Proposal memory made = childOf(first, 2);
        vm.expectRevert(
            abi.encodeWithSelector(IAssertionChain.AssertionStakeMissing.selector, ALICE, 0, STAKE)
        );
        proposeWith(ALICE, 0, made);
        propose(ALICE, made);
        equal(address(chain).balance, STAKE);
    }

    function withAStake(address account) internal returns (address) {
        vm.deal(account, STAKE);
        return account;
    }

    /// The dispute about the children of genesis ends for this one.
    function wins(bytes32 right) internal {
        bytes32 root = assertionOf(right).root;
        bytes memory call = abi.encodeCall(IEdgeGame.confirm, (MutualId.ofBlocks(genesis), root));
        vm.mockCall(chain.GAME(), call, "");
        chain.confirm(right);
    }

    function decided(bytes32 parent) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IAssertionChain.AssertionParentDecided.selector, parent);
    }

    function list(bytes32 id) internal pure returns (bytes32[] memory ids) {
        ids = new bytes32[](1);
        ids[0] = id;
    }
}
