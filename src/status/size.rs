//! Keeps an error within what clients and proxies take in headers: 8 KiB for all of them, by default. Whatever is longer is
//! shortened; code, reason, the metadata's keys and the first violations stay.

use std::collections::HashMap;

use tonic::metadata::MetadataMap;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, PreconditionViolation, QuotaViolation, StatusExt};

/// Message and details together, as they are sent. The rest is for other headers and trailers.
const MOST: usize = 4608;
/// The message, as it is sent.
const LONGEST_MESSAGE: usize = 1536;
/// A value of the metadata. Tencent's own text is one of them.
const LONGEST_VALUE: usize = 1536;
/// Any other text of the details.
const LONGEST_TEXT: usize = 256;
/// What a violation takes beside its texts.
const FRAME: usize = 12;
/// What the entry takes that counts the violations which are not listed.
const COUNT: usize = 64;
const ELLIPSIS: char = '…';

/// A status whose message and details are short enough. `unlisted` is how many violations there are besides those in the
/// details.
pub fn bounded(code: Code, message: &str, mut details: ErrorDetails, unlisted: usize, trailers: MetadataMap) -> Status {
    let message = shorten(message, LONGEST_MESSAGE, sent_in_message);
    let violations = details.bad_request().map(|request| request.field_violations.clone()).unwrap_or_default();
    shorten_texts(&mut details);
    if !violations.is_empty() {
        details.set_bad_request(Vec::new());
        let others = sent_in_details(Status::with_error_details(code, "", details.clone()).details().len());
        let room = MOST.saturating_sub(message.chars().map(sent_in_message).sum::<usize>() + others);
        details.set_bad_request(first(violations, unlisted, room));
    }
    Status::with_error_details_and_metadata(code, message, details, trailers)
}

/// The first violations, and an entry that says how many more there are.
fn first(violations: Vec<FieldViolation>, mut unlisted: usize, room: usize) -> Vec<FieldViolation> {
    let (mut listed, mut taken) = (Vec::new(), sent_in_details(COUNT));
    for FieldViolation { field, description, .. } in violations {
        let violation = FieldViolation::new(shorten_text(&field), shorten_text(&description));
        taken += sent_in_details(FRAME + violation.field.len() + violation.description.len());
        // What comes after one that has no room is not listed either: they are the first ones.
        if taken <= room { listed.push(violation) } else { unlisted += 1 }
    }
    if unlisted > 0 {
        listed.push(FieldViolation::new("", format!("{unlisted} more violations are not listed")));
    }
    listed
}

fn shorten_texts(details: &mut ErrorDetails) {
    if let Some(info) = details.error_info().cloned() {
        let value = |text: &str| shorten(text, LONGEST_VALUE, char::len_utf8);
        let metadata = info.metadata.iter().map(|(key, text)| (key.clone(), value(text)));
        details.set_error_info(info.reason, info.domain, metadata.collect::<HashMap<_, _>>());
    }
    if let Some(resource) = details.resource_info().cloned() {
        let [kind, name, owner, description] =
            [resource.resource_type, resource.resource_name, resource.owner, resource.description]
                .map(|text| shorten_text(&text));
        details.set_resource_info(kind, name, owner, description);
    }
    if let Some(quota) = details.quota_failure() {
        let short = |it: &QuotaViolation| QuotaViolation::new(shorten_text(&it.subject), shorten_text(&it.description));
        let violations: Vec<_> = quota.violations.iter().map(short).collect();
        details.set_quota_failure(violations);
    }
    if let Some(failure) = details.precondition_failure() {
        let short = |it: &PreconditionViolation| {
            PreconditionViolation::new(&it.r#type, shorten_text(&it.subject), shorten_text(&it.description))
        };
        let violations: Vec<_> = failure.violations.iter().map(short).collect();
        details.set_precondition_failure(violations);
    }
}

fn shorten_text(text: &str) -> String {
    shorten(text, LONGEST_TEXT, char::len_utf8)
}

/// The text, or its beginning and its end: the end of a path names the field, that of a message says what to do.
fn shorten(text: &str, most: usize, size: fn(char) -> usize) -> String {
    if text.chars().map(size).sum::<usize>() <= most {
        return text.to_owned();
    }
    let most = most - size(ELLIPSIS);
    let within = |limit: usize| {
        let mut taken = 0;
        move |c: &char| {
            taken += size(*c);
            taken <= limit
        }
    };
    let beginning: String = text.chars().take_while(within(most / 3 * 2)).collect();
    let end: Vec<char> = text.chars().rev().take_while(within(most / 3)).collect();
    let end: String = end.into_iter().rev().collect();
    format!("{beginning}{ELLIPSIS}{end}")
}

/// How long a character becomes in `grpc-message`: each of its bytes takes three where it is encoded.
fn sent_in_message(c: char) -> usize {
    let plain = c.is_ascii_graphic() && !"\"#%<>`?{}".contains(c);
    if plain { 1 } else { 3 * c.len_utf8() }
}

/// How long bytes become in `grpc-status-details-bin`, which is base64.
fn sent_in_details(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}
