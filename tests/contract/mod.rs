//! The contract: its translation to Tencent's JSON, field by field, and the weight of requests.

mod envelopes;
mod footprint;
mod golden;
mod leaves;
mod odd_replies;
mod properties;
mod rules;
mod unclean_texts;
