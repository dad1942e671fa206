//! `x-forwarded-client-cert`, as Envoy writes it: one element for each proxy, `Key=Value` pairs in each.

use http::HeaderMap;

use super::XFCC;

/// The SPIFFE identity of the client that the nearest proxy saw: the last element, since each proxy appends its own. Two
/// identities are none, as in a certificate.
pub fn identity(headers: &HeaderMap) -> Option<String> {
    let value = headers.get_all(XFCC).iter().next_back()?.to_str().ok()?;
    let element = split(value, ',').pop()?;
    let pairs = split(&element, ';');
    let mut identities = pairs.iter().filter_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        let value = unquote(value.trim());
        (key.trim().eq_ignore_ascii_case("uri") && value.starts_with("spiffe://")).then_some(value)
    });
    let identity = identities.next()?;
    identities.next().is_none().then_some(identity)
}

/// Splits at a separator that does not stand in quotes.
fn split(text: &str, separator: char) -> Vec<String> {
    let (mut parts, mut quoted, mut escaped) = (vec![String::new()], false, false);
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if c == separator && !quoted => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts
}

fn unquote(value: &str) -> String {
    match value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) {
        Some(inner) => inner.replace("\\\"", "\""),
        None => value.to_owned(),
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
        assert_eq!(of("Hash=1f;DNS=a.example"), None);
    }
}
