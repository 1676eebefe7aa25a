//! The ways a caller may name a function: its name, its ARN, or part of its ARN.

use percent_encoding::percent_decode_str;

/// No such function here; the text is for the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unknown(pub(crate) String);

/// A function and the version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) function: String,
    pub(crate) qualifier: Option<String>,
}

/// Reads a name from the path, and the qualifier from the path or the query.
pub(crate) fn resolve(path: &str, query: &str, region: &str, account: &str) -> Result<Name, Unknown> {
    let text = percent_decode_str(path).decode_utf8_lossy().into_owned();
    let mut name = parse(&text, region, account)?;
    let asked = query.split('&').find_map(|pair| pair.strip_prefix("Qualifier="));
    if let Some(asked) = asked.filter(|asked| !asked.is_empty()) {
        name.qualifier.get_or_insert_with(|| percent_decode_str(asked).decode_utf8_lossy().into_owned());
    }
    Ok(name)
}

fn parse(text: &str, region: &str, account: &str) -> Result<Name, Unknown> {
    let parts: Vec<&str> = text.split(':').collect();
    let (there, owner, rest) = match parts.as_slice() {
        ["arn", _, "lambda", there, owner, "function", rest @ ..] => (*there, *owner, rest),
        [owner, "function", rest @ ..] => (region, *owner, rest),
        rest => (region, account, rest),
    };
    if there != region {
        return Err(Unknown(format!("Functions from '{there}' are not reachable in this region ('{region}')")));
    }
    match rest {
        [function, qualifier @ ..] if qualifier.len() < 2 && owner == account => Ok(Name {
            function: (*function).to_owned(),
            qualifier: qualifier.first().map(|qualifier| (*qualifier).to_owned()),
        }),
        _ => Err(Unknown(format!("Function not found: {text}"))),
    }
}

impl Name {
    /// The host has one version of each function.
    pub(crate) fn is_latest(&self) -> bool {
        self.qualifier.as_deref().is_none_or(|qualifier| qualifier == "$LATEST")
    }

    /// The ARN, as AWS writes it into errors.
    pub(crate) fn arn(&self, region: &str, account: &str) -> String {
        let arn = arn(region, account, &self.function);
        self.qualifier.as_ref().map_or(arn.clone(), |qualifier| format!("{arn}:{qualifier}"))
    }
}

/// The ARN of a function.
pub(crate) fn arn(region: &str, account: &str, function: &str) -> String {
    format!("arn:aws:lambda:{region}:{account}:function:{function}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(path: &str, query: &str) -> Result<Name, Unknown> {
        resolve(path, query, "us-east-1", "123456789012")
    }

    #[test]
    fn every_form_names_the_function() {
        for path in [
            "echo",
            "123456789012:function:echo",
            "arn:aws:lambda:us-east-1:123456789012:function:echo",
            "arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Aecho",
        ] {
            assert_eq!(resolved(path, "").unwrap(), Name { function: "echo".into(), qualifier: None }, "{path}");
        }
    }

    #[test]
    fn a_qualifier_comes_with_the_name_or_the_query() {
        assert!(resolved("echo:$LATEST", "").unwrap().is_latest());
        assert!(resolved("echo", "Qualifier=%24LATEST").unwrap().is_latest());
        let old = resolved("echo", "Qualifier=7").unwrap();
        assert!(!old.is_latest());
        assert_eq!(old.arn("us-east-1", "123456789012"), "arn:aws:lambda:us-east-1:123456789012:function:echo:7");
    }

    #[test]
    fn other_regions_and_accounts_are_unknown() {
        let elsewhere = resolved("arn:aws:lambda:eu-west-1:123456789012:function:echo", "").unwrap_err();
        assert_eq!(elsewhere.0, "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')");
        assert!(resolved("999999999999:function:echo", "").unwrap_err().0.starts_with("Function not found"));
        assert!(resolved("a:b:c", "").is_err());
    }
}
