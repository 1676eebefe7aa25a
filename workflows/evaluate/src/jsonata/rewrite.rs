//! What the dialect changes in the tree of an expression before it runs.

use jsonata_core::ast::{AstNode, BinaryOp};
use jsonata_core::value::with_stack;

use super::dialect::{DATED_PICTURE, DATED_TEXT, LIMIT, NOW};
use super::tree;

/// Makes `$now(picture)` and `$toMillis(time, picture)` read the clock of the scope, and bounds the texts that functions of the expression's own can
/// double again and again.
pub(super) fn rewrite(tree: &mut AstNode) {
    let recursive = tree::any(tree, &mut |node| matches!(node, AstNode::Lambda { .. }));
    visit(tree, recursive);
}

fn visit(node: &mut AstNode, recursive: bool) {
    with_stack(|| {
        let chain = matches!(node, AstNode::Binary { op: BinaryOp::ChainPipe, .. });
        for (index, child) in tree::children_mut(node).into_iter().enumerate() {
            visit(child, recursive);
            // The right side of `~>` must stay a function.
            if recursive && grows(child) && !(chain && index == 1) {
                let grown = std::mem::replace(child, AstNode::Null);
                *child = AstNode::Function { name: LIMIT.to_owned(), args: vec![grown], is_builtin: true };
            }
        }
        clock(node);
        date(node);
    });
}

/// Whether `node` gives a text longer than all it is given.
fn grows(node: &AstNode) -> bool {
    match node {
        AstNode::Binary { op: BinaryOp::Concatenate, .. } => true,
        AstNode::Function { name, .. } => matches!(name.as_str(), "join" | "replace"),
        _ => false,
    }
}

/// `$now(picture, timezone)` becomes `$fromMillis($clock, picture, timezone)`.
fn clock(node: &mut AstNode) {
    if let AstNode::Function { name, args, .. } = node
        && name == "now"
        && !args.is_empty()
    {
        "fromMillis".clone_into(name);
        args.insert(0, AstNode::Variable(NOW.to_owned()));
    }
}

/// `$toMillis(text, picture)` becomes a call whose text and picture have what they leave to the present.
fn date(node: &mut AstNode) {
    if let AstNode::Function { name, args, .. } = node
        && name == "toMillis"
        && let [text, picture] = args.as_slice()
    {
        let call = |name: &str, args: Vec<AstNode>| AstNode::Function { name: name.to_owned(), args, is_builtin: true };
        let text = call(DATED_TEXT, vec![text.clone(), picture.clone()]);
        let picture = call(DATED_PICTURE, vec![picture.clone()]);
        *args = vec![text, picture];
    }
}
