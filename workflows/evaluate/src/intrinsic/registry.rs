//! Which functions there are.

use std::fmt;
use std::ops::RangeInclusive;

use asl::Value;

use super::{array, encoding, json, math, text};
use crate::random::Random;

/// What a function gives for its arguments, or what is wrong with them.
pub(super) type Function = fn(&[Value], &mut Random) -> Result<Value, String>;

/// One function.
pub(crate) struct Entry {
    /// Its name behind `States.`.
    pub(super) name: &'static str,
    /// How many arguments it takes.
    pub(super) arity: RangeInclusive<usize>,
    /// Whether it reads the escapes of its first argument itself.
    pub(super) reads_escapes: bool,
    /// The function itself.
    pub(super) call: Function,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "States.{}", self.name)
    }
}

const fn entry(name: &'static str, arity: RangeInclusive<usize>, call: Function) -> Entry {
    Entry { name, arity, reads_escapes: false, call }
}

/// All functions, in the order of the documentation.
pub(super) static FUNCTIONS: [Entry; 18] = [
    entry("Array", 0..=usize::MAX, array::array),
    entry("ArrayPartition", 2..=2, array::partition),
    entry("ArrayContains", 2..=2, array::contains),
    entry("ArrayRange", 3..=3, array::range),
    entry("ArrayGetItem", 2..=2, array::item),
    entry("ArrayLength", 1..=1, array::length),
    entry("ArrayUnique", 1..=1, array::unique),
    entry("Base64Encode", 1..=1, encoding::base64_encode),
    entry("Base64Decode", 1..=1, encoding::base64_decode),
    entry("Hash", 2..=2, encoding::hash),
    entry("JsonMerge", 3..=3, json::merge),
    entry("StringToJson", 1..=1, json::parse),
    entry("JsonToString", 1..=1, json::write),
    entry("MathRandom", 2..=3, math::random),
    entry("MathAdd", 2..=2, math::add),
    entry("StringSplit", 2..=2, text::split),
    entry("UUID", 0..=0, text::uuid),
    Entry { name: "Format", arity: 1..=usize::MAX, reads_escapes: true, call: text::format },
];

/// The function of this name, without `States.`.
pub(super) fn find(name: &str) -> Option<&'static Entry> {
    FUNCTIONS.iter().find(|entry| entry.name == name)
}
