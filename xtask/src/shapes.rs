//! `cargo xtask shapes`: what AWS's services answer, from their public API models as botocore carries them.
//!
//! A mocked result of TestState is held against it. The form of the file is described in `engine::integration::shape`.
//! The models come from PyPI in a folder of their own, since moto wants another version of botocore.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use asl::Value;
use flate2::read::GzDecoder;

use crate::failure::{During, Failure};
use crate::{json, process, settings, workspace};

/// The models that the file was last made of. A newer version: change it, run the command, look at what differs.
const PACKAGE: &str = "botocore==1.43.11";

/// The file, from the repository.
const FILE: &str = "workflows/engine/src/integration/shape/services.txt";

/// Services as `aws-sdk:<name>:` calls them, and as botocore does.
const SERVICES: [(&str, &str); 55] = [
    ("acm", "acm"),
    ("apigateway", "apigateway"),
    ("appconfig", "appconfig"),
    ("applicationautoscaling", "application-autoscaling"),
    ("athena", "athena"),
    ("autoscaling", "autoscaling"),
    ("batch", "batch"),
    ("bedrock", "bedrock"),
    ("bedrockruntime", "bedrock-runtime"),
    ("cloudformation", "cloudformation"),
    ("cloudtrail", "cloudtrail"),
    ("cloudwatch", "cloudwatch"),
    ("cloudwatchlogs", "logs"),
    ("codebuild", "codebuild"),
    ("codedeploy", "codedeploy"),
    ("codepipeline", "codepipeline"),
    ("cognitoidentityprovider", "cognito-idp"),
    ("databrew", "databrew"),
    ("dynamodb", "dynamodb"),
    ("ec2", "ec2"),
    ("ecr", "ecr"),
    ("ecs", "ecs"),
    ("efs", "efs"),
    ("eks", "eks"),
    ("elasticloadbalancingv2", "elbv2"),
    ("emr", "emr"),
    ("emrcontainers", "emr-containers"),
    ("emrserverless", "emr-serverless"),
    ("eventbridge", "events"),
    ("firehose", "firehose"),
    ("glue", "glue"),
    ("iam", "iam"),
    ("kinesis", "kinesis"),
    ("kms", "kms"),
    ("lambda", "lambda"),
    ("polly", "polly"),
    ("rds", "rds"),
    ("rdsdata", "rds-data"),
    ("redshiftdata", "redshift-data"),
    ("rekognition", "rekognition"),
    ("route53", "route53"),
    ("s3", "s3"),
    ("sagemaker", "sagemaker"),
    ("scheduler", "scheduler"),
    ("secretsmanager", "secretsmanager"),
    ("ses", "ses"),
    ("sesv2", "sesv2"),
    ("sfn", "stepfunctions"),
    ("sns", "sns"),
    ("sqs", "sqs"),
    ("ssm", "ssm"),
    ("sts", "sts"),
    ("textract", "textract"),
    ("transcribe", "transcribe"),
    ("translate", "translate"),
];

/// A service that is large, and of which tasks call these operations.
const PARTS: [(&str, &[&str]); 1] = [(
    "sagemaker",
    &[
        "CreateEndpoint",
        "CreateEndpointConfig",
        "CreateHyperParameterTuningJob",
        "CreateLabelingJob",
        "CreateModel",
        "CreateProcessingJob",
        "CreateTrainingJob",
        "CreateTransformJob",
        "UpdateEndpoint",
        "DescribeTrainingJob",
        "DescribeTransformJob",
        "DescribeProcessingJob",
        "DescribeEndpoint",
    ],
)];

/// Where Step Functions was seen to check something else than the model says: service, member, kind.
const SEEN: [(&str, &str, &str); 1] = [("lambda", "MemorySize", "n128~10240")];

/// Writes the file anew, or with `check` only says whether it would be another. Returns a line that says what was done.
///
/// # Errors
/// The models cannot be had or read; in a check also a difference.
pub(crate) fn apply(root: &Path, check: bool) -> Result<String, Failure> {
    let data = models(root)?;
    let mut text = String::new();
    for (name, folder) in SERVICES {
        text.push_str(&Service::read(name, &data.join(folder))?.written()?);
    }
    let path = root.join(FILE);
    if json::read(&path)? == text {
        return Ok(format!("{FILE} is what {PACKAGE} says"));
    }
    if check {
        return Err(Failure::new(format!("{FILE} is not what {PACKAGE} says; run `cargo xtask shapes`")));
    }
    json::write(&path, &text)?;
    Ok(format!("{FILE} written from {PACKAGE}"))
}

/// The folder of botocore's models; they are installed where they are not there.
fn models(root: &Path) -> Result<PathBuf, Failure> {
    let folder = workspace::target(root)?.join(PACKAGE.replace("==", "-"));
    let data = folder.join("botocore/data");
    if data.is_dir() {
        return Ok(data);
    }
    let python = settings::find("python3").filter(|_| settings::may_install());
    let python = python.ok_or_else(|| {
        Failure::new(format!("{PACKAGE} is not in {}: it needs python3 and no STEPWRIGHT_NO_INSTALL", folder.display()))
    })?;
    let mut install = Command::new(python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target"]);
    install.arg(&folder).arg(PACKAGE);
    process::run(install, &format!("pip install {PACKAGE}"))?;
    Ok(data)
}

/// One service, and what of its model has been written so far.
struct Service {
    name: &'static str,
    model: Value,
    /// Numbers of structures, and the structures in that order.
    numbers: HashMap<String, usize>,
    structures: Vec<String>,
    enumerations: Vec<String>,
}

impl Service {
    /// Reads the newest model in a folder of botocore's.
    fn read(name: &'static str, folder: &Path) -> Result<Self, Failure> {
        let entries = std::fs::read_dir(folder).during(|| folder.display().to_string())?;
        let models = entries.filter_map(|entry| Some(entry.ok()?.path().join("service-2.json.gz")));
        let path = models.filter(|path| path.is_file()).max();
        let path = path.ok_or_else(|| Failure::new(format!("{} has no model", folder.display())))?;
        let at = || path.display().to_string();
        let mut text = String::new();
        GzDecoder::new(File::open(&path).during(at)?).read_to_string(&mut text).during(at)?;
        Ok(Self::of(name, Value::parse(&text).during(at)?))
    }

    fn of(name: &'static str, model: Value) -> Self {
        Self { name, model, numbers: HashMap::new(), structures: Vec::new(), enumerations: Vec::new() }
    }

    /// The service's block of the file.
    fn written(mut self) -> Result<String, Failure> {
        let model = self.model.clone();
        let wanted = PARTS.iter().find(|(name, _)| *name == self.name).map(|(_, operations)| *operations);
        let mut operations = Vec::new();
        for (operation, about) in model.get("operations").and_then(Value::as_object).into_iter().flatten() {
            let answer = about.get("output").and_then(|output| text(output, "shape"));
            if let Some(answer) = answer.filter(|_| wanted.is_none_or(|wanted| wanted.contains(&&**operation))) {
                operations.push(format!("{operation}{}", self.kind(&model, answer)?));
            }
        }
        let mut block = format!("service {}\n{}\n", self.name, operations.join(" "));
        for enumeration in &self.enumerations {
            let _ = writeln!(block, "e {enumeration}");
        }
        for structure in &self.structures {
            let _ = writeln!(block, "# {structure}");
        }
        Ok(block)
    }

    /// The kind of a shape, as a member has it.
    fn kind(&mut self, model: &Value, shape: &str) -> Result<String, Failure> {
        let unknown = || Failure::new(format!("the model of {} has no shape {shape}", self.name));
        let about = model.get("shapes").and_then(|shapes| shapes.get(shape)).ok_or_else(unknown)?;
        if about.get("document").is_some() {
            return Ok("j".to_owned());
        }
        let inner = |member: &str| about.get(member).and_then(|member| text(member, "shape")).unwrap_or_default();
        Ok(match text(about, "type").unwrap_or_default() {
            "structure" => format!("#{}", self.structure(model, shape, about)?),
            "list" => format!("[{}", self.kind(model, inner("member"))?),
            "map" => format!("<{}", self.kind(model, inner("value"))?),
            "string" => self.enumeration(about).map_or_else(|| "s".to_owned(), |number| format!("e{number}")),
            "timestamp" | "character" => "s".to_owned(),
            "blob" => "o".to_owned(),
            "boolean" => "b".to_owned(),
            _ => number(about),
        })
    }

    /// The number of a structure; it is written where it is met first.
    fn structure(&mut self, model: &Value, shape: &str, about: &Value) -> Result<usize, Failure> {
        if let Some(number) = self.numbers.get(shape) {
            return Ok(*number);
        }
        let number = self.structures.len();
        self.numbers.insert(shape.to_owned(), number);
        self.structures.push(String::new());
        let required = about.get("required").and_then(Value::as_array).unwrap_or_default();
        let mut members = Vec::new();
        for (name, member) in about.get("members").and_then(Value::as_object).into_iter().flatten() {
            let mark = if required.iter().any(|required| required.as_str() == Some(name)) { "!" } else { "" };
            let kind = self.kind(model, text(member, "shape").unwrap_or_default())?;
            let name = capitalised(name);
            let seen = SEEN.iter().find(|(service, member, _)| (*service, *member) == (self.name, name.as_str()));
            let kind = seen.map_or(kind, |(_, _, kind)| (*kind).to_owned());
            members.push(format!("{name}{mark}:{kind}"));
        }
        self.structures[number] = members.join(" ");
        Ok(number)
    }

    /// The number of an enumeration; one whose words have spaces cannot be written, and is a text.
    fn enumeration(&mut self, about: &Value) -> Option<usize> {
        let words = about.get("enum")?.as_array()?.iter().map(Value::as_str).collect::<Option<Vec<_>>>()?;
        if words.iter().any(|word| word.contains(' ')) {
            return None;
        }
        let words = words.join(" ");
        let known = self.enumerations.iter().position(|known| *known == words);
        Some(known.unwrap_or_else(|| {
            self.enumerations.push(words);
            self.enumerations.len() - 1
        }))
    }
}

fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name)?.as_str()
}

/// A number, with its bounds where it has any.
fn number(about: &Value) -> String {
    let bound = |name: &str| about.get(name).map(Value::to_string).unwrap_or_default();
    match (bound("min"), bound("max")) {
        (least, most) if least.is_empty() && most.is_empty() => "n".to_owned(),
        (least, most) => format!("n{least}~{most}"),
    }
}

fn capitalised(name: &str) -> String {
    let mut characters = name.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: &str = r#"{"operations": {"Get": {"output": {"shape": "Answer"}}, "Drop": {}},
        "shapes": {
            "Answer": {"type": "structure", "required": ["size"], "members": {
                "size": {"shape": "Size"}, "MemorySize": {"shape": "Size"}, "kind": {"shape": "Kind"},
                "other": {"shape": "Kind"}, "spaced": {"shape": "Spaced"}, "again": {"shape": "Answers"},
                "tags": {"shape": "Tags"}, "raw": {"shape": "Raw"}, "any": {"shape": "Any"}}},
            "Answers": {"type": "list", "member": {"shape": "Answer"}},
            "Tags": {"type": "map", "key": {"shape": "Raw"}, "value": {"shape": "When"}},
            "Size": {"type": "integer", "min": 1}, "When": {"type": "timestamp"}, "Raw": {"type": "blob"},
            "Any": {"type": "structure", "document": true},
            "Kind": {"type": "string", "enum": ["A", "B"]}, "Spaced": {"type": "string", "enum": ["A B"]}}}"#;

    #[test]
    fn a_model_becomes_a_block() {
        let service = Service::of("lambda", Value::parse(MODEL).unwrap());
        assert_eq!(
            service.written().unwrap(),
            "service lambda\nGet#0\ne A B\n# Size!:n1~ MemorySize:n128~10240 Kind:e0 Other:e0 Spaced:s Again:[#0 Tags:<s \
             Raw:o Any:j\n"
        );
    }

    #[test]
    fn services_are_in_order() {
        assert!(SERVICES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(PARTS.iter().all(|(name, _)| SERVICES.iter().any(|(service, _)| service == name)));
    }
}
