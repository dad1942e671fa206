//! The generic call and what is built on it: batches, streams, pages, raw calls.

mod apps;
mod batches;
mod broken_streams;
mod changing_lists;
pub mod crowded_replies;
mod every_batch;
mod every_stream;
mod lost_replies;
mod page_tokens;
mod raw;
mod regressions;
mod streams;
