// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IPreimageOracle} from "./IPreimageOracle.sol";

/// @title  PreimageOracle
/// @notice See IPreimageOracle. The EVM itself is the judge of each kind: its KECCAK256, its point
///         evaluation, its precompiles. L1 must have the precompiles of Osaka.
contract PreimageOracle is IPreimageOracle {
    /// @notice A precompile that fails with this much gas has failed. The program reads no
    ///         precompile that costs more.
    uint256 public constant PRECOMPILE_GAS_MAX = 12_000_000;

    uint8 private constant KECCAK = 1;
    uint8 private constant BLOB = 2;
    uint8 private constant PRECOMPILE = 3;

    /// Precompiles are 0x01..0x11, the last ones by https://eips.ethereum.org/EIPS/eip-2537, and
    /// P256VERIFY by https://eips.ethereum.org/EIPS/eip-7951.
    address private constant LAST_PRECOMPILE = address(0x11);
    address private constant P256VERIFY = address(0x100);

    /// https://eips.ethereum.org/EIPS/eip-4844
    address private constant POINT_EVALUATION = address(0x0a);
    uint256 private constant BLS_MODULUS =
        0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001;
    uint256 private constant FIELD_ELEMENTS_PER_BLOB = 4096;
    uint256 private constant LOG2_FIELD_ELEMENTS = 12;
    uint256 private constant PRIMITIVE_ROOT = 7;
    uint256 private constant BLOB_PROOF_SIZE = 168;

    /// A right signature: hash ‖ r ‖ s ‖ x ‖ y (https://eips.ethereum.org/EIPS/eip-7951).
    bytes private constant P256_SIGNATURE = hex"4cee90eb86eaa050036147a12d49004b"
        hex"6b9c72bd725d39d4785011fe190f0b4d"
        hex"a73bd4903f0ce3b639bbbf6e8e80d16931ff4bcf5993d58468e8fb19086e8cac"
        hex"36dbcd03009df8c59286b162af3bd7fcc0450c9aa81be5d10d312af6c66b1d60"
        hex"4aebd3099c618202fcfe16ae7770b0c49ab5eadf74b754204a3bb6060e44eff3"
        hex"7618b065f9832de4ca6ca971a7a1adc826d0f7c00181a5fb2ddf79ae00b4e10e";

    /// Gas that may go between the measurement and the call of a precompile.
    uint256 private constant CALL_OVERHEAD = 5000;

    /// PRIMITIVE_ROOT^((BLS_MODULUS - 1) / 4096): its powers are where a blob is evaluated.
    uint256 private immutable ROOT_OF_UNITY;

    constructor() {
        // INVARIANT: L1 has every precompile that may be read. One that is not there returns
        // nothing and succeeds, which for P256VERIFY, the newest, means a wrong signature.
        // PROTOCOL.md L1-3
        (, bytes memory returned) = P256VERIFY.staticcall(P256_SIGNATURE);
        require(returned.length == 32, PreimageMissingPrecompile(P256VERIFY));
        ROOT_OF_UNITY = power(PRIMITIVE_ROOT, (BLS_MODULUS - 1) / FIELD_ELEMENTS_PER_BLOB);
    }

    /// @inheritdoc IPreimageOracle
    function read(bytes32 key, uint64 offset, bytes calldata proof)
        external
        view
        returns (bytes32 word, uint64 length)
    {
        // PROTOCOL.md PROGRAM-4
        uint8 keyType = uint8(key[0]);
        if (keyType == KECCAK) {
            checkKey(key, keccak256(proof));
            return wordAt(proof, offset);
        }
        if (keyType == BLOB) return wordAt(proveBlobElement(key, proof), offset);
        if (keyType == PRECOMPILE) return wordAtMemory(callPrecompile(key, proof), offset);
        revert PreimageUnknownKeyType(keyType);
    }

    function proveBlobElement(bytes32 key, bytes calldata proof)
        private
        view
        returns (bytes calldata element)
    {
        uint256 size = proof.length;
        require(size == BLOB_PROOF_SIZE, PreimageProofLength(size, BLOB_PROOF_SIZE));
        checkKey(key, keccak256(proof[:40]));
        bytes32 versionedHash = bytes32(proof[:32]);
        uint64 index = uint64(bytes8(proof[32:40]));
        require(
            index < FIELD_ELEMENTS_PER_BLOB,
            PreimageFieldElementIndex(index, uint64(FIELD_ELEMENTS_PER_BLOB - 1))
        );
        element = proof[136:];
        // The precompile takes: versioned hash ‖ point ‖ value ‖ commitment ‖ proof.
        (bool success, bytes memory returned) = POINT_EVALUATION.staticcall(
            bytes.concat(versionedHash, bytes32(pointAt(index)), element, proof[40:136])
        );
        // INVARIANT: where there is no such precompile nothing is proved: the call succeeds, but
        // returns nothing.
        require(success && returned.length == 64, PreimageInvalidKzgProof(versionedHash, index));
    }

    function callPrecompile(bytes32 key, bytes calldata proof)
        private
        view
        returns (bytes memory result)
    {
        require(proof.length >= 20, PreimageProofLength(proof.length, 20));
        checkKey(key, keccak256(proof));
        address precompile = address(bytes20(proof[:20]));
        // PROTOCOL.md PRECOMPILE-1
        bool allowed =
            precompile > address(0) && precompile <= LAST_PRECOMPILE || precompile == P256VERIFY;
        require(allowed, PreimageUnknownPrecompile(precompile));
        bytes memory input = proof[20:];
        uint256 gasBefore = gasleft() - CALL_OVERHEAD;
        bool success;
        // Solidity's own call copies the input after all is measured, so the gas given is unknown.
        assembly ("memory-safe") {
            success := staticcall(
                PRECOMPILE_GAS_MAX,
                precompile,
                add(input, 32),
                mload(input),
                0,
                0
            )
        }
        // INVARIANT: a call that only ran out of gas is no failure. All but a 64th of what is left
        // is given: https://eips.ethereum.org/EIPS/eip-150
        uint256 gasGiven = gasBefore - gasBefore / 64;
        require(
            success || gasGiven >= PRECOMPILE_GAS_MAX,
            PreimageOutOfGas(gasGiven, PRECOMPILE_GAS_MAX)
        );
        return success ? bytes.concat(bytes1(0x01), returnData()) : new bytes(1);
    }

    /// @dev Where field element `index` is the value of the blob's polynomial: a blob is in the
    ///      order of bit-reversed indices.
    function pointAt(uint256 index) private view returns (uint256) {
        uint256 reversed = 0;
        for (uint256 i = 0; i < LOG2_FIELD_ELEMENTS; ++i) {
            reversed = reversed << 1 | (index >> i & 1);
        }
        return power(ROOT_OF_UNITY, reversed);
    }

    function power(uint256 base, uint256 exponent) private pure returns (uint256 result) {
        result = 1;
        for (; exponent > 0; exponent >>= 1) {
            if (exponent & 1 == 1) result = mulmod(result, base, BLS_MODULUS);
            base = mulmod(base, base, BLS_MODULUS);
        }
    }

    function checkKey(bytes32 key, bytes32 hash) private pure {
        // INVARIANT: one key has one preimage: 248 bits of its hash are the key.
        require(key << 8 == hash << 8, PreimageKeyMismatch(key, hash));
    }

    /// @dev The 32 bytes at `offset`, zeros past the end, and the length.
    function wordAt(bytes calldata preimage, uint256 offset)
        private
        pure
        returns (bytes32 word, uint64 length)
    {
        if (offset < preimage.length) word = bytes32(preimage[offset:]);
        return (word, uint64(preimage.length));
    }

    /// @dev The same of bytes in memory, which Solidity cannot slice.
    function wordAtMemory(bytes memory preimage, uint256 offset)
        private
        pure
        returns (bytes32 word, uint64 length)
    {
        length = uint64(preimage.length);
        if (offset >= length) return (0, length);
        // Assembly: 100 gas, 10,000 byte by byte.
        assembly ("memory-safe") {
            word := mload(add(add(preimage, 32), offset))
        }
        if (length - offset < 32) {
            uint256 excessBits = 256 - 8 * (length - offset);
            word = word >> excessBits << excessBits;
        }
    }

    function returnData() private pure returns (bytes memory data) {
        assembly ("memory-safe") {
            data := mload(0x40)
            let size := returndatasize()
            mstore(data, size)
            returndatacopy(add(data, 32), 0, size)
            mstore(0x40, and(add(add(data, size), 63), not(31)))
        }
    }
}
