# keccak_permute(a0: 25 lanes): keccak-f[1600] with all lanes in registers, x5 to x29 in order.
# 224 instructions a round.

.option norvc

# The xor of a column.
.macro column t, a, b, c, d, e
    xor \t, \a, \b
    xor \t, \t, \c
    xor \t, \t, \d
    xor \t, \t, \e
.endm

# t: a column, rotated by one and xored with another. Added to the column between.
.macro theta t, other, a, b, c, d, e
    slli ra, \t, 1
    srli \t, \t, 63
    or \t, \t, ra
    xor \t, \t, \other
    xor \a, \a, \t
    xor \b, \b, \t
    xor \c, \c, \t
    xor \d, \d, \t
    xor \e, \e, \t
.endm

.macro rotate to, from, left
    slli ra, \from, \left
    srli \to, \from, 64 - \left
    or \to, \to, ra
.endm

.macro chi a, b, c, d, e
    not ra, \b
    not gp, \c
    not tp, \d
    not t5, \e
    not t6, \a
    and ra, ra, \c
    and gp, gp, \d
    and tp, tp, \e
    and t5, t5, \a
    and t6, t6, \b
    xor \a, \a, ra
    xor \b, \b, gp
    xor \c, \c, tp
    xor \d, \d, t5
    xor \e, \e, t6
.endm

.macro lanes op
    \op x5, 0(ra)
    \op x6, 8(ra)
    \op x7, 16(ra)
    \op x8, 24(ra)
    \op x9, 32(ra)
    \op x10, 40(ra)
    \op x11, 48(ra)
    \op x12, 56(ra)
    \op x13, 64(ra)
    \op x14, 72(ra)
    \op x15, 80(ra)
    \op x16, 88(ra)
    \op x17, 96(ra)
    \op x18, 104(ra)
    \op x19, 112(ra)
    \op x20, 120(ra)
    \op x21, 128(ra)
    \op x22, 136(ra)
    \op x23, 144(ra)
    \op x24, 152(ra)
    \op x25, 160(ra)
    \op x26, 168(ra)
    \op x27, 176(ra)
    \op x28, 184(ra)
    \op x29, 192(ra)
.endm

# Stack: saved registers, then the state's address, the round constant's and two columns.
.macro saved op
    \op ra, 0(sp)
    \op gp, 8(sp)
    \op tp, 16(sp)
    \op s0, 24(sp)
    \op s1, 32(sp)
    \op s2, 40(sp)
    \op s3, 48(sp)
    \op s4, 56(sp)
    \op s5, 64(sp)
    \op s6, 72(sp)
    \op s7, 80(sp)
    \op s8, 88(sp)
    \op s9, 96(sp)
    \op s10, 104(sp)
    \op s11, 112(sp)
.endm

.section .text.keccak_permute, "ax"
.globl keccak_permute
.type keccak_permute, @function
keccak_permute:
    addi sp, sp, -160
    saved sd
    sd a0, 120(sp)
    lla t0, round_constants
    sd t0, 128(sp)
    mv ra, a0
    lanes ld
1:  column ra, x5, x10, x15, x20, x25
    column gp, x6, x11, x16, x21, x26
    column tp, x7, x12, x17, x22, x27
    column t5, x8, x13, x18, x23, x28
    column t6, x9, x14, x19, x24, x29
    sd ra, 136(sp)
    sd gp, 144(sp)
    theta gp, t6, x5, x10, x15, x20, x25
    theta t6, tp, x8, x13, x18, x23, x28
    ld gp, 136(sp)
    theta tp, gp, x6, x11, x16, x21, x26
    theta gp, t5, x9, x14, x19, x24, x29
    ld gp, 144(sp)
    theta t5, gp, x7, x12, x17, x22, x27
    # Lanes trade places along one cycle, taken backward.
    mv gp, x6
    rotate x6, x11, 44
    rotate x11, x14, 20
    rotate x14, x27, 61
    rotate x27, x19, 39
    rotate x19, x25, 18
    rotate x25, x7, 62
    rotate x7, x17, 43
    rotate x17, x18, 25
    rotate x18, x24, 8
    rotate x24, x28, 56
    rotate x28, x20, 41
    rotate x20, x9, 27
    rotate x9, x29, 14
    rotate x29, x26, 2
    rotate x26, x13, 55
    rotate x13, x21, 45
    rotate x21, x10, 36
    rotate x10, x8, 28
    rotate x8, x23, 21
    rotate x23, x22, 15
    rotate x22, x16, 10
    rotate x16, x12, 6
    rotate x12, x15, 3
    rotate x15, gp, 1
    chi x5, x6, x7, x8, x9
    chi x10, x11, x12, x13, x14
    chi x15, x16, x17, x18, x19
    chi x20, x21, x22, x23, x24
    chi x25, x26, x27, x28, x29
    ld ra, 128(sp)
    ld gp, 0(ra)
    xor x5, x5, gp
    addi ra, ra, 8
    sd ra, 128(sp)
    ld gp, 0(ra)
    bnez gp, 1b
    ld ra, 120(sp)
    lanes sd
    saved ld
    addi sp, sp, 160
    ret

# A zero ends them.
.section .rodata.round_constants, "a"
.balign 8
round_constants:
    .quad 0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000
    .quad 0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009
    .quad 0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a
    .quad 0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003
    .quad 0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a
    .quad 0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008
    .quad 0
