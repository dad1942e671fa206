//! RawService: a command by name, for what Tencent added since.

use tonic::{Code, Status};

use crate::gateway::Call;
use crate::pb;
use crate::pb::ErrorReason;
use crate::status::Problem;

pub(in crate::gateway) async fn call(call: Call, _request: pb::CallRequest) -> Result<pb::CallResponse, Status> {
    let message = "raw calls are switched off in this gateway";
    Err(call.problem(Problem::new(Code::Unimplemented, ErrorReason::CommandDisabled, message)))
}
