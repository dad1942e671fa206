//! Tells callers what Tencent's replies held that the contract does not expect: the trailer `x-tim-drift-bin`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body::Frame;
use http_body_util::BodyExt;
use prost::Message;
use tonic::Status;
use tonic::body::Body;

use super::stack::{Middleware, Next, ResponseFuture};
use crate::context::CallContext;
use crate::server::catalog::Family;
use contract::pb::{self, DriftEntry};

/// Adds the trailer to the end of each call that met drift, to its success and to its failure.
#[derive(Debug, Clone, Copy)]
pub struct DriftTrailer;

/// The trailer.
pub const DRIFT: HeaderName = HeaderName::from_static("x-tim-drift-bin");
/// What all trailers together may take, in bytes as sent: clients and proxies allow 8 KiB.
const MOST_OF_ALL: usize = 6 * 1024;
/// What the drift may take of it.
const MOST: usize = 3 * 1024;
/// What HTTP/2 counts for a header beside its name and value.
const PER_HEADER: usize = 32;
/// The length of `more`, at most.
const COUNT: usize = 6;
/// What an entry takes beside its own fields, at most.
const PER_ENTRY: usize = 4;
/// The shortest beginning of a text that is worth its place.
const SHORTEST: usize = 16;

impl Middleware for DriftTrailer {
    fn name(&self) -> &'static str {
        "drift_trailer"
    }

    fn handle(&self, request: Request<Body>, next: Next<'_>) -> ResponseFuture {
        let call = CallContext::of(request.extensions());
        let response = next.run(request);
        if call.method().family() != Family::Contract {
            return response;
        }
        Box::pin(async move {
            let mut response = response.await;
            // An error without a message has its trailers for headers.
            if response.headers().contains_key(Status::GRPC_STATUS) {
                add(response.headers_mut(), &call);
                return response;
            }
            response.map(|body| Body::new(body.map_frame(move |frame| with_drift(frame, &call))))
        })
    }
}

fn with_drift(frame: Frame<Bytes>, call: &CallContext) -> Frame<Bytes> {
    match frame.into_trailers() {
        Ok(mut trailers) => {
            add(&mut trailers, call);
            Frame::trailers(trailers)
        }
        Err(frame) => frame,
    }
}

fn add(trailers: &mut HeaderMap, call: &CallContext) {
    let Some(drift) = call.drift() else { return };
    let taken: usize = trailers.iter().map(|(name, value)| name.as_str().len() + value.len() + PER_HEADER).sum();
    let room = MOST_OF_ALL.saturating_sub(taken + DRIFT.as_str().len() + PER_HEADER).min(MOST);
    // base64 makes four bytes of three.
    let Some(drift) = fitting(drift, room / 4 * 3) else { return };
    if let Ok(value) = HeaderValue::try_from(STANDARD_NO_PAD.encode(drift.encode_to_vec())) {
        trailers.insert(DRIFT, value);
    }
}

/// As much of it as fits into so many bytes. What has no room is counted.
fn fitting(drift: pb::Drift, most: usize) -> Option<pb::Drift> {
    let mut room = most.checked_sub(COUNT)?;
    let mut fitting = pb::Drift { entries: Vec::new(), more: drift.more };
    for entry in drift.entries {
        match shortened(entry, room.saturating_sub(PER_ENTRY)) {
            Some(entry) => {
                room = room.saturating_sub(entry.encoded_len() + PER_ENTRY);
                fitting.entries.push(entry);
            }
            None => fitting.more = fitting.more.saturating_add(1),
        }
    }
    Some(fitting)
}

/// The entry, with only the beginning of its text where there is no room for the whole.
fn shortened(mut entry: DriftEntry, most: usize) -> Option<DriftEntry> {
    let beyond = entry.encoded_len().saturating_sub(most);
    if beyond > 0 {
        entry.cut = true;
        // The flag takes room too.
        let length = entry.json.len().checked_sub(beyond + 2).filter(|length| *length >= SHORTEST)?;
        entry.json.truncate(entry.json.floor_char_boundary(length));
    }
    Some(entry)
}
