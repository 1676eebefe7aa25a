//! What the world has to say to the outside: Lambda invocations and executions to start.
//!
//! The world only writes down what is to be sent, and for what; the server sends it and reports the answer back with
//! [`World::report`]. So the world stays pure, and a test can answer in the server's place.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use super::World;

/// How many failed deliveries are kept for people and tests to read.
const FAILURES_KEPT: usize = 100;

/// Something to send.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Command {
    /// Invoke a Lambda function.
    Invoke {
        /// Function name.
        function: String,
        /// The event.
        payload: Value,
        /// Whether nobody waits for the function's answer (invocation type `Event`).
        event: bool,
    },
    /// Start an execution of a state machine.
    Start {
        /// The state machine's ARN.
        machine: String,
        /// The execution's input.
        input: Value,
    },
    /// Put an event on another bus.
    Tell {
        /// The whole event.
        event: Value,
    },
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reply {
    /// It was accepted; the function's answer, where it was waited for.
    Answer(Value),
    /// It was refused, the function failed, or nobody was there.
    Failed(String),
}

/// What a command was for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A hook of a CodeDeploy deployment: deployment and hook execution id.
    CodeDeploy(String, String),
    /// A Lambda hook of an ECS service deployment: deployment and hook id.
    Ecs(String, String),
    /// The target of an EventBridge rule.
    Rule(String),
    /// Another bus.
    Bus,
}

/// What waits to be sent, and what waits for an answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outbox {
    commands: VecDeque<(u64, Command)>,
    purposes: BTreeMap<u64, Purpose>,
    sent: u64,
    /// Deliveries of rules that failed, newest last.
    pub(crate) failures: VecDeque<String>,
}

impl Outbox {
    /// Has something sent.
    pub(super) fn send(&mut self, command: Command, purpose: Purpose) {
        self.sent += 1;
        self.commands.push_back((self.sent, command));
        self.purposes.insert(self.sent, purpose);
    }

    /// Whether nothing waits to be sent or answered.
    pub(crate) fn is_empty(&self) -> bool {
        self.commands.is_empty() && self.purposes.is_empty()
    }

    /// Takes everything that is to be sent, with the numbers to report by.
    pub(crate) fn take(&mut self) -> Vec<(u64, Command)> {
        self.commands.drain(..).collect()
    }
}

impl World {
    /// What came of the command of that number.
    pub(crate) fn report(&mut self, number: u64, reply: Reply) {
        match self.outbox.purposes.remove(&number) {
            Some(Purpose::CodeDeploy(deployment, hook)) => self.codedeploy_hook_answered(&deployment, &hook, &reply),
            Some(Purpose::Ecs(deployment, hook)) => self.ecs_hook_answered(&deployment, &hook, &reply),
            Some(Purpose::Rule(rule)) => self.delivered(&format!("rule {rule}"), reply),
            Some(Purpose::Bus) => self.delivered("the other bus", reply),
            None => {}
        }
    }

    fn delivered(&mut self, whom: &str, reply: Reply) {
        if let Reply::Failed(problem) = reply {
            self.outbox.failures.push_back(format!("{whom}: {problem}"));
            if self.outbox.failures.len() > FAILURES_KEPT {
                self.outbox.failures.pop_front();
            }
        }
    }
}
