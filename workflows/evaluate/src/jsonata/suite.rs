//! The official JSONata test suite, run against our dialect. Data, licence and how to read the score: `tests/jsonata`.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use asl::{Object, Value};
use jsonata_core::ast::AstNode;
use jsonata_core::value::JValue;

use super::needs::Need;
use super::run::{self, Stop};
use super::{convert, inspect, program, tree};
use crate::Scope;
use crate::random::Random;

const SUITE: &str = include_str!("../../tests/jsonata/suite.json");
/// One failing case a line: its name, then why.
const KNOWN: &str = include_str!("../../tests/jsonata/known.txt");

/// How a case comes out.
enum Verdict {
    /// As JSONata's authors want it.
    Passed,
    /// Otherwise; what came instead.
    Failed(String),
    /// It needs what Step Functions has not.
    Excluded(&'static str),
}

struct Case<'a> {
    name: &'a str,
    source: &'a str,
    item: JValue,
    variables: Object,
    members: &'a Value,
}

fn every_input() -> Need {
    Need { whole: true, ..Need::default() }
}

impl<'a> Case<'a> {
    fn read(members: &'a Value, datasets: &Value) -> Self {
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let item = members.get("data").or_else(|| datasets.get(text("dataset")?));
        Self {
            name: text("name").unwrap(),
            source: text("expr").unwrap(),
            item: item.map_or(JValue::Undefined, |item| convert::import(item, &every_input())),
            variables: members.get("bindings").and_then(Value::as_object).cloned().unwrap_or_default(),
            members,
        }
    }

    fn run(&self) -> Verdict {
        if let Ok(tree) = program::parse(self.source)
            && let Some(why) = lacking(&tree)
        {
            return Verdict::Excluded(why);
        }
        let nothing = Value::Null;
        let scope = Scope::of(&nothing, &nothing, &self.variables, 1);
        let draws = Rc::new(RefCell::new(Random::new(1, "")));
        let outcome = match &*program::compile(self.source) {
            Ok(program) => run::interpret_on(program, &scope, &draws, &self.item),
            Err(error) => Err(Stop::Thrown(error.to_string())),
        };
        self.judge(&outcome)
    }

    fn judge(&self, outcome: &Result<Value, Stop>) -> Verdict {
        let code = self.members.get("code").or_else(|| self.members.get("error")?.get("code")).and_then(Value::as_str);
        let good = match (outcome, code) {
            (Ok(value), None) => self.members.get("result").is_some_and(|wanted| same(wanted, value)),
            (Err(Stop::Undefined), None) => self.members.get("undefinedResult").is_some(),
            (Err(Stop::Thrown(said)), Some(code)) => said.split(':').next() == Some(code),
            // The bounds of AWS have no codes.
            (Err(Stop::Bound(_)), Some(code)) => matches!(code, "U1001" | "D1011" | "D1012" | "D2014"),
            _ => false,
        };
        if good { Verdict::Passed } else { Verdict::Failed(format!("{outcome:?}")) }
    }
}

/// What the expression needs that Step Functions leaves out of JSONata.
fn lacking(tree: &AstNode) -> Option<&'static str> {
    let names = |node: &AstNode, wanted: &str| matches!(node, AstNode::Function { name, .. } | AstNode::Variable(name) if name == wanted);
    tree::any(tree, &mut |node| names(node, "eval")).then_some("$eval")
}

/// Equal as JavaScript has it: there is one kind of number, and members have no order.
fn same(wanted: &Value, given: &Value) -> bool {
    match (wanted, given) {
        (Value::Number(_), Value::Number(_)) => {
            let (wanted, given) = (wanted.as_f64().unwrap(), given.as_f64().unwrap());
            (wanted - given).abs() <= wanted.abs() * 1e-14
        }
        (Value::Array(wanted), Value::Array(given)) => {
            wanted.len() == given.len() && wanted.iter().zip(given.iter()).all(|(wanted, given)| same(wanted, given))
        }
        (Value::Object(wanted), Value::Object(given)) => {
            let member = |(name, wanted): (&std::sync::Arc<str>, &Value)| {
                given.get(name).is_some_and(|given| same(wanted, given))
            };
            wanted.len() == given.len() && wanted.iter().all(member)
        }
        _ => wanted == given,
    }
}

fn known() -> BTreeSet<&'static str> {
    let line = |line: &'static str| line.split_once(": ").map(|(name, _)| name);
    KNOWN.lines().filter(|line| !line.starts_with('#')).filter_map(line).collect()
}

#[test]
fn the_official_suite_fails_only_where_it_is_known_and_said_why() {
    let suite = Value::parse(SUITE).unwrap();
    let cases = suite.get("cases").and_then(Value::as_array).unwrap();
    let (mut passed, mut itemless) = (0, (0, 0));
    let mut failed = BTreeMap::new();
    let mut excluded: BTreeMap<&str, usize> = BTreeMap::new();
    for members in cases {
        let case = Case::read(members, suite.get("datasets").unwrap());
        // What CreateStateMachine takes: no context item, no `$$`.
        let creatable = inspect(case.source, false).is_empty();
        let verdict = case.run();
        itemless.1 += usize::from(creatable && !matches!(verdict, Verdict::Excluded(_)));
        match verdict {
            Verdict::Passed => {
                passed += 1;
                itemless.0 += usize::from(creatable);
            }
            Verdict::Failed(instead) => drop(failed.insert(case.name, instead)),
            Verdict::Excluded(why) => *excluded.entry(why).or_default() += 1,
        }
    }
    for (name, instead) in &failed {
        println!("failed: {name}: {}", instead.chars().take(300).collect::<String>());
    }
    println!("left out by the dialect: {excluded:?}");
    println!("of expressions that CreateStateMachine takes as they stand: {} of {} pass", itemless.0, itemless.1);
    println!("the official suite: {passed} of {} pass, {} fail", passed + failed.len(), failed.len());
    let failed: BTreeSet<&str> = failed.into_keys().collect();
    let known = known();
    assert_eq!(failed.difference(&known).collect::<Vec<_>>(), [""; 0].iter().collect::<Vec<_>>(), "fail now");
    assert_eq!(known.difference(&failed).collect::<Vec<_>>(), [""; 0].iter().collect::<Vec<_>>(), "pass now");
}
