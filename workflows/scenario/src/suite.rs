//! Reading `scenarios.json`.

use std::collections::BTreeMap;
use std::sync::Arc;

use asl::{Object, Value};
use indexmap::IndexMap;

use crate::expect::Expect;
use crate::mock::Mock;

/// The members of a case that are not names of states.
const RESERVED: [&str; 5] = ["Comment", "Extends", "Input", "ItemReader", "Expect"];

/// The cases of one state machine, in the order of the text.
#[derive(Clone, Debug)]
pub struct Suite {
    /// The cases.
    pub cases: Vec<Case>,
    /// `HandledBy`: states after which a failure counts as handled, beside those that can be told by what they call.
    pub handled_by: Vec<Arc<str>>,
    /// `Failures: caller`: a Fail state is an answer to the execution that started this one, which catches it.
    pub fails_to_caller: bool,
}

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// What it shows.
    pub comment: Option<String>,
    /// The case it extends.
    pub base: Option<String>,
    /// The execution's input.
    pub input: Value,
    /// What the `ItemReader` of a Map state reads, by the state's name: an array, or an object.
    pub items: IndexMap<Arc<str>, Value>,
    /// Which mock answers for which Task state, or for a whole Map in Mode DISTRIBUTED.
    pub mocks: IndexMap<Arc<str>, Arc<Mock>>,
    /// What must come out.
    pub expect: Expect,
}

/// A scenarios file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {problem}")]
pub struct SuiteError {
    /// Where in the file.
    pub at: String,
    /// What is wrong there.
    pub problem: String,
}

fn wrong(at: impl Into<String>, problem: impl Into<String>) -> SuiteError {
    SuiteError { at: at.into(), problem: problem.into() }
}

impl Suite {
    /// Reads the cases of the state machine `machine`.
    ///
    /// # Errors
    /// The first thing that is wrong with the text.
    pub fn parse(text: &str, machine: &str) -> Result<Self, SuiteError> {
        let file = Value::parse(text).map_err(|error| wrong("scenarios", error.to_string()))?;
        let at = format!("StateMachines.{machine}.TestCases");
        let members = member(&file, "StateMachines").and_then(|machines| member(machines, machine));
        let cases = members
            .and_then(|machine| member(machine, "TestCases"))
            .and_then(Value::as_object)
            .ok_or_else(|| wrong(&*at, "is missing, or not an object"))?;
        let mocks = read_mocks(&file)?;
        let mut read = IndexMap::new();
        for (name, case) in cases {
            let case =
                read_case(name, case, &read, &mocks).map_err(|problem| wrong(format!("{at}.{name}"), problem))?;
            read.insert(name.to_string(), case);
        }
        let at = |problem: String| wrong(format!("StateMachines.{machine}"), problem);
        Ok(Self {
            cases: read.into_values().collect(),
            handled_by: handled_by(members).map_err(at)?,
            fails_to_caller: fails_to_caller(members).map_err(at)?,
        })
    }

    /// The case of that name.
    #[must_use]
    pub fn case(&self, name: &str) -> Option<&Case> {
        self.cases.iter().find(|case| case.name == name)
    }
}

fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.get(name)
}

fn handled_by(machine: Option<&Value>) -> Result<Vec<Arc<str>>, String> {
    let Some(names) = machine.and_then(|machine| machine.get("HandledBy")) else { return Ok(Vec::new()) };
    let name = |name: &Value| match name {
        Value::String(name) => Ok(Arc::clone(name)),
        _ => Err("HandledBy must be a list of names of states".to_owned()),
    };
    names.as_array().ok_or("HandledBy must be a list of names of states")?.iter().map(name).collect()
}

fn fails_to_caller(machine: Option<&Value>) -> Result<bool, String> {
    match machine.and_then(|machine| machine.get("Failures")) {
        None => Ok(false),
        Some(Value::String(text)) if &**text == "caller" => Ok(true),
        Some(_) => Err("Failures must be \"caller\", or absent".to_owned()),
    }
}

fn read_mocks(file: &Value) -> Result<BTreeMap<Arc<str>, Arc<Mock>>, SuiteError> {
    let Some(mocks) = file.get("MockedResponses") else { return Ok(BTreeMap::new()) };
    let members = mocks.as_object().ok_or_else(|| wrong("MockedResponses", "must be an object"))?;
    let read = |(name, mock): (&Arc<str>, &Value)| match Mock::read(mock) {
        Ok(mock) => Ok((Arc::clone(name), Arc::new(mock))),
        Err(problem) => Err(wrong(format!("MockedResponses.{name}"), problem)),
    };
    members.iter().map(read).collect()
}

fn read_case(
    name: &str,
    value: &Value,
    earlier: &IndexMap<String, Case>,
    mocks: &BTreeMap<Arc<str>, Arc<Mock>>,
) -> Result<Case, String> {
    let members = value.as_object().ok_or("must be an object")?;
    let base = match members.get("Extends") {
        None => None,
        Some(name) => {
            let name = name.as_str().ok_or("Extends must be the name of a case")?;
            Some(earlier.get(name).ok_or_else(|| format!("Extends: no case {name:?} stands before this one"))?)
        }
    };
    let input = match (members.get("Input"), base) {
        (Some(input), _) => input.clone(),
        (None, Some(base)) => base.input.clone(),
        (None, None) => return Err("needs Input, or Extends".to_owned()),
    };
    let mut chosen = base.map(|base| base.mocks.clone()).unwrap_or_default();
    choose(members, mocks, &mut chosen)?;
    let mut items = base.map(|base| base.items.clone()).unwrap_or_default();
    items.extend(read_items(members.get("ItemReader"))?);
    Ok(Case {
        name: name.to_owned(),
        comment: members.get("Comment").and_then(Value::as_str).map(str::to_owned),
        base: base.map(|base| base.name.clone()),
        input,
        items,
        mocks: chosen,
        expect: Expect::read(members.get("Expect"))?,
    })
}

fn read_items(given: Option<&Value>) -> Result<Vec<(Arc<str>, Value)>, String> {
    let Some(given) = given else { return Ok(Vec::new()) };
    let states = given.as_object().ok_or("ItemReader must be an object of items by Map state")?;
    let read = |(state, items): (&Arc<str>, &Value)| match items {
        Value::Array(_) | Value::Object(_) => Ok((Arc::clone(state), items.clone())),
        _ => Err(format!("ItemReader.{state} must be an array of items, or an object")),
    };
    states.iter().map(read).collect()
}

fn choose(
    members: &Object,
    mocks: &BTreeMap<Arc<str>, Arc<Mock>>,
    chosen: &mut IndexMap<Arc<str>, Arc<Mock>>,
) -> Result<(), String> {
    for (state, mock) in members.iter().filter(|(name, _)| !RESERVED.contains(&&***name)) {
        let name = mock.as_str().ok_or_else(|| format!("{state}: must be the name of a mocked response"))?;
        let mock = mocks.get(name).ok_or_else(|| format!("{state}: MockedResponses has no {name:?}"))?;
        chosen.insert(Arc::clone(state), Arc::clone(mock));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"{
      "StateMachines": {"m": {"TestCases": {
        "A": {"Input": {"x": 1}, "Work": "Good", "Expect": {"Status": "SUCCEEDED"}},
        "B": {"Extends": "A", "Comment": "fails", "Work": "Bad"}}}},
      "MockedResponses": {"Good": {"0": {"Return": 1}}, "Bad": {"0": {"Throw": {"Error": "E"}}}}}"#;

    #[test]
    fn a_case_takes_over_what_it_extends() {
        let suite = Suite::parse(FILE, "m").unwrap();
        let case = suite.case("B").unwrap();
        assert_eq!((case.base.as_deref(), case.comment.as_deref()), (Some("A"), Some("fails")));
        assert_eq!(case.input.to_string(), r#"{"x":1}"#);
        assert!(matches!(case.mocks["Work"].answer(0).unwrap().outcome, crate::Outcome::Throw(_)));
    }

    #[test]
    fn mistakes_say_where() {
        for (from, to, found) in [
            ("\"Good\",", "\"Godo\",", r#"StateMachines.m.TestCases.A: Work: MockedResponses has no "Godo""#),
            (
                "\"Extends\": \"A\"",
                "\"Extends\": \"Z\"",
                r#"StateMachines.m.TestCases.B: Extends: no case "Z" stands before this one"#,
            ),
            ("\"Input\": {\"x\": 1}, ", "", "StateMachines.m.TestCases.A: needs Input, or Extends"),
            (
                "SUCCEEDED",
                "GOOD",
                "StateMachines.m.TestCases.A: Expect.Status must be one of SUCCEEDED, FAILED, TIMED_OUT, ABORTED",
            ),
            (
                "\"Input\": {\"x\": 1}",
                "\"Input\": 1, \"ItemReader\": 1",
                "StateMachines.m.TestCases.A: ItemReader must be an object of items by Map state",
            ),
            (
                "\"Input\": {\"x\": 1}",
                "\"Input\": 1, \"ItemReader\": {\"E\": 1}",
                "StateMachines.m.TestCases.A: ItemReader.E must be an array of items, or an object",
            ),
            ("\"m\"", "\"n\"", "StateMachines.m.TestCases: is missing, or not an object"),
        ] {
            let text = FILE.replacen(from, to, 1);
            assert_eq!(Suite::parse(&text, "m").unwrap_err().to_string(), found);
        }
    }
}
