//! A few threads of their own for one kind of work that blocks.
//!
//! The runtime's threads for such work take turns, however few are needed at once, and each keeps some of what the
//! allocator gave it for the largest work it ever did. Work that allocates much (decoding, reading the catalog)
//! therefore has [`Threads`] of its own, few and named: `docs/design/memory.md` has the figures. They bound such work,
//! too: what was begun for a caller who went away still counts.

use std::{sync::Arc, time::Duration};

use tokio::{
    runtime::{Builder, Runtime},
    sync::Semaphore,
    task::{JoinError, spawn_blocking},
};

/// Without work for so long, a thread ends and gives back what it kept.
const STAY: Duration = Duration::from_secs(5);

/// A bounded number of threads; clones share them.
#[derive(Debug, Clone)]
pub struct Threads(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    /// `None` where the system gave none: then the caller's runtime does the work.
    runtime: Option<Runtime>,
    /// Who waits for a thread may still go away without a trace.
    turns: Arc<Semaphore>,
}

impl Threads {
    /// At most `most` threads called `name` (15 bytes of it are shown by the system), each made when it is needed.
    pub fn new(name: &'static str, most: usize) -> Self {
        // Nothing async runs in it, so it has no thread for that: what is used is its pool of blocking ones.
        let runtime = Builder::new_current_thread()
            .max_blocking_threads(most)
            .thread_keep_alive(STAY)
            .thread_name(name)
            .build();
        Self(Arc::new(Pool { runtime: runtime.ok(), turns: Arc::new(Semaphore::new(most)) }))
    }

    /// Runs `work` when its turn comes. Once begun it runs to its end, even if the caller goes away.
    ///
    /// An error says that it panicked or that the program is ending.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        // Never closed: an error can't be.
        let turn = Arc::clone(&self.0.turns).acquire_owned().await.ok();
        let work = move || {
            let _turn = turn;
            work()
        };
        match &self.0.runtime {
            Some(runtime) => runtime.spawn_blocking(work).await,
            None => spawn_blocking(work).await,
        }
    }
}

impl Drop for Pool {
    /// A runtime that is dropped waits for its work, which async code mustn't.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Mutex,
            atomic::{AtomicUsize, Ordering},
            mpsc,
        },
        thread,
    };

    use super::*;

    #[tokio::test]
    async fn no_more_run_at_once_than_there_are_threads_and_all_run() {
        let threads = Threads::new("few", 2);
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let begun: Vec<_> = (0..20)
            .map(|number| {
                let (threads, running, most) = (threads.clone(), Arc::clone(&running), Arc::clone(&most));
                tokio::spawn(async move {
                    let work = move || {
                        most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        thread::sleep(Duration::from_millis(2));
                        running.fetch_sub(1, Ordering::SeqCst);
                        assert_eq!(thread::current().name(), Some("few"));
                        number
                    };
                    threads.run(work).await
                })
            })
            .collect();
        for (number, one) in begun.into_iter().enumerate() {
            assert_eq!(one.await.unwrap().unwrap(), number);
        }
        assert!((1..=2).contains(&most.load(Ordering::SeqCst)), "{most:?} at once");
    }

    #[tokio::test]
    async fn work_of_a_caller_who_went_away_still_has_its_thread() {
        let threads = Threads::new("one", 1);
        let (go_on, wait) = mpsc::channel::<()>();
        let order = Arc::new(Mutex::new(Vec::new()));
        let first = {
            let (threads, order) = (threads.clone(), Arc::clone(&order));
            tokio::spawn(async move {
                threads
                    .run(move || {
                        order.lock().unwrap().push("first begins");
                        let _ = wait.recv();
                        order.lock().unwrap().push("first ends");
                    })
                    .await
            })
        };
        while order.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
        let second = {
            let (threads, order) = (threads.clone(), Arc::clone(&order));
            tokio::spawn(async move { threads.run(move || order.lock().unwrap().push("second")).await })
        };
        let third = {
            let (threads, order) = (threads.clone(), Arc::clone(&order));
            tokio::spawn(async move { threads.run(move || order.lock().unwrap().push("third")).await })
        };
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(*order.lock().unwrap(), ["first begins"], "the one thread is taken");
        third.abort();
        assert!(third.await.unwrap_err().is_cancelled(), "who still waits may go");
        go_on.send(()).unwrap();
        second.await.unwrap().unwrap();
        assert_eq!(*order.lock().unwrap(), ["first begins", "first ends", "second"]);
        threads.run(|| ()).await.unwrap();
        assert_eq!(order.lock().unwrap().len(), 3, "what nobody waits for any more isn't begun");
    }

    #[tokio::test]
    async fn a_panic_is_told_and_the_thread_goes_on() {
        let threads = Threads::new("steady", 1);
        let told = threads.run(|| panic!("as some decoders do")).await.unwrap_err();
        assert!(told.is_panic());
        assert_eq!(threads.run(|| 2).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn they_may_be_dropped_where_async_code_runs_and_with_work_under_way() {
        let threads = Threads::new("dropped", 1);
        let (go_on, wait) = mpsc::channel::<()>();
        let (ended, ends) = mpsc::channel();
        let work = threads.run(move || {
            let _ = wait.recv();
            ended.send(()).unwrap();
        });
        assert!(tokio::time::timeout(Duration::from_millis(20), work).await.is_err());
        drop(threads);
        go_on.send(()).unwrap();
        ends.recv_timeout(Duration::from_secs(10)).expect("what was begun runs to its end");
    }
}
