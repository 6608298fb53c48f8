// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {PreimageOracle} from "../../src/PreimageOracle.sol";
import {StepVerifier} from "../../src/StepVerifier.sol";
import {Machine, Touched} from "./MachineBuilder.sol";
import {Reference} from "./Reference.sol";

/// @notice The forge cheatcodes these tests use.
interface Vm {
    struct Gas {
        uint64 gasLimit;
        uint64 gasTotalUsed;
        uint64 gasMemoryUsed;
        int64 gasRefunded;
        uint64 gasRemaining;
    }

    function lastCallGas() external view returns (Gas memory gas);
    function mockCall(address target, bytes calldata data, bytes calldata returned) external;
    function addr(uint256 privateKey) external pure returns (address);
    function sign(uint256 privateKey, bytes32 digest)
        external
        pure
        returns (uint8 v, bytes32 r, bytes32 s);
    function signP256(uint256 privateKey, bytes32 digest)
        external
        pure
        returns (bytes32 r, bytes32 s);
    function publicKeyP256(uint256 privateKey) external view returns (uint256 x, uint256 y);
    function pauseGasMetering() external;
    function resumeGasMetering() external;
    function expectRevert(bytes calldata data) external;
    function expectRevert(bytes4 selector) external;
}

/// @title  VmTest
/// @notice A deployed verifier, and the reference it must agree with.
abstract contract VmTest {
    error Different(bytes32 found, bytes32 expected);
    error Accepted(uint256 position);

    Vm internal constant vm = Vm(0x7109709ECfa91a80626fF3989D68f67F5b1DD12D);
    uint256 internal constant MEMORY_SIZE = 2 ** 30;

    PreimageOracle internal oracle;
    StepVerifier internal verifier;

    function setUp() public virtual {
        oracle = new PreimageOracle();
        verifier = new StepVerifier(oracle);
    }

    /// The step of a machine that reads no preimage; returns the machine after it.
    function check(Machine memory machine) internal view returns (Machine memory) {
        return check(machine, "", "");
    }

    /// The verifier takes the step that the reference takes.
    function check(Machine memory machine, bytes memory preimage, bytes memory proof)
        internal
        view
        returns (Machine memory post)
    {
        post = machine.copy();
        Touched memory touched = Reference.step(post, preimage);
        bytes memory witness = machine.witness(touched, proof);
        equal(verifier.step(machine.stateHash(), witness), post.stateHash());
    }

    /// The machine halts with this exit code, and nothing else changes but the step.
    function checkHalt(Machine memory machine, uint16 exitCode) internal view {
        Machine memory expected = machine.copy();
        (expected.status, expected.exitCode) = (1, exitCode);
        expected.step = machine.step + 1;
        equal(check(machine).stateHash(), expected.stateHash());
    }

    /// What the witness of this machine's step is.
    function witnessOf(Machine memory machine, bytes memory preimage, bytes memory proof)
        internal
        pure
        returns (bytes memory)
    {
        return machine.witness(Reference.step(machine.copy(), preimage), proof);
    }

    /// The verifier's answer to a witness that may be bad.
    function tryStep(bytes32 preStateHash, bytes memory witness)
        internal
        view
        returns (bool accepted, bytes memory returned)
    {
        return address(verifier).staticcall(abi.encodeCall(verifier.step, (preStateHash, witness)));
    }

    /// Values at the borders of each width, or random ones.
    function operand(uint256 seed) internal pure returns (uint64) {
        uint64[20] memory edges = [
            uint64(0),
            1,
            2,
            31,
            32,
            63,
            64,
            0x7f,
            0x80,
            0x7fff,
            0x8000,
            0x7fffffff,
            0x80000000,
            0xffffffff,
            0x7fffffffffffffff,
            0x8000000000000000,
            0xffffffff00000000,
            0xffffffff7fffffff,
            0xffffffff80000000,
            0xffffffffffffffff
        ];
        seed = uint256(keccak256(abi.encode(seed)));
        uint256 choice = seed % 32;
        return choice < 20 ? edges[choice] : uint64(seed >> 192) >> uint64(choice % 3 * 24);
    }

    function equal(uint256 found, uint256 expected) internal pure {
        if (found != expected) revert Different(bytes32(found), bytes32(expected));
    }

    function equal(bytes32 found, bytes32 expected) internal pure {
        if (found != expected) revert Different(found, expected);
    }

    function isTrue(bool condition) internal pure {
        if (!condition) revert Different(bytes32(0), bytes32(uint256(1)));
    }
}
