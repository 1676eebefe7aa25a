//! Whether the expressions of a definition can be read, before anything runs.

use std::sync::Arc;

use asl::{
    Catcher, Choice, Code, Condition, Definition, Diagnostic, Iterations, Kind, Machine, Map, NumberField, Operand,
    PathField, QueryLanguage, State, Task, TextField, Until, Value,
};

use crate::jsonata::{self, Finding};
use crate::{intrinsic, jsonpath};

/// Everything wrong with the expressions of `definition`: JSONata, JSONPath and intrinsic functions.
#[must_use]
pub fn check(definition: &Definition) -> Vec<Diagnostic> {
    let mut check = Check::default();
    check.machine(&definition.machine, "");
    check.diagnostics
}

#[derive(Default)]
struct Check {
    diagnostics: Vec<Diagnostic>,
}

/// Where a state is, and which language it speaks.
struct At<'a> {
    location: &'a str,
    language: QueryLanguage,
}

impl Check {
    fn machine(&mut self, machine: &Machine, prefix: &str) {
        for (name, state) in &machine.states {
            self.state(state, &format!("{prefix}/States/{name}"));
        }
    }

    fn state(&mut self, state: &State, location: &str) {
        let at = At { location, language: state.query_language };
        self.flow(state, &at);
        match &state.kind {
            Kind::Task(task) => self.task(task, &at),
            Kind::Choice(choice) => self.choice(choice, &at),
            Kind::Wait(wait) => match &wait.until {
                Until::Seconds(seconds) => self.number("Seconds", Some(seconds), &at),
                Until::Timestamp(timestamp) => self.text("Timestamp", Some(timestamp), &at),
            },
            Kind::Fail(fail) => {
                self.text("Error", fail.error.as_ref(), &at);
                self.text("Cause", fail.cause.as_ref(), &at);
            }
            Kind::Map(map) => self.map(map, &at),
            Kind::Parallel(parallel) => {
                for (index, branch) in parallel.branches.iter().enumerate() {
                    self.machine(branch, &format!("{location}/Branches[{index}]"));
                }
            }
            Kind::Pass(_) | Kind::Succeed => {}
        }
        if let Some(recovery) = state.kind.recovery() {
            for (index, catcher) in recovery.catch.iter().enumerate() {
                self.catcher(catcher, &format!("{location}/Catch[{index}]"), at.language);
            }
        }
    }

    fn flow(&mut self, state: &State, at: &At<'_>) {
        let flow = &state.flow;
        self.path_field("InputPath", &flow.input_path, at);
        self.path_field("OutputPath", &flow.output_path, at);
        self.result_path(&flow.result_path, at.location);
        let parameters = if matches!(state.kind, Kind::Map(_)) { "ItemSelector" } else { "Parameters" };
        self.template(parameters, flow.parameters.as_ref(), at);
        self.template("ResultSelector", flow.result_selector.as_ref(), at);
        self.template("Arguments", flow.arguments.as_ref(), at);
        self.template("Output", flow.output.as_ref(), at);
        self.template("Assign", flow.assign.as_ref(), at);
    }

    fn task(&mut self, task: &Task, at: &At<'_>) {
        self.number("TimeoutSeconds", task.timeout_seconds.as_ref(), at);
        self.number("HeartbeatSeconds", task.heartbeat_seconds.as_ref(), at);
        self.template("Credentials", task.credentials.as_ref(), at);
    }

    fn map(&mut self, map: &Map, at: &At<'_>) {
        match &map.iterations {
            Iterations::Input => {}
            Iterations::Path(path) => self.path("ItemsPath", path, at),
            Iterations::Items(items) => self.template("Items", Some(items), at),
        }
        self.template("ItemSelector", map.item_selector.as_ref(), at);
        self.number("MaxConcurrency", map.max_concurrency.as_ref(), at);
        self.number("ToleratedFailureCount", map.tolerated_failure_count.as_ref(), at);
        self.number("ToleratedFailurePercentage", map.tolerated_failure_percentage.as_ref(), at);
        self.template("ItemReader", map.item_reader.as_ref(), at);
        self.template("ItemBatcher", map.item_batcher.as_ref(), at);
        self.template("ResultWriter", map.result_writer.as_ref(), at);
        self.machine(&map.machine, &format!("{}/ItemProcessor", at.location));
    }

    fn choice(&mut self, choice: &Choice, at: &At<'_>) {
        for (index, rule) in choice.rules.iter().enumerate() {
            let location = format!("{}/Choices[{index}]", at.location);
            let at = At { location: &location, language: at.language };
            self.condition(&rule.condition, &at);
            self.template("Assign", rule.assign.as_ref(), &at);
            self.template("Output", rule.output.as_ref(), &at);
        }
    }

    fn condition(&mut self, condition: &Condition, at: &At<'_>) {
        match condition {
            Condition::Expression(expression) => self.jsonata(expression, &format!("{}/Condition", at.location), false),
            Condition::And(conditions) => self.conditions("And", conditions, at),
            Condition::Or(conditions) => self.conditions("Or", conditions, at),
            Condition::Not(condition) => {
                self.condition(condition, &At { location: &format!("{}/Not", at.location), language: at.language });
            }
            Condition::Compare { variable, operator, operand } => {
                self.path("Variable", variable, at);
                if let Operand::Path(path) = operand {
                    self.path(&format!("{operator:?}Path"), path, at);
                }
            }
        }
    }

    fn conditions(&mut self, name: &str, conditions: &[Condition], at: &At<'_>) {
        for (index, condition) in conditions.iter().enumerate() {
            let location = format!("{}/{name}[{index}]", at.location);
            self.condition(condition, &At { location: &location, language: at.language });
        }
    }

    fn catcher(&mut self, catcher: &Catcher, location: &str, language: QueryLanguage) {
        self.result_path(&catcher.result_path, location);
        for (field, template) in [("Assign", &catcher.assign), ("Output", &catcher.output)] {
            let Some(template) = template else { continue };
            match language {
                QueryLanguage::Jsonata => self.jsonata(template, &format!("{location}/{field}"), true),
                QueryLanguage::JsonPath => self.payload(template, &format!("{location}/{field}")),
            }
        }
    }

    fn number(&mut self, field: &str, number: Option<&NumberField>, at: &At<'_>) {
        match number {
            Some(NumberField::Path(path)) => self.path(&format!("{field}Path"), path, at),
            Some(NumberField::Expression(text)) => self.expression(text, &format!("{}/{field}", at.location), false),
            Some(NumberField::Literal(_)) | None => {}
        }
    }

    fn text(&mut self, field: &str, text: Option<&TextField>, at: &At<'_>) {
        match text {
            Some(TextField::Path(path)) => {
                let field = format!("{field}Path");
                self.path_or_call(&field, path, &format!("{}/{field}", at.location));
            }
            Some(TextField::Expression(text)) => self.expression(text, &format!("{}/{field}", at.location), false),
            Some(TextField::Literal(_)) | None => {}
        }
    }

    fn template(&mut self, field: &str, template: Option<&Value>, at: &At<'_>) {
        let Some(template) = template else { return };
        let location = format!("{}/{field}", at.location);
        match at.language {
            QueryLanguage::Jsonata => self.jsonata(template, &location, false),
            QueryLanguage::JsonPath => self.payload(template, &location),
        }
    }

    fn path_field(&mut self, field: &str, path: &PathField, at: &At<'_>) {
        if let PathField::Path(path) = path {
            self.path(field, path, at);
        }
    }

    fn path(&mut self, field: &str, path: &Arc<str>, at: &At<'_>) {
        if let Err(message) = jsonpath::parse::parse(path) {
            let message = format!("The value for the field '{field}' must be a valid JSONPath: {message}");
            self.error(Code::SchemaValidationFailed, message, &format!("{}/{field}", at.location));
        }
    }

    fn result_path(&mut self, path: &PathField, location: &str) {
        let PathField::Path(path) = path else { return };
        if !jsonpath::is_place(path) {
            let message = "The value for the field 'ResultPath' must be a valid reference path into the input";
            self.error(Code::SchemaValidationFailed, message, &format!("{location}/ResultPath"));
        }
    }

    fn path_or_call(&mut self, field: &str, text: &str, location: &str) {
        let valid =
            if text.starts_with('$') { jsonpath::parse::parse(text).is_ok() } else { intrinsic::parse(text).is_ok() };
        if !valid {
            let message = format!(
                "The value for the field '{field}' must be a valid JSONPath or a valid intrinsic function call"
            );
            self.error(Code::SchemaValidationFailed, message, location);
        }
    }

    /// A payload template: its members `name.$` are paths or calls.
    fn payload(&mut self, template: &Value, location: &str) {
        match template {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.payload(item, &format!("{location}[{index}]"));
                }
            }
            Value::Object(members) => {
                for (key, member) in members.iter() {
                    if key.ends_with(".$") {
                        self.path_or_call(key, member.as_str().unwrap_or_default(), location);
                    } else {
                        self.payload(member, &format!("{location}/{key}"));
                    }
                }
            }
            _ => {}
        }
    }

    fn jsonata(&mut self, template: &Value, location: &str, in_catcher: bool) {
        match template {
            Value::String(text) => self.expression(text, location, in_catcher),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.jsonata(item, &format!("{location}[{index}]"), in_catcher);
                }
            }
            Value::Object(members) => {
                for (key, member) in members.iter() {
                    self.jsonata(member, &format!("{location}/{key}"), in_catcher);
                }
            }
            _ => {}
        }
    }

    fn expression(&mut self, text: &str, location: &str, in_catcher: bool) {
        let Some(source) = jsonata::expression(text) else { return };
        for finding in jsonata::inspect(source, in_catcher) {
            match finding {
                Finding::Invalid(message) => self.error(Code::InvalidJsonataExpression, message, location),
                Finding::Unsupported(message) => self.error(Code::UnsupportedJsonataExpression, message, location),
                Finding::Doomed(message) => {
                    let code = Code::UnsupportedJsonataExpression;
                    self.diagnostics.push(Diagnostic::warning(code, message, location));
                }
            }
        }
    }

    fn error(&mut self, code: Code, message: impl Into<String>, location: &str) {
        self.diagnostics.push(Diagnostic::error(code, message, location));
    }
}

#[cfg(test)]
mod tests;
