// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IAssertionChain} from "../../src/IAssertionChain.sol";
import {IConfirmedGames} from "../../src/IConfirmedGames.sol";
import {ConfirmedGame} from "../../src/bridge/ConfirmedGame.sol";
import {ClaimTree} from "../ClaimTree.sol";
import {PortalTest} from "./PortalTest.sol";

/// @title  ConfirmedGamesTest
/// @notice What is listed is what was confirmed, and OP's tools find it as they look for it.
contract ConfirmedGamesTest is PortalTest {
    uint32 private constant TYPE = 0x6761696e;

    function test_emptyList_answersNothing() public view {
        equal(games.gameCount(), 0);
        equal(games.findLatestGames(TYPE, 0, 0).length, 0);
        equal(games.findLatestGames(TYPE, 0, 100).length, 0);
        equal(games.anchorGame(), address(0));
        (bytes32 root, uint256 number) = games.getAnchorRoot();
        equal(root, GENESIS_OUTPUT);
        equal(number, 0);
        (address proxy,) = games.games(TYPE, GENESIS_OUTPUT, abi.encode(0));
        equal(proxy, address(0));
    }

    function test_confirmedAssertion_isAGameThatTheDefenderWon() public {
        initiate(withdrawal(1, ALICE, 1));
        L2Block memory made = blockOf(12_345);
        bytes32 id = assertBlock(genesis, made);
        uint256 proposed = block.timestamp;
        vm.warp(block.timestamp + PERIOD);
        games.publish(id, made.stateRoot, made.storageRoot, made.header);
        // Publishing has confirmed it.
        equal(chain.latestConfirmed(), id);

        (uint32 gameType, uint64 time, address proxy) = games.gameAtIndex(0);
        equal(gameType, TYPE);
        equal(portal.respectedGameType(), TYPE);
        equal(time, block.timestamp);
        ConfirmedGame game = ConfirmedGame(proxy);
        equal(game.rootClaim(), outputRootOf(made));
        equal(game.messagePasserStorageRoot(), made.storageRoot);
        equal(game.l2SequenceNumber(), 12_345);
        equal(game.l2BlockNumber(), 12_345);
        equal(keccak256(game.extraData()), keccak256(abi.encode(12_345)));
        (uint32 dataType, bytes32 dataRoot, bytes memory extra) = game.gameData();
        equal(dataType, TYPE);
        equal(dataRoot, outputRootOf(made));
        equal(keccak256(extra), keccak256(abi.encode(12_345)));
        equal(game.createdAt(), proposed);
        equal(game.resolvedAt(), time);
        equal(uint8(game.status()), 2);
        equal(game.gameType(), TYPE);
        isTrue(game.wasRespectedGameTypeWhenCreated());
        equal(game.anchorStateRegistry(), portal.anchorStateRegistry());
        equal(games.anchorGame(), proxy);
        (bytes32 root, uint256 number) = games.getAnchorRoot();
        equal(root, outputRootOf(made));
        equal(number, 12_345);
    }

    /// As viem asks: from the last index down, the block number by the address in the metadata.
    function testFuzz_latestGames_areFoundFromTheEnd(uint8 count, uint8 start, uint8 n) public {
        count = uint8(bound(count, 1, 9));
        for (uint64 i = 1; i <= count; ++i) {
            confirmBlock(10 * i);
        }
        IConfirmedGames.GameSearchResult[] memory found = games.findLatestGames(TYPE, start, n);
        uint256 expected = start >= count ? 0 : n > start ? uint256(start) + 1 : n;
        equal(found.length, expected);
        for (uint256 i = 0; i < found.length; ++i) {
            equal(found[i].index, start - i);
            ConfirmedGame game = ConfirmedGame(address(uint160(uint256(found[i].metadata))));
            equal(game.l2SequenceNumber(), 10 * (start - i + 1));
            equal(uint256(found[i].metadata) >> 224, TYPE);
            equal(uint64(uint256(found[i].metadata) >> 160), found[i].timestamp);
            equal(found[i].rootClaim, game.rootClaim());
            equal(keccak256(found[i].extraData), keccak256(game.extraData()));
            (address proxy, uint64 time) = games.games(TYPE, game.rootClaim(), game.extraData());
            equal(proxy, address(game));
            equal(time, found[i].timestamp);
            isTrue(games.isGameRegistered(proxy) && games.isGameProper(proxy));
            isTrue(games.isGameRespected(proxy) && games.isGameFinalized(proxy));
            isTrue(games.isGameResolved(proxy) && games.isGameClaimValid(proxy));
            isTrue(!games.isGameBlacklisted(proxy) && !games.isGameRetired(proxy));
        }
        equal(games.findLatestGames(0, start, n).length, 0);
    }

    /// A copy of a game, and an account that is no game at all.
    function test_strangers_areNotGames() public {
        confirmBlock(10);
        address game = games.anchorGame();
        vm.etch(address(0xC091), game.code);
        isTrue(!games.isGameRegistered(address(0xC091)));
        isTrue(!games.isGameProper(address(this)));
        isTrue(!games.isGameProper(ALICE));
        (address proxy,) = games.games(TYPE, bytes32(uint256(1)), abi.encode(10));
        equal(proxy, address(0));
        (proxy,) = games.games(TYPE, ConfirmedGame(game).rootClaim(), abi.encode(11));
        equal(proxy, address(0));
    }

    function testFuzz_stateOtherThanClaimed_isRefused(uint256 part, uint256 index) public {
        initiate(withdrawal(1, ALICE, 1));
        L2Block memory made = blockOf(10);
        bytes32 id = assertBlock(genesis, made);
        vm.warp(block.timestamp + PERIOD);
        bytes32 expected = outputRootOf(made);
        if (part % 3 == 0) made.stateRoot = keccak256("another");
        if (part % 3 == 1) made.storageRoot = keccak256("another");
        if (part % 3 == 2) made.header[index % made.header.length] ^= 0x01;
        vm.expectRevert(
            abi.encodeWithSelector(
                IConfirmedGames.GamesOutputRootMismatch.selector, id, expected, outputRootOf(made)
            )
        );
        games.publish(id, made.stateRoot, made.storageRoot, made.header);
    }

    function test_gameIsListedOnce_andInOrder() public {
        L2Block memory early = blockOf(10);
        bytes32 id = assertBlock(genesis, early);
        vm.warp(block.timestamp + PERIOD);
        chain.confirm(id);
        (L2Block memory late,) = confirmBlock(20);
        bytes32 latest = chain.latestConfirmed();
        vm.expectRevert(abi.encodeWithSelector(IConfirmedGames.GamesNotNewer.selector, 20, 20));
        games.publish(latest, late.stateRoot, late.storageRoot, late.header);
        // The later one serves for all withdrawals of the earlier one.
        vm.expectRevert(abi.encodeWithSelector(IConfirmedGames.GamesNotNewer.selector, 10, 20));
        games.publish(id, early.stateRoot, early.storageRoot, early.header);
        equal(games.gameCount(), 1);
    }

    /// A rival of what was confirmed, once it is lost and before.
    function test_lostAssertion_isRefused() public {
        initiate(withdrawal(1, ALICE, 1));
        L2Block memory truth = blockOf(10);
        bytes32 id = assertBlock(genesis, truth);
        initiate(withdrawal(2, ALICE, 1_000_000 ether));
        L2Block memory lie = blockOf(10);
        bytes32 rival = assertBlock(genesis, lie);
        address game = chain.GAME();
        // The dispute is won, as the EdgeGame would say.
        bytes4 confirm = bytes4(keccak256("confirm(bytes32,bytes32)"));
        vm.mockCall(game, abi.encodePacked(confirm), "");
        chain.confirm(id);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAssertionChain.AssertionParentNotConfirmed.selector, rival, genesis
            )
        );
        games.publish(rival, lie.stateRoot, lie.storageRoot, lie.header);
        bytes32[] memory losers = new bytes32[](1);
        losers[0] = rival;
        chain.collect(id, losers);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAssertionChain.AssertionParentNotConfirmed.selector, rival, genesis
            )
        );
        games.publish(rival, lie.stateRoot, lie.storageRoot, lie.header);
        publish(id, truth);
        equal(games.gameCount(), 1);
    }

    /// An assertion that halts the chain has no state to withdraw from.
    function test_halt_isNoGame() public {
        postAll();
        waitInterval();
        bytes32[] memory claims = new bytes32[](2 ** HEIGHT);
        Proposal memory halt;
        (halt.parent, halt.batchAcc) = (genesis, chain.assertion(genesis).batchLimitAcc);
        (halt.root, halt.proof) =
        (ClaimTree.root(claims), ClaimTree.proof(claims, claims.length - 1));
        bytes32 id = propose(BOB, halt);
        vm.warp(block.timestamp + PERIOD);
        vm.expectRevert(
            abi.encodeWithSelector(
                IConfirmedGames.GamesNotConfirmed.selector, id, IAssertionChain.Status.Halted
            )
        );
        games.publish(id, 0, 0, "");
    }

    function test_nobodyCreatesAGame() public {
        vm.expectRevert(IConfirmedGames.GamesNotCreatable.selector);
        games.create(TYPE, keccak256("lie"), abi.encode(10));
        equal(games.initBonds(TYPE), 0);
        isTrue(games.gameImpls(TYPE).code.length > 0);
        equal(games.gameImpls(0), address(0));
    }
}
