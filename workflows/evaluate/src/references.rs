//! Which variables the states of a definition read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use asl::{
    Catcher, Condition, DataFlow, Definition, Fail, Iterations, Kind, Map, NumberField, Operand, PathField,
    QueryLanguage, State, Task, TextField, Until, Value,
};

use crate::{intrinsic, jsonata, jsonpath};

/// The variables that each state reads, by the state's name; without the states that read none. What a state inside
/// another reads is the inner one's.
#[must_use]
pub fn variable_references(definition: &Definition) -> BTreeMap<Arc<str>, BTreeSet<Arc<str>>> {
    let mut found = BTreeMap::new();
    definition.visit(&mut |visited| {
        let mut reads = Reads { language: visited.state.query_language, names: BTreeSet::new() };
        reads.state(visited.state);
        if !reads.names.is_empty() {
            found.insert(Arc::clone(visited.name), reads.names);
        }
    });
    found
}

/// What one state reads.
struct Reads {
    language: QueryLanguage,
    names: BTreeSet<Arc<str>>,
}

impl Reads {
    fn state(&mut self, state: &State) {
        self.flow(&state.flow);
        match &state.kind {
            Kind::Task(Task { timeout_seconds, heartbeat_seconds, credentials, .. }) => {
                self.number(timeout_seconds.as_ref());
                self.number(heartbeat_seconds.as_ref());
                self.template(credentials.as_ref());
            }
            Kind::Choice(choice) => {
                for rule in &choice.rules {
                    self.condition(&rule.condition);
                    self.template(rule.assign.as_ref());
                    self.template(rule.output.as_ref());
                }
            }
            Kind::Wait(wait) => match &wait.until {
                Until::Seconds(seconds) => self.number(Some(seconds)),
                Until::Timestamp(timestamp) => self.text(Some(timestamp)),
            },
            Kind::Fail(Fail { error, cause }) => {
                self.text(error.as_ref());
                self.text(cause.as_ref());
            }
            Kind::Map(map) => self.map(map),
            Kind::Parallel(_) | Kind::Pass(_) | Kind::Succeed => {}
        }
        for Catcher { assign, output, .. } in state.kind.recovery().iter().flat_map(|recovery| &recovery.catch) {
            self.template(assign.as_ref());
            self.template(output.as_ref());
        }
    }

    fn flow(&mut self, flow: &DataFlow) {
        let DataFlow { input_path, output_path, result_path: _, .. } = flow;
        let DataFlow { parameters, result_selector, arguments, output, assign, .. } = flow;
        for field in [input_path, output_path] {
            if let PathField::Path(path) = field {
                self.path(path);
            }
        }
        for field in [parameters, result_selector, arguments, output, assign] {
            self.template(field.as_ref());
        }
    }

    fn map(&mut self, map: &Map) {
        match &map.iterations {
            Iterations::Input => {}
            Iterations::Path(path) => self.path(path),
            Iterations::Items(items) => self.template(Some(items)),
        }
        self.template(map.item_selector.as_ref());
        for number in [&map.max_concurrency, &map.tolerated_failure_count, &map.tolerated_failure_percentage] {
            self.number(number.as_ref());
        }
        let reader = map.item_reader.as_ref();
        for settings in [reader, map.item_batcher.as_ref(), map.result_writer.as_ref()].into_iter().flatten() {
            self.template(Some(settings));
        }
        for settings in [reader.and_then(|reader| reader.get("ReaderConfig")), map.item_batcher.as_ref()] {
            self.path_members(settings);
        }
    }

    /// The numbers among the settings of a distributed Map that paths give: `MaxItemsPath`.
    fn path_members(&mut self, settings: Option<&Value>) {
        let members = settings.and_then(Value::as_object).into_iter().flat_map(asl::Object::iter);
        for (_, path) in members.filter(|(name, _)| name.ends_with("Path")) {
            self.path(path.as_str().unwrap_or_default());
        }
    }

    fn condition(&mut self, condition: &Condition) {
        match condition {
            Condition::Expression(expression) => self.template(Some(expression)),
            Condition::And(conditions) | Condition::Or(conditions) => {
                conditions.iter().for_each(|condition| self.condition(condition));
            }
            Condition::Not(condition) => self.condition(condition),
            Condition::Compare { variable, operand, .. } => {
                self.path(variable);
                if let Operand::Path(path) = operand {
                    self.path(path);
                }
            }
        }
    }

    fn number(&mut self, number: Option<&NumberField>) {
        match number {
            Some(NumberField::Path(path)) => self.path(path),
            Some(NumberField::Expression(text)) => self.expression(text),
            Some(NumberField::Literal(_)) | None => {}
        }
    }

    fn text(&mut self, text: Option<&TextField>) {
        match text {
            Some(TextField::Path(path)) => self.path_or_call(path),
            Some(TextField::Expression(text)) => self.expression(text),
            Some(TextField::Literal(_)) | None => {}
        }
    }

    fn template(&mut self, template: Option<&Value>) {
        match template {
            Some(Value::String(text)) => self.expression(text),
            Some(Value::Array(items)) => items.iter().for_each(|item| self.template(Some(item))),
            Some(Value::Object(members)) => {
                for (key, member) in members.iter() {
                    match (self.language, member.as_str()) {
                        (QueryLanguage::JsonPath, Some(text)) if key.ends_with(".$") => self.path_or_call(text),
                        _ => self.template(Some(member)),
                    }
                }
            }
            _ => {}
        }
    }

    fn expression(&mut self, text: &str) {
        if self.language == QueryLanguage::Jsonata
            && let Some(source) = jsonata::expression(text)
        {
            jsonata::variables(source, &mut self.names);
        }
    }

    fn path_or_call(&mut self, text: &str) {
        if text.starts_with('$') {
            self.path(text);
        } else if let Ok(call) = intrinsic::parse(text) {
            call.variables(&mut self.names);
        }
    }

    fn path(&mut self, text: &str) {
        if let Ok(path) = jsonpath::parse::parse(text) {
            path.variables(&mut self.names);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the states of a definition read, as JSON.
    fn reads(states: &str, head: &str) -> String {
        let text = format!(r#"{{{head}"StartAt":"A","States":{{{states}}}}}"#);
        let parsed = asl::parse(&text);
        let definition = parsed.definition.unwrap_or_else(|| panic!("{:?}", parsed.diagnostics));
        format!("{:?}", variable_references(&definition))
    }

    fn jsonata(fields: &str) -> String {
        reads(&format!(r#""A":{{"Type":"Pass","End":true,{fields}}}"#), r#""QueryLanguage":"JSONata","#)
    }

    #[test]
    fn paths_and_calls_are_read_and_literals_are_not() {
        let found = reads(
            r#""A":{"Type":"Pass","InputPath":"$a","OutputPath":"$.b","ResultPath":"$.c",
                "Parameters":{"p.$":"$d.x[0]","q":"$e","r":[{"s.$":"States.Format('{}', $f, States.MathAdd($g, 1))"}],
                "tPath":"$h"},"Assign":{"v.$":"$$.Execution.Id","w.$":"$.list[?(@.n == $i)]"},"Next":"B"},
               "B":{"Type":"Succeed"}"#,
            "",
        );
        assert_eq!(found, r#"{"A": {"a", "d", "f", "g", "i"}}"#);
    }

    #[test]
    fn every_kind_of_state_is_looked_at() {
        let found = reads(
            r#""A":{"Type":"Choice","Default":"F","Choices":[{"And":[{"Variable":"$a","IsNull":true},
                {"Not":{"Variable":"$.x","NumericEqualsPath":"$b"}}],"Next":"W","Assign":{"x.$":"$c"}}]},
               "W":{"Type":"Wait","SecondsPath":"$d","Next":"T"},
               "T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f",
                "TimeoutSecondsPath":"$e","Catch":[{"ErrorEquals":["States.ALL"],"Next":"F","Assign":{"y.$":"$f"}}],
                "Next":"P"},
               "P":{"Type":"Parallel","Branches":[{"StartAt":"I","States":{"I":{"Type":"Pass","InputPath":"$g",
                "End":true}}}],"ResultSelector":{"z.$":"$h"},"Next":"M"},
               "M":{"Type":"Map","ItemsPath":"$i","MaxConcurrencyPath":"$j","ItemSelector":{"k.$":"$k"},
                "ItemProcessor":{"StartAt":"N","States":{"N":{"Type":"Pass","End":true}}},"Next":"F"},
               "F":{"Type":"Fail","ErrorPath":"$l","CausePath":"States.Format('{}', $m)"}"#,
            "",
        );
        let wanted = concat!(
            r#"{"A": {"a", "b", "c"}, "F": {"l", "m"}, "I": {"g"}, "M": {"i", "j", "k"}, "#,
            r#""P": {"h"}, "T": {"e", "f"}, "W": {"d"}}"#
        );
        assert_eq!(found, wanted);
    }

    #[test]
    fn a_distributed_map_reads_variables_in_its_settings() {
        let found = reads(
            r#""A":{"Type":"Map","End":true,"ItemReader":{"Resource":"arn:aws:states:::s3:getObject",
                "ReaderConfig":{"InputType":"JSON","MaxItemsPath":"$a"},"Parameters":{"Bucket.$":"$b","Key":"$x"}},
                "ItemBatcher":{"MaxItemsPerBatchPath":"$c","BatchInput":{"d.$":"$d"}},
                "ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
                "StartAt":"N","States":{"N":{"Type":"Pass","End":true}}}}"#,
            "",
        );
        assert_eq!(found, r#"{"A": {"a", "b", "c", "d"}}"#);
    }

    #[test]
    fn expressions_read_what_they_do_not_bind_themselves() {
        assert_eq!(jsonata(r#""Output":{"a":["{% $x + $states.input.y %}"],"b":"$z"}"#), r#"{"A": {"x"}}"#);
        assert_eq!(jsonata(r#""Output":"{% ($y := $x; $y + $sum($list.price)) %}""#), r#"{"A": {"list", "x"}}"#);
        assert_eq!(
            jsonata(r#""Output":"{% $map($items, function($v, $i) { $v + $i + $base }) %}""#),
            r#"{"A": {"base", "items"}}"#
        );
        assert_eq!(jsonata(r#""Output":"{% $orders@$o#$n[$o.id = $id].{'n': $n} %}""#), r#"{"A": {"id", "orders"}}"#);
        assert_eq!(jsonata(r#""Output":"{% $map([1], $string) %}""#), "{}");
        assert_eq!(jsonata(r#""Output":"{% (($a := 1); $a) & $b.c[$d = 1] %}""#), r#"{"A": {"a", "b", "d"}}"#);
    }
}
