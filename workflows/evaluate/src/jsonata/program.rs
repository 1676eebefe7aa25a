//! Compiled expressions.

use std::fmt;
use std::sync::Arc;

use asl::Value;
use jsonata_core::ast::{AstNode, PathStep, Stage};
use jsonata_core::parser;

use super::needs::Needs;
use super::{dialect, message, rewrite, tree};
use crate::Scope;
use crate::cache::Cache;

static PROGRAMS: Cache<Result<Program, SyntaxError>> = Cache::new();

/// A compiled expression.
pub(super) struct Program {
    /// Where the expression is a plain path: how to follow it without the evaluator, which costs nothing and keeps
    /// numbers as they were written.
    pub(super) lookup: Option<Lookup>,
    /// Its tree, rewritten for the dialect.
    pub(super) tree: AstNode,
    /// What it reads.
    pub(super) needs: Needs,
    /// The functions of the dialect that it names.
    pub(super) functions: Vec<&'static str>,
}

/// `$states.input.a[0].b`, `$name.a`.
pub(super) struct Lookup {
    variable: String,
    parts: Vec<Part>,
}

/// One step of a lookup.
enum Part {
    /// `.name`
    Member(String),
    /// `[0]`
    Item(usize),
}

/// Why an expression cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    /// JSONata's code, such as `S0207`.
    pub(crate) code: Option<String>,
    /// What is wrong.
    pub(crate) message: String,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(f, "{code}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// The expression `source`, compiled once.
pub(super) fn compile(source: &str) -> Arc<Result<Program, SyntaxError>> {
    PROGRAMS.get(source, |source| parse(source).map(program))
}

/// The tree of `source` as it is written.
///
/// # Errors
/// `source` is not JSONata.
pub(super) fn parse(source: &str) -> Result<AstNode, SyntaxError> {
    parser::parse(source).map_err(|error| message::syntax(source, &error))
}

fn program(mut tree: AstNode) -> Program {
    let lookup = lookup(&tree);
    let needs = Needs::of(&tree);
    rewrite::rewrite(&mut tree);
    let mut functions = Vec::new();
    tree::any(&tree, &mut |node| {
        if let AstNode::Function { name, .. } | AstNode::Variable(name) = node
            && let Some(known) = dialect::NAMES.iter().find(|known| *known == name)
            && !functions.contains(known)
        {
            functions.push(*known);
        }
        false
    });
    Program { lookup, tree, needs, functions }
}

fn lookup(tree: &AstNode) -> Option<Lookup> {
    if let AstNode::Variable(variable) = tree {
        return plain(variable, Vec::new());
    }
    let AstNode::Path { steps } = tree else { return None };
    let (first, rest) = steps.split_first()?;
    let AstNode::Variable(variable) = &first.node else { return None };
    let mut parts = Vec::with_capacity(rest.len());
    for step in rest {
        let AstNode::Name(name) = &step.node else { return None };
        parts.push(Part::Member(name.clone()));
        match step.stages.as_slice() {
            [] => {}
            [Stage::Filter(index)] => parts.push(Part::Item(item(index)?)),
            _ => return None,
        }
    }
    let bare = |step: &PathStep| step.focus.is_none() && step.index_var.is_none() && step.ancestor_label.is_none();
    plain(variable, parts).filter(|_| first.stages.is_empty() && steps.iter().all(bare))
}

/// The index that a filter is, if it is one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked first")]
fn item(filter: &AstNode) -> Option<usize> {
    match filter {
        AstNode::Number(index) if index.fract() == 0.0 && (0.0..1e9).contains(index) => Some(*index as usize),
        _ => None,
    }
}

/// The lookup, unless it reads the whole of `$states`, the context item or a function.
fn plain(variable: &str, parts: Vec<Part>) -> Option<Lookup> {
    let states = variable == "states";
    let found = !variable.is_empty() && (!states || !parts.is_empty()) && !dialect::is_function(variable);
    found.then(|| Lookup { variable: variable.to_owned(), parts })
}

impl Lookup {
    /// The value there.
    pub(super) fn find<'a>(&self, scope: &Scope<'a>) -> Found<'a> {
        let mut parts = self.parts.iter();
        let root = match self.variable.as_str() {
            "states" => match parts.next() {
                Some(Part::Member(member)) => state(scope, member),
                _ => None,
            },
            variable => scope.variables.get(variable),
        };
        let Some(mut node) = root else { return Found::Nothing };
        for part in parts {
            let next = match (part, node) {
                (Part::Member(_), Value::Array(_)) => return Found::Mapped,
                (Part::Member(name), Value::Object(members)) => members.get(name.as_str()),
                (Part::Member(_), _) => None,
                (Part::Item(index), Value::Array(items)) => items.get(*index),
                (Part::Item(index), single) => Some(single).filter(|_| *index == 0),
            };
            let Some(next) = next else { return Found::Nothing };
            node = next;
        }
        Found::Value(node)
    }
}

/// What a lookup comes to.
pub(super) enum Found<'a> {
    /// A value.
    Value(&'a Value),
    /// Nothing.
    Nothing,
    /// The path maps over an array: that is for the evaluator.
    Mapped,
}

/// A member of `$states`.
pub(super) fn state<'a>(scope: &Scope<'a>, member: &str) -> Option<&'a Value> {
    match member {
        "input" => Some(scope.input),
        "context" => Some(scope.context.object()),
        "result" => scope.result,
        "errorOutput" => scope.error_output,
        _ => None,
    }
}
