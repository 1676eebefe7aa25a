//! The runtimes that created functions may ask for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A runtime, by its identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Runtime {
    /// `provided*`: the package brings a `bootstrap`.
    Provided(&'static str),
    /// `python3.N`.
    Python(&'static str, u32),
    /// `nodejsN.x`.
    Node(&'static str, u32),
}

/// Every runtime that is served, oldest first.
const SERVED: [Runtime; 11] = [
    Runtime::Provided("provided"),
    Runtime::Provided("provided.al2"),
    Runtime::Provided("provided.al2023"),
    Runtime::Python("python3.10", 10),
    Runtime::Python("python3.11", 11),
    Runtime::Python("python3.12", 12),
    Runtime::Python("python3.13", 13),
    Runtime::Python("python3.14", 14),
    Runtime::Node("nodejs20.x", 20),
    Runtime::Node("nodejs22.x", 22),
    Runtime::Node("nodejs24.x", 24),
];

/// A runtime that is not served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the runtime {0:?} is not run here; use one of {served}", served = served())]
pub(crate) struct Unserved(String);

/// The identifiers of all that are served.
pub(crate) fn served() -> String {
    SERVED.map(Runtime::identifier).join(", ")
}

impl Runtime {
    /// As AWS writes it.
    pub(crate) fn identifier(self) -> &'static str {
        match self {
            Self::Provided(identifier) | Self::Python(identifier, _) | Self::Node(identifier, _) => identifier,
        }
    }
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.identifier())
    }
}

impl FromStr for Runtime {
    type Err = Unserved;

    fn from_str(text: &str) -> Result<Self, Unserved> {
        SERVED.into_iter().find(|runtime| runtime.identifier() == text).ok_or_else(|| Unserved(text.to_owned()))
    }
}

impl Serialize for Runtime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.identifier())
    }
}

impl<'de> Deserialize<'de> for Runtime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_name_runtimes() {
        assert_eq!("python3.12".parse(), Ok(Runtime::Python("python3.12", 12)));
        assert_eq!("nodejs22.x".parse(), Ok(Runtime::Node("nodejs22.x", 22)));
        for runtime in SERVED {
            assert_eq!(runtime.identifier().parse(), Ok(runtime));
        }
    }

    #[test]
    fn what_is_not_served_is_told_what_is() {
        let unserved = "java21".parse::<Runtime>().unwrap_err().to_string();
        assert!(unserved.starts_with("the runtime \"java21\" is not run here; use one of provided, "), "{unserved}");
    }
}
