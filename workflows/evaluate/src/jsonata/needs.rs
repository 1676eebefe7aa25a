//! What an expression reads of its variables, so that only that is converted.

use std::collections::BTreeMap;

use jsonata_core::ast::AstNode;
use jsonata_core::value::with_stack;

use super::tree;

/// The variables that an expression reads, by name.
#[derive(Debug, Default)]
pub(super) struct Needs {
    /// What of each is read.
    pub(super) variables: BTreeMap<String, Need>,
}

/// What of one value is read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Need {
    /// All of it; otherwise only `members`, of it or of the objects in it if it is an array.
    pub(super) whole: bool,
    /// What is read of the members.
    pub(super) members: BTreeMap<String, Need>,
}

impl Needs {
    /// What `tree` reads. Variables that it assigns itself are among them, which costs little.
    pub(super) fn of(tree: &AstNode) -> Self {
        let mut needs = Self::default();
        needs.visit(tree);
        // `%` reaches back over the steps of a path: then nothing may be left out.
        if tree::any(tree, &mut |node| matches!(node, AstNode::Parent(_))) {
            needs.variables.values_mut().for_each(|need| need.whole = true);
        }
        needs
    }

    fn visit(&mut self, node: &AstNode) {
        with_stack(|| match node {
            AstNode::Variable(name) => self.variable(name).whole = true,
            AstNode::Path { steps } => {
                let from = usize::from(self.path(steps));
                for (index, child) in tree::children(node).into_iter().enumerate() {
                    if index >= from {
                        self.visit(child);
                    }
                }
            }
            other => tree::children(other).into_iter().for_each(|child| self.visit(child)),
        });
    }

    fn variable(&mut self, name: &str) -> &mut Need {
        self.variables.entry(name.to_owned()).or_default()
    }

    /// Notes the plain names at the beginning of a path; whether its first step is dealt with by that.
    fn path(&mut self, steps: &[jsonata_core::ast::PathStep]) -> bool {
        let Some((first, rest)) = steps.split_first() else { return false };
        let AstNode::Variable(name) = &first.node else { return false };
        let mut need = self.variable(name);
        if !first.stages.is_empty() {
            need.whole = true;
            return true;
        }
        for step in rest {
            let AstNode::Name(name) = &step.node else { break };
            need = need.members.entry(name.clone()).or_default();
            if !step.stages.is_empty() {
                break;
            }
        }
        need.whole = true;
        true
    }
}
