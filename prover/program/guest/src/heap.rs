//! A capped heap: blocks in sizes of powers of two, each size with a list of its free blocks.
//!
//! Blocks of 32 bytes and more are aligned to their size or to 4,096. When the cap is reached the
//! program halts with an exit code of its own.

use core::{
    alloc::{GlobalAlloc, Layout},
    cell::UnsafeCell,
    ptr::addr_of,
};

use crate::machine::exit;

/// Bytes that the heap may take.
const HEAP_BYTES_MAX: usize = 512 << 20;
/// Smallest block, its exponent: a free one holds the address of the next.
const SMALLEST: u32 = 4;
/// Blocks are aligned to their size up to this.
const ALIGN_MAX: usize = 4_096;
/// The heap is full.
const EXIT_OUT_OF_MEMORY: u64 = 3;

unsafe extern "C" {
    static heap_start: u8;
}

struct Heap(UnsafeCell<State>);

struct State {
    /// End of what was ever given out; zero before the first block.
    end: usize,
    /// The first free block of each size.
    free: [*mut u8; 32],
}

// SAFETY: the machine has one hart and no interrupts.
unsafe impl Sync for Heap {}

#[global_allocator]
static HEAP: Heap = Heap(UnsafeCell::new(State { end: 0, free: [core::ptr::null_mut(); 32] }));

/// Exponent of the size of the block that holds this.
fn exponent(layout: Layout) -> u32 {
    let size = layout.size().max(layout.align()).max(1 << SMALLEST);
    usize::BITS - (size - 1).leading_zeros()
}

// SAFETY: blocks do not overlap, are long enough and aligned, and are given out once until freed.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let exponent = exponent(layout);
        // SAFETY: see `Sync`; no reference outlives this call.
        let state = unsafe { &mut *self.0.get() };
        let base = addr_of!(heap_start) as usize;
        let Some(free) = state.free.get_mut(exponent as usize) else { out_of_memory() };
        let first = *free;
        if !first.is_null() {
            // SAFETY: a free block begins with the address of the next.
            *free = unsafe { first.cast::<*mut u8>().read() };
            return first;
        }
        let size = 1_usize << exponent;
        let start = state.end.max(base).next_multiple_of(size.min(ALIGN_MAX));
        state.end = start + size;
        if state.end > base + HEAP_BYTES_MAX {
            out_of_memory();
        }
        start as *mut u8
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: see `Sync`; the block is free from here on and holds an address.
        unsafe {
            let state = &mut *self.0.get();
            let free = &mut state.free[exponent(layout) as usize];
            block.cast::<*mut u8>().write(*free);
            *free = block;
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's: alignment was valid, and the size fits.
        let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        if exponent(new) == exponent(layout) {
            return block;
        }
        // SAFETY: both blocks hold the smaller of the sizes.
        unsafe {
            let to = self.alloc(new);
            core::ptr::copy_nonoverlapping(block, to, layout.size().min(size));
            self.dealloc(block, layout);
            to
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the block is as long as the layout says. It may have been used before.
        unsafe {
            let block = self.alloc(layout);
            block.write_bytes(0, layout.size());
            block
        }
    }
}

#[cold]
fn out_of_memory() -> ! {
    exit(EXIT_OUT_OF_MEMORY, Default::default())
}
