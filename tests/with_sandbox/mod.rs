//! The sandbox as users run it: as a command, beside the gateway, and through it.

mod command;
mod community_through_gateway;
mod durability;
mod https;
mod serve;
mod through_gateway;
mod through_gateway_live;
