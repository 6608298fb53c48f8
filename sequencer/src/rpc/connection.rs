//! Accepts connections, as many as are allowed, and sees each one to its end.
//!
//! In: a listener and what answers requests. Out: answers. A connection that is silent, that sends
//! a request too slowly or that does not take its answer is closed. A connection above the bound
//! gets an answer that says so, and is closed. So nobody can use up this node's memory or files by
//! connections.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http_body_util::combinators::UnsyncBoxBody;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    server::conn::http1,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{Sleep, timeout},
};
use tower::BoxError;

/// A connection without a request is closed after this time, and so is one that needs longer to
/// send the head of a request.
const SILENCE_MAX: Duration = Duration::from_secs(45);
/// A connection that takes no byte of its answer for so long is closed.
const STALL_MAX: Duration = Duration::from_secs(30);
/// Connections at a time that get an answer although they are too many; further ones are closed.
const REFUSALS_MAX: usize = 256;
/// Time for that answer.
const REFUSAL_TIME: Duration = Duration::from_secs(2);
/// Pause when a connection cannot be accepted, as when there are no files left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Files that are left to the store and everything else.
const FILES_RESERVED: u64 = 2_048;
/// The fewest connections that are allowed, however few files there are.
const CONNECTIONS_MIN: u32 = 64;

/// A request as it comes in, its body unread.
pub(super) type HttpRequest = Request<Incoming>;
/// An answer, whole or in pieces.
pub(super) type HttpResponse = Response<HttpBody>;
/// The body of an answer.
pub(super) type HttpBody = UnsyncBoxBody<Bytes, BoxError>;

/// Tells the server's parts when to stop. The server has stopped when the last copy is dropped.
#[derive(Clone, Debug)]
pub(super) struct Stop(watch::Receiver<()>);

impl Stop {
    /// Something to stop with, and what it stops.
    pub(super) fn new() -> (watch::Sender<()>, Self) {
        let (sender, receiver) = watch::channel(());
        (sender, Self(receiver))
    }

    /// Waits until the server is to stop.
    pub(super) async fn requested(mut self) {
        // A sender that is gone has stopped the server, too.
        let _stopped = self.0.changed().await;
    }
}

/// A place among the connections allowed. What answers a request may keep it beyond the answer, as
/// a WebSocket does.
pub(super) type Place = Arc<OwnedSemaphorePermit>;

/// Raises this process's limit of open files as far as it may, and says how many connections it
/// allows, `wanted` at most.
pub(super) fn connections_allowed(wanted: u32) -> u32 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let files = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    // None stands for no limit.
    let free = files.map_or(u64::MAX, |files| files.saturating_sub(FILES_RESERVED));
    let allowed = wanted.min(u32::try_from(free).unwrap_or(u32::MAX)).max(CONNECTIONS_MIN);
    if allowed < wanted {
        tracing::warn!(?files, wanted, allowed, "few open files are allowed: fewer connections");
    }
    allowed
}

/// Accepts until the server is stopped.
pub(super) async fn accept<A, F>(listener: TcpListener, connections_max: u32, stop: Stop, answer: A)
where
    A: Fn(HttpRequest, Place) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<HttpResponse, BoxError>> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(connections_max as usize));
    let refusals = Arc::new(Semaphore::new(REFUSALS_MAX));
    let mut stopped = std::pin::pin!(stop.clone().requested());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stopped => return,
        };
        let socket = match accepted {
            Ok((socket, _)) => socket,
            Err(error) => {
                tracing::debug!(%error, "a connection cannot be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if let Ok(place) = places.clone().try_acquire_owned() {
            tokio::spawn(serve(socket, Arc::new(place), stop.clone(), answer.clone()));
        } else if let Ok(refusal) = refusals.clone().try_acquire_owned() {
            tokio::spawn(async move {
                // The connection ends, whether the client has read the answer or not.
                let _told = timeout(REFUSAL_TIME, refuse(socket, connections_max)).await;
                drop(refusal);
            });
        }
    }
}

/// Answers the requests of one connection.
async fn serve<A, F>(socket: TcpStream, place: Place, stop: Stop, answer: A)
where
    A: Fn(HttpRequest, Place) -> F + Send + Sync + 'static,
    F: Future<Output = Result<HttpResponse, BoxError>> + Send + 'static,
{
    // Answers are small and somebody waits for each.
    let _best_effort = socket.set_nodelay(true);
    let io = TokioIo::new(Impatient { socket, stalled: None });
    let service = hyper::service::service_fn(move |request| answer(request, place.clone()));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(SILENCE_MAX)
        .serve_connection(io, service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = stop.requested() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Says that there are too many connections, once the client has asked something.
async fn refuse(mut socket: TcpStream, allowed: u32) -> io::Result<()> {
    let mut buffer = [0; 4_096];
    if socket.read(&mut buffer).await? == 0 {
        return Ok(());
    }
    let error = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{{\"code\":-32005,\"message\":\
         \"too many connections: {allowed} are open already, try again later\"}}}}"
    );
    let answer = format!(
        "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\n\
         access-control-allow-origin: *\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{error}",
        error.len()
    );
    socket.write_all(answer.as_bytes()).await?;
    socket.shutdown().await?;
    // Closed with bytes unread, the socket would take the answer back.
    while socket.read(&mut buffer).await? > 0 {}
    Ok(())
}

/// A socket that fails when its peer takes nothing for too long.
struct Impatient {
    socket: TcpStream,
    /// Runs while the peer takes no byte.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Impatient {
    fn or_stalled<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(STALL_MAX)));
        stalled.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Impatient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Impatient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.or_stalled(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, parts);
        self.or_stalled(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.socket).poll_flush(cx);
        self.or_stalled(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.socket).poll_shutdown(cx);
        self.or_stalled(cx, shut)
    }
}
