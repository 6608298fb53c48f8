//! `gainsay`: the sequencer, the follower and the commands of their operators and users.

/// Threads free here what others allocated, all the time: glibc's allocator takes locks for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    gainsay::cli::main()
}
