//! The way to Tencent: pace, sign, POST, judge the reply, retry by safety class.

pub mod settings;
pub mod errors;
/// tmp
#[derive(Debug)]
pub struct Upstream;
/// tmp
#[derive(Debug)]
pub struct Reply<R> { /// x
 pub error_code: i64, /// x
 pub error_info: String, /// x
 pub message: R }
