//! Paging: opaque tokens that are only good for the listing that gave them, and for a day.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use execution::Millis;

use crate::fault::Fault;
use crate::fields::{Fields, Text};

/// How long a token is good for: 24 hours, of the engine's time.
const GOOD_FOR: Millis = 24 * 60 * 60 * 1000;
/// Items of a page where the request does not say.
const DEFAULT_ITEMS: usize = 100;

/// A page that a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// After which item it begins.
    after: Option<Cursor>,
    /// Items at most.
    items: usize,
    /// What the token is good for: the operation with the arguments that choose its items.
    scope: String,
    /// When it is asked for.
    now: Millis,
}

/// The last item of the page before.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cursor {
    /// Its index then: where to go on when the item itself is gone.
    index: usize,
    /// What names it, so that items which came or went before it neither hide nor repeat one.
    key: String,
    /// When its page was given.
    given: Millis,
}

impl Page {
    /// Reads `maxResults` (0 to 1,000, 0 means 100) and `nextToken` (at most `longest` characters); refuses the request
    /// where any of its fields read so far is bad. `scope` says what the token must be good for.
    pub(crate) fn read(fields: &mut Fields<'_>, longest: usize, scope: String, now: Millis) -> Result<Self, Fault> {
        let items = fields.number("maxResults", &(0..=1000)).and_then(|items| usize::try_from(items).ok());
        let token = fields.optional("nextToken", &Text::of(1..=longest));
        fields.check()?;
        let after = match token {
            None => None,
            Some(token) => {
                let cursor = Cursor::read(token, &scope).filter(|cursor| cursor.is_good(now));
                Some(cursor.ok_or_else(|| Fault::caller("InvalidToken", "Invalid Token: 'Invalid token'"))?)
            }
        };
        Ok(Self { after, items: items.filter(|items| *items > 0).unwrap_or(DEFAULT_ITEMS), scope, now })
    }

    /// The page's part of `all`, and the token of the page after it, where there is one. `key` names an item.
    pub(crate) fn cut<'a, T>(&self, all: &'a [T], key: impl Fn(&T) -> String) -> (&'a [T], Option<String>) {
        let start = self.after.as_ref().map_or(0, |cursor| cursor.next(all, &key));
        let end = start.saturating_add(self.items).min(all.len());
        let items = &all[start..end];
        let next = items.last().filter(|_| end < all.len());
        (items, next.map(|last| Cursor { index: end - 1, key: key(last), given: self.now }.token(&self.scope)))
    }

    /// Items that the page has at most.
    pub(crate) const fn items(&self) -> usize {
        self.items
    }

    /// After which position the page begins, in a listing whose items have one that never changes.
    pub(crate) fn position(&self) -> Option<u64> {
        self.after.as_ref()?.key.parse().ok()
    }

    /// The token of the page after `position`.
    pub(crate) fn after(&self, position: u64) -> String {
        Cursor { index: 0, key: position.to_string(), given: self.now }.token(&self.scope)
    }
}

impl Cursor {
    /// Index of the item after this one.
    fn next<T>(&self, all: &[T], key: impl Fn(&T) -> String) -> usize {
        let same = |index: &usize| all.get(*index).is_some_and(|item| key(item) == self.key);
        let found = Some(self.index).filter(same).or_else(|| all.iter().position(|item| key(item) == self.key));
        found.map_or(self.index, |index| index + 1).min(all.len())
    }

    fn token(&self, scope: &str) -> String {
        let mut bytes = self.seal(scope).to_be_bytes().to_vec();
        bytes.extend((self.index as u64).to_be_bytes());
        bytes.extend(self.given.to_be_bytes());
        bytes.extend(self.key.bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// `None` where `token` is not one that [`Cursor::token`] gave for `scope`.
    fn read(token: &str, scope: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let seal = u64::from_be_bytes(bytes.get(..8)?.try_into().ok()?);
        let index = u64::from_be_bytes(bytes.get(8..16)?.try_into().ok()?);
        let given = Millis::from_be_bytes(bytes.get(16..24)?.try_into().ok()?);
        let key = String::from_utf8(bytes.get(24..)?.to_vec()).ok()?;
        let cursor = Self { index: usize::try_from(index).ok()?, key, given };
        (seal == cursor.seal(scope)).then_some(cursor)
    }

    fn seal(&self, scope: &str) -> u64 {
        fingerprint(&format!("{scope}\n{}\n{}\n{}", self.index, self.given, self.key))
    }

    /// Whether it is not too old.
    const fn is_good(&self, now: Millis) -> bool {
        now.saturating_sub(self.given) <= GOOD_FOR
    }
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo): tells tokens apart, guards against mistakes and not against forgers, who would
/// gain nothing.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn page(body: &serde_json::Value, scope: &str) -> Result<Page, Fault> {
        page_at(body, scope, 0)
    }

    fn page_at(body: &serde_json::Value, scope: &str, now: Millis) -> Result<Page, Fault> {
        Page::read(&mut Fields::of(body).unwrap(), 1024, scope.to_owned(), now)
    }

    fn name(number: &usize) -> String {
        number.to_string()
    }

    #[test]
    fn pages_follow_each_other_to_the_end() {
        let all: Vec<usize> = (0..25).collect();
        let mut body = json!({"maxResults": 10});
        let mut seen = Vec::new();
        loop {
            let page = page(&body, "ListX").unwrap();
            let (items, next) = page.cut(&all, name);
            seen.extend_from_slice(items);
            match next {
                Some(token) => body["nextToken"] = token.into(),
                None => break,
            }
        }
        assert_eq!(seen, all);
    }

    #[test]
    fn a_listing_of_positions_goes_on_after_one() {
        let first = page(&json!({"maxResults": 2}), "x").unwrap();
        assert_eq!((first.position(), first.items()), (None, 2));
        let second = page(&json!({"nextToken": first.after(17)}), "x").unwrap();
        assert_eq!(second.position(), Some(17));
    }

    #[test]
    fn items_that_come_or_go_meanwhile_do_not_disturb_the_rest() {
        let (_, next) = page(&json!({"maxResults": 2}), "x").unwrap().cut(&[5, 4, 3, 2], name);
        let second = page(&json!({"nextToken": next.unwrap()}), "x").unwrap();
        assert_eq!(second.cut(&[7, 6, 5, 4, 3, 2], name).0, [3, 2], "two came before");
        assert_eq!(second.cut(&[5, 3, 2], name).0, [3, 2], "the last item shown is gone: by its index");
        assert_eq!(second.cut(&[5], name).0, [0_usize; 0], "everything behind is gone");
    }

    #[test]
    fn zero_means_the_default() {
        assert_eq!(page(&json!({"maxResults": 0}), "x").unwrap().items, 100);
    }

    #[test]
    fn a_token_is_refused_elsewhere_and_when_changed() {
        let (_, next) = page(&json!({"maxResults": 1}), "a").unwrap().cut(&[1, 2], name);
        let token = next.unwrap();
        assert!(page(&json!({"nextToken": token}), "a").is_ok());
        for (body, scope) in [
            (json!({"nextToken": token}), "b"),
            (json!({"nextToken": format!("{token}AAAA")}), "a"),
            (json!({"nextToken": "nonsense"}), "a"),
        ] {
            assert_eq!(page(&body, scope).unwrap_err().code, "InvalidToken");
        }
    }

    #[test]
    fn a_token_is_good_for_a_day_of_the_engines_time() {
        let (_, next) = page_at(&json!({"maxResults": 1}), "a", 5000).unwrap().cut(&[1, 2], name);
        let body = json!({"nextToken": next.unwrap()});
        assert_eq!(page_at(&body, "a", 5000 + GOOD_FOR).unwrap().cut(&[1, 2], name).0, [2]);
        let refused = page_at(&body, "a", 5001 + GOOD_FOR).unwrap_err();
        assert_eq!((&*refused.code, &*refused.message), ("InvalidToken", "Invalid Token: 'Invalid token'"));
    }

    #[test]
    fn a_token_too_long_is_a_validation_error() {
        let fault = page(&json!({"nextToken": "x".repeat(1025)}), "a").unwrap_err();
        assert!(fault.message.ends_with(
            "at 'nextToken' failed to satisfy constraint: Member must have length less than or equal to 1024"
        ));
    }
}
