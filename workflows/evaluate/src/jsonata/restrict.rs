//! What Step Functions refuses in expressions that JSONata allows.

use jsonata_core::ast::{AstNode, PathStep};
use jsonata_core::value::with_stack;

use super::program::{self, SyntaxError};
use super::tree;

/// What is wrong with an expression before it ever runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// It cannot be read.
    Invalid(String),
    /// It uses what is not supported.
    Unsupported(String),
    /// It is accepted, and fails whenever it runs.
    Doomed(String),
}

/// All that is wrong with the expression `source`; `in_catcher` says whether it may read `$states.errorOutput`.
pub(crate) fn inspect(source: &str, in_catcher: bool) -> Vec<Finding> {
    match program::parse(source) {
        Err(SyntaxError { message, .. }) => vec![Finding::Invalid(message)],
        Ok(tree) => {
            let mut search = Search { in_catcher, findings: Vec::new() };
            search.visit(&tree, false);
            search.findings
        }
    }
}

struct Search {
    in_catcher: bool,
    findings: Vec<Finding>,
}

impl Search {
    fn report(&mut self, finding: Finding) {
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    fn top_level(&mut self, name: &str) {
        self.report(Finding::Unsupported(format!("Reference to '{name}' at the top level is not supported.")));
    }

    /// Looks at `node`; `item` says whether there is a context item there.
    fn visit(&mut self, node: &AstNode, item: bool) {
        with_stack(|| match node {
            AstNode::Path { steps } => self.path(steps, item),
            AstNode::Name(name) if !item => self.top_level(name),
            AstNode::Variable(name) if name.is_empty() && !item => self.top_level("$"),
            AstNode::Wildcard if !item => self.top_level("*"),
            AstNode::Descendant if !item => self.top_level("**"),
            AstNode::ParentVariable(_) => {
                self.report(Finding::Unsupported(String::from("Reference to '$$' is not supported.")));
            }
            AstNode::ObjectTransform { input, pattern } => {
                self.visit(input, item);
                pattern.iter().flat_map(|(key, value)| [key, value]).for_each(|part| self.visit(part, true));
            }
            AstNode::Sort { input, terms } => {
                self.visit(input, item);
                terms.iter().for_each(|(term, _)| self.visit(term, true));
            }
            AstNode::Transform { .. } | AstNode::FunctionApplication(_) => {
                tree::children(node).into_iter().for_each(|part| self.visit(part, true));
            }
            other => {
                self.function(other);
                tree::children(other).into_iter().for_each(|part| self.visit(part, item));
            }
        });
    }

    fn function(&mut self, node: &AstNode) {
        let (AstNode::Function { name, .. } | AstNode::Variable(name)) = node else { return };
        if name == "eval" {
            let message = "The function $eval is not available in Step Functions: the expression fails when it runs.";
            self.report(Finding::Doomed(String::from(message)));
        }
    }

    fn path(&mut self, steps: &[PathStep], item: bool) {
        if let [PathStep { node: AstNode::Variable(root), .. }, PathStep { node: AstNode::Name(member), .. }, ..] =
            steps
            && root == "states"
            && member == "errorOutput"
            && !self.in_catcher
        {
            let message =
                "Reference to '$states.errorOutput' is only supported in the 'Output' and 'Assign' of a 'Catch'.";
            self.report(Finding::Unsupported(String::from(message)));
        }
        for (index, step) in steps.iter().enumerate() {
            self.visit(&step.node, item || index > 0);
            for stage in &step.stages {
                if let jsonata_core::ast::Stage::Filter(filter) = stage {
                    self.visit(filter, true);
                }
            }
        }
    }
}
