//! The methods without a Tencent command of their own, one file for each service.

pub mod ban_service;
pub mod member_service;
pub mod permission_group_service;
pub mod raw_service;
