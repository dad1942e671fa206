//! Bounds what requests take in memory at once. The number of calls alone does not: each may bring a message of the largest
//! size, made of the smallest items, and take its time over it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, Request};
use http_body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep_until};
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::body::Body;
use tonic::{Code, Status};

use super::inflate::{Inflate, InflateError};
use super::memory_room::{Incoming, MemoryRoom};
use super::response_guard::ResponseGuard;
use super::stack::{Middleware, Next, ResponseFuture};
use crate::config::Limits;
use crate::context::CallContext;
use crate::server::catalog::{Family, Kind};
use crate::server::message_scanner::{MessageScanner, Scanned};
use crate::server::peer::Peer;
use crate::status::Problem;
use contract::footprint::Footprint;
use contract::pb::ErrorReason;

/// Takes room for every message as its bytes come, more when it turns out to hold many items, and refuses the call when
/// there is none. All of that is before the message is decoded. Messages are decompressed here, so that what counts is
/// what they really hold.
#[derive(Clone)]
pub struct RequestMemory {
    room: MemoryRoom,
    /// Longer messages are refused anyway.
    largest: usize,
    /// How long a request may take until it is complete where the deadline of its call is that of a stream.
    patience: Duration,
}

/// A request whose messages take room.
struct WeighedRequest {
    inner: Body,
    scanner: MessageScanner,
    weigher: Weigher,
    late: Option<Pin<Box<Sleep>>>,
    revoked: Pin<Box<WaitForCancellationFutureOwned>>,
    over: bool,
}

/// Takes room for one message after the other.
struct Weigher {
    call: CallContext,
    layer: RequestMemory,
    incoming: Arc<Incoming>,
    gzip: bool,
    /// Of the message that is coming in.
    footprint: Option<Footprint>,
    inflate: Option<Inflate>,
}

/// Why a request is refused.
enum Refusal {
    Problem(Problem),
    Inflate(InflateError),
}

const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

impl RequestMemory {
    /// Room as the limits say, `most_per_caller` of it for each caller.
    pub fn new(limits: Limits, most_per_caller: usize, patience: Duration) -> Self {
        let room = MemoryRoom::new(limits.max_request_memory, most_per_caller);
        Self { room, largest: limits.max_request_bytes, patience }
    }
}

impl Middleware for RequestMemory {
    fn name(&self) -> &'static str {
        "request_memory"
    }

    fn handle(&self, mut request: Request<Body>, next: Next<'_>) -> ResponseFuture {
        let call = CallContext::of(request.extensions());
        // The messages of the other services are tiny, by their own bound.
        if call.method().family() != Family::Contract {
            return next.run(request);
        }
        let peer = request.extensions().get().map(|peer: &Peer| peer.address.ip());
        let incoming = self.room.begin(peer);
        let late = (call.method().kind != Kind::Unary).then(|| Box::pin(sleep_until(call.started() + self.patience)));
        let gzip = take_gzip(request.headers_mut());
        let revoked = Box::pin(incoming.revoked().clone().cancelled_owned());
        let kept = incoming.clone();
        let weigher = Weigher { call, layer: self.clone(), incoming, gzip, footprint: None, inflate: None };
        let scanner = MessageScanner::default();
        let weighed = |inner| WeighedRequest { inner, scanner, weigher, late, revoked, over: false };
        let response = next.run(request.map(|inner| Body::new(weighed(inner))));
        // A handler may use what it was asked to the end of its response.
        Box::pin(async move { response.await.map(|inner| Body::new(ResponseGuard::new(inner, kept))) })
    }
}

/// Whether messages may be compressed. What is behind this layer sees them as they are.
fn take_gzip(headers: &mut HeaderMap) -> bool {
    let gzip = headers.get(&ENCODING).is_some_and(|encoding| encoding.as_bytes() == b"gzip");
    if gzip {
        headers.remove(&ENCODING);
    }
    gzip
}

impl Weigher {
    /// Takes room for what these bytes bring, and returns them as the handler is to see them.
    fn weigh(&mut self, scanner: &mut MessageScanner, data: &Bytes) -> Result<Bytes, Problem> {
        if !self.gzip {
            let mut result = Ok(());
            scanner.scan(data, |found| {
                if result.is_ok() {
                    result = self.plain(found);
                }
            });
            return result.map(|()| data.clone());
        }
        let (mut out, mut result) = (BytesMut::new(), Ok(()));
        scanner.scan(data, |found| {
            if result.is_ok() {
                result = self.decompress(found, &mut out);
            }
        });
        result.map(|()| out.freeze()).map_err(|refusal| refusal.into_problem(self.layer.largest))
    }

    fn plain(&mut self, found: Scanned<'_>) -> Result<(), Problem> {
        match found {
            Scanned::Begins { length, .. } => self.begin(length),
            Scanned::Bytes(bytes) => self.take(bytes)?,
            Scanned::Ends => {}
        }
        Ok(())
    }

    fn decompress(&mut self, found: Scanned<'_>, out: &mut BytesMut) -> Result<(), Refusal> {
        match found {
            Scanned::Begins { compressed: true, length } if length as usize > self.layer.largest => {
                return Err(InflateError::TooLarge.into());
            }
            Scanned::Begins { compressed: true, .. } => {
                self.begin(u32::try_from(self.layer.largest).unwrap_or(u32::MAX));
                self.inflate = Some(Inflate::new(self.layer.largest));
            }
            Scanned::Begins { compressed: false, length } => {
                self.begin(length);
                prefix(out, length);
            }
            Scanned::Bytes(bytes) => match self.inflate.take() {
                Some(mut inflate) => {
                    inflate.push(bytes, |more| self.take(more).map_err(Refusal::Problem))?;
                    self.inflate = Some(inflate);
                }
                None => {
                    self.take(bytes).map_err(Refusal::Problem)?;
                    out.put_slice(bytes);
                }
            },
            Scanned::Ends => {
                if let Some(inflate) = self.inflate.take() {
                    let message = inflate.finish(|more| self.take(more).map_err(Refusal::Problem))?;
                    prefix(out, u32::try_from(message.len()).unwrap_or(u32::MAX));
                    out.put_slice(&message);
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self, length: u32) {
        let rule = self.call.method().rule.filter(|_| length as usize <= self.layer.largest);
        self.footprint = rule.map(|rule| Footprint::new(rule.request, length));
    }

    /// Takes room for bytes of a message; nothing for one that is refused anyway.
    fn take(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        let Some(footprint) = &mut self.footprint else { return Ok(()) };
        let weight = (bytes.len() as u64 * Footprint::COPIES as u64).saturating_add(footprint.see(bytes));
        self.layer.room.take(&self.call, &self.incoming, weight, bytes.len())
    }
}

fn prefix(out: &mut BytesMut, length: u32) {
    out.put_u8(0);
    out.put_u32(length);
}

impl WeighedRequest {
    fn refuse(&mut self, problem: Problem) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.over = true;
        // What has come so far is of no use any more.
        self.inner = Body::empty();
        Poll::Ready(Some(Err(problem.request_id(self.weigher.call.request_id()).into_status())))
    }
}

impl http_body::Body for WeighedRequest {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if this.over {
            return Poll::Ready(None);
        }
        if this.revoked.as_mut().poll(cx).is_ready() {
            return this.refuse(MemoryRoom::too_slow());
        }
        let frame = match Pin::new(&mut this.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => frame,
            Poll::Ready(other) => {
                this.weigher.incoming.complete();
                return Poll::Ready(other);
            }
            Poll::Pending => {
                return match this.late.as_mut().map(|late| late.as_mut().poll(cx)) {
                    Some(Poll::Ready(())) => this.refuse(Problem::request_too_slow()),
                    _ => Poll::Pending,
                };
            }
        };
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => return Poll::Ready(Some(Ok(frame))),
        };
        let weighed = this.weigher.weigh(&mut this.scanner, &data);
        if this.inner.is_end_stream() {
            this.weigher.incoming.complete();
        }
        match weighed {
            Ok(data) => Poll::Ready(Some(Ok(Frame::data(data)))),
            Err(problem) => this.refuse(problem),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.weigher.gzip { SizeHint::default() } else { self.inner.size_hint() }
    }
}

impl Refusal {
    fn into_problem(self, largest: usize) -> Problem {
        match self {
            Self::Problem(problem) => problem,
            Self::Inflate(InflateError::TooLarge) => {
                let message = format!("the request holds more than {largest} bytes once it is decompressed: split it");
                Problem::new(Code::ResourceExhausted, ErrorReason::RequestTooLarge, message).not_executed()
            }
            Self::Inflate(InflateError::Broken) => {
                let message = "the request is not compressed as grpc-encoding says";
                Problem::new(Code::InvalidArgument, ErrorReason::InvalidArgument, message).not_executed()
            }
        }
    }
}

impl From<InflateError> for Refusal {
    fn from(error: InflateError) -> Self {
        Self::Inflate(error)
    }
}
