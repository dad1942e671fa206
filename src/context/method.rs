//! The method that a call is of.

use contract::command::Method;

/// One method.
#[derive(Debug)]
pub struct Entry {
    /// Its place among all methods, so that nothing has to look it up by its name again; 0 is everything unknown.
    pub index: usize,
    /// `package.Service/Method`.
    pub path: String,
    /// `package.Service`.
    pub service: String,
    /// `Method`.
    pub method: String,
    /// How many messages go each way.
    pub kind: Kind,
    /// The contract's word on it; `None` for health, reflection and unknown methods.
    pub rule: Option<Method>,
}

/// How many messages go each way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One each way.
    Unary,
    /// Many in, one out.
    ClientStream,
    /// One in, many out.
    ServerStream,
    /// Many each way.
    BidiStream,
}

/// Which service a method belongs to, as far as admission to it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `grpc.health.v1`.
    Health,
    /// `grpc.reflection`.
    Reflection,
    /// The contract, and everything that is unknown.
    Contract,
}

const UNKNOWN: &str = "unknown";

impl Entry {
    /// What stands for everything that is not served.
    #[must_use]
    pub fn unknown() -> Self {
        Self {
            index: 0,
            path: "unknown/unknown".to_owned(),
            service: UNKNOWN.to_owned(),
            method: UNKNOWN.to_owned(),
            kind: Kind::Unary,
            rule: None,
        }
    }

    /// Whether it stands for everything that is not served.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.service == UNKNOWN
    }

    /// Whether its calls never end by themselves: health may be watched for ever.
    #[must_use]
    pub fn is_endless(&self) -> bool {
        self.family() == Family::Health && self.kind != Kind::Unary
    }

    /// Which family the method belongs to.
    #[must_use]
    pub fn family(&self) -> Family {
        if self.service.starts_with("grpc.health.") {
            Family::Health
        } else if self.service.starts_with("grpc.reflection.") {
            Family::Reflection
        } else {
            Family::Contract
        }
    }
}

impl Kind {
    /// The kind by the two flags of a descriptor.
    #[must_use]
    pub fn new(client_streaming: bool, server_streaming: bool) -> Self {
        match (client_streaming, server_streaming) {
            (false, false) => Self::Unary,
            (true, false) => Self::ClientStream,
            (false, true) => Self::ServerStream,
            (true, true) => Self::BidiStream,
        }
    }

    /// The label that Go's and Java's interceptors use.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Unary => "unary",
            Self::ClientStream => "client_stream",
            Self::ServerStream => "server_stream",
            Self::BidiStream => "bidi_stream",
        }
    }
}
