//! Map in Mode DISTRIBUTED: everything about its run is decided here, before the run starts.

use std::sync::Arc;

use asl::{ExecutionType, Kind, Map, NumberField, QueryLanguage, State, Value};
use evaluate::{jsonata, jsonpath};

use super::{Problem, Stepper, Surroundings, fields};
use crate::event::{EventKind, FrameId};
use crate::map_run::{ItemBatcher, MapRun};
use crate::random::Random;
use crate::state::Mapping;

impl Stepper<'_> {
    /// Decides about the run and starts it.
    pub(super) fn start_run(&mut self, id: FrameId, state: &State, mapping: &Mapping) -> Result<(), Problem> {
        let Kind::Map(map) = &state.kind else { return Ok(()) };
        let input = self.effective_input(id, state)?;
        let surroundings = self.surroundings(id, None);
        let settings = Settings { language: state.query_language, input: &input, surroundings: &surroundings };
        let tolerated_failure_count = tolerated_count(map, &input, &surroundings)?;
        let tolerated_failure_percentage = tolerated_percentage(map, &input, &surroundings)?;
        let reader = map.item_reader.as_ref().map(|reader| settings.reader(reader)).transpose()?;
        let batcher = map.item_batcher.as_ref().map(|batcher| settings.batcher(batcher)).transpose()?;
        let writer = map.result_writer.as_ref().map(|writer| settings.fill("ResultWriter", writer)).transpose()?;
        let name = self.state_name(id);
        let label = map.label.clone().unwrap_or_else(|| made_label(&name));
        let run = MapRun {
            arn: self.run_arn(&label),
            label,
            state: name,
            max_concurrency: mapping.max_concurrency,
            tolerated_failure_count,
            tolerated_failure_percentage,
            reader,
            batcher,
            writer,
            express: map.execution_type == ExecutionType::Express,
        };
        let attempt = self.execution.frames.get(&id).map_or(0, |frame| frame.attempts) + 1;
        self.emit(id, EventKind::MapRunStarted { run: Arc::new(run), attempt });
        Ok(())
    }

    /// Lets the run's children that did not succeed go on.
    pub(super) fn redrive_run(&mut self, id: FrameId) {
        let Some(frame) = self.execution.frames.get(&id) else { return };
        let Some(run) = &frame.run else { return };
        let (map_run_arn, count, attempt) = (Arc::clone(&run.order.arn), run.redrives + 1, frame.attempts + 1);
        self.emit(id, EventKind::MapRunRedriven { map_run_arn, count, attempt });
    }

    /// `arn:aws:states:REGION:ACCOUNT:mapRun:MACHINE/LABEL:UUID`, beside the machine's own ARN. A run inside a child of
    /// another run names the same machine.
    fn run_arn(&mut self, label: &str) -> Arc<str> {
        let machine = &self.execution.identity.state_machine_arn;
        let machine = machine.split_once('/').map_or(&**machine, |(machine, _)| machine);
        let machine = machine.replacen(":stateMachine:", ":mapRun:", 1);
        format!("{machine}/{label}:{}", uuid(self.random.next_u128())).into()
    }
}

/// The label of a state that has none: always the same, so that all its runs stand together.
fn made_label(name: &str) -> Arc<str> {
    // FNV-1a (Fowler, Noll, Vo), spread over 128 bits.
    let hash =
        |basis: u64| name.bytes().fold(basis, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let seed = (u128::from(hash(0xcbf2_9ce4_8422_2325)) << 64) | u128::from(hash(0x8422_2325_cbf2_9ce4));
    uuid(Random::new(seed).next_u128()).into()
}

/// These bits as a UUID (version 4, RFC 9562).
fn uuid(bits: u128) -> String {
    let bits = bits & !(0xf << 76) & !(0b11 << 62) | (4 << 76) | (0b10 << 62);
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn tolerated_count(map: &Map, input: &Value, surroundings: &Surroundings) -> Result<Option<u64>, Problem> {
    let Some(field) = &map.tolerated_failure_count else { return Ok(None) };
    fields::number("ToleratedFailureCount", field, input, surroundings, 0).map(Some)
}

fn tolerated_percentage(map: &Map, input: &Value, surroundings: &Surroundings) -> Result<Option<f64>, Problem> {
    const NAME: &str = "ToleratedFailurePercentage";
    let Some(field) = &map.tolerated_failure_percentage else { return Ok(None) };
    let scope = surroundings.scope(input);
    let percentage = match field {
        NumberField::Literal(number) => f64::from(u32::try_from(*number).unwrap_or(u32::MAX)),
        NumberField::Path(path) => {
            let value = jsonpath::select(path, &scope)?;
            let number = value.as_f64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
            number.ok_or_else(|| {
                let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                Problem::runtime(format!(
                    "The {NAME}Path field refers to value \"{shown}\" which is not a valid float: {path}"
                ))
            })?
        }
        NumberField::Expression(text) => {
            let template = Value::from(Arc::clone(text));
            let value = jsonata::template(NAME, &template, &scope)?;
            value.as_f64().ok_or_else(|| jsonata::mistyped(NAME, &template, "number", &value))?
        }
    };
    if (0.0..=100.0).contains(&percentage) {
        return Ok(Some(percentage));
    }
    let cause = format!("The field '{NAME}' must be from 0 to 100 but was: {percentage}");
    Err(match field {
        NumberField::Expression(_) => Problem::query(cause, Some(NAME)),
        _ => Problem::runtime(cause),
    })
}

/// What the settings of a distributed Map are evaluated with.
pub(super) struct Settings<'s> {
    pub(super) language: QueryLanguage,
    pub(super) input: &'s Value,
    pub(super) surroundings: &'s Surroundings,
}

impl Settings<'_> {
    /// A setting with its templates filled.
    fn fill(&self, name: &str, setting: &Value) -> Result<Value, Problem> {
        let scope = self.surroundings.scope(self.input);
        Ok(match self.language {
            QueryLanguage::JsonPath => evaluate::payload_template(setting, &scope)?,
            QueryLanguage::Jsonata => jsonata::template(name, setting, &scope)?,
        })
    }

    /// `ItemReader`; a `MaxItemsPath` in it becomes `MaxItems`.
    pub(super) fn reader(&self, reader: &Value) -> Result<Value, Problem> {
        let mut filled = self.fill("ItemReader", reader)?;
        let Some(config) = reader.get("ReaderConfig") else { return Ok(filled) };
        if let Some(most) = self.number_at(config, "MaxItemsPath")? {
            let mut config = filled.get("ReaderConfig").cloned().unwrap_or_default();
            config.insert("MaxItems", Value::from(most));
            filled.insert("ReaderConfig", config);
        }
        Ok(filled)
    }

    pub(super) fn batcher(&self, batcher: &Value) -> Result<ItemBatcher, Problem> {
        let filled = self.fill("ItemBatcher", batcher)?;
        Ok(ItemBatcher {
            max_items: self.batch_limit(batcher, &filled, "MaxItemsPerBatch", "MaxItemsPerBatchPath")?,
            max_bytes: self.batch_limit(batcher, &filled, "MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath")?,
            input: filled.get("BatchInput").cloned(),
        })
    }

    /// A limit of a batch, at least 1.
    fn batch_limit(&self, written: &Value, filled: &Value, name: &str, path: &str) -> Result<Option<u64>, Problem> {
        let given = match self.number_at(written, path)? {
            Some(number) => Some(Value::from(number)),
            None => filled.get(name).cloned(),
        };
        let Some(given) = given else { return Ok(None) };
        let limit = fields::whole(&given).filter(|limit| *limit > 0);
        limit.map(Some).ok_or_else(|| {
            let cause = format!("The field '{name}' must be a positive integer but was: {given}");
            match self.language {
                QueryLanguage::Jsonata => Problem::query(cause, Some(name)),
                QueryLanguage::JsonPath => Problem::runtime(cause),
            }
        })
    }

    /// The whole number that the path in the member `name` leads to.
    fn number_at(&self, setting: &Value, name: &str) -> Result<Option<i64>, Problem> {
        let Some(path) = setting.get(name).and_then(Value::as_str) else { return Ok(None) };
        let value = jsonpath::select(path, &self.surroundings.scope(self.input))?;
        let number = value.as_i64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
        number.map(Some).ok_or_else(|| {
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            Problem::runtime(format!(
                "The {name} field refers to value \"{shown}\" which is not a valid integer: {path}"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_label_is_a_uuid_and_always_the_same() {
        assert_eq!(made_label("Each"), made_label("Each"));
        assert_ne!(made_label("Each"), made_label("Other"));
        assert_eq!(made_label("Each").len(), 36);
    }
}
