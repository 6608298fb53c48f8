//! What waits to be sent on one WebSocket, and the memory of it.
//!
//! In: answers and notifications. Out: the same texts, each with a permit for its bytes, which is
//! given back once the socket has taken the text. Each socket has some bytes of its own, so that a
//! client of short answers depends on no other client; longer texts count among all long answers of
//! the server. A text without a permit is not sent. It touches no socket.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::{
    answers_in_flight::{AnswersInFlight, no_room},
    message::Id,
};

/// Texts that wait for a slow client.
const OUTBOX_LEN: usize = 16;
/// Bytes of answers of one socket that are counted there only.
const OWN_BYTES: usize = 256 << 10;

/// Lets a new subscription speak; dropped instead, the subscription ends.
pub(super) type Start = oneshot::Sender<()>;

/// The answer to one message.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// What is sent; `None` when nothing is due, as for a notification.
    pub(super) text: Option<String>,
    /// The subscriptions that the message made. They are silent until their answer is on its way.
    pub(super) starts: Vec<Start>,
    /// The id of the call; null for a batch.
    pub(super) id: Id,
}

/// A text on its way to a client.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) text: String,
    /// Dropped when the text is written.
    pub(super) room: Option<OwnedSemaphorePermit>,
}

/// Where the texts of one WebSocket go.
#[derive(Clone, Debug)]
pub(super) struct Outbox {
    queue: mpsc::Sender<Outgoing>,
    own: Arc<Semaphore>,
    shared: AnswersInFlight,
}

/// Why a text is not sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unsent {
    /// The client is gone.
    Gone,
    /// Too much waits for slow clients.
    NoRoom,
}

impl Outbox {
    /// An outbox, and where its writer takes texts.
    pub(super) fn new(shared: AnswersInFlight) -> (Self, mpsc::Receiver<Outgoing>) {
        let (queue, texts) = mpsc::channel(OUTBOX_LEN);
        (Self { queue, own: Arc::new(Semaphore::new(OWN_BYTES)), shared }, texts)
    }

    /// Sends a text for which there is room. The room is taken before the wait for the client.
    pub(super) async fn send(&self, text: String) -> Result<(), Unsent> {
        let permits = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let room = match self.own.clone().try_acquire_many_owned(permits) {
            Ok(room) => room,
            Err(_) => self.shared.take(text.len()).ok_or(Unsent::NoRoom)?,
        };
        self.push(text, Some(room)).await
    }

    /// Sends a short text that says what went wrong.
    pub(super) async fn send_error(&self, text: String) -> Result<(), Unsent> {
        self.push(text, None).await
    }

    /// Sends an answer, or under its id that there is no room for it. The subscriptions that it
    /// names speak after it; without it they end.
    pub(super) async fn reply(&self, answer: Answer) -> Result<(), Unsent> {
        let Answer { text: Some(text), starts, id } = answer else { return Ok(()) };
        match self.send(text).await {
            Err(Unsent::NoRoom) => return self.send_error(no_room(&id)).await,
            sent => sent?,
        }
        for start in starts {
            let _session_ended = start.send(());
        }
        Ok(())
    }

    /// Waits until the client is gone.
    pub(super) async fn closed(&self) {
        self.queue.closed().await;
    }

    async fn push(&self, text: String, room: Option<OwnedSemaphorePermit>) -> Result<(), Unsent> {
        self.queue.send(Outgoing { text, room }).await.map_err(|_| Unsent::Gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::message::{Entry, parse_entry};

    fn id() -> Id {
        let call = r#"{"jsonrpc":"2.0","id":"mine","method":"a"}"#;
        match parse_entry(serde_json::from_str(call).unwrap()) {
            Entry::Call(call) => call.id,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn answers_that_a_client_does_not_take_are_bounded_over_all_sockets() {
        let shared = AnswersInFlight::with_bytes(1 << 20);
        let (slow, mut texts) = Outbox::new(shared.clone());
        let (other, mut other_texts) = Outbox::new(shared);
        let answer = |bytes| Answer { text: Some("a".repeat(bytes)), starts: Vec::new(), id: id() };
        for _ in 0..2 {
            slow.reply(answer(512 << 10)).await.unwrap();
        }
        for outbox in [&slow, &other] {
            outbox.reply(answer(512 << 10)).await.unwrap();
            // A short one has room of its own.
            outbox.reply(answer(1 << 10)).await.unwrap();
        }
        let mut first = Vec::new();
        for _ in 0..4 {
            first.push(texts.recv().await.unwrap());
        }
        let refused =
            r#"{"jsonrpc":"2.0","id":"mine","error":{"code":-32005,"message":"server is busy"#;
        let lengths: Vec<usize> = first.iter().map(|it| it.text.len()).collect();
        assert_eq!((lengths[0], lengths[1], lengths[3]), (512 << 10, 512 << 10, 1 << 10));
        assert!(first[2].text.starts_with(refused), "{}", first[2].text);
        let text = other_texts.recv().await.unwrap().text;
        assert!(text.starts_with(refused), "{text}");
        assert_eq!(other_texts.recv().await.unwrap().text.len(), 1 << 10);
        // What is taken from the outbox counts until it is written.
        assert_eq!(other.send("a".repeat(512 << 10)).await, Err(Unsent::NoRoom));
        drop(first);
        assert_eq!(other.send("a".repeat(1 << 20)).await, Ok(()));
    }
}
