//! Long computations for L1 that give way to everything else on the machine.
//!
//! In: a closure that computes for long, such as the proofs of blobs. Out: its result. It runs on a
//! thread of its own with a low priority: when users load all cores, a batch comes to L1 some
//! seconds later, and their transactions go first. Each call runs one closure on one thread.

use std::{panic::resume_unwind, thread};

use tokio::sync::oneshot;

/// By how much the priority is lower, in nice levels: about a thirtieth of a busy core is left.
const NICE_LEVELS: i32 = 15;

/// Runs `work` on a thread called `name`, and waits for its result.
///
/// # Panics
/// As `work` does.
pub async fn in_background<T: Send + 'static>(
    name: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (result, answer) = oneshot::channel();
    let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
        // On Linux this changes the priority of the calling thread alone, elsewhere perhaps that of
        // the whole process. If it fails, the result is the same and other work is slower.
        #[cfg(target_os = "linux")]
        let _priority = rustix::process::nice(NICE_LEVELS);
        // The caller may be gone: the node is stopping.
        let _gone = result.send(work());
    });
    let thread = thread.expect("the system has a thread left");
    match answer.await {
        Ok(result) => result,
        Err(_) => match thread.join() {
            Err(panic) => resume_unwind(panic),
            Ok(()) => unreachable!("the thread ends after its answer"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_gives_way_alone_and_answers() {
        let niceness = || rustix::process::getpriority_process(None).unwrap();
        let before = niceness();
        let inside = in_background("test", niceness).await;
        assert_eq!(inside, (before + NICE_LEVELS).min(19));
        assert_eq!(niceness(), before, "the caller keeps its priority");
    }

    #[tokio::test]
    #[should_panic(expected = "no result")]
    async fn a_panic_reaches_the_caller() {
        in_background("test", || panic!("no result")).await
    }
}
