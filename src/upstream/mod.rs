//! The way to Tencent: pace, sign, POST, judge the reply, retry by safety class.

pub mod settings;
