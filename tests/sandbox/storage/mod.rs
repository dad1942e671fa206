//! What a data directory holds after a restart and after a crash.

mod crash;
mod kept;
