//! The sandbox's control, which is not AWS: `/_sandbox/` of its port.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::failure::{During, Failure};

/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A client of one sandbox.
#[derive(Debug, Clone)]
pub(crate) struct Control {
    /// `HOST:PORT`.
    address: String,
}

impl Control {
    /// The sandbox with this base URL.
    pub(crate) fn new(url: &str) -> Self {
        let address = url.strip_prefix("http://").unwrap_or(url).trim_end_matches('/');
        Self { address: address.to_owned() }
    }

    /// Puts load on a service, in requests per second.
    pub(crate) fn load(&self, service: &str, rate: u32) -> Result<(), Failure> {
        self.post("load", &json!({"service": service, "requestsPerSecond": rate}))
    }

    /// Lets tasks of a service hang.
    pub(crate) fn hang(&self, service: &str, tasks: u32) -> Result<(), Failure> {
        self.post("hang", &json!({"service": service, "tasks": tasks}))
    }

    /// Makes the next call of an operation fail; faults of one operation come in the order they were asked for.
    pub(crate) fn fault(&self, fault: &Value) -> Result<(), Failure> {
        self.post("faults", fault)
    }

    /// The calls so far of one operation, oldest first.
    pub(crate) fn calls(&self, operation: &str) -> Result<Vec<Value>, Failure> {
        let Value::Array(calls) = self.get("calls")? else {
            return Err(Failure::new("the sandbox's call log is no list"));
        };
        Ok(calls.into_iter().filter(|call| call["operation"] == operation).collect())
    }

    /// What the sandbox shows of a service.
    pub(crate) fn service(&self, name: &str) -> Result<Value, Failure> {
        let state = self.get("state")?;
        let service = state["services"].as_array().into_iter().flatten().find(|service| service["name"] == name);
        service.cloned().ok_or_else(|| Failure::new(format!("the sandbox has no service {name}")))
    }

    /// What the sandbox shows.
    pub(crate) fn state(&self) -> Result<Value, Failure> {
        self.get("state")
    }

    /// What the fleet's services did, day by day.
    pub(crate) fn days(&self) -> Result<Value, Failure> {
        self.get("days")
    }

    /// `{now, messages}`: what people were told at or after a time, milliseconds since 1970.
    pub(crate) fn messages(&self, from: i64) -> Result<Value, Failure> {
        self.get(&format!("messages?from={from}"))
    }

    fn get(&self, page: &str) -> Result<Value, Failure> {
        self.ask("GET", &format!("/_sandbox/{page}"), &[], "")
    }

    /// A JSON call of an AWS service, such as `CodeDeploy_20141006.GetDeployment`.
    pub(crate) fn aws(&self, target: &str, body: &Value) -> Result<Value, Failure> {
        self.ask("POST", "/", &[("X-Amz-Target", target)], &body.to_string())
    }

    /// Asks for something at a control page.
    pub(crate) fn post(&self, page: &str, body: &Value) -> Result<(), Failure> {
        self.ask("POST", &format!("/_sandbox/{page}"), &[], &body.to_string()).map(drop)
    }

    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Result<Value, Failure> {
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             {headers}Content-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        let what = || format!("{method} {path} of {}", self.address);
        let exchange = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(&self.address)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(request.as_bytes())?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        parse(&exchange().during(what)?).during(what)
    }
}

/// The JSON body of a successful answer; nothing is `null`.
fn parse(answer: &str) -> Result<Value, Failure> {
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| Failure::new("the answer broke off"))?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    if !status.starts_with('2') {
        return Err(Failure::new(format!("answered {status}: {body}")));
    }
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(body).during(|| "the body is not JSON".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_its_body_or_its_refusal() {
        assert_eq!(parse("HTTP/1.1 200 OK\r\na: b\r\n\r\n[1]").unwrap(), json!([1]));
        assert_eq!(parse("HTTP/1.1 204 No Content\r\n\r\n").unwrap(), Value::Null);
        let refusal = parse("HTTP/1.1 400 Bad Request\r\n\r\nservice: 'x' is unknown").unwrap_err().to_string();
        assert_eq!(refusal, "answered 400: service: 'x' is unknown");
        assert!(parse("HTTP/1.1 200").is_err());
    }
}
