//! The allocator: what password hashing and pictures took for a moment goes back to the system at once.
//!
//! docs/design/memory.md has the figures: 105 MB idle with the system's allocator, 19 MB with this one.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` in mimalloc.h (versions 2 and 3); the Rust bindings don't name it.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Freed memory is given back when it is freed. By default mimalloc waits for a later allocation, which a box that
/// idles never makes.
pub(crate) fn give_back_at_once() {
    #[expect(unsafe_code, reason = "mimalloc's options are set through its C interface only")]
    // SAFETY: sets one integer option by its documented number; allowed at any time, from any thread.
    unsafe {
        libmimalloc_sys::mi_option_set(PURGE_DELAY, 0);
    }
}
