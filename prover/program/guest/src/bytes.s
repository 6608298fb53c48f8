# Copy, clear and compare bytes: a word at a time, for a machine that halts at a misaligned load.
# The compiler calls these by name. Only t and a registers are used, and no stack.

.option norvc

# memcpy(a0 to, a1 from, a2 len) -> a0. Works upward: right for overlaps with `to` below `from`.
.section .text.memcpy, "ax"
.globl memcpy
.type memcpy, @function
memcpy:
    mv t6, a0
    or t0, a0, a1
    andi t0, t0, 7
    beqz t0, copy_aligned
    li t0, 16
    bltu a2, t0, copy_bytes
    andi t0, a0, 7
    beqz t0, 2f
    li t1, 8
    sub t0, t1, t0
    sub a2, a2, t0
    add t0, t6, t0
1:  lbu t1, 0(a1)
    addi a1, a1, 1
    sb t1, 0(t6)
    addi t6, t6, 1
    bltu t6, t0, 1b
2:  andi t0, a1, 7
    bnez t0, copy_shifted

# t6 to and a1 from are both aligned.
copy_aligned:
    andi t5, a2, -64
    beqz t5, 2f
    add t5, t6, t5
1:  ld t0, 0(a1)
    ld t1, 8(a1)
    ld t2, 16(a1)
    ld t3, 24(a1)
    ld t4, 32(a1)
    ld a3, 40(a1)
    ld a4, 48(a1)
    ld a5, 56(a1)
    sd t0, 0(t6)
    sd t1, 8(t6)
    sd t2, 16(t6)
    sd t3, 24(t6)
    sd t4, 32(t6)
    sd a3, 40(t6)
    sd a4, 48(t6)
    sd a5, 56(t6)
    addi a1, a1, 64
    addi t6, t6, 64
    bltu t6, t5, 1b
2:  andi t0, a2, 32
    beqz t0, 3f
    ld t0, 0(a1)
    ld t1, 8(a1)
    ld t2, 16(a1)
    ld t3, 24(a1)
    sd t0, 0(t6)
    sd t1, 8(t6)
    sd t2, 16(t6)
    sd t3, 24(t6)
    addi a1, a1, 32
    addi t6, t6, 32
3:  andi t0, a2, 16
    beqz t0, 4f
    ld t0, 0(a1)
    ld t1, 8(a1)
    sd t0, 0(t6)
    sd t1, 8(t6)
    addi a1, a1, 16
    addi t6, t6, 16
4:  andi t0, a2, 8
    beqz t0, 5f
    ld t0, 0(a1)
    sd t0, 0(t6)
    addi a1, a1, 8
    addi t6, t6, 8
5:  andi t0, a2, 4
    beqz t0, 6f
    lw t0, 0(a1)
    sw t0, 0(t6)
    addi a1, a1, 4
    addi t6, t6, 4
6:  andi t0, a2, 2
    beqz t0, 7f
    lh t0, 0(a1)
    sh t0, 0(t6)
    addi a1, a1, 2
    addi t6, t6, 2
7:  andi t0, a2, 1
    beqz t0, 8f
    lb t0, 0(a1)
    sb t0, 0(t6)
8:  ret

# t6 to is aligned, a1 from is not; t0 = from mod 8. Each word is made of two.
copy_shifted:
    sub a1, a1, t0
    slli a3, t0, 3
    neg a4, a3
    ld t1, 0(a1)
    andi t5, a2, -16
    beqz t5, 2f
    add t5, t6, t5
1:  ld t2, 8(a1)
    srl t3, t1, a3
    sll t4, t2, a4
    or t3, t3, t4
    ld t1, 16(a1)
    srl t4, t2, a3
    sll t2, t1, a4
    or t4, t4, t2
    sd t3, 0(t6)
    sd t4, 8(t6)
    addi a1, a1, 16
    addi t6, t6, 16
    bltu t6, t5, 1b
2:  andi t5, a2, 8
    beqz t5, 3f
    ld t2, 8(a1)
    srl t3, t1, a3
    sll t4, t2, a4
    or t3, t3, t4
    sd t3, 0(t6)
    addi a1, a1, 8
    addi t6, t6, 8
3:  add a1, a1, t0
    andi a2, a2, 7

copy_bytes:
    beqz a2, 2f
    add a2, a1, a2
1:  lbu t0, 0(a1)
    addi a1, a1, 1
    sb t0, 0(t6)
    addi t6, t6, 1
    bltu a1, a2, 1b
2:  ret

# memmove(a0 to, a1 from, a2 len) -> a0
.section .text.memmove, "ax"
.globl memmove
.type memmove, @function
memmove:
    sub t0, a0, a1
    bltu t0, a2, 1f
    tail memcpy
1:  beqz t0, 9f
    # Downward from the ends.
    add a1, a1, a2
    add t6, a0, a2
    andi t0, t0, 7
    bnez t0, 6f
    # Ends are misaligned alike.
2:  andi t0, t6, 7
    beqz t0, 3f
    beq t6, a0, 9f
    addi a1, a1, -1
    addi t6, t6, -1
    lbu t0, 0(a1)
    sb t0, 0(t6)
    j 2b
3:  sub t5, t6, a0
    andi t5, t5, -32
    beqz t5, 5f
    sub t5, t6, t5
4:  ld t0, -8(a1)
    ld t1, -16(a1)
    ld t2, -24(a1)
    ld t3, -32(a1)
    sd t0, -8(t6)
    sd t1, -16(t6)
    sd t2, -24(t6)
    sd t3, -32(t6)
    addi a1, a1, -32
    addi t6, t6, -32
    bltu t5, t6, 4b
5:  sub t5, t6, a0
    andi t5, t5, -8
    beqz t5, 6f
    sub t5, t6, t5
7:  ld t0, -8(a1)
    sd t0, -8(t6)
    addi a1, a1, -8
    addi t6, t6, -8
    bltu t5, t6, 7b
6:  beq t6, a0, 9f
8:  lbu t0, -1(a1)
    addi a1, a1, -1
    sb t0, -1(t6)
    addi t6, t6, -1
    bltu a0, t6, 8b
9:  ret

# memset(a0 to, a1 byte, a2 len) -> a0
.section .text.memset, "ax"
.globl memset
.type memset, @function
memset:
    mv t6, a0
    add a3, a0, a2
    li t0, 16
    bltu a2, t0, 5f
    andi a1, a1, 255
    slli t0, a1, 8
    or a1, a1, t0
    slli t0, a1, 16
    or a1, a1, t0
    slli t0, a1, 32
    or a1, a1, t0
1:  andi t0, t6, 7
    beqz t0, 2f
    sb a1, 0(t6)
    addi t6, t6, 1
    j 1b
2:  sub t0, a3, t6
    andi t1, t0, -128
    beqz t1, 4f
    add t1, t6, t1
3:  sd a1, 0(t6)
    sd a1, 8(t6)
    sd a1, 16(t6)
    sd a1, 24(t6)
    sd a1, 32(t6)
    sd a1, 40(t6)
    sd a1, 48(t6)
    sd a1, 56(t6)
    sd a1, 64(t6)
    sd a1, 72(t6)
    sd a1, 80(t6)
    sd a1, 88(t6)
    sd a1, 96(t6)
    sd a1, 104(t6)
    sd a1, 112(t6)
    sd a1, 120(t6)
    addi t6, t6, 128
    bltu t6, t1, 3b
    sub t0, a3, t6
4:  andi t1, t0, -8
    beqz t1, 5f
    add t1, t6, t1
6:  sd a1, 0(t6)
    addi t6, t6, 8
    bltu t6, t1, 6b
5:  beq t6, a3, 8f
7:  sb a1, 0(t6)
    addi t6, t6, 1
    bltu t6, a3, 7b
8:  ret

# memcmp(a0, a1, a2 len) -> a0: negative, zero or positive. bcmp wants zero or not.
.section .text.memcmp, "ax"
.globl memcmp
.type memcmp, @function
.globl bcmp
.type bcmp, @function
memcmp:
bcmp:
    add a3, a0, a2
    xor t0, a0, a1
    andi t1, t0, 7
    bnez t1, 4f
    # Alike modulo 8.
1:  andi t0, a0, 7
    beqz t0, 2f
    beq a0, a3, 9f
    lbu t1, 0(a0)
    lbu t2, 0(a1)
    bne t1, t2, 8f
    addi a0, a0, 1
    addi a1, a1, 1
    j 1b
2:  sub t0, a3, a0
    andi t0, t0, -8
    beqz t0, 6f
    add t0, a0, t0
3:  ld t1, 0(a0)
    ld t2, 0(a1)
    bne t1, t2, 6f
    addi a0, a0, 8
    addi a1, a1, 8
    bltu a0, t0, 3b
    j 6f
4:  andi t1, t0, 3
    bnez t1, 6f
    andi t0, a0, 3
    bnez t0, 6f
    # Words of four bytes.
    andi t0, a2, -4
    beqz t0, 6f
    add t0, a0, t0
5:  lw t1, 0(a0)
    lw t2, 0(a1)
    bne t1, t2, 6f
    addi a0, a0, 4
    addi a1, a1, 4
    bltu a0, t0, 5b
    # What is left, or the word with the difference.
6:  beq a0, a3, 9f
7:  lbu t1, 0(a0)
    lbu t2, 0(a1)
    bne t1, t2, 8f
    addi a0, a0, 1
    addi a1, a1, 1
    bltu a0, a3, 7b
9:  li a0, 0
    ret
8:  sub a0, t1, t2
    ret
