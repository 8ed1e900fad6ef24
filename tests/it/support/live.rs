//! Reading Server-Sent Events, with a limit to the waiting.

use std::{
    io::{BufRead, BufReader, Read},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::LIMIT;

/// One message of the stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    pub(crate) event: String,
    pub(crate) id: String,
    pub(crate) data: Value,
}

/// A stream under way. Its thread ends with the server's side.
pub(crate) struct LiveStream {
    messages: Receiver<Message>,
}

impl LiveStream {
    pub(crate) fn new(body: impl Read + Send + 'static) -> Self {
        let (sender, messages) = mpsc::channel();
        thread::spawn(move || {
            let (mut event, mut id, mut data) = (String::new(), String::new(), String::new());
            for line in BufReader::new(body).lines().map_while(Result::ok) {
                match line.split_once(':') {
                    Some(("event", value)) => value.trim().clone_into(&mut event),
                    Some(("id", value)) => value.trim().clone_into(&mut id),
                    Some(("data", value)) => data.push_str(value.trim()),
                    // A comment: a sign of life.
                    Some(_) => {}
                    None if event.is_empty() => {}
                    None => {
                        let message = Message {
                            event: std::mem::take(&mut event),
                            id: id.clone(),
                            data: serde_json::from_str(&std::mem::take(&mut data)).unwrap_or(Value::Null),
                        };
                        if sender.send(message).is_err() {
                            return;
                        }
                    }
                }
            }
        });
        Self { messages }
    }

    /// The next message.
    pub(crate) fn next(&self) -> Message {
        self.messages.recv_timeout(LIMIT).expect("a message of the live stream")
    }

    /// The next message that isn't about a camera.
    pub(crate) fn next_event(&self) -> Message {
        const SKIPPED_MAX: usize = 1_000;
        (0..SKIPPED_MAX).map(|_| self.next()).find(|message| message.event != "camera").unwrap()
    }

    /// A message, if one comes within `limit`; also `None` where the stream has ended.
    pub(crate) fn next_within(&self, limit: Duration) -> Option<Message> {
        self.messages.recv_timeout(limit).ok()
    }

    /// The next message; `None`: the stream has ended, or `deadline` is over.
    pub(crate) fn next_or_end(&self, deadline: Instant) -> Option<Message> {
        self.messages.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
    }
}
