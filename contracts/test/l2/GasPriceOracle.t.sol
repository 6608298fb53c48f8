// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {FastLz} from "../../src/l2/FastLz.sol";
import {Predeploys} from "../../src/l2/Predeploys.sol";
import {L1FeeVectors} from "./L1FeeVectors.sol";
import {L2Test} from "./L2Test.sol";

/// @notice What the oracle tells is what op-revm charges.
contract GasPriceOracleTest is L2Test {
    function setUp() public override {
        super.setUp();
        vm.prank(Predeploys.DEPOSITOR);
        l1Block.setL1BlockValues(1, 2, L1FeeVectors.L1_BASE_FEE, L1FeeVectors.L1_BLOB_BASE_FEE);
    }

    function test_getL1Fee_matchesOpRevm() external view {
        L1FeeVectors.Vector[] memory vectors = L1FeeVectors.all();
        // The 68 bytes assumed for the signature are off by at most 3 in these transactions.
        uint256 slack = 1 + 3 * 836_500
            * (16
                * uint256(BASE_FEE_SCALAR)
                * L1FeeVectors.L1_BASE_FEE
                + uint256(BLOB_BASE_FEE_SCALAR)
                * L1FeeVectors.L1_BLOB_BASE_FEE) / 1e12;
        for (uint256 i = 0; i < vectors.length; ++i) {
            L1FeeVectors.Vector memory v = vectors[i];
            equal(FastLz.compressedLength(v.unsigned), v.unsignedFastLz);
            equal(FastLz.compressedLength(v.signed), v.signedFastLz);
            uint256 fee = oracle.getL1Fee(v.unsigned);
            equal(fee, v.estimate);
            isTrue(fee <= v.cost + slack && v.cost <= fee + slack);
            isTrue(oracle.getL1FeeUpperBound(v.unsigned.length) >= v.cost);
        }
    }

    /// The fee op-revm charges for the signed bytes, from the size the contract finds for them.
    function test_fjordFormula_matchesOpRevmOnSignedBytes() external pure {
        L1FeeVectors.Vector[] memory vectors = L1FeeVectors.all();
        for (uint256 i = 0; i < vectors.length; ++i) {
            uint256 scaled = 836_500 * FastLz.compressedLength(vectors[i].signed);
            scaled = scaled < 142_585_600 ? 100_000_000 : scaled - 42_585_600;
            uint256 price = 16 * uint256(BASE_FEE_SCALAR) * L1FeeVectors.L1_BASE_FEE
                + uint256(BLOB_BASE_FEE_SCALAR) * L1FeeVectors.L1_BLOB_BASE_FEE;
            equal(scaled * price / 1e12, vectors[i].cost);
        }
    }

    /// Sizes by op-revm 20's `flz_compress_len`; the first are its own unit tests.
    function test_fastLz_matchesOpRevm() external pure {
        equal(FastLz.compressedLength(""), 0);
        equal(FastLz.compressedLength(hex"FACADE"), 4);
        equal(FastLz.compressedLength(cycle(hex"00", 1000)), 21);
        equal(FastLz.compressedLength(cycle(hex"2a", 1000)), 21);
        equal(FastLz.compressedLength(noise(1, 1)), 2);
        equal(FastLz.compressedLength(noise(1, 12)), 13);
        equal(FastLz.compressedLength(noise(1, 13)), 14);
        equal(FastLz.compressedLength(noise(1, 15)), 16);
        equal(FastLz.compressedLength(noise(1, 16)), 17);
        equal(FastLz.compressedLength(noise(1, 40)), 42);
        equal(FastLz.compressedLength(noise(1, 300)), 310);
        equal(FastLz.compressedLength(noise(1, 5000)), 5156);
        equal(FastLz.compressedLength(cycle(noise(1, 1), 300)), 15);
        equal(FastLz.compressedLength(cycle(noise(3, 3), 3000)), 46);
        equal(FastLz.compressedLength(cycle(noise(32, 32), 20_000)), 270);
        equal(FastLz.compressedLength(cycle(noise(97, 97), 9000)), 209);
        // A back reference reaches 8,191 bytes and no further.
        equal(FastLz.compressedLength(cycle(noise(8191, 8191), 24_000)), 8645);
        equal(FastLz.compressedLength(cycle(noise(8192, 8192), 24_000)), 24_746);
        equal(FastLz.compressedLength(cycle(noise(8193, 8193), 24_000)), 24_736);
    }

    /// 200 half-regular inputs of up to 1,500 bytes, their sizes chained into one digest. The Rust
    /// program that made the vectors builds the same inputs for op-revm's `flz_compress_len`.
    function test_fastLz_matchesOpRevmOnManyInputs() external pure {
        bytes32 digest;
        uint256 total;
        for (uint256 i = 0; i < 200; ++i) {
            bytes memory base = noise(uint64(i), 1 + i * 7 % 97);
            bytes memory data = new bytes(i * 131 % 1500);
            for (uint256 j = 0; j < data.length; ++j) {
                data[j] = base[j * (1 + i % 5) % base.length];
                if (j % (13 + i % 29) == 0) data[j] ^= bytes1(uint8(i));
            }
            uint256 size = FastLz.compressedLength(data);
            total += size;
            digest = keccak256(abi.encode(digest, size));
        }
        equal(total, 34_687);
        equal(digest, 0x138ddd866ef27db4d98e0b5d6f982a7f54f199051538f9daa728632c44e47f27);
    }

    /// The hash table must not be read back as, or written over, memory that Solidity hands out.
    function testFuzz_fastLz_leavesMemoryAlone(bytes memory data) external pure {
        bytes32 before = keccak256(data);
        uint256 first = FastLz.compressedLength(data);
        uint256[] memory fresh = new uint256[](2000);
        for (uint256 i = 0; i < fresh.length; ++i) {
            equal(fresh[i], 0);
        }
        equal(FastLz.compressedLength(data), first);
        equal(keccak256(data), before);
        isTrue(first <= data.length + data.length / 32 + 1);
    }

    function testFuzz_getL1Fee_neverBelowMinimumSize(bytes memory data) external view {
        isTrue(oracle.getL1Fee(data) >= oracle.getL1Fee(""));
        isTrue(oracle.getL1GasUsed(data) >= 1600);
    }

    function test_views() external {
        vm.fee(12_345);
        equal(oracle.baseFee(), 12_345);
        equal(oracle.gasPrice(), 12_345);
        equal(oracle.l1BaseFee(), L1FeeVectors.L1_BASE_FEE);
        equal(oracle.blobBaseFee(), L1FeeVectors.L1_BLOB_BASE_FEE);
        equal(oracle.baseFeeScalar(), BASE_FEE_SCALAR);
        equal(oracle.blobBaseFeeScalar(), BLOB_BASE_FEE_SCALAR);
        equal(oracle.decimals(), 6);
        isTrue(oracle.isEcotone() && oracle.isFjord() && oracle.isIsthmus() && oracle.isJovian());
    }

    /// op-revm's operator_fee_charge since Jovian: gas * scalar * 100 + constant.
    function testFuzz_getOperatorFee_isZeroUntilScalarsAreSet(
        uint64 gasUsed,
        uint32 scalar,
        uint64 constantFee
    ) external {
        equal(oracle.getOperatorFee(gasUsed), 0);
        setSlot(Predeploys.L1_BLOCK, 8, uint256(scalar) << 64 | constantFee);
        equal(oracle.getOperatorFee(gasUsed), uint256(gasUsed) * scalar * 100 + constantFee);
    }

    function noise(uint64 seed, uint256 length) private pure returns (bytes memory out) {
        out = new bytes(length);
        bytes32 word = keccak256(abi.encodePacked(seed));
        for (uint256 i = 0; i < length; ++i) {
            if (i != 0 && i % 32 == 0) word = keccak256(abi.encode(word));
            out[i] = word[i % 32];
        }
    }

    function cycle(bytes memory base, uint256 length) private pure returns (bytes memory out) {
        out = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            out[i] = base[i % base.length];
        }
    }
}
