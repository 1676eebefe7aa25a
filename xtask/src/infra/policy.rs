//! What roles and policies of a template allow.

use serde_json::Value;

/// One action on one resource that is allowed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Grant {
    /// For example `ecs:UpdateService`.
    pub(crate) action: String,
    /// The resource, as the template writes it.
    pub(crate) resource: Value,
    /// Whether a condition narrows it.
    pub(crate) narrowed: bool,
}

impl Grant {
    /// Whether it holds for every resource there is.
    pub(crate) fn is_for_all(&self) -> bool {
        self.resource == "*"
    }
}

/// What the policies written in a role allow; policies it only refers to are not among them.
pub(crate) fn of_role(properties: &Value) -> Vec<Grant> {
    list(&properties["Policies"]).iter().flat_map(|policy| of_document(&policy["PolicyDocument"])).collect()
}

/// What a policy document allows.
pub(crate) fn of_document(document: &Value) -> Vec<Grant> {
    list(&document["Statement"]).iter().flat_map(|statement| of_statement(unconditional(statement))).collect()
}

/// The statement that `Fn::If` chooses when its condition holds.
fn unconditional(statement: &Value) -> &Value {
    statement.get("Fn::If").map_or(statement, |choice| &choice[1])
}

fn of_statement(statement: &Value) -> Vec<Grant> {
    if statement["Effect"] != "Allow" {
        return Vec::new();
    }
    let narrowed = statement.get("Condition").is_some();
    let resources = one_or_many(&statement["Resource"]);
    let actions = one_or_many(&statement["Action"]);
    let each = |action: &Value| {
        let action = action.as_str().unwrap_or_default().to_owned();
        resources.iter().map(move |resource| Grant { action: action.clone(), resource: (*resource).clone(), narrowed })
    };
    actions.into_iter().flat_map(each).collect()
}

fn one_or_many(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |items| items.iter().collect())
}

/// The items of a list; none where there is no list.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_statement_behind_a_condition_counts_and_a_denial_does_not() {
        let allowed = json!({"Effect": "Allow", "Action": ["a:B", "a:C"], "Resource": "*", "Condition": {}});
        let document = json!({"Statement": [{"Fn::If": ["X", allowed, {"Ref": "AWS::NoValue"}]},
            {"Effect": "Deny", "Action": "a:D", "Resource": "*"}]});
        let grants = of_document(&document);
        let names: Vec<_> = grants.iter().map(|grant| grant.action.as_str()).collect();
        assert_eq!(names, ["a:B", "a:C"]);
        assert!(grants.iter().all(|grant| grant.is_for_all() && grant.narrowed));
    }
}
