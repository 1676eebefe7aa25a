//! The variables that an expression reads and does not bind itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};
use jsonata_core::value::with_stack;

use super::{dialect, program, tree};

/// Adds the variables that the expression `source` reads to `found`; none where it is not JSONata.
pub(crate) fn variables(source: &str, found: &mut BTreeSet<Arc<str>>) {
    if let Ok(tree) = program::parse(source) {
        Search { bound: Vec::new(), found }.visit(&tree);
    }
}

struct Search<'a> {
    /// Names bound where the search is.
    bound: Vec<String>,
    found: &'a mut BTreeSet<Arc<str>>,
}

impl Search<'_> {
    fn visit(&mut self, node: &AstNode) {
        with_stack(|| match node {
            AstNode::Variable(name) => self.read(name),
            AstNode::Binary { op: BinaryOp::ColonEqual, lhs, rhs } => self.bind(lhs, rhs),
            AstNode::Binary { op: BinaryOp::FocusBind | BinaryOp::IndexBind, lhs, rhs } => {
                self.visit(lhs);
                self.name(rhs);
            }
            AstNode::Lambda { params, body, .. } => self.inside(|search| {
                search.bound.extend(params.iter().map(|name| name.trim_start_matches('$').to_owned()));
                search.visit(body);
            }),
            AstNode::Block(_) => self.inside(|search| search.children(node)),
            AstNode::Path { steps } => steps.iter().for_each(|step| self.step(step)),
            other => self.children(other),
        });
    }

    fn children(&mut self, node: &AstNode) {
        tree::children(node).into_iter().for_each(|child| self.visit(child));
    }

    /// What is bound inside is unknown behind it.
    fn inside(&mut self, search: impl FnOnce(&mut Self)) {
        let outside = self.bound.len();
        search(self);
        self.bound.truncate(outside);
    }

    fn read(&mut self, name: &str) {
        let own = name.is_empty() || name == "states" || dialect::is_function(name);
        if !own && !self.bound.iter().any(|bound| bound == name) {
            self.found.insert(name.into());
        }
    }

    /// `$name := value`: a function may call itself, any other value reads what was there before.
    fn bind(&mut self, name: &AstNode, value: &AstNode) {
        if matches!(value, AstNode::Lambda { .. }) {
            self.name(name);
            self.visit(value);
        } else {
            self.visit(value);
            self.name(name);
        }
    }

    fn name(&mut self, node: &AstNode) {
        if let AstNode::Variable(name) = node {
            self.bound.push(name.clone());
        }
    }

    /// A step of a path, with what it binds for the steps behind it.
    fn step(&mut self, step: &PathStep) {
        self.visit(&step.node);
        self.bound.extend(step.focus.iter().chain(&step.index_var).cloned());
        for stage in &step.stages {
            match stage {
                Stage::Filter(filter) => self.visit(filter),
                Stage::Index(name) => self.bound.push(name.clone()),
                Stage::KeepArray => {}
            }
        }
    }
}
