//! JSONPath of Jayway's flavour, as Step Functions reads it.

mod compare;
mod filter;
mod function;
pub(crate) mod parse;
mod path;
mod place;
pub(crate) mod scan;
mod walk;

use asl::Value;

use crate::cache::Cache;
use crate::random::Random;
use crate::{Failure, Scope, depth, intrinsic};

pub(crate) use compare::order;
pub(crate) use path::Path;
use path::Root;
use walk::Miss;

static PATHS: Cache<Result<Path, String>> = Cache::new();

/// The value at `path`, for `InputPath`, `OutputPath`, `ItemsPath` and the other `...Path` fields. A definite path
/// gives its value, one with a wildcard, a filter, a slice, a union of indices or `..` an array.
///
/// # Errors
/// `States.Runtime` where the path is malformed or finds nothing.
pub fn select(path: &str, scope: &Scope<'_>) -> Result<Value, Failure> {
    find(path, scope).map_err(|miss| Failure::runtime(format!("Invalid path '{path}' : {}", miss.message())))
}

/// The value at `path` or of an intrinsic function call, for the payload-template field `field` (`value.$`) and for
/// `ErrorPath` and `CausePath`.
///
/// # Errors
/// `States.Runtime` where the path finds nothing; `States.IntrinsicFailure` where a function fails.
pub fn select_for(field: &str, path: &str, scope: &Scope<'_>) -> Result<Value, Failure> {
    value_for(field, path, scope, &mut Random::new(scope.seed, field))
}

/// `raw` with `result` at the reference path `path`, for `ResultPath`. Objects missing on the way are created.
///
/// # Errors
/// `States.ResultPathMatchFailure` where `raw` has no place for it; `States.Runtime` where `path` is no reference path
/// or the result nests too deep.
pub fn place(raw: &Value, path: &str, result: Value) -> Result<Value, Failure> {
    match &*PATHS.get(path, parse::parse) {
        Ok(parsed) if parsed.is_root() => Ok(result),
        Ok(parsed) => place::place(raw, parsed, path, result).and_then(depth::bounded),
        Err(message) => Err(Failure::runtime(format!("Invalid path '{path}' : {message}"))),
    }
}

/// Whether `path` can be the place of a result.
pub(crate) fn is_place(path: &str) -> bool {
    parse::parse(path).is_ok_and(|path| path.root == Root::Input && path.is_reference())
}

/// As [`select_for`], drawing from `random`.
pub(crate) fn value_for(field: &str, path: &str, scope: &Scope<'_>, random: &mut Random) -> Result<Value, Failure> {
    if path.starts_with('$') {
        return find(path, scope).map_err(|miss| failure_for(field, path, scope, miss));
    }
    intrinsic::evaluate(field, path, scope, random)
}

/// What a field of a payload template says of a path that finds nothing.
pub(crate) fn failure_for(field: &str, path: &str, scope: &Scope<'_>, miss: Miss) -> Failure {
    Failure::runtime(match miss {
        Miss::Absent(_) => format!(
            "The JSONPath '{path}' specified for the field '{field}' could not be found in the input '{}'",
            scope.input
        ),
        Miss::Unfit(message) => format!("Invalid path '{path}' : {message}"),
    })
}

/// What `path` finds in `scope`.
pub(crate) fn find(path: &str, scope: &Scope<'_>) -> Result<Value, Miss> {
    if let Some(found) = reference(path, scope) {
        return Ok(found.clone());
    }
    match &*PATHS.get(path, parse::parse) {
        Ok(parsed) => find_parsed(parsed, scope),
        Err(message) => Err(Miss::Unfit(message.clone())),
    }
}

/// What the parsed `path` finds in `scope`.
pub(crate) fn find_parsed(path: &Path, scope: &Scope<'_>) -> Result<Value, Miss> {
    let root = match &path.root {
        Root::Input | Root::Item => scope.input,
        Root::Context => scope.context.object(),
        Root::Variable(name) => {
            scope.variables.get(name).ok_or_else(|| Miss::Absent(format!("The variable ${name} is not assigned")))?
        }
    };
    walk::find(path, root)
}

/// The fast way: `$`, `$$` or `$name` and plain member names that are all there, without parsing.
fn reference<'a>(path: &str, scope: &Scope<'a>) -> Option<&'a Value> {
    let (root, steps) = path.find('.').map_or((path, ""), |dot| path.split_at(dot));
    let mut node = match root {
        "$" => scope.input,
        "$$" => scope.context.object(),
        _ => scope.variables.get(root.strip_prefix('$')?)?,
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    for name in steps.split('.').skip(1) {
        if name.is_empty() || !name.bytes().all(plain) {
            return None;
        }
        node = node.get(name)?;
    }
    Some(node)
}

#[cfg(test)]
mod tests;
