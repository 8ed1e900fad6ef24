//! What people have seen.
//!
//! Owns the parts `viewed#USER` (what was last said of each event), `viewed_at#USER` (the same by time, for whoever
//! asks what was marked since) and `viewed_up_to`. The list by time is written first and never changed: it is a hint,
//! and what it names counts only where the event's own item says the same. So a crash between the two, or two devices
//! at once, leave at most a hint that is passed over.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use camtrail_model::{
    EventId, Millis, Order,
    ports::{CatalogError, ReviewState, Viewed, ViewedPage},
    review::{Mark, Reviewed, Step, UpTo, is_viewed},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::{
    DynamoAccounts,
    shelf::{BATCH_MAX, Condition, Shelf, key},
};
use crate::{
    attributes::{Item, corrupt, get_bool, get_number, get_text, number, text},
    call::pause,
    tables::{EXPIRES_AT, META_KEY},
};

const UP_TO: &str = "viewed_up_to";
const STEPS: &str = "said_steps";
const VIEWED: &str = "is_viewed";
const AT: &str = "said_at";

/// Marks written at once.
const AT_ONCE: usize = 16;
/// Writers of one person's steps who get in each other's way, at most.
const ROUNDS_MAX: u32 = 20;
/// Marks outlive what they are of by so many days, counted from when they were made.
const LONGER_DAYS: i64 = 30;

fn part(user: &str) -> String {
    format!("viewed#{user}")
}

fn part_by_time(user: &str) -> String {
    format!("viewed_at#{user}")
}

/// Sorts by time, then by event.
fn hint(viewed: &Viewed) -> String {
    format!("{:015}#{}", viewed.at.0.max(0), viewed.id)
}

fn read_hint(item: &Item) -> Result<Viewed, CatalogError> {
    let read = |text: &str| {
        let (at, id) = text.split_once('#')?;
        Some(Viewed { at: Millis(at.parse().ok()?), id: EventId::parse(id)? })
    };
    read(get_text(item, META_KEY.1)?).ok_or_else(|| corrupt(item, META_KEY.1))
}

fn read_steps(item: Option<&Item>) -> Result<UpTo, CatalogError> {
    let Some(item) = item else { return Ok(UpTo::default()) };
    UpTo::parse(get_text(item, STEPS)?).ok_or_else(|| corrupt(item, STEPS))
}

/// What was last said of events, by their ids; and the items of `more`, in no order.
async fn marks(
    shelf: &Shelf,
    user: &str,
    ids: impl Iterator<Item = &EventId>,
    more: Option<Item>,
) -> Result<(HashMap<String, Mark>, Vec<Item>), CatalogError> {
    let part = part(user);
    // One key twice is refused.
    let ids: HashSet<String> = ids.map(EventId::to_string).collect();
    let keys = ids.iter().map(|id| key(&part, id)).chain(more).collect();
    let (mut marks, mut others) = (HashMap::new(), Vec::new());
    for item in shelf.many(keys).await? {
        if get_text(&item, META_KEY.0)? == part {
            let mark = Mark { viewed: get_bool(&item, VIEWED)?, at: Millis(get_number(&item, AT)?) };
            marks.insert(get_text(&item, META_KEY.1)?.to_owned(), mark);
        } else {
            others.push(item);
        }
    }
    Ok((marks, others))
}

impl DynamoAccounts {
    async fn write_mark(
        &self,
        user: &str,
        id: &EventId,
        viewed: bool,
        now: Millis,
    ) -> Result<(), CatalogError> {
        let days = i64::from(self.retention_days);
        let expires_at = (days > 0).then(|| now.0.div_euclid(1_000) + (days + LONGER_DAYS) * 86_400);
        let expiring = |mut item: Item| {
            item.extend(expires_at.map(|at| (EXPIRES_AT.to_owned(), number(at))));
            item
        };
        if viewed {
            let hint = hint(&Viewed { at: now, id: id.clone() });
            self.shelf.put(expiring(key(&part_by_time(user), &hint))).await?;
        }
        let mut item = key(&part(user), &id.to_string());
        item.extend([(VIEWED.to_owned(), AttributeValue::Bool(viewed)), (AT.to_owned(), number(now.0))]);
        self.shelf.put(expiring(item)).await
    }
}

#[async_trait]
impl ReviewState for DynamoAccounts {
    async fn mark(&self, user: &str, ids: &[EventId], viewed: bool, now: Millis) -> Result<(), CatalogError> {
        let (marks, _) = marks(&self.shelf, user, ids.iter(), None).await?;
        let is_new = |id: &EventId| !(viewed && marks.get(&id.to_string()).is_some_and(|mark| mark.viewed));
        let new: HashSet<EventId> = ids.iter().filter(|id| is_new(id)).cloned().collect();
        let writes = new.into_iter().map(|id| async move { self.write_mark(user, &id, viewed, now).await });
        stream::iter(writes).buffer_unordered(AT_ONCE).try_for_each(async |()| Ok(())).await
    }

    async fn mark_up_to(&self, user: &str, place: &EventId, now: Millis) -> Result<(), CatalogError> {
        for round in 1..=ROUNDS_MAX {
            let there = self.shelf.get(UP_TO, user).await?;
            let mut up_to = read_steps(there.as_ref())?;
            let before = up_to.to_text();
            up_to.say(Step { up_to: place.clone(), at: now });
            let after = up_to.to_text();
            if after == before {
                return Ok(());
            }
            let condition = match there {
                None => Condition::absent(),
                Some(_) => Condition {
                    text: "said_steps = :before",
                    values: Item::from([(":before".to_owned(), text(before))]),
                },
            };
            let mut item = key(UP_TO, user);
            item.insert(STEPS.to_owned(), text(after));
            if self.shelf.put_if(item, &condition).await? {
                return Ok(());
            }
            pause(round).await;
        }
        Err(CatalogError::Unavailable("too many writers of one person's marks at once".to_owned()))
    }

    async fn viewed_of(&self, user: &str, events: &[Reviewed]) -> Result<HashSet<EventId>, CatalogError> {
        if events.is_empty() {
            return Ok(HashSet::new());
        }
        let ids = events.iter().map(|event| &event.id);
        let (marks, steps) = marks(&self.shelf, user, ids, Some(key(UP_TO, user))).await?;
        let up_to = read_steps(steps.first())?;
        let viewed = events
            .iter()
            .filter(|event| is_viewed(event, marks.get(&event.id.to_string()).copied(), &up_to))
            .map(|event| event.id.clone());
        Ok(viewed.collect())
    }

    async fn viewed_since(
        &self,
        user: &str,
        since: Millis,
        after: Option<&Viewed>,
        limit: usize,
    ) -> Result<ViewedPage, CatalogError> {
        let part = part_by_time(user);
        // Without an id, before everything of its time.
        let mut low = after.map_or_else(|| format!("{:015}", since.0.max(0)), hint);
        let mut items = Vec::new();
        // One more than asked for says whether more follow. What is passed over is read on for.
        while items.len() <= limit {
            let (hints, is_end) = self.shelf.behind(&part, &low, (limit + 1).min(BATCH_MAX)).await?;
            let hints = hints.iter().map(read_hint).collect::<Result<Vec<_>, _>>()?;
            let (marks, _) = marks(&self.shelf, user, hints.iter().map(|viewed| &viewed.id), None).await?;
            low = hints.last().map_or(low, hint);
            items.extend(
                hints.into_iter().filter(|hint| {
                    marks.get(&hint.id.to_string()) == Some(&Mark { viewed: true, at: hint.at })
                }),
            );
            if is_end {
                break;
            }
        }
        let more = items.len() > limit;
        items.truncate(limit);
        Ok(ViewedPage { items, more })
    }

    async fn marked_unviewed(
        &self,
        user: &str,
        order: Order,
        after: &EventId,
    ) -> Result<Option<EventId>, CatalogError> {
        let found = self.shelf.first_where(&part(user), order, &after.to_string(), (VIEWED, false)).await?;
        let read = |item: Item| {
            let id = get_text(&item, META_KEY.1)?;
            EventId::parse(id).ok_or_else(|| corrupt(&item, META_KEY.1))
        };
        found.map(read).transpose()
    }

    async fn viewed_up_to(&self, user: &str) -> Result<UpTo, CatalogError> {
        read_steps(self.shelf.get(UP_TO, user).await?.as_ref())
    }
}
