//! One channel's deliveries: one after the other, tried again with growing pauses, given up in the end.
//!
//! Each channel has a task of its own, so a dead one holds up nobody. After a failure the channel as a whole rests (what
//! fails for one message fails for the next), and a message that is refused by itself doesn't stand in the others' way.

use std::{sync::Arc, time::Duration};

use camtrail_model::{
    Millis,
    ports::{Attempt, DueDelivery},
};
use tokio::sync::watch;

use crate::{
    channel::{Channel, Parcel, SendError},
    message::Message,
    notifier::{Shared, stopped},
};

/// Pauses before the next attempts; after the last one a message is given up. About a day together.
const PAUSES: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
    Duration::from_mins(30),
    Duration::from_hours(1),
    Duration::from_hours(3),
    Duration::from_hours(6),
    Duration::from_hours(12),
];
/// A channel that failed rests for so long, twice as long each time …
const REST: Duration = Duration::from_secs(1);
/// … and no longer than this.
const REST_MAX: Duration = Duration::from_mins(1);
/// How often it is looked for deliveries that nobody told of.
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// How long a delivery that is under way may take when the program stops: cut off, it would be made again.
const GRACE: Duration = Duration::from_secs(5);

/// Delivers what waits for one channel.
pub(crate) struct Sender {
    shared: Arc<Shared>,
    name: String,
    failures: u32,
}

impl Sender {
    pub(crate) fn new(shared: Arc<Shared>, name: String) -> Self {
        Self { shared, name, failures: 0 }
    }

    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut posted = self.shared.posted.subscribe();
        loop {
            posted.borrow_and_update();
            let pause = {
                let step = self.step();
                tokio::pin!(step);
                tokio::select! {
                    pause = &mut step => pause,
                    () = stopped(&mut stop) => {
                        let _ = tokio::time::timeout(GRACE, step).await;
                        return;
                    }
                }
            };
            let rests = self.failures > 0;
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = posted.changed(), if !rests => {}
                () = stopped(&mut stop) => return,
            }
        }
    }

    /// Delivers what has waited longest; says how long to wait for the next.
    async fn step(&mut self) -> Duration {
        let outbox = self.shared.parts.outbox.clone();
        let now = self.shared.now();
        let due = match outbox.due(&self.name, now).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(channel = self.name, %error, "deliveries can't be read; tried again");
                self.failures = self.failures.saturating_add(1);
                return self.rest();
            }
        };
        let Some(delivery) = due else {
            self.failures = 0;
            let next = outbox.next_at(&self.name).await.ok().flatten();
            return next.map_or(LOOK_EVERY, |next| until(next, now).min(LOOK_EVERY));
        };
        let outcome = self.deliver(&delivery).await;
        let attempt = self.judge(&delivery, outcome);
        if let Err(error) = outbox.settle(delivery.id, &attempt, self.shared.now()).await {
            tracing::warn!(channel = self.name, %error, "a delivery's outcome can't be noted: it may be made again");
            self.failures = self.failures.saturating_add(1);
        }
        self.rest()
    }

    async fn deliver(&self, delivery: &DueDelivery) -> Result<(), SendError> {
        let shared = &self.shared;
        let message: Message = serde_json::from_str(&delivery.what.payload)
            .map_err(|error| SendError::Refused(format!("another version wrote it ({error})")))?;
        let channel = shared
            .channels
            .get(&self.name)
            .ok_or_else(|| SendError::Refused("the channel is gone".to_owned()))?;
        channel.send(&Parcel::new(shared, &message, &delivery.what.target)).await
    }

    fn judge(&mut self, delivery: &DueDelivery, outcome: Result<(), SendError>) -> Attempt {
        let (channel, title) = (&self.name, &delivery.what.title);
        match outcome {
            Ok(()) => {
                self.failures = 0;
                tracing::debug!(channel, title, "delivered");
                Attempt::Delivered
            }
            Err(SendError::Refused(problem)) => {
                self.failures = 0;
                tracing::warn!(channel, title, problem, "not delivered: the other end refuses it");
                Attempt::Failed { problem }
            }
            Err(SendError::Again(problem)) => {
                self.failures = self.failures.saturating_add(1);
                let now = self.shared.now();
                let worth_for = self.shared.channels.get(channel).and_then(Channel::worth_for);
                let age = until(now, delivery.created_at);
                let pause = pause_after(delivery.attempts, age, worth_for);
                let at = pause.map(|pause| now.plus(pause.as_millis() as i64));
                let Some(at) = at else {
                    tracing::error!(channel, title, problem, "not delivered, and given up");
                    return Attempt::Failed { problem };
                };
                tracing::warn!(channel, title, problem, "not delivered; tried again");
                Attempt::Again { at, problem }
            }
        }
    }

    fn rest(&self) -> Duration {
        match self.failures {
            0 => Duration::ZERO,
            failures => {
                let worth_for = self.shared.channels.get(&self.name).and_then(Channel::worth_for);
                let most = worth_for.map_or(REST_MAX, |worth_for| REST_MAX.min(worth_for / 20));
                (REST * 2_u32.saturating_pow(failures.min(10) - 1)).min(most)
            }
        }
    }
}

/// How long to wait after so many failures of a message of this age; `None`: it is given up. What is worth something for a
/// while only is tried until that is over, at least every twentieth of it.
fn pause_after(failures: u32, age: Duration, worth_for: Option<Duration>) -> Option<Duration> {
    let pause = PAUSES.get(failures as usize).copied();
    let Some(worth_for) = worth_for else { return pause };
    let pause = pause.unwrap_or(worth_for).min(worth_for / 20);
    (age + pause <= worth_for).then_some(pause)
}

fn until(at: Millis, now: Millis) -> Duration {
    Duration::from_millis((at.0 - now.0).max(0).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All attempts of a message that fails for ever: after how long each was made.
    fn attempts(worth_for: Option<Duration>) -> Vec<u64> {
        let (mut made, mut age) = (vec![0], Duration::ZERO);
        for failures in 0..1_000 {
            let Some(pause) = pause_after(failures, age, worth_for) else { return made };
            age += pause;
            made.push(age.as_secs());
        }
        panic!("tried for ever: {made:?}");
    }

    #[test]
    fn attempts_are_bounded_by_count_or_by_time() {
        let mail = attempts(None);
        assert_eq!((mail.len(), mail[..4].to_vec()), (10, vec![0, 5, 35, 155]));
        assert!((79_200..90_000).contains(&mail[9]), "about a day: {mail:?}");
        let motion = attempts(Some(Duration::from_mins(10)));
        assert!(motion.windows(2).all(|two| two[1] - two[0] <= 30), "{motion:?}");
        assert!((570..=600).contains(motion.last().unwrap()), "{motion:?}");
    }
}
