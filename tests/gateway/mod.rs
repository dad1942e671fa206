//! The generic call and what is built on it: batches, streams, pages, raw calls.

mod apps;
mod batches;
mod broken_streams;
mod changing_lists;
mod complete_lists;
mod drift;
mod every_batch;
mod every_stream;
mod imports;
mod large_texts;
mod lost_replies;
mod odd_replies;
mod page_tokens;
mod raw;
mod regressions;
mod streams;
mod unclean_replies;
