//! What holds for the requests of all commands: signatures, sizes, keys and types, and what older clients send.

mod clients;
mod platform;
mod strictness;
