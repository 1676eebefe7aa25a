//! The document of a task definition, as `ecs:DescribeTaskDefinition` answers it, and the same in another size.
//!
//! It is changed as JSON, so that fields that this program does not know are registered again all the same.

use super::Size;
use crate::error::{Error, Kind};
use crate::price::Architecture;
use serde_json::{Value, json};

/// Fields that ECS adds to what was registered.
const ADDED: [&str; 8] = [
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
];
/// Seconds that a container has to stop, where it says nothing.
const STOP_SECONDS: u32 = 30;

/// The document of a revision.
#[derive(Debug, Clone, PartialEq)]
pub struct Document(Value);

impl Document {
    /// Reads the answer of `ecs:DescribeTaskDefinition`; its tags become the document's.
    ///
    /// # Errors
    /// `Ops.ConfigInvalid` when it has no task definition.
    pub fn of_answer(answer: &Value) -> Result<Self, Error> {
        let Some(mut document) = answer.get("taskDefinition").filter(|found| found.is_object()).cloned() else {
            return Err(Error::new(Kind::ConfigInvalid, "ecs:DescribeTaskDefinition answered no task definition"));
        };
        let tags = answer.get("tags").filter(|tags| tags.as_array().is_some_and(|tags| !tags.is_empty()));
        if let Some(tags) = tags {
            document["tags"] = tags.clone();
        }
        Ok(Self(document))
    }

    /// The revision's ARN; empty when it says none.
    pub fn arn(&self) -> &str {
        self.0["taskDefinitionArn"].as_str().unwrap_or_default()
    }

    /// The family.
    pub fn family(&self) -> &str {
        self.0["family"].as_str().unwrap_or_default()
    }

    /// The number of the revision, 1 or more.
    pub fn revision(&self) -> Option<u32> {
        self.0["revision"].as_u64().and_then(|number| u32::try_from(number).ok())
    }

    /// When it was registered, in milliseconds since 1970; ECS writes seconds.
    pub fn registered_at(&self) -> Option<i64> {
        self.0["registeredAt"].as_f64().map(|seconds| (seconds * 1_000.0) as i64)
    }

    /// The size of its tasks.
    ///
    /// # Errors
    /// `Ops.NotApplicable` when they have none, or do not run on Fargate.
    pub fn size(&self) -> Result<Size, Error> {
        let number = |name: &str| self.0[name].as_str().and_then(|text| text.trim().parse::<u32>().ok());
        let all = ["requiresCompatibilities", "compatibilities"];
        let fargate = all.into_iter().any(|name| self.texts(name).any(|text| text == "FARGATE"));
        match (number("cpu"), number("memory"), fargate) {
            (Some(cpu), Some(memory), true) => Ok(Size::new(cpu, memory)),
            _ => {
                let message =
                    format!("{} is not made for Fargate with cpu and memory: size its tasks by hand", self.arn());
                Err(Error::new(Kind::NotApplicable, message))
            }
        }
    }

    /// The processor that its tasks run on.
    ///
    /// # Errors
    /// `Ops.NotApplicable` for one, or an operating system, that has another price list: Windows.
    pub fn architecture(&self) -> Result<Architecture, Error> {
        let platform = &self.0["runtimePlatform"];
        let system = platform["operatingSystemFamily"].as_str().unwrap_or("LINUX");
        let architecture = Architecture::from_name(platform["cpuArchitecture"].as_str().unwrap_or("X86_64"));
        architecture.filter(|_| system == "LINUX").ok_or_else(|| {
            let message = format!("{} runs on {system}: only the prices of Linux are known", self.arn());
            Error::new(Kind::NotApplicable, message)
        })
    }

    /// Ephemeral storage of a task, in GiB; absent for what is free.
    pub fn storage_gib(&self) -> Option<u32> {
        self.0["ephemeralStorage"]["sizeInGiB"].as_u64().and_then(|gib| u32::try_from(gib).ok())
    }

    /// The images of its containers.
    pub fn images(&self) -> Vec<String> {
        self.containers().filter_map(|container| container["image"].as_str()).map(str::to_owned).collect()
    }

    /// The log groups of its containers, each once.
    pub fn log_groups(&self) -> Vec<String> {
        let groups = self.containers().filter_map(|container| {
            container["logConfiguration"]["options"]["awslogs-group"].as_str().map(str::to_owned)
        });
        let mut groups: Vec<_> = groups.collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    /// Seconds until the slowest container is killed after it was asked to stop.
    pub fn stop_seconds(&self) -> u32 {
        let seconds = self.containers().map(|container| container["stopTimeout"].as_u64());
        let seconds = seconds.map(|seconds| seconds.and_then(|seconds| u32::try_from(seconds).ok()));
        seconds.map(|seconds| seconds.unwrap_or(STOP_SECONDS)).max().unwrap_or(STOP_SECONDS)
    }

    /// What to register for tasks of another size: everything that was registered, with another `cpu` and `memory`.
    /// The limit of a container that has all of the task's goes with it.
    ///
    /// # Errors
    /// `Ops.NotApplicable` when containers have limits of their own that would not fit.
    pub fn resized(&self, size: Size) -> Result<Value, Error> {
        let now = self.size()?;
        let mut document = self.registrable();
        document["cpu"] = json!(size.cpu_units.to_string());
        document["memory"] = json!(size.memory_mib.to_string());
        let containers = document["containerDefinitions"].as_array_mut().map(Vec::as_mut_slice).unwrap_or_default();
        if let [only] = containers {
            let pairs = [
                ("cpu", now.cpu_units, size.cpu_units),
                ("memory", now.memory_mib, size.memory_mib),
                ("memoryReservation", now.memory_mib, size.memory_mib),
            ];
            for (name, before, after) in pairs {
                if only[name].as_u64() == Some(u64::from(before)) {
                    only[name] = json!(after);
                }
            }
        }
        let sum = |name: &str| containers.iter().filter_map(|container| container[name].as_u64()).sum::<u64>();
        let largest = containers.iter().filter_map(|container| container["memory"].as_u64()).max().unwrap_or(0);
        let (cpu, memory) = (u64::from(size.cpu_units), u64::from(size.memory_mib));
        if sum("cpu") > cpu || sum("memoryReservation") > memory || largest > memory {
            let message = format!("containers of {} have limits of their own that {size} does not hold", self.arn());
            return Err(Error::new(Kind::NotApplicable, format!("{message}: change them in a release")));
        }
        Ok(document)
    }

    /// Whether this revision is what registering `wanted` makes. Tags are not looked at: they may be added by others.
    pub fn is(&self, wanted: &Value) -> bool {
        let bare = |mut document: Value| {
            if let Some(fields) = document.as_object_mut() {
                fields.shift_remove("tags");
            }
            document
        };
        bare(self.registrable()) == bare(wanted.clone())
    }

    /// What was registered.
    fn registrable(&self) -> Value {
        let mut document = self.0.clone();
        if let Some(fields) = document.as_object_mut() {
            fields.retain(|name, _| !ADDED.contains(&name.as_str()));
        }
        document
    }

    fn containers(&self) -> impl Iterator<Item = &Value> {
        self.0["containerDefinitions"].as_array().into_iter().flatten()
    }

    fn texts<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.0[name].as_array().into_iter().flatten().filter_map(Value::as_str)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn answer() -> Value {
        json!({"taskDefinition": {
            "taskDefinitionArn": "arn:aws:ecs:us-east-1:123456789012:task-definition/api:41", "family": "api",
            "revision": 41, "status": "ACTIVE", "cpu": "1024", "memory": "8192", "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"], "compatibilities": ["EC2", "FARGATE"],
            "requiresAttributes": [{"name": "ecs.capability.task-eni"}], "registeredAt": 1_790_000_000.5,
            "registeredBy": "arn:aws:iam::123456789012:role/release", "somethingNew": {"kept": true},
            "containerDefinitions": [{"name": "app", "image": "api:9f3c2d", "memory": 8192, "stopTimeout": 60,
                "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/api"}}}]},
            "tags": [{"key": "team", "value": "platform"}]})
    }

    pub(crate) fn document() -> Document {
        Document::of_answer(&answer()).unwrap()
    }

    #[test]
    fn everything_registered_is_registered_again() {
        let wanted = document().resized(Size::new(512, 4_096)).unwrap();
        let expected = json!({"family": "api", "cpu": "512", "memory": "4096", "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"], "somethingNew": {"kept": true},
            "containerDefinitions": [{"name": "app", "image": "api:9f3c2d", "memory": 4096, "stopTimeout": 60,
                "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/api"}}}],
            "tags": [{"key": "team", "value": "platform"}]});
        assert_eq!(wanted, expected);
        let mut registered = json!({"taskDefinition": wanted});
        registered["taskDefinition"]["revision"] = json!(42);
        registered["taskDefinition"]["tags"] = json!(null);
        let registered = Document::of_answer(&registered).unwrap();
        assert!(registered.is(&expected));
        assert!(!document().is(&expected));
    }

    #[test]
    fn limits_that_would_not_fit_are_refused() {
        let mut two = answer();
        let sidecar = json!({"name": "proxy", "image": "envoy", "memory": 512});
        two["taskDefinition"]["containerDefinitions"].as_array_mut().unwrap().push(sidecar);
        let error = Document::of_answer(&two).unwrap().resized(Size::new(512, 4_096)).unwrap_err();
        assert_eq!(error.kind(), Kind::NotApplicable);
        assert!(error.message().ends_with("that 0.5 vCPU / 4 GB does not hold: change them in a release"), "{error}");
    }

    #[test]
    fn facts_are_read() {
        let document = document();
        assert_eq!(document.size().unwrap(), Size::new(1_024, 8_192));
        assert_eq!(document.architecture().unwrap(), Architecture::X86);
        assert_eq!((document.stop_seconds(), document.revision()), (60, Some(41)));
        assert_eq!(document.registered_at(), Some(1_790_000_000_500));
        assert_eq!((document.log_groups(), document.images()), (vec!["/ecs/api".into()], vec!["api:9f3c2d".into()]));
        let ec2 = Document(json!({"taskDefinitionArn": "api:1", "requiresCompatibilities": ["EC2"], "cpu": "256"}));
        assert_eq!(ec2.size().unwrap_err().kind(), Kind::NotApplicable);
        let windows = Document(json!({"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}}));
        assert_eq!(windows.architecture().unwrap_err().kind(), Kind::NotApplicable);
        assert!(Document::of_answer(&json!({})).is_err());
    }
}
