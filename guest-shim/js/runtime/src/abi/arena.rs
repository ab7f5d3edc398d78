//! Memory for one call's arguments, and the objects and handles that must live as long as the call.

use rquickjs::qjs;

use crate::js::{self, Context, JSValue};
use crate::objects;

/// The size in bytes of a block, enough for the arguments of almost every call.
const BLOCK: usize = 4096;

/// Free arenas. Calls can nest, because a getter among the arguments may call a function.
#[derive(Default)]
pub struct Pool(Vec<Arena>);

thread_local! {
    static POOL: std::cell::RefCell<Pool> = std::cell::RefCell::default();
}

pub struct Arena {
    block: Box<[u64]>,
    used: usize,
    /// Allocations that did not fit into the block.
    more: Vec<Box<[u64]>>,
    /// Objects whose handles are lent: dropping a lent handle traps.
    held: Vec<JSValue>,
    /// Handles made for this call only: default views of textures.
    lent: Vec<(usize, u32)>,
    /// Handles passed to the host by the call; owned by the arena until then.
    given: Vec<(usize, u32)>,
    /// Set when the flags of the dictionary that is being stored have unknown bits.
    pub unknown_bits: bool,
    /// Formats among the arguments that need a feature, each with the feature.
    pub featured: Vec<(&'static str, &'static str)>,
}

impl Arena {
    pub fn take() -> Arena {
        POOL.with_borrow_mut(|pool| pool.0.pop()).unwrap_or_else(|| Arena {
            block: vec![0; BLOCK / 8].into(),
            used: 0,
            more: Vec::new(),
            held: Vec::new(),
            lent: Vec::new(),
            given: Vec::new(),
            unknown_bits: false,
            featured: Vec::new(),
        })
    }

    /// Zeroed memory, aligned to 8.
    pub fn alloc(&mut self, size: usize) -> *mut u8 {
        let words = size.div_ceil(8);
        match self.block.get_mut(self.used..self.used + words) {
            Some(memory) => {
                self.used += words;
                memory.fill(0);
                memory.as_mut_ptr().cast()
            }
            None => {
                let mut memory: Box<[u64]> = vec![0; words].into();
                let start = memory.as_mut_ptr().cast();
                self.more.push(memory);
                start
            }
        }
    }

    pub fn hold(&mut self, ctx: Context, value: JSValue) {
        self.held.push(js::dup(ctx, value));
    }

    pub fn lend(&mut self, resource: usize, handle: u32) {
        self.lent.push((resource, handle));
    }

    pub fn give(&mut self, resource: usize, handle: u32) {
        self.given.push((resource, handle));
    }

    /// Marks the call as made: its given handles are the host's.
    pub fn called(&mut self) {
        self.given.clear();
    }

    /// Ends the call, and returns the arena to the pool.
    pub fn release(mut self, ctx: Context) {
        for (resource, handle) in self.lent.drain(..).chain(self.given.drain(..)) {
            objects::drop_handle(resource, handle);
        }
        for value in std::mem::take(&mut self.held) {
            unsafe { qjs::JS_FreeValue(ctx, value) };
        }
        self.more.clear();
        self.used = 0;
        self.unknown_bits = false;
        self.featured.clear();
        POOL.with_borrow_mut(|pool| pool.0.push(self));
    }
}
