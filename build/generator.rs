//! From the descriptor pool to the generated Rust texts; every fault of the contract is reported at once.

use prost_reflect::DescriptorPool;

use super::model::Model;
use super::{check, emit_json, emit_rules, emit_services, emit_shapes};

/// The generated files.
pub struct Generated {
    /// Impls of `JsonMessage` and `JsonEnum`.
    pub json: String,
    /// Impls of `Validate`.
    pub rules: String,
    /// What requests may repeat.
    pub shapes: String,
    /// The method table.
    pub methods: String,
    /// The tonic trait impls.
    pub services: String,
}

/// Generates everything, or says all that is wrong.
pub fn generate(pool: &DescriptorPool) -> Result<Generated, Vec<String>> {
    let model = Model::read(pool).map_err(|fault| vec![fault])?;
    let faults = check::check(&model);
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(Generated {
        json: emit_json::emit(&model),
        rules: emit_rules::emit(&model),
        shapes: emit_shapes::emit(&model),
        methods: emit_services::methods(&model),
        services: emit_services::services(&model),
    })
}
