//! Behaviour, through real servers on real ports.

mod sandbox;
