//! Runs Lambda binaries: registry, Invoke, Runtime API.
