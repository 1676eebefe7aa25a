//! Map Runs: the items of a distributed Map, each an execution of its own on the same virtual time.

use std::sync::Arc;

use asl::{Definition, Value};
use execution::{
    Execution, Failure, Identity, Input, Limits, MapItem, MapRunOrder, Status, TaskId, exceeds_tolerance,
    tolerance_exceeded,
};

use crate::expect;
use crate::mock::{Outcome, Response};
use crate::run::{Player, World};

/// Children at once where the definition says nothing, and at most.
const DEFAULT_CONCURRENCY: u64 = 1000;
const MOST_CONCURRENCY: u64 = 10_000;
/// Seconds that an EXPRESS child may last.
const EXPRESS_SECONDS: u64 = 300;
/// Where items are from that are in the state's input.
const STATE_DATA: &str = "STATE_DATA";

/// What one child is given.
struct Unit {
    input: Value,
    /// How many items it has.
    items: u64,
    /// Its `$$.Map.Item`, where it has one item.
    item: Option<Value>,
}

/// A Map Run that is played.
pub(crate) struct Play {
    /// Whose state it is.
    parent: usize,
    order: MapRunOrder,
    processor: Arc<Definition>,
    units: Vec<Unit>,
    /// The players of the children that have begun.
    children: Vec<usize>,
    /// Children that go on.
    open: u64,
    /// Items of children that have ended badly.
    bad: u64,
    over: bool,
}

impl Play {
    fn limit(&self) -> u64 {
        match self.order.run.max_concurrency {
            0 => DEFAULT_CONCURRENCY,
            limit => limit.min(MOST_CONCURRENCY),
        }
    }

    fn has_failed(&self) -> bool {
        let run = &self.order.run;
        let total = self.units.iter().map(|unit| unit.items).sum();
        exceeds_tolerance(run.tolerated_failure_count, run.tolerated_failure_percentage, self.bad, Some(total))
    }
}

impl World<'_> {
    /// A run has started: its mock answers for it, or its children begin.
    pub(crate) fn begin_run(&mut self, parent: usize, task: TaskId) {
        let Some(order) = self.players[parent].execution.map_run(task) else { return };
        let attempt = self.count(&order.run.state);
        if let Some(response) = self.answers.answer_run(&order.run.state, attempt) {
            return self.answer_run(parent, task, &response);
        }
        let processor = self.whole(parent).item_processor(&order.run.state);
        let Some(processor) = processor else { return };
        let timeout_seconds = order.run.express.then_some(EXPRESS_SECONDS);
        match self.units(parent, &order) {
            Ok(Some(units)) => {
                let processor = Arc::new(Definition { timeout_seconds, ..processor });
                let (children, number) = (Vec::new(), self.runs.len());
                self.runs.push(Play { parent, order, processor, units, children, open: 0, bad: 0, over: false });
                self.go_on(number);
            }
            Ok(None) => {}
            Err(failure) => self.at(self.now, parent, Input::MapRunFailed { run: task, failure }),
        }
    }

    /// The definition that a player runs.
    fn whole(&self, who: usize) -> &Definition {
        self.players[who].processor.as_deref().unwrap_or(self.definition)
    }

    fn answer_run(&mut self, parent: usize, run: TaskId, response: &Response) {
        let end = self.now + response.delay;
        match &response.outcome {
            Outcome::Return(output) => {
                self.at(end, parent, Input::MapRunSucceeded { run, output: Some(output.clone()) });
            }
            Outcome::Throw(failure) => self.at(end, parent, Input::MapRunFailed { run, failure: failure.clone() }),
            Outcome::Silence => {}
        }
    }

    /// What the children are given; `None` where the case lacks it, which is then a problem.
    fn units(&mut self, parent: usize, order: &MapRunOrder) -> Result<Option<Vec<Unit>>, Failure> {
        let Some(items) = self.items_of(order) else { return Ok(None) };
        let env = self.env();
        let shaper = self.players[parent].execution.item_shaper(self.whole(parent), order.task, env)?;
        let Some(shaper) = shaper else { return Ok(None) };
        let mut shaped = Vec::with_capacity(items.len());
        for item in &items {
            shaped.push(shaper.shape(item, self.env())?);
        }
        let Some(batcher) = &order.run.batcher else {
            let units = shaped.into_iter().zip(&items);
            let unit = |(input, item): (Value, &MapItem)| Unit { input, items: 1, item: Some(item.context()) };
            return Ok(Some(units.map(unit).collect()));
        };
        let batches = batcher.batches(shaped, Limits::default().payload_bytes);
        Ok(Some(batches.into_iter().map(|(input, items)| Unit { input, items, item: None }).collect()))
    }

    /// The items in the state's input, or those that the case says are read.
    fn items_of(&mut self, order: &MapRunOrder) -> Option<Vec<MapItem>> {
        let (state, reader) = (&order.run.state, order.run.reader.as_ref());
        let (items, source) = match reader {
            None => (order.items.clone().unwrap_or_default(), STATE_DATA.into()),
            Some(reader) => match self.answers.items(state) {
                Some(items) => (items.clone(), read_from(reader)),
                None => {
                    self.problems.push(format!(
                        "{state}: the case does not say what its ItemReader reads: \"ItemReader\": {{\"{state}\": [...]}}"
                    ));
                    return None;
                }
            },
        };
        let most = reader.and_then(|reader| reader.get("ReaderConfig")?.get("MaxItems")?.as_i64());
        let most = most.and_then(|most| usize::try_from(most).ok()).filter(|most| *most > 0).unwrap_or(usize::MAX);
        let found: Vec<(Option<Arc<str>>, Value)> = match &items {
            Value::Object(members) => {
                members.iter().map(|(key, value)| (Some(Arc::clone(key)), value.clone())).collect()
            }
            other => other.as_array().unwrap_or_default().iter().map(|item| (None, item.clone())).collect(),
        };
        let numbered = (0_u64..).zip(found.into_iter().take(most));
        Some(numbered.map(|(index, (key, value))| MapItem { index, value, key, source: Arc::clone(&source) }).collect())
    }

    /// Starts children as there is room, or ends the run where all have ended.
    fn go_on(&mut self, number: usize) {
        while self.runs[number].open < self.runs[number].limit()
            && self.runs[number].children.len() < self.runs[number].units.len()
        {
            self.begin_child(number);
        }
        let run = &self.runs[number];
        if run.open == 0 && !run.over {
            let (parent, task) = (run.parent, run.order.task);
            let output = self.result(number);
            let output = Some(output).filter(|output| output.to_string().len() <= Limits::default().payload_bytes);
            self.runs[number].over = true;
            self.at(self.now, parent, Input::MapRunSucceeded { run: task, output });
        }
    }

    fn begin_child(&mut self, number: usize) {
        let (who, run) = (self.players.len(), &mut self.runs[number]);
        let index = run.children.len();
        let unit = &run.units[index];
        let parent = self.players[run.parent].execution.identity();
        // A child's child is one of the same machine.
        let machine = parent.state_machine_arn.split('/').next().unwrap_or_default();
        let machine = format!("{machine}/{}", run.order.run.label);
        let name: Arc<str> = format!("child-{who}").into();
        let kind = if run.order.run.express { ":express:" } else { ":execution:" };
        let identity = Identity {
            arn: format!("{}:{name}", machine.replacen(":stateMachine:", kind, 1)).into(),
            name,
            role_arn: Arc::clone(&parent.role_arn),
            state_machine_name: machine.rsplit(':').next().unwrap_or_default().into(),
            state_machine_arn: machine.into(),
        };
        let execution = Execution::new(identity, unit.input.clone(), Limits::default());
        let execution = execution.with_map_item(unit.item.clone());
        let processor = Some(Arc::clone(&run.processor));
        run.children.push(who);
        run.open += 1;
        self.players.push(Player { execution, processor, parent: Some((number, index)) });
        self.at(self.now, who, Input::Advance);
    }

    /// After a step of a player: its end may be the end of its run, and what it does not wait for any more ends.
    pub(crate) fn see_to_runs(&mut self, who: usize) {
        for number in 0..self.runs.len() {
            let run = &self.runs[number];
            let waits = || self.players[who].execution.map_run(run.order.task).is_some();
            if run.parent == who && !run.over && !waits() {
                self.stop_children(number);
            }
        }
        let player = &self.players[who];
        let (Some((number, index)), status) = (player.parent, player.execution.status()) else { return };
        if status == Status::Running || self.runs[number].over {
            return;
        }
        let run = &mut self.runs[number];
        run.open -= 1;
        if status != Status::Succeeded {
            run.bad += run.units[index].items;
        }
        if run.has_failed() {
            let (parent, task) = (run.parent, run.order.task);
            self.stop_children(number);
            self.at(self.now, parent, Input::MapRunFailed { run: task, failure: tolerance_exceeded() });
        } else {
            self.go_on(number);
        }
    }

    fn stop_children(&mut self, number: usize) {
        self.runs[number].over = true;
        for who in self.runs[number].children.clone() {
            if self.players[who].execution.status() == Status::Running {
                self.at(self.now, who, Input::Stop(Failure::default()));
            }
        }
    }

    /// What the run gives: outputs in order, or where they would have been written.
    fn result(&self, number: usize) -> Value {
        let run = &self.runs[number];
        let writer = run.order.run.writer.as_ref();
        let member = |name: &str| writer.and_then(|writer| writer.get(name));
        let parameters = member("Parameters").or_else(|| member("Arguments"));
        let text = |name: &str| parameters.and_then(|parameters| parameters.get(name)?.as_str()).unwrap_or_default();
        if member("Resource").is_some() {
            let arn = &run.order.run.arn;
            let id = arn.rsplit(':').next().unwrap_or_default();
            let folder = [text("Prefix").trim_end_matches('/'), id].into_iter().filter(|part| !part.is_empty());
            let key = format!("{}/manifest.json", folder.collect::<Vec<_>>().join("/"));
            let details = [("Bucket", Value::from(text("Bucket"))), ("Key", Value::from(key))];
            return Value::object([
                ("MapRunArn", Value::from(Arc::clone(arn))),
                ("ResultWriterDetails", Value::object(details)),
            ]);
        }
        let config = member("WriterConfig");
        let setting = |name: &str| config.and_then(|config| config.get(name)?.as_str());
        let executions = run.children.iter().map(|who| &self.players[*who].execution);
        let outputs: Vec<Value> = executions.flat_map(|child| shown(child, setting("Transformation"))).collect();
        if setting("OutputType") == Some("JSONL") {
            return Value::from(outputs.iter().map(|output| format!("{output}\n")).collect::<String>());
        }
        Value::array(outputs)
    }
}

/// Where a reader reads, as an item's `Source` says it.
fn read_from(reader: &Value) -> Arc<str> {
    let parameters = reader.get("Parameters").or_else(|| reader.get("Arguments"));
    let text = |name: &str| parameters.and_then(|parameters| parameters.get(name)?.as_str());
    match (text("Bucket"), text("Key")) {
        (Some(bucket), Some(key)) => format!("S3://{bucket}/{key}").into(),
        (Some(bucket), None) => format!("S3://{bucket}").into(),
        (None, _) => STATE_DATA.into(),
    }
}

/// What stands for a child among the outputs of its run.
fn shown(child: &Execution, transformation: Option<&str>) -> Vec<Value> {
    match (transformation, child.output()) {
        (Some("FLATTEN"), Some(Value::Array(items))) => items.to_vec(),
        (Some("NONE"), _) | (_, None) => vec![whole(child)],
        (_, Some(output)) => vec![output.clone()],
    }
}

/// What there is to say of a child, but for its dates and its redrives.
fn whole(child: &Execution) -> Value {
    let identity = child.identity();
    let failure = child.failure();
    let text = |text: &Arc<str>| Value::from(Arc::clone(text));
    let json = |value: &Value| Value::from(value.to_string());
    let members = [
        ("Cause", failure.cause.as_ref().map(text)),
        ("Error", failure.error.as_ref().map(text)),
        ("ExecutionArn", Some(text(&identity.arn))),
        ("Input", Some(json(child.input()))),
        ("Name", Some(text(&identity.name))),
        ("Output", child.output().map(json)),
        ("StateMachineArn", Some(text(&identity.state_machine_arn))),
        ("Status", Some(Value::from(expect::name(child.status())))),
    ];
    Value::object(members.into_iter().filter_map(|(name, value)| Some((name, value?))))
}

#[cfg(test)]
mod tests {
    use crate::{Coverage, Run, Suite};

    use super::*;

    const DEFINITION: &str = r#"{"StartAt": "Each", "States": {
      "Each": {"Type": "Map", "Label": "each", "MaxConcurrency": 2, "ToleratedFailureCount": 1, "ItemsPath": "$.all",
        "ItemSelector": {"n.$": "$$.Map.Item.Value", "from.$": "$$.Map.Item.Source"}, EXTRA
        "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.caught", "Next": "Bad"}], "Next": "Good",
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
          "StartAt": "Work", "States": {
            "Work": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Next": "Rest"},
            "Rest": {"Type": "Wait", "Seconds": 10, "End": true}}}},
      "Good": {"Type": "Succeed"}, "Bad": {"Type": "Fail", "Error": "Bad"}}}"#;

    fn definition(extra: &str) -> Definition {
        let parsed = asl::parse(&DEFINITION.replace("EXTRA", extra));
        parsed.definition.unwrap_or_else(|| panic!("{:#?}", parsed.diagnostics))
    }

    fn play(definition: &Definition, case: &str, work: &str) -> Run {
        let text = format!(
            r#"{{"StateMachines": {{"m": {{"TestCases": {{"A": {case}}}}}}}, "MockedResponses": {{"Mock": {work}}}}}"#
        );
        let suite = Suite::parse(&text, "m").unwrap();
        crate::run(definition, "m", &suite.cases[0])
    }

    fn output(run: &Run) -> String {
        assert_eq!(run.problems, [] as [String; 0]);
        run.output.as_ref().map_or_else(|| format!("{:?}", run.failure), Value::to_string)
    }

    const GOOD: &str = r#"{"0-9": {"Return": 1, "Delay": 5}}"#;

    #[test]
    fn items_run_side_by_side_on_virtual_time() {
        let definition = definition("");
        let run = play(&definition, r#"{"Input": {"all": ["a", "b", "c"]}, "Work": "Mock"}"#, GOOD);
        assert_eq!(output(&run), "[1,1,1]");
        assert_eq!(run.orders[2].parameters.to_string(), r#"{"n":"c","from":"STATE_DATA"}"#);
        assert_eq!((run.scheduled["Work"], run.scheduled["Each"]), (3, 1));
        // Two at once: the third begins when one has ended.
        assert_eq!(run.left("Each"), Some(30_000));
        let history = run.history();
        assert!(history.contains(" child 3 TaskStateEntered Work"), "{history}");
        let mut coverage = Coverage::new(&definition);
        coverage.add(&run);
        assert_eq!(coverage.missing(), ["Each catch[0]", "States/Bad"]);
    }

    #[test]
    fn failures_are_tolerated_up_to_a_number() {
        let definition = definition("");
        let case = r#"{"Input": {"all": [1, 2, 3]}, "Work": "Mock"}"#;
        let once = r#"{"0": {"Throw": {"Error": "E", "Cause": "c"}}, "1-9": {"Return": 1}}"#;
        let run = play(&definition, case, once);
        let output = output(&run);
        assert!(
            output.starts_with(r#"[{"Cause":"c","Error":"E","ExecutionArn":"#) && output.ends_with(",1,1]"),
            "{output}"
        );
        let twice = r#"{"0-1": {"Throw": {"Error": "E"}}, "2-9": {"Return": 1}}"#;
        let run = play(&definition, case, twice);
        assert_eq!(run.failure.error.as_deref(), Some("Bad"));
        let caught =
            run.events.iter().any(|event| format!("{:?}", event.kind).contains("ExceedToleratedFailureThreshold"));
        assert!(caught && run.scheduled["Work"] == 3, "{}", run.history());
    }

    #[test]
    fn a_reader_reads_what_the_case_says() {
        let reader = r#""ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON",
            "MaxItems": 3}, "Parameters": {"Bucket": "b", "Key": "k"}}, "ItemBatcher": {"MaxItemsPerBatch": 2},
            "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "r", "Prefix": "p/"}},"#;
        let definition = definition(reader);
        let case = r#"{"Input": {"all": []}, "ItemReader": {"Each": [1, 2, 3, 4]}, "Work": "Mock"}"#;
        let run = play(&definition, case, GOOD);
        let output = output(&run);
        assert!(output.contains(r#""ResultWriterDetails":{"Bucket":"r","Key":"p/"#), "{output}");
        let given: Vec<_> = run.orders.iter().map(|order| order.parameters.to_string()).collect();
        let item = |n: u8| format!(r#"{{"n":{n},"from":"S3://b/k"}}"#);
        let batches = [format!(r#"{{"Items":[{},{}]}}"#, item(1), item(2)), format!(r#"{{"Items":[{}]}}"#, item(3))];
        assert_eq!(given, batches);
        let lacking = play(&definition, r#"{"Input": {"all": []}, "Work": "Mock"}"#, GOOD);
        assert!(lacking.problems[0].starts_with("Each: the case does not say what its ItemReader reads"));
    }

    #[test]
    fn a_mock_may_answer_for_the_whole_run() {
        let definition = definition("");
        let case = r#"{"Input": {"all": [1]}, "Each": "Mock"}"#;
        assert_eq!(output(&play(&definition, case, r#"{"0": {"Return": [7]}}"#)), "[7]");
        let failed = play(&definition, case, r#"{"0": {"Throw": {"Error": "States.ItemReaderFailed"}}}"#);
        assert_eq!((failed.failure.error.as_deref(), failed.orders.len()), (Some("Bad"), 0));
        let mut coverage = Coverage::new(&definition);
        coverage.add(&failed);
        assert!(!coverage.missing().contains(&"Each catch[0]"));
    }

    #[test]
    fn an_execution_that_ends_ends_its_children() {
        let text = DEFINITION.replace("EXTRA", "").replacen("\"StartAt\"", "\"TimeoutSeconds\": 3, \"StartAt\"", 1);
        let definition = asl::parse(&text).definition.unwrap();
        let run = play(&definition, r#"{"Input": {"all": [1, 2, 3]}, "Work": "Mock"}"#, GOOD);
        assert_eq!((run.status, run.problems.len()), (Status::TimedOut, 0));
        assert_eq!(run.scheduled["Work"], 2);
    }

    #[test]
    fn a_run_inside_a_child_is_played_too() {
        let inner = r#"{"Type": "Map", "End": true, "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
            "StartAt": "Work", "States": {"Work": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true}}}}"#;
        let text = format!(
            r#"{{"StartAt": "Outer", "States": {{"Outer": {{"Type": "Map", "End": true, "ItemProcessor": {{
                "ProcessorConfig": {{"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}},
                "StartAt": "Inner", "States": {{"Inner": {inner}}}}}}}}}}}"#
        );
        let definition = asl::parse(&text).definition.unwrap();
        let run = play(&definition, r#"{"Input": [[1, 2], [3]], "Work": "Mock"}"#, GOOD);
        assert_eq!(output(&run), "[[1,1],[1]]");
        assert_eq!(run.scheduled["Inner"], 2);
    }
}
