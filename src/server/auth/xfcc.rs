//! `x-forwarded-client-cert`, as Envoy writes it: one element for each proxy, `Key=Value` pairs in each.

use http::{HeaderMap, HeaderName};

use crate::server::spiffe;

/// Set by proxies that ended a TLS connection for us.
pub const XFCC: HeaderName = HeaderName::from_static("x-forwarded-client-cert");

/// The SPIFFE identity of the client that the nearest proxy saw: the last element, since each proxy appends its own. A value
/// that is not quoted as it must be has none: readers could see different elements in it.
pub fn identity(headers: &HeaderMap) -> Option<String> {
    let value = headers.get_all(XFCC).iter().next_back()?.to_str().ok()?;
    let element = split(value, ',')?.pop()?;
    let mut uris = Vec::new();
    for pair in split(element, ';')? {
        let (key, value) = pair.split_once('=')?;
        let value = unquote(value.trim())?;
        if key.trim().eq_ignore_ascii_case("uri") {
            uris.push(value);
        }
    }
    spiffe::identity(uris)
}

/// Splits at a separator that does not stand in quotes; `None` if a quote is left open.
fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut parts, mut from, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if c == separator && !quoted => {
                parts.push(&text[from..at]);
                from = at + separator.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    (!quoted).then_some(parts)
}

/// The text of a value: quoted as a whole, with its quotes escaped, or free of quotes.
fn unquote(value: &str) -> Option<String> {
    let Some(rest) = value.strip_prefix('"') else { return (!value.contains('"')).then(|| value.to_owned()) };
    let (mut text, mut rest) = (String::new(), rest.chars());
    loop {
        match rest.next()? {
            '"' => return rest.next().is_none().then_some(text),
            '\\' => text.push(rest.next()?),
            c => text.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(value: &'static str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(XFCC, HeaderValue::from_static(value));
        identity(&headers)
    }

    #[test]
    fn two_identities_are_none() {
        assert_eq!(of("Hash=1f;URI=spiffe://a/x;URI=spiffe://a/y"), None);
        assert_eq!(of("Hash=1f;URI=https://a/x;URI=spiffe://a/y").as_deref(), Some("spiffe://a/y"));
    }

    #[test]
    fn the_last_element_counts() {
        let value = "By=spiffe://a/x;URI=spiffe://a/first,By=spiffe://a/y;Hash=1f;URI=spiffe://a/last";
        assert_eq!(of(value).as_deref(), Some("spiffe://a/last"));
    }

    #[test]
    fn quoted_values_cannot_make_elements_up() {
        let value = r#"Subject="/C=US,URI=spiffe://a/fake;URI=spiffe://a/fake";URI=spiffe://a/real"#;
        assert_eq!(of(value).as_deref(), Some("spiffe://a/real"));
        assert_eq!(of(r#"Subject="x\",URI=spiffe://a/fake""#), None);
        assert_eq!(of(r#"Subject="a \\";URI=spiffe://a/real"#).as_deref(), Some("spiffe://a/real"));
        assert_eq!(of("Hash=1f;DNS=a.example"), None);
    }

    #[test]
    fn a_value_that_is_not_quoted_well_has_no_identity() {
        for value in [
            r#"Subject="open;URI=spiffe://a/x"#,
            r#"URI=spiffe://a/first,Subject="open,URI=spiffe://a/x"#,
            r#"URI="spiffe://a/x"#,
            r#"URI=spiffe://a/x""#,
            r#"URI="spiffe://a/x"y"#,
            r#"URI="spiffe://a/x" "y""#,
            r#"URI=spiffe://a/"x""#,
            r#"Hash=1f"2"3;URI=spiffe://a/x"#,
            r#"Subject="x\";URI=spiffe://a/x"#,
            "URI",
            "URI=spiffe://a/x;junk",
            "URI=spiffe://a/x;",
            "",
        ] {
            assert_eq!(of(value), None, "{value}");
        }
        assert_eq!(of(r#"URI="spiffe://a/x";Hash=1f"#).as_deref(), Some("spiffe://a/x"));
    }
}
