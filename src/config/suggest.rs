//! What was probably meant by a name that does not exist.

/// A question after the nearest name, or the names that exist.
pub(super) fn did_you_mean<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match nearest(wrong, names.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("write one of: {}", names.into_iter().collect::<Vec<_>>().join(", ")),
    }
}

/// The name that differs by a few letters at most; separators and case do not count.
pub(super) fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const MOST_LETTERS: usize = 3;
    let plain = |name: &str| name.replace(['.', '_', '-'], "").to_ascii_lowercase();
    let wanted = plain(wrong);
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&plain(name), &wanted), name))
        .filter(|(distance, _)| *distance <= MOST_LETTERS)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
