//! The server around the services: listening, callers, limits, TLS.

mod abuse;
mod auth;
mod jwt;
mod limits;
mod matrix;
mod request_memory;
mod serving;
mod tls;
