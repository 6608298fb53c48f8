//! What a guest program stands on: an entry, a stack, a heap that only grows, and a way to halt.

use core::{
    alloc::{GlobalAlloc, Layout},
    arch::{asm, global_asm},
    cell::UnsafeCell,
};

// The stack ends at 1.5 MiB and the heap follows, so that the programs also run on ckb-vm, which
// has 4 MiB of memory.
global_asm!(
    // Target features given on the command line do not reach module-level assembly.
    ".option norvc",
    ".section .text._start",
    ".globl _start",
    "_start:",
    "li sp, 0x180000",
    "call guest_main",
    "unimp",
);

const HEAP_START: usize = 0x18_0000;
const HEAP_END: usize = 0x3f_0000;

/// What is kept ends at the first address, what is given out at the second.
struct Heap(UnsafeCell<[usize; 2]>);

// SAFETY: the machine has one hart and no interrupts.
unsafe impl Sync for Heap {}

// SAFETY: every block lies behind the one before, aligned and inside of the heap.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: see `Sync`.
        let [_, next] = unsafe { &mut *self.0.get() };
        let start = next.next_multiple_of(layout.align());
        let end = start + layout.size();
        if end > HEAP_END {
            return core::ptr::null_mut();
        }
        *next = end;
        start as *mut u8
    }

    unsafe fn dealloc(&self, _block: *mut u8, _layout: Layout) {}
}

#[global_allocator]
static HEAP: Heap = Heap(UnsafeCell::new([HEAP_START; 2]));

/// Frees everything on the heap that was not there at the last [`keep_heap`].
///
/// # Safety
/// Nothing of it may be used any more.
pub unsafe fn reset_heap() {
    // SAFETY: see `Sync`; the rest is the caller's promise.
    let [kept, next] = unsafe { &mut *HEAP.0.get() };
    *next = *kept;
}

/// Has what is on the heap stay there.
pub fn keep_heap() {
    // SAFETY: see `Sync`.
    let [kept, next] = unsafe { &mut *HEAP.0.get() };
    *kept = *next;
}

/// Shows text to whoever runs the machine.
pub fn write(text: &[u8]) {
    // SAFETY: the call reads the text and changes a0 alone.
    unsafe {
        asm!(
            "ecall",
            in("a7") 64,
            inout("a0") 1_u64 => _,
            in("a1") text.as_ptr(),
            in("a2") text.len(),
            options(nostack, readonly),
        )
    }
}

/// Halts with exit code 0 and 32 bytes of output.
pub fn halt(output: [u64; 4]) -> ! {
    exit(0, output)
}

fn exit(code: u64, output: [u64; 4]) -> ! {
    // SAFETY: the call does not return.
    unsafe {
        asm!(
            "ecall",
            in("a7") 93,
            in("a0") code,
            in("a1") output[0],
            in("a2") output[1],
            in("a3") output[2],
            in("a4") output[3],
            options(noreturn),
        )
    }
}

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    exit(1, [0; 4])
}
