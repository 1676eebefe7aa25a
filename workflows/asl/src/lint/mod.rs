//! Warnings: what works and is probably not what was meant. One rule per file, and a line in [`RULES`].

mod error_name;
mod no_dollar;
mod static_result;
mod task_timeout;

use crate::visit::Visited;
use crate::{Code, Definition, Diagnostic};

/// One rule. Each has a case in `tests/cases` called `lint_` and its code in small letters.
struct Rule {
    /// What its findings are.
    code: Code,
    /// Looks at one state.
    check: fn(&Visited<'_>) -> Vec<Finding>,
}

/// What a rule has to say.
struct Finding {
    message: String,
    location: String,
}

impl Finding {
    fn new(message: impl Into<String>, location: impl Into<String>) -> Self {
        Self { message: message.into(), location: location.into() }
    }
}

/// Every rule, in the order in which they look at a state.
static RULES: [Rule; 4] = [
    Rule { code: Code::TaskWithoutTimeout, check: task_timeout::check },
    Rule { code: Code::UnreachableErrorName, check: error_name::check },
    Rule { code: Code::NoDollar, check: no_dollar::check },
    Rule { code: Code::PassResultIsStatic, check: static_result::check },
];

/// Every warning about a definition without errors.
pub(crate) fn check(definition: &Definition) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    definition.visit(&mut |visited| {
        for rule in &RULES {
            let findings = (rule.check)(&visited).into_iter();
            found.extend(findings.map(|finding| Diagnostic::warning(rule.code, finding.message, finding.location)));
        }
    });
    found
}

#[cfg(test)]
mod tests {
    use super::RULES;

    #[test]
    fn every_rule_has_a_case_that_it_finds() {
        for rule in &RULES {
            let name = format!("lint_{}.json", rule.code.name().to_lowercase());
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(&name);
            let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let codes: Vec<_> = crate::parse(&text).diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
            assert!(codes.contains(&rule.code), "{name} gives {codes:?}");
        }
    }
}
