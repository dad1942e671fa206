//! Pages and files that are written from the code: each must say what the code says.

mod architecture;
mod arrows;
mod coverage;
mod deploy;
mod mesh;
mod security_doc;
