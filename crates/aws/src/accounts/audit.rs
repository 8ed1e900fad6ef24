//! Who did what: added, never changed; the table forgets it by itself.
//!
//! Owns the parts `audit#YYYY-MM` (UTC), so that no partition grows for ever and a page reads the months that it needs.

use async_trait::async_trait;
use camtrail_model::{
    Millis,
    ports::{AuditAction, AuditEntry, AuditLog, AuditPage, AuditPlace, CatalogError},
};
use jiff::{ToSpan, civil::Date, tz::TimeZone};

use super::{
    DynamoAccounts,
    shelf::{Condition, key},
};
use crate::{
    attributes::{Item, corrupt, get_text, get_text_opt, number, put_some, text},
    tables::{EXPIRES_AT, META_KEY},
};

const WHO: &str = "who";
const ACTION: &str = "action_name";
const SUBJECT: &str = "subject";
const FROM: &str = "from_address";
const DETAIL: &str = "detail";
/// Months that one page walks through, at most: more than are kept by default.
const MONTHS_MAX: u32 = 60;

/// The first day of the month.
fn month(at: Millis) -> Date {
    TimeZone::UTC.to_datetime(at.timestamp()).date().first_of_month()
}

fn part(month: Date) -> String {
    format!("audit#{}", month.strftime("%Y-%m"))
}

/// Sorts by time, then by tie.
fn item_of(place: AuditPlace) -> String {
    format!("{:015}#{:016x}", place.at.0.max(0), place.tie)
}

fn read(item: &Item) -> Result<AuditEntry, CatalogError> {
    let place = |text: &str| {
        let (at, tie) = text.split_once('#')?;
        Some(AuditPlace { at: Millis(at.parse().ok()?), tie: u64::from_str_radix(tie, 16).ok()? })
    };
    Ok(AuditEntry {
        place: place(get_text(item, META_KEY.1)?).ok_or_else(|| corrupt(item, META_KEY.1))?,
        who: get_text_opt(item, WHO)?.map(str::to_owned),
        action: AuditAction::parse(get_text(item, ACTION)?),
        subject: get_text(item, SUBJECT)?.to_owned(),
        from: get_text_opt(item, FROM)?.map(str::to_owned),
        detail: get_text(item, DETAIL)?.to_owned(),
    })
}

#[async_trait]
impl AuditLog for DynamoAccounts {
    async fn note_audit(&self, entry: &AuditEntry, keep_days: u32) -> Result<(), CatalogError> {
        let at = entry.place.at;
        let mut item = key(&part(month(at)), &item_of(entry.place));
        let expires_at = at.0.div_euclid(1_000) + i64::from(keep_days) * 86_400 + 1;
        item.extend([
            (ACTION.to_owned(), text(entry.action.as_str())),
            (SUBJECT.to_owned(), text(&entry.subject)),
            (DETAIL.to_owned(), text(&entry.detail)),
            (EXPIRES_AT.to_owned(), number(expires_at)),
        ]);
        put_some(&mut item, WHO, entry.who.as_ref().map(text));
        put_some(&mut item, FROM, entry.from.as_ref().map(text));
        self.shelf.put_if(item, &Condition::absent()).await.map(|_| ())
    }

    async fn audit(
        &self,
        from: Millis,
        to: Millis,
        after: Option<AuditPlace>,
        limit: usize,
    ) -> Result<AuditPage, CatalogError> {
        let to = AuditPlace { at: Millis(to.0.clamp(0, 253_402_207_200_000)), tie: 0 };
        let before = after.map_or(to, |after| after.min(to));
        let low = item_of(AuditPlace { at: from, tie: 0 });
        let (mut at, last) = (month(before.at), month(Millis(from.0.max(0))));
        let (mut items, mut months) = (Vec::new(), 0);
        while at >= last && items.len() <= limit && months < MONTHS_MAX {
            let wanted = limit + 1 - items.len();
            let found = self.shelf.newest_between(&part(at), &low, &item_of(before), wanted).await?;
            items.extend(found.iter().map(read).collect::<Result<Vec<_>, _>>()?);
            (at, months) = (at.saturating_sub(1.month()), months + 1);
        }
        let more = items.len() > limit;
        items.truncate(limit);
        Ok(AuditPage { items, more })
    }
}
