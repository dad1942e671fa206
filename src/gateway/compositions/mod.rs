//! The methods that are no single Tencent command, one file for each service.

pub mod ban_service;
pub mod group_service;
pub mod import_service;
pub mod member_service;
pub mod message_service;
pub mod permission_group_service;
pub mod raw_service;
