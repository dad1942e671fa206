//! SPIFFE identities, as the SPIFFE standard has them.

/// The longest id that the standard allows.
const LONGEST: usize = 2048;
const SCHEME: &str = "spiffe://";

/// The one SPIFFE id among the URIs that name a client. Two of them, or one that the standard does not allow, count as none.
pub fn identity<T: AsRef<str>>(uris: impl IntoIterator<Item = T>) -> Option<String> {
    let mut ids = uris.into_iter().filter(|uri| uri.as_ref().starts_with(SCHEME));
    let id = ids.next()?;
    (ids.next().is_none() && is_valid(id.as_ref())).then(|| id.as_ref().to_owned())
}

/// Whether it is a trust domain with a path, in the characters that the standard allows.
fn is_valid(id: &str) -> bool {
    let Some(rest) = id.strip_prefix(SCHEME).filter(|_| id.len() <= LONGEST) else { return false };
    let mut segments = rest.split('/');
    let domain = segments.next().unwrap_or_default();
    let in_domain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
    let in_path = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    !domain.is_empty()
        && domain.len() <= 255
        && domain.bytes().all(in_domain)
        && segments.all(|segment| !matches!(segment, "" | "." | "..") && segment.bytes().all(in_path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_standard_allows_is_an_identity() {
        let longest = format!("spiffe://a.example/{}", "x".repeat(2048 - 19));
        for id in ["spiffe://cluster.local/ns/shop/sa/orders", "spiffe://a.example", "spiffe://a/B_1.x-y", &longest] {
            assert_eq!(identity([id]).as_deref(), Some(id));
        }
    }

    #[test]
    fn anything_else_is_none() {
        let long = format!("spiffe://a.example/{}", "x".repeat(2048 - 18));
        let long_domain = format!("spiffe://{}/x", "a".repeat(256));
        for id in [
            "spiffe://",
            "spiffe:///x",
            "spiffe://A.example/x",
            "spiffe://a.example:443/x",
            "spiffe://user@a.example/x",
            "spiffe://a/x/",
            "spiffe://a//x",
            "spiffe://a/../x",
            "spiffe://a/x?y",
            "spiffe://a/x#y",
            "spiffe://a/%78",
            "spiffe://a/x y",
            "spiffe://a/größe",
            "https://a/x",
            &long,
            &long_domain,
        ] {
            assert_eq!(identity([id]), None, "{id}");
        }
        assert_eq!(identity(["spiffe://a/x", "spiffe://a/y"]), None);
        assert_eq!(identity(["spiffe://a/x", "spiffe://a/%"]), None);
    }
}
