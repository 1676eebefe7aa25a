//! Instance classes and node types: `db.r6g.large` is family `db.r6g`, size `large`.

/// Sizes in ascending order; a multiple of `xlarge` ranks by its number.
const NAMED: [&str; 6] = ["nano", "micro", "small", "medium", "large", "xlarge"];

/// The family and the rank of the size; `None` when the name has no known size.
fn parse(class: &str) -> Option<(&str, u32)> {
    let (family, size) = class.rsplit_once('.')?;
    if let Some(rank) = NAMED.iter().position(|name| *name == size) {
        return Some((family, rank as u32));
    }
    let multiple: u32 = size.strip_suffix("xlarge")?.parse().ok()?;
    // `xlarge` is rank 5, so `2xlarge` and upwards follow it.
    (multiple >= 2).then_some((family, 4 + multiple))
}

/// The next larger of `offered` in the family of `current`, and not above `largest`.
pub(super) fn next_larger<'a>(current: &str, offered: &'a [String], largest: Option<&str>) -> Option<&'a str> {
    let (family, rank) = parse(current)?;
    let ceiling = match largest {
        None => u32::MAX,
        // A limit in another family permits nothing: the two cannot be compared.
        Some(largest) => parse(largest).filter(|(limit_family, _)| *limit_family == family)?.1,
    };
    let larger = offered.iter().filter_map(|class| {
        let (other, size) = parse(class)?;
        (other == family && size > rank && size <= ceiling).then_some((size, class.as_str()))
    });
    larger.min().map(|(_, class)| class)
}

/// Whether `class` is a larger size of the same family.
pub(super) fn larger(class: &str, than: &str) -> bool {
    matches!((parse(class), parse(than)), (Some((one, size)), Some((other, least))) if one == other && size > least)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(classes: &[&str]) -> Vec<String> {
        classes.iter().map(|class| (*class).to_owned()).collect()
    }

    #[test]
    fn the_next_size_is_the_smallest_larger_one_of_the_family() {
        let list = offered(&["db.r6g.4xlarge", "db.r5.xlarge", "db.r6g.2xlarge", "db.r6g.large", "db.r6g.medium"]);
        assert_eq!(next_larger("db.r6g.large", &list, None), Some("db.r6g.2xlarge"));
        assert_eq!(next_larger("db.r6g.4xlarge", &list, None), None);
        assert_eq!(next_larger("db.r6g.large", &list, Some("db.r6g.xlarge")), None);
        assert_eq!(next_larger("db.r6g.large", &list, Some("db.m6g.xlarge")), None);
        assert_eq!(next_larger("strange", &list, None), None);
    }

    #[test]
    fn sizes_are_ordered() {
        let order = ["t.nano", "t.micro", "t.small", "t.medium", "t.large", "t.xlarge", "t.2xlarge", "t.16xlarge"];
        assert!(order.windows(2).all(|pair| larger(pair[1], pair[0]) && !larger(pair[0], pair[1])));
        assert!(!larger("db.m5.xlarge", "db.r5.large"));
    }
}
