//! What a trial shows of the way of the data through a state, by the names of TestState's `inspectionData`.

use asl::{Kind, Pass, StateType, Value};

/// What was seen on the way through a state; what the state does not do, or did not come to, is absent.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the names are the API's")]
pub struct Inspection {
    pub after_input_path: Option<Value>,
    pub after_parameters: Option<Value>,
    pub after_arguments: Option<Value>,
    pub after_items_path: Option<Value>,
    pub after_items_pointer: Option<Value>,
    pub after_item_selector: Option<Value>,
    pub after_item_batcher: Option<Value>,
    pub result: Option<Value>,
    pub after_result_selector: Option<Value>,
    pub after_result_path: Option<Value>,
    /// The variables after the state, those it was given among them.
    pub variables: Option<Value>,
    pub max_concurrency: Option<u64>,
    pub tolerated_failure_count: Option<u64>,
    pub tolerated_failure_percentage: Option<u64>,
    /// Index of the catcher that took the failure.
    pub catch_index: Option<usize>,
    /// Index of the retrier that names the failure, also where it is used up.
    pub retry_index: Option<usize>,
    /// Seconds until that retrier's next attempt, where it has one left.
    pub retry_backoff_interval_seconds: Option<u64>,
}

impl Inspection {
    /// What AWS shows for a state of this kind. A mocked Parallel or Map shows nothing of what its branches or
    /// iterations would have been given; a Pass with a `Result` shows nothing of the input that it does not use.
    pub(crate) fn shown_for(mut self, kind: &Kind) -> Self {
        let hides_input = matches!(kind, Kind::Parallel(_) | Kind::Pass(Pass { result: Some(_), .. }));
        if hides_input {
            (self.after_input_path, self.after_parameters, self.after_arguments) = (None, None, None);
        }
        if !matches!(kind.state_type(), StateType::Task | StateType::Pass | StateType::Parallel | StateType::Map) {
            (self.after_result_selector, self.after_result_path) = (None, None);
        }
        self
    }
}
