//! What the dialect changes in the tree of an expression before it runs.

use jsonata_core::ast::{AstNode, BinaryOp};
use jsonata_core::value::with_stack;

use super::dialect::{DATED_PICTURE, DATED_TEXT, FEW, JOIN, LIMIT, NOW, PICTURE};
use super::tree;

/// Makes `$now(picture)` and `$toMillis(time, picture)` read the clock of the scope, and bounds what an expression can
/// make again and again: texts, ranges, arrays and objects.
pub(super) fn rewrite(tree: &mut AstNode) {
    let recursive = tree::any(tree, &mut |node| matches!(node, AstNode::Lambda { .. }));
    let hidden = tree::any(tree, &mut |node| match node {
        AstNode::Variable(name) => name == "join",
        AstNode::Lambda { params, .. } => params.iter().any(|param| param == "join"),
        _ => false,
    });
    visit(tree, recursive);
    if !hidden {
        joins(tree);
    }
}

/// `$join` becomes the dialect's, which knows beforehand how long its text becomes.
fn joins(node: &mut AstNode) {
    with_stack(|| {
        if let AstNode::Function { name, args, .. } = node
            && name == "join"
            && !args.is_empty()
        {
            JOIN.clone_into(name);
        }
        tree::children_mut(node).into_iter().for_each(joins);
    });
}

/// Rewrites what is in `node`, which is `repeated` where it may be evaluated more than once.
fn visit(node: &mut AstNode, repeated: bool) {
    with_stack(|| {
        let chain = matches!(node, AstNode::Binary { op: BinaryOp::ChainPipe, .. });
        let (repeated, takes) = (repeated || repeats(node), takes_any(node));
        for (index, child) in tree::children_mut(node).into_iter().enumerate() {
            visit(child, repeated);
            // The right side of `~>` must stay a function.
            if repeated && grows(child) && !(chain && index == 1) {
                wrap(LIMIT, child);
            } else if repeated && takes && matches!(child, AstNode::Array(_) | AstNode::Object(_)) {
                let levels = AstNode::Number(levels(child));
                wrap(LIMIT, child);
                if let AstNode::Function { args, .. } = child {
                    args.push(levels);
                }
            }
        }
        few(node);
        clock(node);
        date(node);
        pictures(node);
    });
}

/// The picture that `$fromMillis` and `$toMillis` are given is looked at first.
fn pictures(node: &mut AstNode) {
    if let AstNode::Function { name, args, .. } = node
        && matches!(name.as_str(), "fromMillis" | "toMillis")
        && let Some(picture) = args.get_mut(1)
    {
        wrap(PICTURE, picture);
    }
}

/// Whether the parts of `node` may be any expression: an array constructor means something of its own as a step of a
/// path and in an array.
fn takes_any(node: &AstNode) -> bool {
    matches!(
        node,
        AstNode::Function { .. }
            | AstNode::Call { .. }
            | AstNode::Lambda { .. }
            | AstNode::Object(_)
            | AstNode::Conditional { .. }
            | AstNode::Block(_)
            | AstNode::Binary { .. }
    )
}

/// Levels of array constructors inside an array constructor: they are bounded with it.
fn levels(node: &AstNode) -> f64 {
    let AstNode::Array(items) = node else { return 0.0 };
    let inner = items.iter().filter(|item| matches!(item, AstNode::Array(_)));
    inner.map(|item| 1.0 + levels(item)).fold(0.0, f64::max)
}

/// Makes `node` the argument of the function `name` of the dialect.
fn wrap(name: &str, node: &mut AstNode) {
    let inner = std::mem::replace(node, AstNode::Null);
    *node = AstNode::Function { name: name.to_owned(), args: vec![inner], is_builtin: true };
}

/// Whether the parts of `node` are evaluated for each item of something.
fn repeats(node: &AstNode) -> bool {
    matches!(
        node,
        AstNode::Path { .. }
            | AstNode::Lambda { .. }
            | AstNode::ObjectTransform { .. }
            | AstNode::Sort { .. }
            | AstNode::Transform { .. }
            | AstNode::FunctionApplication(_)
    )
}

/// Whether `node` gives more than all it is given.
fn grows(node: &AstNode) -> bool {
    match node {
        AstNode::Binary { op: BinaryOp::Concatenate | BinaryOp::Range, .. } => true,
        AstNode::Function { name, .. } => {
            ["base64encode", "encodeUrl", "encodeUrlComponent", "join", "pad", "replace", "string"]
                .contains(&name.as_str())
        }
        _ => false,
    }
}

/// `$distinct(items)`, which compares each item with each, is only given so many.
fn few(node: &mut AstNode) {
    if let AstNode::Function { name, args, .. } = node
        && name == "distinct"
        && let Some(items) = args.first_mut()
    {
        wrap(FEW, items);
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
