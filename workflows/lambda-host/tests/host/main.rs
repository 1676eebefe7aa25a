//! The host with real functions: processes of `examples/function.rs`.

#[cfg(test)]
mod created;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod invoke;
#[cfg(test)]
mod support;
