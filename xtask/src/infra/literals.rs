//! Accounts and regions: a template that names one works in no other.

use super::suite::Sources;

/// Literal accounts and regions in the templates.
pub(crate) fn check(sources: &Sources) -> Vec<String> {
    let templates = sources.iter().filter(|(path, _)| path.ends_with(".yaml"));
    templates.flat_map(|(path, text)| of_template(path, text)).collect()
}

fn of_template(path: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let words = || line.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-'));
        if let Some(account) = words().find(|word| word.len() == 12 && word.bytes().all(|byte| byte.is_ascii_digit())) {
            problems.push(format!("{path}:{}: account {account}: write ${{AWS::AccountId}}", number + 1));
        }
        if let Some(region) = words().find(|word| is_region(word)) {
            problems.push(format!("{path}:{}: region {region}: write ${{AWS::Region}}", number + 1));
        }
        if line.contains("arn:aws:") {
            problems.push(format!("{path}:{}: partition aws: write arn:${{AWS::Partition}}:", number + 1));
        }
    }
    problems
}

/// Such as `eu-central-1`.
fn is_region(word: &str) -> bool {
    let areas = ["af", "ap", "ca", "cn", "eu", "il", "me", "mx", "sa", "us"];
    let parts: Vec<&str> = word.split('-').collect();
    let [area, middle @ .., number] = parts.as_slice() else { return false };
    let named = middle.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase()));
    areas.contains(area)
        && !middle.is_empty()
        && named
        && number.len() == 1
        && number.bytes().all(|it| it.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_found_with_their_line() {
        let text = "A: arn:${AWS::Partition}:x\nB: arn:aws:sns:eu-central-1:123456789012:t\nC: up-to-1\n";
        let problems = of_template("t.yaml", text);
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems.iter().all(|problem| problem.starts_with("t.yaml:2: ")), "{problems:?}");
    }
}
