//! The server around the services: listening, callers, limits, TLS.

mod abuse;
mod auth;
mod error_size;
mod fairness;
mod http;
mod jwt;
mod limits;
mod matrix;
mod reflection;
mod request_memory;
mod sampling;
mod serving;
mod tls;
