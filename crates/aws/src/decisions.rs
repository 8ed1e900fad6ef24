//! What a person decided about an event, in all of its items at once: note and protection in both rows, and whether they
//! and the object's item go by themselves.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update, builders::UpdateBuilder};
use camtrail_model::{
    CatalogRecord, ChangeKind, EventState, ObjectKey,
    ports::{Attached, CatalogError},
};

use crate::{
    attributes::{Item, number, text},
    call::{Failure, pause},
    db::{Db, update},
    events::{OBJECT, ROUNDS_MAX, by_id, camera_key, commit, crowded, object_part, present, timeline_key},
    place::Place,
    row::expires_at,
    sequence::Told,
    tables::EXPIRES_AT,
};

pub(crate) async fn set_state(
    db: &Db,
    key: &ObjectKey,
    state: &EventState,
) -> Result<Attached, CatalogError> {
    for round in 1..=ROUNDS_MAX {
        let Some(there) = present(db, key).await? else { return Ok(Attached::NoRecord) };
        let Some(record) = by_id(db, &there.id).await?.filter(|record| record.object_key == *key) else {
            return Ok(Attached::NoRecord);
        };
        if (record.protected, &record.note) == (state.protected, &state.note) {
            return Ok(Attached::Unchanged);
        }
        let decided = CatalogRecord { protected: state.protected, note: state.note.clone(), ..record };
        let expires = expires_at(&decided, db.retention_days);
        let lock = db
            .meta_update(&object_part(key), OBJECT)
            .condition_expression("version = :version")
            .expression_attribute_values(":version", number(there.version))
            .expression_attribute_values(":next", number(there.version + 1));
        let (kind, place) = (there.id.kind, Place::of(&there.id));
        let by_camera = row(db.tables.alarm(kind), camera_key(&there.id.camera, place), key);
        let by_day = row(db.tables.timeline(kind), timeline_key(&there.timeline_key, place), key);
        let note = state.note.as_ref().map(text);
        let protected = Some(AttributeValue::Bool(state.protected));
        let of_row = [("protected", protected), ("note", note), (EXPIRES_AT, expires.clone())];
        let writes = vec![
            sets(lock, "version = :next", &[(EXPIRES_AT, expires)])?,
            sets(by_camera, "", &of_row)?,
            sets(by_day, "", &of_row)?,
        ];
        match commit(db, writes, &[Told::Event(ChangeKind::Changed, there.id)]).await {
            Ok(()) => return Ok(Attached::Updated),
            Err(Failure::Condition(_)) => pause(round).await,
            Err(failure) => return Err(failure.into()),
        }
    }
    Err(crowded(key))
}

/// A row of this very object.
fn row(table: String, row: Item, key: &ObjectKey) -> UpdateBuilder {
    Update::builder()
        .table_name(table)
        .set_key(Some(row))
        .condition_expression("object_key = :key")
        .expression_attribute_values(":key", text(key.as_str()))
}

/// The member that sets what has a value and removes what has none; `first` is set besides.
fn sets(
    mut builder: UpdateBuilder,
    first: &str,
    attributes: &[(&str, Option<AttributeValue>)],
) -> Result<TransactWriteItem, CatalogError> {
    let mut set: Vec<String> =
        [first].iter().filter(|part| !part.is_empty()).map(ToString::to_string).collect();
    let mut remove = Vec::new();
    for (name, value) in attributes {
        match value {
            Some(value) => {
                set.push(format!("{name} = :{name}"));
                builder = builder.expression_attribute_values(format!(":{name}"), value.clone());
            }
            None => remove.push(*name),
        }
    }
    let mut expression = String::new();
    if !set.is_empty() {
        expression = format!("SET {}", set.join(", "));
    }
    if !remove.is_empty() {
        expression = format!("{expression} REMOVE {}", remove.join(", "));
    }
    update(builder.update_expression(expression))
}
