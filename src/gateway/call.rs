//! tmp
use std::sync::Arc;
use tonic::{Extensions, Status};
use crate::{command::Method, upstream::Upstream, validate::Validate, wire::JsonMessage};
/// A request that maps to one Tencent command. Implemented by the generator.
pub trait Mapped: JsonMessage + Validate + 'static {
    /// The reply.
    type Reply: JsonMessage + 'static;
    /// The method.
    const METHOD: &'static Method;
    /// Whether a number guards against executing it twice.
    const GUARDED: bool = false;
    /// The group it concerns, for pacing.
    fn group_id(&self) -> Option<&str> { None }
    /// Fills what the gateway adds, before the first attempt.
    fn prepare(&mut self) {}
    /// Completes the reply with what follows from the request.
    fn finish(&self, _reply: &mut Self::Reply) {}
}
/// tmp
pub struct Call {}
impl Call {
    /// tmp
    pub fn new(_u: Arc<Upstream>, _m: &'static Method, _e: &Extensions) -> Self { Self {} }
    /// tmp
    pub fn check<R: Validate>(&self, _m: &R) -> Result<(), Status> { Ok(()) }
    /// tmp
    pub async fn send<R: Mapped>(&self, _m: R) -> Result<R::Reply, Status> { Ok(R::Reply::default()) }
}
