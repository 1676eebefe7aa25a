//! Quotas of the account: AWS's, but for those that the command line says.

use engine::Quotas;

/// A quota as it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    StateMachines(usize),
    Activities(usize),
    OpenExecutions(usize),
    Pollers(usize),
}

/// Reads `NAME=N`.
pub(super) fn parse(text: &str) -> Result<Given, String> {
    let (name, number) = text.split_once('=').ok_or("give NAME=N")?;
    let number = number.parse().map_err(|_| format!("'{number}' is no number"))?;
    match name {
        "state-machines" => Ok(Given::StateMachines(number)),
        "activities" => Ok(Given::Activities(number)),
        "open-executions" => Ok(Given::OpenExecutions(number)),
        "pollers" => Ok(Given::Pollers(number)),
        _ => Err("use state-machines, activities, open-executions or pollers".to_owned()),
    }
}

/// The account's quotas.
pub(super) fn of(given: &[Given]) -> Quotas {
    let mut quotas = Quotas::default();
    for quota in given {
        match *quota {
            Given::StateMachines(most) => quotas.state_machines = most,
            Given::Activities(most) => quotas.activities = most,
            Given::OpenExecutions(most) => quotas.open_executions = most,
            Given::Pollers(most) => quotas.pollers = most,
        }
    }
    quotas
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_are_named_and_counted() {
        let quotas = of(&[parse("pollers=2").unwrap(), parse("open-executions=3").unwrap()]);
        assert_eq!((quotas.pollers, quotas.open_executions, quotas.activities), (2, 3, 100_000));
        assert!(parse("pollers").is_err() && parse("pollers=x").unwrap_err().contains("'x'") && parse("x=1").is_err());
    }
}
