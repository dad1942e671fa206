//! All groups of an application. Tencent lists ids once a second only, ten thousand at a time, and reads profiles fifty
//! at a time but two hundred times a second. So ids are listed by the largest page and handed out with their profiles in
//! parts; a token names the page of ids and the groups of it that were delivered last.

use std::collections::{HashMap, VecDeque};

use super::pages::{Fetch, Page};
use super::{Call, CallError, anchored, batch};
use contract::batches::Batch;
use contract::pb;
use contract::wire::paging;

/// "No such group."
const NOT_FOUND: i64 = 10010;
/// "The reply would exceed 1 MB."
const TOO_LARGE: i32 = 10018;
/// Ids that are listed at a time.
const IDS: i32 = 10_000;
/// Calls for the profiles of one message of a stream, all at once: what the quota allows in a round trip of 25 ms. A reply
/// has at most 1 MB; with more of them a message could become larger than clients take.
const CALLS: usize = 5;
/// How many of the ids delivered last a token carries; one of them must still be there.
const IN_TOKEN: usize = 4;

/// The groups of an application, from a token on.
pub struct Listed {
    /// Only groups of this type.
    kind: i32,
    filter: pb::GroupFilter,
    /// The page of ids at hand.
    page: Option<Ids>,
}

/// The part of a page of ids that was not delivered yet.
struct Ids {
    /// The token of the page.
    token: String,
    /// Where the stream is in it.
    place: String,
    ids: VecDeque<String>,
    /// The token of the next page.
    next: String,
}

impl Listed {
    /// The groups of a type, or all.
    pub fn new(kind: i32, filter: Option<pb::GroupFilter>) -> Self {
        Self { kind, filter: filter.unwrap_or_else(profile_only), page: None }
    }

    /// The page of ids that a token is in.
    async fn open(&mut self, call: &Call, token: &str) -> Result<&mut Ids, CallError> {
        let page = match self.page.take() {
            Some(page) if page.place == token => page,
            _ => self.list(call, token).await?,
        };
        Ok(self.page.insert(page))
    }

    async fn list(&self, call: &Call, place: &str) -> Result<Ids, CallError> {
        let (page_token, delivered) = split(place);
        let request = pb::ListGroupIdsRequest { r#type: self.kind, page_size: IDS, page_token: page_token.to_owned() };
        let reply = call.send(request).await?;
        let mut ids = VecDeque::from(reply.group_ids);
        if !delivered.is_empty() {
            let last = ids.iter().rposition(|id| delivered.contains(&id.as_str()));
            ids.drain(..=last.ok_or_else(|| anchored::moved(call))?);
        }
        Ok(Ids { token: page_token.to_owned(), place: place.to_owned(), ids, next: reply.next_page_token })
    }
}

impl Fetch<pb::GroupResult> for Listed {
    async fn fetch(&mut self, call: &Call, token: &str) -> Result<Page<pb::GroupResult>, CallError> {
        let filter = self.filter.clone();
        let page = self.open(call, token).await?;
        let ids: Vec<String> = page.ids.iter().take(CALLS * call.batch.cap(Batch::GetGroups)).cloned().collect();
        let items = profiles(call, &ids, &filter).await?;
        // Only now: when the profiles cannot be read, the same ids are tried again.
        page.ids.drain(..ids.len());
        let next = match (page.ids.is_empty(), page.next.is_empty()) {
            (true, true) => String::new(),
            (true, false) => format!("g{}", page.next),
            (false, _) => {
                let last = &ids[ids.len().saturating_sub(IN_TOKEN)..];
                format!("g{}\n{}", page.token, last.join("\n"))
            }
        };
        page.place.clone_from(&next);
        if page.ids.is_empty() {
            self.page = None;
        }
        Ok(Page { items, next })
    }
}

/// Whether a token is one of these lists.
pub fn is_valid(token: &str) -> bool {
    let page = split(token).0;
    token.is_empty() || (token.starts_with('g') && paging::is_valid(paging::Style::NextNumber, page))
}

/// The token of the page of ids, and the ids of it that were delivered last.
fn split(token: &str) -> (&str, Vec<&str>) {
    let mut parts = token.strip_prefix('g').unwrap_or_default().split('\n');
    (parts.next().unwrap_or_default(), parts.collect())
}

/// The profiles of listed groups, in the list's order. A group that vanished in between is left out; another failure of
/// one group stays in its result.
pub async fn profiles(
    call: &Call,
    ids: &[String],
    filter: &pb::GroupFilter,
) -> Result<Vec<pb::GroupResult>, CallError> {
    let read = |ids: &[String]| pb::GetGroupsRequest { group_ids: ids.to_vec(), filter: Some(filter.clone()) };
    let send = |call: Call, request: pb::GetGroupsRequest| async move { call.send(request).await };
    let parts = batch::in_parts(call, ids, call.batch.cap(Batch::GetGroups), read, send, too_large, |part, reply| {
        (part, reply)
    })
    .await;
    let mut found: HashMap<String, pb::GroupResult> = HashMap::with_capacity(ids.len());
    for (part, reply) in parts {
        let results = match (part, reply) {
            (_, Ok(reply)) => reply.results,
            ([id], Err(error)) if too_large(&error) => vec![unread(id, &error)],
            (_, Err(error)) => return Err(error),
        };
        found.extend(results.into_iter().map(|result| (id(&result).to_owned(), result)));
    }
    let results = ids.iter().map(|id| found.remove(id).unwrap_or_else(|| unnamed(id)));
    Ok(results.filter(|result| i64::from(result.error_code) != NOT_FOUND).collect())
}

fn too_large(error: &CallError) -> bool {
    error.reason() == pb::ErrorReason::ResponseTooLarge
}

/// Everything of the profile and no members.
pub fn profile_only() -> pb::GroupFilter {
    // The zero value asks for nothing; the others are numbered without a gap.
    let group_fields = (1..).map_while(|number| pb::GroupField::try_from(number).ok()).map(i32::from).collect();
    pb::GroupFilter { group_fields, ..pb::GroupFilter::default() }
}

/// The group that a result is about.
pub fn id(result: &pb::GroupResult) -> &str {
    result.group.as_ref().map(|group| group.group_id.as_str()).unwrap_or_default()
}

/// A group that is too large to be read with what the filter asks for.
fn unread(id: &str, error: &CallError) -> pb::GroupResult {
    pb::GroupResult {
        group: Some(pb::Group { group_id: id.to_owned(), ..pb::Group::default() }),
        reason: pb::ErrorReason::ResponseTooLarge.into(),
        error_code: TOO_LARGE,
        error_message: error.message(),
        ..pb::GroupResult::default()
    }
}

/// Tencent's reply leaves a group out that was asked for: it must not be dropped from a list.
fn unnamed(id: &str) -> pb::GroupResult {
    pb::GroupResult {
        group: Some(pb::Group { group_id: id.to_owned(), ..pb::Group::default() }),
        reason: pb::ErrorReason::UpstreamMalformedReply.into(),
        error_message: "Tencent's reply does not name this group".to_owned(),
        ..pb::GroupResult::default()
    }
}
