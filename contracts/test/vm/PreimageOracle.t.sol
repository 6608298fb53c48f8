// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IPreimageOracle} from "../../src/IPreimageOracle.sol";
import {PreimageOracle} from "../../src/PreimageOracle.sol";
import {VmTest} from "./VmTest.sol";

/// @title  PreimageOracleTest
/// @notice Each kind of key, read whole and at odd offsets; wrong proofs; precompiles that fail and
///         precompiles that only lack gas. Blob proofs were made by c-kzg on the ceremony's setup.
contract PreimageOracleTest is VmTest {
    uint256 private constant PRECOMPILE_GAS_MAX = 12_000_000;
    uint256 private constant MODULUS =
        0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001;

    /// Commits to the blob whose element i is sha256("gainsay blob element " ‖ i), high byte zero.
    bytes private constant COMMITMENT = hex"985a7274fe3cd986b082f61cac2e89f58bc9e5aa5a9a53d5"
        hex"44072f79d8bf1eae730590b18495faf0b254540f702b0ceb";
    /// Commits to the polynomial X: the setup's secret times the generator.
    bytes private constant COMMITMENT_TO_X = hex"ad3eb50121139aa34db1d545093ac9374ab7bca2c0f3bf28"
        hex"e27c8dcd8fc7cb42d25926fc0c97b336e9f0fb35e5a04c81";
    bytes private constant GENERATOR = hex"97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905"
        hex"a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb";

    function test_keccak_everyOffset() public view {
        bytes memory preimage = bytes.concat(keccak256("a"), keccak256("b"), hex"0102");
        readsAs(keyOf(1, preimage), preimage, preimage);
        readsAs(keyOf(1, ""), "", "");
        readsAs(keyOf(1, hex"ff"), hex"ff", hex"ff");
    }

    function test_keccak_wrongPreimage() public {
        bytes32 key = keyOf(1, "right");
        mismatch(key, "wrong", keccak256("wrong"));
        mismatch(key, "", keccak256(""));
        mismatch(key ^ bytes32(uint256(1)), "right", keccak256("right"));
        mismatch(key ^ bytes32(uint256(1) << 247), "right", keccak256("right"));
    }

    function test_unknownKeyTypes() public {
        for (uint256 keyType = 0; keyType < 256; ++keyType) {
            if (keyType > 0 && keyType < 4) continue;
            bytes32 key = keyOf(uint8(keyType), "preimage");
            vm.expectRevert(
                abi.encodeWithSelector(IPreimageOracle.PreimageUnknownKeyType.selector, keyType)
            );
            oracle.read(key, 0, "preimage");
        }
    }

    /// A key of one type is not one of another, whatever the proof.
    function test_typesAreApart() public {
        bytes memory proof = bytes.concat(bytes20(address(2)), "input");
        (bytes32 word, uint64 length) = oracle.read(keyOf(1, proof), 0, proof);
        equal(word, bytes32(proof));
        equal(length, proof.length);
        (word, length) = oracle.read(keyOf(3, proof), 1, proof);
        equal(word, sha256("input"));
        equal(length, 33);
        vm.expectRevert(
            abi.encodeWithSelector(IPreimageOracle.PreimageProofLength.selector, proof.length, 168)
        );
        oracle.read(keyOf(2, proof), 0, proof);
    }

    function test_blob_elements() public view {
        uint64[5] memory indices = indicesWithProof();
        for (uint256 i = 0; i < 5; ++i) {
            bytes memory proof = blobProof(i);
            bytes memory decimal = decimals()[i];
            bytes32 element = sha256(bytes.concat("gainsay blob element ", decimal)) << 8 >> 8;
            bytes32 key = blobKey(versioned(COMMITMENT), indices[i]);
            readsAs(key, proof, bytes.concat(element));
        }
    }

    /// The polynomial X is at each of its points the point itself, and its proof is the generator:
    /// so this checks every point, against a formula of its own.
    function testFuzz_blob_everyPoint(uint256 seed) public view {
        uint64 index = uint64(bound(seed, 4096));
        uint256 exponent = 0;
        for (uint256 i = 0; i < 12; ++i) {
            exponent += (index / 2 ** i) % 2 * 2 ** (11 - i);
        }
        bytes32 point = modexp(7, (MODULUS - 1) / 4096 * exponent, MODULUS);
        bytes32 hash = versioned(COMMITMENT_TO_X);
        bytes memory proof = bytes.concat(hash, bytes8(index), COMMITMENT_TO_X, GENERATOR, point);
        (bytes32 word, uint64 length) = oracle.read(blobKey(hash, index), 0, proof);
        equal(word, point);
        equal(length, 32);
    }

    /// The blob of zeros: commitment and proof are the point at infinity.
    function test_blob_ofZeros() public view {
        bytes memory infinity = bytes.concat(hex"c0", new bytes(47));
        bytes32 hash = versioned(infinity);
        bytes memory proof =
            bytes.concat(hash, bytes8(uint64(4095)), infinity, infinity, bytes32(0));
        readsAs(blobKey(hash, 4095), proof, new bytes(32));
    }

    /// Each byte counts.
    function test_blob_corrupted() public view {
        bytes memory proof = blobProof(3);
        bytes32 key = blobKey(versioned(COMMITMENT), 1234);
        for (uint256 i = 0; i < proof.length; ++i) {
            proof[i] ^= 0x01;
            isTrue(!this.accepts(key, proof));
            proof[i] ^= 0x01;
        }
        isTrue(this.accepts(key, proof));
        isTrue(!this.accepts(key, bytes.concat(proof, hex"00")));
    }

    function test_blob_elementAboveTheModulus() public view {
        bytes memory infinity = bytes.concat(hex"c0", new bytes(47));
        bytes32 hash = versioned(infinity);
        bytes memory head = bytes.concat(hash, bytes8(0), infinity, infinity);
        isTrue(this.accepts(blobKey(hash, 0), bytes.concat(head, bytes32(0))));
        isTrue(!this.accepts(blobKey(hash, 0), bytes.concat(head, bytes32(MODULUS))));
    }

    /// The proof of an element does not serve for another index.
    function test_blob_wrongIndex() public {
        bytes memory proof = blobProof(1);
        proof[39] = 0x02;
        bytes32 hash = versioned(COMMITMENT);
        vm.expectRevert(
            abi.encodeWithSelector(IPreimageOracle.PreimageInvalidKzgProof.selector, hash, 2)
        );
        oracle.read{gas: 200_000}(blobKey(hash, 2), 0, proof);
    }

    /// Where there is no point evaluation its call succeeds, but returns nothing.
    function test_blob_withoutThePrecompile() public {
        bytes memory proof = blobProof(1);
        bytes32 hash = versioned(COMMITMENT);
        vm.mockCall(address(0x0a), "", "");
        vm.expectRevert(
            abi.encodeWithSelector(IPreimageOracle.PreimageInvalidKzgProof.selector, hash, 1)
        );
        oracle.read(blobKey(hash, 1), 0, proof);
    }

    function test_blob_indexOutOfRange() public {
        bytes memory infinity = bytes.concat(hex"c0", new bytes(47));
        bytes32 hash = versioned(infinity);
        uint64[3] memory indices = [uint64(4096), 2 ** 32, type(uint64).max];
        for (uint256 i = 0; i < 3; ++i) {
            bytes memory proof =
                bytes.concat(hash, bytes8(indices[i]), infinity, infinity, bytes32(0));
            vm.expectRevert(
                abi.encodeWithSelector(
                    IPreimageOracle.PreimageFieldElementIndex.selector, indices[i], 4095
                )
            );
            oracle.read(blobKey(hash, indices[i]), 0, proof);
        }
    }

    function test_precompiles_thatSucceed() public view {
        succeeds(0x02, "abc", bytes.concat(sha256("abc")));
        succeeds(0x03, "abc", bytes.concat(bytes12(0), ripemd160("abc")));
        succeeds(0x04, "abc", "abc");
        succeeds(0x04, "", "");
        succeeds(0x04, new bytes(10_000), new bytes(10_000));
        succeeds(0x05, abi.encodePacked(uint256(1), uint256(1), uint256(1), hex"030507"), hex"05");
        succeeds(0x08, "", abi.encode(1));
        succeeds(0x0b, new bytes(256), new bytes(128));
        succeeds(0x0d, new bytes(512), new bytes(256));
        succeeds(0x0f, new bytes(384), abi.encode(1));
        succeeds(0x10, new bytes(64), fromProof(0x10, new bytes(64)));
    }

    function test_precompile_ecrecover() public view {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(0xa11ce, keccak256("message"));
        bytes memory input = abi.encode(keccak256("message"), v, r, s);
        succeeds(0x01, input, abi.encode(vm.addr(0xa11ce)));
        // No signer is no failure: the precompile returns nothing.
        succeeds(0x01, abi.encode(keccak256("message"), 29, r, s), "");
    }

    function test_precompile_bn254() public view {
        bytes memory twice = abi.encode(
            0x030644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd3,
            0x15ed738c0e0a7c92e7845f96b2ae9c0a68a6a449e3538fc7ff3ebf7a5a18a2c4
        );
        succeeds(0x06, abi.encode(1, 2, 1, 2), twice);
        succeeds(0x07, abi.encode(1, 2, 2), twice);
    }

    function test_precompile_p256() public view {
        uint256 secret = 0x5ec5e7;
        (bytes32 r, bytes32 s) = vm.signP256(secret, keccak256("message"));
        (uint256 x, uint256 y) = vm.publicKeyP256(secret);
        succeeds(0x100, abi.encode(keccak256("message"), r, s, x, y), abi.encode(1));
        succeeds(0x100, abi.encode(keccak256("another"), r, s, x, y), "");
    }

    /// On a chain without P256VERIFY every signature would be wrong.
    function test_deploy_needsOsaka() public {
        vm.mockCall(address(0x100), "", "");
        vm.expectRevert(
            abi.encodeWithSelector(
                IPreimageOracle.PreimageMissingPrecompile.selector, address(0x100)
            )
        );
        new PreimageOracle();
    }

    function test_precompile_kzg() public view {
        bytes memory proof = blobProof(0);
        bytes memory input = bytes.concat(
            versioned(COMMITMENT), bytes32(uint256(1)), slice(proof, 136, 32), slice(proof, 40, 96)
        );
        succeeds(0x0a, input, abi.encode(4096, MODULUS));
        input[0] = 0x02;
        fails(0x0a, input);
    }

    function test_precompiles_thatFail() public view {
        fails(0x06, abi.encode(1, 1, 1, 2));
        fails(0x07, abi.encode(1, 1, 2));
        fails(0x08, hex"00");
        fails(0x09, "");
        fails(0x0a, "");
        for (uint160 i = 0x0b; i <= 0x11; ++i) {
            fails(i, "");
        }
        // A modulus of more than 1024 bytes: https://eips.ethereum.org/EIPS/eip-7823
        fails(0x05, abi.encode(0, 0, 1025));
    }

    /// The gas maximum is exact: one round of BLAKE2 costs one gas.
    function test_precompile_atTheGasMaximum() public view {
        bytes memory rest = new bytes(209);
        succeeds(0x09, bytes.concat(bytes4(uint32(PRECOMPILE_GAS_MAX)), rest), blake(rest));
        fails(0x09, bytes.concat(bytes4(uint32(PRECOMPILE_GAS_MAX + 1)), rest));
    }

    function blake(bytes memory rest) private view returns (bytes memory output) {
        bytes memory input = bytes.concat(bytes4(uint32(PRECOMPILE_GAS_MAX)), rest);
        (, output) = address(9).staticcall{gas: 20_000_000}(input);
        equal(output.length, 64);
    }

    /// Whatever gas it gets, a precompile that succeeds never reads as failed.
    function test_precompile_withTooLittleGas_neverFails() public view {
        bytes memory input = new bytes(384 * 3);
        bytes memory proof = bytes.concat(bytes20(address(0x0f)), input);
        bytes memory data = abi.encodeCall(oracle.read, (keyOf(3, proof), 0, proof));
        uint256 reads = 0;
        for (uint256 gas = 5_000; gas < 200_000; gas += 487) {
            (bool success, bytes memory returned) = address(oracle).staticcall{gas: gas}(data);
            if (!success) continue;
            ++reads;
            (bytes32 word, uint64 length) = abi.decode(returned, (bytes32, uint64));
            equal(length, 33);
            equal(word, bytes32(bytes1(0x01)));
        }
        isTrue(reads > 20 && reads < 200);
    }

    /// A failure is believed only with all the gas.
    function test_precompile_failure_needsAllTheGas() public view {
        bytes memory proof = bytes.concat(bytes20(address(0x09)));
        bytes memory data = abi.encodeCall(oracle.read, (keyOf(3, proof), 0, proof));
        uint256 least = PRECOMPILE_GAS_MAX * 64 / 63;
        for (uint256 gas = 100_000; gas < least; gas += 397_000) {
            isTrue(!answers(data, gas));
        }
        for (uint256 gas = least; gas < least + 1000; gas += 100) {
            isTrue(!answers(data, gas));
        }
        isTrue(answers(data, least + 10_000));
    }

    /// Right below the gas that its run needs, a precompile that would succeed gets too little. That
    /// is never read as its failure: the first gas with an answer gives the right one.
    function test_precompile_nearTheGasMaximum_neverFails() public view {
        bytes memory input = bytes.concat(bytes4(uint32(PRECOMPILE_GAS_MAX)), new bytes(209));
        bytes memory proof = bytes.concat(bytes20(address(0x09)), input);
        bytes memory data = abi.encodeCall(oracle.read, (keyOf(3, proof), 0, proof));
        uint256 least = PRECOMPILE_GAS_MAX * 64 / 63;
        uint256 gas = least;
        bool success;
        bytes memory returned;
        // What lies between the measurement and the call costs more than 100 gas, a warm call alone
        // that much: https://eips.ethereum.org/EIPS/eip-2929. So no such window is stepped over.
        for (; !success && gas < least + 20_000; gas += 20) {
            (success, returned) = address(oracle).staticcall{gas: gas}(data);
        }
        isTrue(success);
        (bytes32 word, uint64 length) = abi.decode(returned, (bytes32, uint64));
        equal(length, 65);
        equal(word >> 248, bytes32(uint256(1)));
    }

    function test_precompile_gasIsNamed() public view {
        bytes memory proof = bytes.concat(bytes20(address(0x09)));
        bytes memory data = abi.encodeCall(oracle.read, (keyOf(3, proof), 0, proof));
        (, bytes memory returned) = address(oracle).staticcall{gas: 12_000_000}(data);
        equal(bytes4(returned), IPreimageOracle.PreimageOutOfGas.selector);
    }

    function answers(bytes memory data, uint256 gas) private view returns (bool success) {
        (success,) = address(oracle).staticcall{gas: gas}(data);
    }

    function test_precompile_unknownAddresses() public {
        address[6] memory unknown = [
            address(0), address(0x12), address(0xff), address(0x101), address(oracle), address(this)
        ];
        for (uint256 i = 0; i < 6; ++i) {
            bytes memory proof = bytes.concat(bytes20(unknown[i]), "input");
            vm.expectRevert(
                abi.encodeWithSelector(
                    IPreimageOracle.PreimageUnknownPrecompile.selector, unknown[i]
                )
            );
            oracle.read(keyOf(3, proof), 0, proof);
        }
    }

    function test_precompile_proofWithoutAddress() public {
        vm.expectRevert(
            abi.encodeWithSelector(IPreimageOracle.PreimageProofLength.selector, 19, 20)
        );
        oracle.read(keyOf(3, new bytes(19)), 0, new bytes(19));
    }

    function succeeds(uint160 precompile, bytes memory input, bytes memory output) private view {
        bytes memory proof = bytes.concat(bytes20(precompile), input);
        readsAs(keyOf(3, proof), proof, bytes.concat(hex"01", output));
    }

    function fails(uint160 precompile, bytes memory input) private view {
        bytes memory proof = bytes.concat(bytes20(precompile), input);
        (bytes32 word, uint64 length) = oracle.read(keyOf(3, proof), 0, proof);
        equal(word, 0);
        equal(length, 1);
    }

    /// What the precompile itself returns.
    function fromProof(uint160 precompile, bytes memory input)
        private
        view
        returns (bytes memory output)
    {
        (, output) = address(precompile).staticcall{gas: 1_000_000}(input);
        isTrue(output.length > 0);
    }

    /// The preimage reads as this at some offsets: in it, at its end, behind it, very far.
    function readsAs(bytes32 key, bytes memory proof, bytes memory expected) private view {
        uint64[7] memory offsets =
            [uint64(0), 1, 31, 32, 64, uint64(expected.length), type(uint64).max];
        for (uint256 i = 0; i < 7; ++i) {
            (bytes32 word, uint64 length) = oracle.read(key, offsets[i], proof);
            equal(length, expected.length);
            equal(word, wordOf(expected, offsets[i]));
        }
    }

    function wordOf(bytes memory data, uint64 offset) private pure returns (bytes32 word) {
        bytes memory part = new bytes(32);
        for (uint256 i = 0; i < 32; ++i) {
            if (uint256(offset) + i < data.length) part[i] = data[offset + i];
        }
        return bytes32(part);
    }

    function accepts(bytes32 key, bytes memory proof) external view returns (bool) {
        return answers(abi.encodeCall(oracle.read, (key, 0, proof)), 200_000);
    }

    function mismatch(bytes32 key, bytes memory proof, bytes32 hash) private {
        vm.expectRevert(
            abi.encodeWithSelector(IPreimageOracle.PreimageKeyMismatch.selector, key, hash)
        );
        oracle.read(key, 0, proof);
    }

    function keyOf(uint8 keyType, bytes memory hashed) private pure returns (bytes32) {
        return bytes32(bytes1(keyType)) | keccak256(hashed) & ~bytes32(bytes1(0xff));
    }

    function blobKey(bytes32 hash, uint64 index) private pure returns (bytes32) {
        return keyOf(2, bytes.concat(hash, bytes8(index)));
    }

    function versioned(bytes memory commitment) private pure returns (bytes32) {
        return bytes32(bytes1(0x01)) | sha256(commitment) & ~bytes32(bytes1(0xff));
    }

    function modexp(uint256 base, uint256 exponent, uint256 modulus)
        private
        view
        returns (bytes32)
    {
        bytes memory input = abi.encode(32, 32, 32, base, exponent % (modulus - 1), modulus);
        (, bytes memory output) = address(5).staticcall(input);
        return bytes32(output);
    }

    function bound(uint256 seed, uint256 count) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed))) % count;
    }

    function slice(bytes memory data, uint256 from, uint256 size)
        private
        pure
        returns (bytes memory part)
    {
        part = new bytes(size);
        for (uint256 i = 0; i < size; ++i) {
            part[i] = data[from + i];
        }
    }

    function indicesWithProof() private pure returns (uint64[5] memory) {
        return [uint64(0), 1, 6, 1234, 4095];
    }

    function decimals() private pure returns (bytes[5] memory) {
        return [bytes("0"), "1", "6", "1234", "4095"];
    }

    function blobProof(uint256 which) private pure returns (bytes memory) {
        bytes[5] memory kzgProofs = [
            bytes(
                hex"a133b93d9b29dcbe940ad7e92750031c0825e2f117d871ec"
                hex"d99a8710b66f9014b5850a8b7c4f787dc456faa66b083712"
            ),
            hex"b02570ac455d670bfc654dda42e81655339eeb54c8daf526"
            hex"329da79e9afa657efadfc502fe8c1c47d2f1c60b3f0c8c9f",
            hex"b2a82b4718c4d8e6900810f3988e162a8704ad9f3b71f03f"
            hex"545daa92beb017110c05c6a01ce5689f2b71fe8f1ad2b717",
            hex"aa98d5d1d820dcd10743a9c50e5326c414d49e17f6b9d7fa"
            hex"cd645511379f237dac8fddf7126cf529d5a223c48680f01d",
            hex"ade2eac8388eb1a4e426c8d8f9eedfde581e1c735559b81a"
            hex"e5b3c4ebd5d16a6fc13b97513628fe98150ad26b4a4c4a83"
        ];
        bytes32 hash = sha256(bytes.concat("gainsay blob element ", decimals()[which]));
        bytes32 element = hash << 8 >> 8;
        bytes8 index = bytes8(indicesWithProof()[which]);
        return bytes.concat(versioned(COMMITMENT), index, COMMITMENT, kzgProofs[which], element);
    }
}
