// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Isa, Name} from "./Isa.sol";
import {Machine, MachineBuilder, Touched} from "./MachineBuilder.sol";

/// @title  Reference
/// @notice The machine once more, as a layman would write it: values are integers, registers hold
///         them modulo 2^64, memory is bytes. It shares no code with the verifier.
library Reference {
    int256 private constant TWO_32 = 2 ** 32;
    int256 private constant TWO_64 = 2 ** 64;
    uint256 private constant MEMORY_SIZE = 2 ** 30;

    /// @notice Takes one step; says which memory it needed. `preimage` is that of the key, if the
    ///         step reads one.
    function step(Machine memory m, bytes memory preimage)
        internal
        pure
        returns (Touched memory touched)
    {
        if (m.status == 1) return touched;
        if (m.pc % 4 != 0) return stop(m, 0x101);
        if (!m.hasInstruction()) return stop(m, 0x102);
        uint32 word = fetch(m);
        Name name = Isa.decode(word);
        if (name == Name.Illegal) return stop(m, 0x103);
        if (name == Name.Ebreak) return stop(m, 0x104);
        if (name >= Name.Csrrw) return stop(m, 0x105);
        if (name == Name.Ecall) return ecall(m, preimage);
        if (name >= Name.Lb && name <= Name.Lwu) return load(m, name, word);
        if (name >= Name.Sb && name <= Name.Sd) return store(m, name, word);
        if (name >= Name.Jal && name <= Name.Bgeu) {
            transfer(m, name, word);
        } else {
            if (name != Name.Fence) set(m, field(word, 7, 5), value(m, name, word));
            m.pc = wrap(int256(uint256(m.pc)) + 4);
        }
        count(m);
    }

    function count(Machine memory m) private pure {
        m.step = wrap(int256(uint256(m.step)) + 1);
    }

    function stop(Machine memory m, uint16 exitCode) private pure returns (Touched memory) {
        m.status = 1;
        m.exitCode = exitCode;
        count(m);
        return Touched(0, 0);
    }

    function done(Machine memory m) private pure {
        m.pc = wrap(int256(uint256(m.pc)) + 4);
        count(m);
    }

    function fetch(Machine memory m) private pure returns (uint32 word) {
        uint256 offset = m.pc - m.codeStart;
        for (uint256 i = 0; i < m.code.length; ++i) {
            if (m.code[i].index != offset / 32) continue;
            bytes32 leaf = m.code[i].value;
            for (uint256 k = 0; k < 4; ++k) {
                word += uint32(uint8(leaf[offset % 32 + k])) * uint32(256 ** k);
            }
        }
    }

    function set(Machine memory m, uint256 register, uint64 to) private pure {
        m.x[register] = to;
        m.x[0] = 0;
    }

    /// Jumps and branches.
    function transfer(Machine memory m, Name name, uint32 word) private pure {
        int256 pc = int256(uint256(m.pc));
        uint64 a = m.x[field(word, 15, 5)];
        uint64 b = m.x[field(word, 20, 5)];
        int256 target = pc + 4;
        if (name == Name.Jal) {
            target = pc + immediateJ(word);
            set(m, field(word, 7, 5), wrap(pc + 4));
        } else if (name == Name.Jalr) {
            target = int256(uint256(a)) + immediateI(word);
            if (wrap(target) % 2 == 1) target -= 1;
            set(m, field(word, 7, 5), wrap(pc + 4));
        } else {
            bool taken = (name == Name.Beq && a == b) || (name == Name.Bne && a != b)
                || (name == Name.Bltu && a < b) || (name == Name.Bgeu && a >= b)
                || (name == Name.Blt && signed(a) < signed(b))
                || (name == Name.Bge && signed(a) >= signed(b));
            if (taken) target = pc + immediateB(word);
        }
        m.pc = wrap(target);
    }

    function load(Machine memory m, Name name, uint32 word)
        private
        pure
        returns (Touched memory touched)
    {
        uint256 size = name == Name.Lb || name == Name.Lbu
            ? 1
            : name == Name.Lh || name == Name.Lhu ? 2 : name == Name.Ld ? 8 : 4;
        uint64 target = wrap(signed(m.x[field(word, 15, 5)]) + immediateI(word));
        if (target % size != 0) return stop(m, 0x106);
        if (target + size > MEMORY_SIZE) return stop(m, 0x108);
        int256 found = 0;
        for (uint256 i = 0; i < size; ++i) {
            found += int256(uint256(m.byteAt(target + i)) * 256 ** i);
        }
        bool isSigned = name <= Name.Ld;
        if (isSigned && found >= int256(256 ** size / 2)) found -= int256(256 ** size);
        set(m, field(word, 7, 5), wrap(found));
        done(m);
        return Touched(target / 32 * 32, 32);
    }

    function store(Machine memory m, Name name, uint32 word)
        private
        pure
        returns (Touched memory touched)
    {
        uint256 size = 2 ** (uint256(name) - uint256(Name.Sb));
        uint64 target = wrap(signed(m.x[field(word, 15, 5)]) + immediateS(word));
        if (target % size != 0) return stop(m, 0x107);
        if (target + size > MEMORY_SIZE) return stop(m, 0x109);
        bytes memory data = new bytes(size);
        for (uint256 i = 0; i < size; ++i) {
            data[i] = bytes1(uint8(m.x[field(word, 20, 5)] / 256 ** i % 256));
        }
        m.list(target / 32);
        m.setBytes(target, data);
        done(m);
        return Touched(target / 32 * 32, 32);
    }

    function ecall(Machine memory m, bytes memory preimage)
        private
        pure
        returns (Touched memory touched)
    {
        uint64 number = m.x[17];
        if (number == 0x1001) return readPreimage(m, preimage);
        if (number == 0x1003) return keccak(m);
        if (number == 93) return stop(m, uint16(m.x[10] % 256));
        if (number == 64) m.x[10] = m.x[12];
        else if (number == 0x1000) setWord(m, m.input);
        else if (number != 0x1002) return stop(m, 0x110);
        done(m);
    }

    function readPreimage(Machine memory m, bytes memory preimage)
        private
        pure
        returns (Touched memory)
    {
        uint256 keyType = m.x[10] % 256;
        (uint256 offset, uint256 target) = (m.x[14], m.x[15]);
        if (keyType != 1 && keyType != 2 && keyType != 3) return stop(m, 0x10c);
        if (target % 32 != 0) return stop(m, 0x10a);
        if (target + 32 > MEMORY_SIZE) return stop(m, 0x10b);
        bytes memory data = new bytes(32);
        for (uint256 i = 0; i < 32; ++i) {
            if (offset + i < preimage.length) data[i] = preimage[offset + i];
        }
        m.list(target / 32);
        m.setBytes(target, data);
        m.x[10] = uint64(preimage.length);
        done(m);
        return Touched(target, 32);
    }

    function keccak(Machine memory m) private pure returns (Touched memory) {
        (uint256 start, uint256 length) = (m.x[10], m.x[11]);
        if (length > 65_536) return stop(m, 0x10d);
        uint256 size = 32;
        while (size < length) size *= 2;
        if (start % 4096 != 0 || start % size != 0) return stop(m, 0x10e);
        if (start + size > MEMORY_SIZE) return stop(m, 0x10f);
        bytes memory data = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            data[i] = bytes1(m.byteAt(start + i));
        }
        setWord(m, keccak256(data));
        done(m);
        return Touched(start, size);
    }

    /// Four registers from 32 bytes, as four LD would have it.
    function setWord(Machine memory m, bytes32 word) private pure {
        for (uint256 i = 0; i < 4; ++i) {
            uint256 sum = 0;
            for (uint256 k = 0; k < 8; ++k) {
                sum += uint256(uint8(word[8 * i + k])) * 256 ** k;
            }
            m.x[10 + i] = uint64(sum);
        }
    }

    /// What goes to rd.
    function value(Machine memory m, Name name, uint32 word) private pure returns (uint64) {
        if (name == Name.Lui) return wrap(immediateU(word));
        if (name == Name.Auipc) return wrap(int256(uint256(m.pc)) + immediateU(word));
        uint64 a = m.x[field(word, 15, 5)];
        if (name >= Name.Addi && name <= Name.Andi) {
            return integer(twin(name), a, wrap(immediateI(word)));
        }
        if (name >= Name.Slli && name <= Name.Srai) {
            return integer(twin(name), a, uint64(field(word, 20, 6)));
        }
        if (name == Name.Addiw) return integer(Name.Addw, a, wrap(immediateI(word)));
        if (name >= Name.Slliw && name <= Name.Sraiw) {
            return integer(twin(name), a, uint64(field(word, 20, 5)));
        }
        return integer(name, a, m.x[field(word, 20, 5)]);
    }

    /// The instruction that does the same with a register.
    function twin(Name name) private pure returns (Name) {
        if (name == Name.Addi) return Name.Add;
        if (name == Name.Slti) return Name.Slt;
        if (name == Name.Sltiu) return Name.Sltu;
        if (name == Name.Xori) return Name.Xor;
        if (name == Name.Ori) return Name.Or;
        if (name == Name.Andi) return Name.And;
        if (name == Name.Slli) return Name.Sll;
        if (name == Name.Srli) return Name.Srl;
        if (name == Name.Srai) return Name.Sra;
        if (name == Name.Slliw) return Name.Sllw;
        if (name == Name.Srliw) return Name.Srlw;
        return Name.Sraw;
    }

    /// @notice What an instruction makes of its two operands.
    function integer(Name name, uint64 a, uint64 b) internal pure returns (uint64) {
        if (name >= Name.Mulw) return multiplyWord(name, a, b);
        if (name >= Name.Mul) return multiply(name, a, b);
        if (name >= Name.Addw) return integerWord(name, a, b);
        int256 shift = int256(2 ** (b % 64));
        int256 x = int256(uint256(a));
        int256 y = int256(uint256(b));
        if (name == Name.Add) return wrap(x + y);
        if (name == Name.Sub) return wrap(x - y);
        if (name == Name.Sll) return wrap(x * shift);
        if (name == Name.Srl) return wrap(x / shift);
        if (name == Name.Sra) return wrap(floorDivide(signed(a), shift));
        if (name == Name.Slt) return signed(a) < signed(b) ? 1 : 0;
        if (name == Name.Sltu) return x < y ? 1 : 0;
        uint256 sum = 0;
        for (uint256 i = 0; i < 64; ++i) {
            uint256 ones = a / 2 ** i % 2 + b / 2 ** i % 2;
            bool isSet = name == Name.Xor ? ones == 1 : name == Name.Or ? ones > 0 : ones == 2;
            if (isSet) sum += 2 ** i;
        }
        return uint64(sum);
    }

    function integerWord(Name name, uint64 a, uint64 b) private pure returns (uint64) {
        int256 x = int256(uint256(a % 2 ** 32));
        int256 shift = int256(2 ** (b % 32));
        if (name == Name.Addw) return wrapWord(x + int256(uint256(b)));
        if (name == Name.Subw) return wrapWord(x - int256(uint256(b)));
        if (name == Name.Sllw) return wrapWord(x * shift);
        if (name == Name.Srlw) return wrapWord(x / shift);
        return wrapWord(floorDivide(signedWord(a), shift));
    }

    function multiply(Name name, uint64 a, uint64 b) private pure returns (uint64) {
        (int256 ua, int256 ub) = (int256(uint256(a)), int256(uint256(b)));
        (int256 sa, int256 sb) = (signed(a), signed(b));
        if (name == Name.Mul) return wrap(ua * ub);
        if (name == Name.Mulh) return wrap(floorDivide(sa * sb, TWO_64));
        if (name == Name.Mulhsu) return wrap(floorDivide(sa * ub, TWO_64));
        if (name == Name.Mulhu) return wrap(ua * ub / TWO_64);
        if (name == Name.Div) return wrap(quotient(sa, sb));
        if (name == Name.Divu) return wrap(quotient(ua, ub));
        if (name == Name.Rem) return wrap(remainder(sa, sb));
        return wrap(remainder(ua, ub));
    }

    function multiplyWord(Name name, uint64 a, uint64 b) private pure returns (uint64) {
        (int256 ua, int256 ub) = (int256(uint256(a % 2 ** 32)), int256(uint256(b % 2 ** 32)));
        (int256 sa, int256 sb) = (signedWord(a), signedWord(b));
        if (name == Name.Mulw) return wrapWord(ua * ub);
        if (name == Name.Divw) return wrapWord(quotient(sa, sb));
        if (name == Name.Divuw) return wrapWord(quotient(ua, ub));
        if (name == Name.Remw) return wrapWord(remainder(sa, sb));
        return wrapWord(remainder(ua, ub));
    }

    /// The quotient, rounded towards zero; all ones for a division by zero.
    function quotient(int256 x, int256 y) private pure returns (int256) {
        if (y == 0) return -1;
        int256 magnitude = int256(absolute(x) / absolute(y));
        return (x < 0) == (y < 0) ? magnitude : -magnitude;
    }

    function remainder(int256 x, int256 y) private pure returns (int256) {
        return y == 0 ? x : x - quotient(x, y) * y;
    }

    function absolute(int256 x) private pure returns (uint256) {
        return uint256(x < 0 ? -x : x);
    }

    function floorDivide(int256 x, int256 y) private pure returns (int256) {
        int256 rest = ((x % y) + y) % y;
        return (x - rest) / y;
    }

    /// Modulo 2^64.
    function wrap(int256 x) private pure returns (uint64) {
        return uint64(uint256(((x % TWO_64) + TWO_64) % TWO_64));
    }

    /// Modulo 2^32, in two's complement.
    function wrapWord(int256 x) private pure returns (uint64) {
        return wrap(signedWord(wrap(x)));
    }

    function signed(uint64 a) private pure returns (int256) {
        int256 x = int256(uint256(a));
        return x >= TWO_64 / 2 ? x - TWO_64 : x;
    }

    function signedWord(uint64 a) private pure returns (int256) {
        int256 x = int256(uint256(a % 2 ** 32));
        return x >= TWO_32 / 2 ? x - TWO_32 : x;
    }

    function field(uint32 word, uint256 from, uint256 size) private pure returns (uint256) {
        return uint256(word) / 2 ** from % 2 ** size;
    }

    /// The number whose top bit is bit 31 of the word: bits of that weight are negative.
    function withSign(uint32 word, uint256 low, uint256 weight) private pure returns (int256) {
        return int256(low) - int256(field(word, 31, 1) * weight);
    }

    function immediateI(uint32 word) private pure returns (int256) {
        return withSign(word, field(word, 20, 11), 2 ** 11);
    }

    function immediateS(uint32 word) private pure returns (int256) {
        return withSign(word, field(word, 25, 6) * 32 + field(word, 7, 5), 2 ** 11);
    }

    function immediateB(uint32 word) private pure returns (int256) {
        uint256 low = field(word, 8, 4) * 2 + field(word, 25, 6) * 32 + field(word, 7, 1) * 2048;
        return withSign(word, low, 2 ** 12);
    }

    function immediateU(uint32 word) private pure returns (int256) {
        return withSign(word, field(word, 12, 19) * 4096, 2 ** 31);
    }

    function immediateJ(uint32 word) private pure returns (int256) {
        uint256 low = field(word, 21, 10) * 2 + field(word, 20, 1) * 2048;
        return withSign(word, low + field(word, 12, 8) * 4096, 2 ** 20);
    }
}
