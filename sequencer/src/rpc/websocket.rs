//! One WebSocket, from its handshake to its end.
//!
//! In: an upgraded connection. Out: answers to its messages and the notifications of its
//! subscriptions. So many messages are worked on at a time; further ones stay in the socket. It
//! understands no message itself.

use std::{sync::Arc, time::Duration};

use futures::{
    StreamExt,
    io::{BufReader, BufWriter},
    stream,
};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use jsonrpsee::types::error::reject_too_big_request;
use soketto::{
    Incoming, Receiver, Sender,
    connection::{Builder, Error},
    data::ByteSlice125,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::{Instant, interval, timeout},
};
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

use super::{
    RpcLimits,
    answers_in_flight::AnswersInFlight,
    connection::{Place, Stop},
    dispatcher::Dispatcher,
    message::{Id, error_text},
    outbox::{Outbox, Outgoing},
    session::Session,
};

/// Messages of one WebSocket that are worked on at a time.
const MESSAGES_MAX: usize = 256;
/// Bytes of messages of one WebSocket that are counted there only.
const OWN_BYTES: usize = 256 << 10;
/// Pause between pings, each of which a client answers.
const PING_PAUSE: Duration = Duration::from_secs(30);
/// A client that sends nothing for so long, and answers no ping, is gone.
const SILENCE_MAX: Duration = Duration::from_secs(75);

type Socket = BufReader<BufWriter<Compat<TokioIo<Upgraded>>>>;

/// What a WebSocket holds while it is open.
#[derive(Debug)]
pub(super) struct Held {
    /// A place among the connections.
    pub(super) _place: Place,
    /// A place among the WebSockets.
    pub(super) _websocket: OwnedSemaphorePermit,
}

/// What a WebSocket works with.
#[derive(Clone, Debug)]
pub(super) struct WebSocket {
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) limits: RpcLimits,
    /// A permit for each byte of the messages at work, over all connections.
    pub(super) bodies: Arc<Semaphore>,
    /// Room for answers, over all connections.
    pub(super) answers: AnswersInFlight,
    pub(super) stop: Stop,
}

impl WebSocket {
    /// Serves until the client goes, is silent for too long, or the server stops.
    pub(super) async fn serve(self, upgrade: OnUpgrade, held: Held) {
        let upgraded = match upgrade.await {
            Ok(upgraded) => upgraded,
            Err(error) => {
                tracing::debug!(%error, "a connection could not become a WebSocket");
                return;
            }
        };
        let io = BufReader::new(BufWriter::new(TokioIo::new(upgraded).compat()));
        let mut builder = Builder::new(io, soketto::Mode::Server);
        builder.set_max_message_size(self.limits.websocket_message_bytes_max as usize);
        let (sender, receiver) = builder.finish();
        let (outbox, messages) = Outbox::new(self.answers.clone());
        let writer = tokio::spawn(write(sender, messages));
        let session = Session::new(outbox.clone(), self.limits.subscriptions_per_connection_max);
        tokio::select! {
            () = self.read(receiver, &session, &outbox) => {}
            // The socket takes nothing any more.
            () = outbox.closed() => {}
            () = self.stop.clone().requested() => {}
        }
        // The writer ends when nobody is left to give it anything.
        drop((session, outbox));
        let _ended = writer.await;
        drop(held);
    }

    async fn read(&self, receiver: Receiver<Socket>, session: &Arc<Session>, outbox: &Outbox) {
        let working = Arc::new(Semaphore::new(MESSAGES_MAX));
        let own = Arc::new(Semaphore::new(OWN_BYTES));
        // A stream, because half a message must not be lost when a wait for it ends.
        let incoming = stream::unfold(receiver, |mut receiver| async {
            let mut data = Vec::new();
            let kind = match receiver.receive(&mut data).await {
                Ok(Incoming::Data(_)) => Ok(Some(data)),
                Ok(Incoming::Pong(_)) => Ok(None),
                Ok(Incoming::Closed(_)) => return None,
                Err(error) => Err(error),
            };
            Some((kind, receiver))
        });
        let mut incoming = std::pin::pin!(incoming);
        while let Ok(Some(next)) = timeout(SILENCE_MAX, incoming.next()).await {
            let message = match next {
                Ok(Some(message)) => message,
                Ok(None) => continue,
                Err(Error::MessageTooLarge { .. }) => {
                    let error = reject_too_big_request(self.limits.websocket_message_bytes_max);
                    if outbox.send_error(error_text(&Id::null(), &error)).await.is_err() {
                        return;
                    }
                    continue;
                }
                Err(error) => {
                    tracing::debug!(%error, "a WebSocket ended early");
                    return;
                }
            };
            let Ok(turn) = Arc::clone(&working).acquire_owned().await else { return };
            let bytes = u32::try_from(message.len()).unwrap_or(u32::MAX);
            // A client of a few short messages waits for no other client.
            let room = match Arc::clone(&own).try_acquire_many_owned(bytes) {
                Ok(room) => room,
                Err(_) => match Arc::clone(&self.bodies).acquire_many_owned(bytes).await {
                    Ok(room) => room,
                    Err(_) => return,
                },
            };
            let (dispatcher, session) = (Arc::clone(&self.dispatcher), Arc::clone(session));
            let outbox = outbox.clone();
            tokio::spawn(async move {
                let answer = tokio::select! {
                    // Nobody is left to send the answer to.
                    () = outbox.closed() => return,
                    answer = dispatcher.answer(&message, Some(&session), Instant::now()) => answer,
                };
                // The message has had its time; from here on its answer counts.
                drop((message, room));
                let _client_gone = outbox.reply(answer).await;
                drop(turn);
            });
        }
    }
}

/// Sends what is in the outbox, and pings, until the outbox or the socket is closed.
async fn write(mut sender: Sender<Socket>, mut messages: mpsc::Receiver<Outgoing>) {
    let mut pings = interval(PING_PAUSE);
    loop {
        // Its room is given back when it has left the buffers here.
        let mut room = None;
        let sent = tokio::select! {
            message = messages.recv() => match message {
                Some(Outgoing { text, room: taken }) => {
                    room = taken;
                    sender.send_text_owned(text).await
                }
                None => break,
            },
            _ = pings.tick() => match ByteSlice125::try_from(&[][..]) {
                Ok(empty) => sender.send_ping(empty).await,
                Err(_) => Ok(()),
            },
        };
        let sent = match sent {
            Ok(()) => sender.flush().await,
            Err(error) => Err(error),
        };
        drop(room);
        if let Err(error) = sent {
            tracing::debug!(%error, "a WebSocket takes nothing any more");
            break;
        }
    }
    let _client_gone = sender.close().await;
}
