//! Brotli decompression with a bound on its output, on `alloc` alone.
//!
//! Memory is bounded too: the window is at most 2^24 bytes (large windows are refused) and the
//! format bounds its tables to about 4 MB.

use crate::DecodeError;
use alloc::{vec, vec::Vec};
use brotli_decompressor::{
    Allocator, BrotliDecompressStream, BrotliResult, BrotliState, SliceWrapper, SliceWrapperMut,
};

/// By how much the output grows at a time.
const CHUNK_LEN: usize = 1 << 16;

/// The Brotli decoder's memory, from the global allocator.
#[derive(Clone, Copy, Default)]
struct Heap;

#[derive(Default)]
struct HeapSlice<T>(Vec<T>);

impl<T> SliceWrapper<T> for HeapSlice<T> {
    fn slice(&self) -> &[T] {
        &self.0
    }
}

impl<T> SliceWrapperMut<T> for HeapSlice<T> {
    fn slice_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T: Clone + Default> Allocator<T> for Heap {
    type AllocatedMemory = HeapSlice<T>;

    fn alloc_cell(&mut self, len: usize) -> HeapSlice<T> {
        HeapSlice(vec![T::default(); len])
    }

    fn free_cell(&mut self, _: HeapSlice<T>) {}
}

/// Decompresses the whole of `compressed`, a single Brotli stream, into at most `max` bytes.
// PROTOCOL.md BATCH-1, BATCH-2
pub(crate) fn decompress(compressed: &[u8], max: usize) -> Result<Vec<u8>, DecodeError> {
    let mut state: BrotliState<Heap, Heap, Heap> = BrotliState::new_strict(Heap, Heap, Heap);
    let mut input_left = compressed.len();
    let mut input_offset = 0;
    let mut output = Vec::new();
    let mut written = 0_usize;
    loop {
        // One byte above the bound tells a stream that ends there from one that goes on.
        let len = written.saturating_add(CHUNK_LEN).min(max.saturating_add(1));
        output.resize(len, 0);
        let mut output_left = len.saturating_sub(written);
        let mut total = 0;
        let result = BrotliDecompressStream(
            &mut input_left,
            &mut input_offset,
            compressed,
            &mut output_left,
            &mut written,
            &mut output,
            &mut total,
            &mut state,
        );
        if written > max {
            return Err(DecodeError::TooLarge { max });
        }
        match result {
            BrotliResult::NeedsMoreOutput => {}
            BrotliResult::NeedsMoreInput => return Err(DecodeError::Truncated),
            BrotliResult::ResultFailure => return Err(DecodeError::NotBrotli),
            BrotliResult::ResultSuccess if input_left > 0 => {
                return Err(DecodeError::UnreadBytes { count: input_left });
            }
            BrotliResult::ResultSuccess => {
                output.truncate(written);
                return Ok(output);
            }
        }
    }
}
