//! The global allocator of both programs: mimalloc for short blocks, the system's `malloc` for long ones.
//!
//! Each call of a guest makes and drops a few small values, in wasmtime and in the resource table on one side, in wgpu
//! on the other, and mimalloc is faster at these than most systems' `malloc`. Long blocks stay with the system, which
//! keeps their pages from one mapping to the next; mimalloc would return them and have them cleared again. A program
//! selects it with
//!
//! ```
//! # use airlock_protocol::allocator::BySize;
//! #[global_allocator]
//! static ALLOCATOR: BySize = BySize;
//! ```

// SAFETY, for all of it: the allocator that has a block follows from the block's layout alone, so that each block goes
// back to where it came from; the rest is the two allocators' own contract, passed on.
#![allow(unsafe_code)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    ptr,
};

use mimalloc::MiMalloc;

/// Blocks from this size are the system's.
const LARGE: usize = 32 << 10;

/// mimalloc for short blocks, the system for long ones.
#[derive(Debug)]
pub struct BySize;

#[inline]
fn is_large(size: usize) -> bool {
    size >= LARGE
}

unsafe impl GlobalAlloc for BySize {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe { if is_large(layout.size()) { System.alloc(layout) } else { MiMalloc.alloc(layout) } }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        unsafe { if is_large(layout.size()) { System.alloc_zeroed(layout) } else { MiMalloc.alloc_zeroed(layout) } }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        unsafe { if is_large(layout.size()) { System.dealloc(block, layout) } else { MiMalloc.dealloc(block, layout) } }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        unsafe {
            match (is_large(layout.size()), is_large(size)) {
                (true, true) => System.realloc(block, layout, size),
                (false, false) => MiMalloc.realloc(block, layout, size),
                (true, false) | (false, true) => {
                    let moved = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
                    if !moved.is_null() {
                        ptr::copy_nonoverlapping(block, moved, layout.size().min(size));
                        self.dealloc(block, layout);
                    }
                    moved
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[global_allocator]
    static ALLOCATOR: BySize = BySize;

    #[test]
    fn contents_stay_when_a_block_moves_between_the_allocators() {
        let bytes = |range: std::ops::Range<usize>| range.map(|at| (at % 251) as u8);
        let mut block: Vec<u8> = bytes(0..LARGE - 1).collect();
        block.shrink_to_fit();
        block.extend(bytes(LARGE - 1..3 * LARGE));
        assert!(block.iter().copied().eq(bytes(0..3 * LARGE)));
        block.truncate(LARGE / 2);
        block.shrink_to_fit();
        assert!(block.iter().copied().eq(bytes(0..LARGE / 2)));
    }
}
