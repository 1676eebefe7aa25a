//! How a service is released: its two target groups, the listeners in front of them, and what judges a deployment.

use super::Controller;
use crate::error::{Error, Kind};
use crate::field::Object;
use crate::probe;
use std::collections::BTreeMap;

/// The traffic steps of a release whose entry names none, in percent.
pub const STEPS: [u32; 3] = [5, 25, 100];
/// Seconds of one judgement, and of the time both revisions are kept after it, where the entry says nothing.
const WINDOW_SECONDS: u32 = 900;
/// The shortest judgement: a shorter one has fewer than the twelve minutes that the judge needs, and could never pass.
const LEAST_SECONDS: u32 = 840;
/// Seconds for which a person is asked, where the entry says nothing.
const HOLD_SECONDS: u32 = 1_200;
/// The severities of ECR's findings.
const SEVERITIES: [&str; 6] = ["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL", "UNDEFINED"];

/// The block `deployment` of a service's entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    /// CodeDeploy's application and deployment group, for that controller.
    pub code_deploy: Option<CodeDeploy>,
    /// The listener that production traffic arrives at.
    pub production_listener_arn: String,
    /// The rule of that listener that forwards it; absent when the listener's default action does.
    pub production_rule_arn: Option<String>,
    /// The listener that test traffic arrives at.
    pub test_listener_arn: String,
    /// One target group of the pair. Each release swaps which of the two serves.
    pub blue_target_group_arn: String,
    /// The other.
    pub green_target_group_arn: String,
    /// Where the service answers production traffic.
    pub production_url: Option<String>,
    /// Where the new revision answers before it has any.
    pub test_url: Option<String>,
    /// What is asked of the new revision before it gets traffic.
    pub smoke: Option<probe::Plan>,
    /// The schema migrations that come with it.
    pub migrations: Option<Migrations>,
    /// The traffic steps in percent, rising, the last one 100.
    pub steps: Vec<u32>,
    /// Seconds of one judgement: 840 to 3,000.
    pub window_seconds: u32,
    /// Seconds for which all traffic is on the new revision while the old one is kept: 840 to 3,000.
    pub bake_seconds: u32,
    /// What follows from a judgement that could not be made; absent when the entry's tier decides.
    pub inconclusive: Option<Inconclusive>,
    /// For how many seconds a person is asked, 60 to 3,300.
    pub hold_seconds: u32,
    /// What the gate may do.
    pub mode: Option<Mode>,
    /// How many findings of a severity an image may have; empty where findings do not matter.
    pub max_findings: BTreeMap<String, u32>,
    /// Metrics of the business that must not fall below a floor.
    pub metrics: Vec<BusinessMetric>,
}

/// A metric of the business, such as orders placed in a minute.
#[derive(Debug, Clone, PartialEq)]
pub struct BusinessMetric {
    /// Its id among queries: `floor0` and so on.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Its namespace in CloudWatch.
    pub namespace: String,
    /// Its name in CloudWatch.
    pub metric: String,
    /// Its dimensions, by name.
    pub dimensions: BTreeMap<String, String>,
    /// The statistic of a minute, for example `Sum`.
    pub statistic: String,
    /// The least value of a minute, above 0.
    pub floor: f64,
}

/// A service's place in CodeDeploy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeDeploy {
    /// The application.
    pub application: String,
    /// The deployment group.
    pub group: String,
}

/// Where schema migrations are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrations {
    /// The directory below the runner's root.
    pub directory: String,
    /// The secret with the database's address; absent when the runner's environment has it.
    pub secret_arn: Option<String>,
    /// The RDS instance to take a snapshot of before phase `contract`; absent: none is taken.
    pub db_instance_id: Option<String>,
}

/// What follows from a judgement that could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inconclusive {
    /// A person is asked.
    Hold,
    /// The old revision stays.
    Rollback,
}

/// What a gate may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Judge, and let the deployment go on whatever the judgement.
    Observe,
    /// Judge, and answer nobody.
    Plan,
    /// Judge and answer.
    Apply,
}

impl Deployment {
    /// What follows from a judgement that could not be made, for a target of this tier: the most critical ones wait
    /// for a person.
    pub fn inconclusive(&self, tier: u8) -> Inconclusive {
        let default = if tier <= 1 { Inconclusive::Hold } else { Inconclusive::Rollback };
        self.inconclusive.unwrap_or(default)
    }

    /// The other target group of the pair; `None` for a group that is neither.
    pub fn other_group(&self, group: &str) -> Option<&str> {
        if group == self.blue_target_group_arn {
            Some(&self.green_target_group_arn)
        } else if group == self.green_target_group_arn {
            Some(&self.blue_target_group_arn)
        } else {
            None
        }
    }

    /// Reads the block of an entry with this controller; absent is `None`.
    pub(super) fn parse(item: &Object<'_>, controller: Controller) -> Result<Option<Self>, Error> {
        let Some(block) = item.optional_object("deployment")? else { return Ok(None) };
        let owned = |name: &str| block.optional_text(name).map(|text| text.map(str::to_owned));
        let blue_target_group_arn = arn(&block, "blueTargetGroupArn", ":targetgroup/")?;
        let green_target_group_arn = arn(&block, "greenTargetGroupArn", ":targetgroup/")?;
        if blue_target_group_arn == green_target_group_arn {
            return Err(block.error("greenTargetGroupArn", "must be another group than blueTargetGroupArn"));
        }
        let rule = block.get("productionRuleArn").map(|_| arn(&block, "productionRuleArn", ":listener-rule/"));
        let deployment = Self {
            code_deploy: code_deploy(&block, controller)?,
            production_listener_arn: arn(&block, "productionListenerArn", ":listener/")?,
            production_rule_arn: rule.transpose()?,
            test_listener_arn: arn(&block, "testListenerArn", ":listener/")?,
            blue_target_group_arn,
            green_target_group_arn,
            production_url: owned("productionUrl")?,
            test_url: owned("testUrl")?,
            smoke: smoke(&block)?,
            migrations: migrations(&block)?,
            steps: steps(&block)?,
            window_seconds: seconds(&block, "windowSeconds", WINDOW_SECONDS, LEAST_SECONDS, 3_000)?,
            bake_seconds: seconds(&block, "bakeSeconds", WINDOW_SECONDS, LEAST_SECONDS, 3_000)?,
            inconclusive: choice(
                &block,
                "inconclusive",
                &[("hold", Inconclusive::Hold), ("rollback", Inconclusive::Rollback)],
            )?,
            hold_seconds: seconds(&block, "holdSeconds", HOLD_SECONDS, 60, 3_300)?,
            mode: choice(&block, "mode", &[("observe", Mode::Observe), ("plan", Mode::Plan), ("apply", Mode::Apply)])?,
            max_findings: max_findings(&block)?,
            metrics: metrics(&block)?,
        };
        if deployment.production_listener_arn == deployment.test_listener_arn {
            return Err(block.error("testListenerArn", "must be another listener than productionListenerArn"));
        }
        if deployment.smoke.is_some() && deployment.test_url.is_none() {
            return Err(block.error("testUrl", "is missing: smoke needs to know where the new revision answers"));
        }
        Ok(Some(deployment))
    }
}

/// An ARN of the kind that contains `part`.
fn arn(block: &Object<'_>, name: &str, part: &str) -> Result<String, Error> {
    let text = block.text(name)?;
    if text.starts_with("arn:") && text.contains(part) {
        Ok(text.to_owned())
    } else {
        Err(block.error(name, &format!("must be an ARN with {part:?} in it, not {text:?}")))
    }
}

fn code_deploy(block: &Object<'_>, controller: Controller) -> Result<Option<CodeDeploy>, Error> {
    if controller != Controller::CodeDeploy {
        return Ok(None);
    }
    let application = block.text("application")?.to_owned();
    Ok(Some(CodeDeploy { application, group: block.text("deploymentGroup")?.to_owned() }))
}

fn smoke(block: &Object<'_>) -> Result<Option<probe::Plan>, Error> {
    block.get("smoke").map(|smoke| probe::Plan::parse(smoke, &block.label("smoke"))).transpose()
}

fn migrations(block: &Object<'_>) -> Result<Option<Migrations>, Error> {
    let Some(migrations) = block.optional_object("migrations")? else { return Ok(None) };
    let directory = migrations.text("directory")?;
    // It becomes part of a path.
    if directory.starts_with(['/', '.']) || directory.split('/').any(|part| part == "..") {
        return Err(migrations.error("directory", "must be a plain name below the runner's root"));
    }
    let secret_arn = migrations.optional_text("secretArn")?.map(str::to_owned);
    let db_instance_id = migrations.optional_text("dbInstanceId")?.map(str::to_owned);
    if db_instance_id.as_deref().is_some_and(|id| !is_instance(id)) {
        let rule =
            "must be the identifier of an RDS instance: 1 to 63 letters, digits and single hyphens, a letter first";
        return Err(migrations.error("dbInstanceId", rule));
    }
    Ok(Some(Migrations { directory: directory.to_owned(), secret_arn, db_instance_id }))
}

/// Whether RDS would take this text as the identifier of an instance.
fn is_instance(id: &str) -> bool {
    let letters = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let first = id.starts_with(|first: char| first.is_ascii_alphabetic());
    letters && first && id.len() <= 63 && !id.ends_with('-') && !id.contains("--")
}

fn max_findings(block: &Object<'_>) -> Result<BTreeMap<String, u32>, Error> {
    let Some(limits) = block.optional_object("maxFindings")? else { return Ok(BTreeMap::new()) };
    let limit = |name: &str| {
        let known = SEVERITIES.contains(&name).then(|| limits.optional_count(name)).transpose()?.flatten();
        let most = known.ok_or_else(|| limits.error(name, &format!("must be a number of one of {SEVERITIES:?}")))?;
        Ok((name.to_owned(), most))
    };
    limits.names().map(limit).collect()
}

fn metrics(block: &Object<'_>) -> Result<Vec<BusinessMetric>, Error> {
    let items = block.list("metrics")?.iter().enumerate();
    items
        .map(|(index, item)| {
            let item = Object::of(item, &block.label(&format!("metrics[{index}]")), Kind::ConfigInvalid)?;
            let owned = |name: &str| item.text(name).map(str::to_owned);
            let dimensions = match item.optional_object("dimensions")? {
                Some(object) => {
                    object.names().map(|name| Ok((name.to_owned(), object.text(name)?.to_owned()))).collect()
                }
                None => Ok(BTreeMap::new()),
            };
            let floor = item.optional_number("floor")?.filter(|floor| *floor > 0.0);
            Ok(BusinessMetric {
                id: format!("floor{index}"),
                name: owned("name")?,
                namespace: owned("namespace")?,
                metric: owned("metric")?,
                dimensions: dimensions?,
                statistic: owned("statistic")?,
                floor: floor.ok_or_else(|| item.error("floor", "must be a number above 0"))?,
            })
        })
        .collect()
}

fn steps(block: &Object<'_>) -> Result<Vec<u32>, Error> {
    let Some(value) = block.get("steps") else { return Ok(STEPS.to_vec()) };
    parse_steps(value).map_err(|problem| block.error("steps", &problem))
}

/// Reads traffic steps: whole percents from 1, rising, the last one 100. The error says what is wrong, without the
/// field's name.
pub fn parse_steps(value: &serde_json::Value) -> Result<Vec<u32>, String> {
    let wrong = || "must be a list of whole percents from 1 that rise to 100, such as [5, 25, 100]".to_owned();
    let items = value.as_array().ok_or_else(wrong)?;
    let percent = |item: &serde_json::Value| {
        item.as_f64()
            .filter(|number| number.fract() == 0.0 && (1.0..=100.0).contains(number))
            .map(|number| number as u32)
    };
    let steps = items.iter().map(percent).collect::<Option<Vec<_>>>().ok_or_else(wrong)?;
    let rising = steps.windows(2).all(|pair| pair[0] < pair[1]);
    if rising && steps.last() == Some(&100) { Ok(steps) } else { Err(wrong()) }
}

fn seconds(block: &Object<'_>, name: &str, default: u32, least: u32, most: u32) -> Result<u32, Error> {
    match block.optional_count(name)? {
        None => Ok(default),
        Some(seconds) if (least..=most).contains(&seconds) => Ok(seconds),
        Some(_) => Err(block.error(name, &format!("must be between {least} and {most}, or absent for {default}"))),
    }
}

fn choice<T: Copy>(block: &Object<'_>, name: &str, known: &[(&str, T)]) -> Result<Option<T>, Error> {
    let Some(text) = block.optional_text(name)? else { return Ok(None) };
    let found = known.iter().find(|(known, _)| *known == text).map(|(_, value)| *value);
    let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
    found.map(Some).ok_or_else(|| block.error(name, &format!("must be one of {}, not {text:?}", names.join(", "))))
}

/// An `Ops.ConfigInvalid` for an entry without the block.
pub(super) fn missing(catalog_id: &str) -> Error {
    let message = format!("entry.deployment of {catalog_id} is missing: add its listeners and target groups");
    Error::new(Kind::ConfigInvalid, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Entry;
    use crate::catalogue::tests::checkout;
    use serde_json::json;

    fn parsed(change: impl FnOnce(&mut serde_json::Value)) -> Result<Entry, Error> {
        let mut item = checkout();
        change(&mut item);
        Entry::parse(&item)
    }

    #[test]
    fn absent_fields_have_their_defaults() {
        let entry = parsed(|_| ()).unwrap();
        let deployment = entry.deployment().unwrap();
        assert_eq!(deployment.steps, STEPS);
        assert_eq!((deployment.window_seconds, deployment.bake_seconds, deployment.hold_seconds), (900, 900, 1_200));
        assert_eq!(deployment.inconclusive(1), Inconclusive::Hold);
        assert_eq!(deployment.inconclusive(2), Inconclusive::Rollback);
        assert_eq!(
            deployment.other_group(&deployment.green_target_group_arn),
            Some(&*deployment.blue_target_group_arn)
        );
        assert_eq!(deployment.other_group("arn:of:another"), None);
    }

    #[test]
    fn an_entry_without_the_block_says_so_when_it_is_needed() {
        let entry = parsed(|item| item["deployment"] = json!(null)).unwrap();
        let error = entry.deployment().unwrap_err();
        assert_eq!(error.kind(), Kind::ConfigInvalid);
        assert!(error.message().starts_with("entry.deployment of checkout is missing"), "{error}");
    }

    #[test]
    fn only_services_are_deployed() {
        let error = Entry::parse(&{
            let mut item = crate::catalogue::tests::database();
            item["deployment"] = json!({});
            item
        });
        assert!(error.unwrap_err().message().starts_with("entry.deployment belongs to"));
    }

    #[test]
    fn each_bad_field_is_named() {
        let cases = [
            ("blueTargetGroupArn", json!(null), "is missing: add it"),
            ("testListenerArn", json!("checkout-test"), "must be an ARN with \":listener/\" in it"),
            ("productionRuleArn", json!("arn:aws:x:listener/y"), "must be an ARN with \":listener-rule/\""),
            ("steps", json!([25, 5, 100]), "must be a list of whole percents"),
            ("steps", json!([5, 50]), "must be a list of whole percents"),
            ("steps", json!([]), "must be a list of whole percents"),
            ("windowSeconds", json!(60), "must be between 840 and 3000"),
            ("holdSeconds", json!(7200), "must be between 60 and 3300"),
            ("inconclusive", json!("wait"), "must be one of hold, rollback, not \"wait\""),
            ("mode", json!("dry-run"), "must be one of observe, plan, apply"),
            ("testUrl", json!(null), "is missing: smoke needs"),
            ("metrics", json!({}), "must be a list"),
        ];
        for (field, value, message) in cases {
            let error = parsed(|item| item["deployment"][field] = value).unwrap_err();
            assert_eq!(error.kind(), Kind::ConfigInvalid);
            let wanted = format!("entry.deployment.{field} {message}");
            assert!(error.message().starts_with(&wanted), "{}", error.message());
        }
    }

    #[test]
    fn the_parts_are_checked_by_their_own_fields() {
        let error = parsed(|item| item["deployment"]["migrations"] = json!({"directory": "../orders"})).unwrap_err();
        assert!(error.message().starts_with("entry.deployment.migrations.directory must be"), "{error}");
        let error = parsed(|item| item["deployment"]["smoke"]["requests"][0]["path"] = json!(7)).unwrap_err();
        assert!(error.message().starts_with("entry.deployment.smoke.requests[0].path"), "{error}");
        let error = parsed(|item| item["controller"] = json!("CODE_DEPLOY")).unwrap_err();
        assert_eq!(error.message(), "entry.deployment.application is missing: add it");
    }

    #[test]
    fn the_database_of_migrations_is_named_as_rds_names_it() {
        let named = |id: &str| {
            let migrations = json!({"directory": "orders", "dbInstanceId": id});
            parsed(|item| item["deployment"]["migrations"] = migrations)
        };
        let entry = named("orders-db").unwrap();
        let migrations = entry.deployment.unwrap().migrations.unwrap();
        assert_eq!(migrations.db_instance_id.as_deref(), Some("orders-db"));
        for id in ["7-db", "orders--db", "orders-", "arn:aws:rds:us-east-1:1:db:orders", "a".repeat(64).as_str()] {
            let error = named(id).unwrap_err();
            assert!(error.message().starts_with("entry.deployment.migrations.dbInstanceId must be"), "{error}");
        }
        let without = parsed(|item| item["deployment"]["migrations"] = json!({"directory": "orders"})).unwrap();
        assert_eq!(without.deployment.unwrap().migrations.unwrap().db_instance_id, None);
    }

    #[test]
    fn findings_and_floors_are_optional() {
        let entry = parsed(|_| ()).unwrap();
        assert_eq!(
            (entry.deployment().unwrap().max_findings.len(), &entry.deployment().unwrap().metrics[..]),
            (0, &[][..])
        );
        let metric = json!({"name": "orders placed", "namespace": "Shop", "metric": "OrdersPlaced",
            "dimensions": {"Stage": "production"}, "statistic": "Sum", "floor": 20});
        let entry = parsed(|item| {
            item["deployment"]["maxFindings"] = json!({"CRITICAL": 0, "HIGH": 2});
            item["deployment"]["metrics"] = json!([metric]);
        });
        let entry = entry.unwrap();
        let deployment = entry.deployment().unwrap();
        assert_eq!((deployment.max_findings["CRITICAL"], deployment.max_findings["HIGH"]), (0, 2));
        let [own] = &deployment.metrics[..] else { panic!("{:?}", deployment.metrics) };
        assert_eq!((own.id.as_str(), own.floor, own.dimensions["Stage"].as_str()), ("floor0", 20.0, "production"));
        let error = parsed(|item| item["deployment"]["maxFindings"] = json!({"SEVERE": 0})).unwrap_err();
        assert!(error.message().starts_with("entry.deployment.maxFindings.SEVERE must be a number of"), "{error}");
        for (field, value) in [("floor", json!(0)), ("statistic", json!(null)), ("dimensions", json!({"Stage": 7}))] {
            let mut wrong = metric.clone();
            wrong[field] = value;
            let error = parsed(|item| item["deployment"]["metrics"] = json!([wrong])).unwrap_err();
            assert!(error.message().starts_with(&format!("entry.deployment.metrics[0].{field}")), "{error}");
        }
    }

    #[test]
    fn two_names_for_one_thing_are_refused() {
        let error = parsed(|item| {
            item["deployment"]["greenTargetGroupArn"] = item["deployment"]["blueTargetGroupArn"].clone();
        });
        assert!(error.unwrap_err().message().contains("another group"));
        let error = parsed(|item| {
            item["deployment"]["testListenerArn"] = item["deployment"]["productionListenerArn"].clone();
        });
        assert!(error.unwrap_err().message().contains("another listener"));
    }
}
