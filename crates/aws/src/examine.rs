//! What the tables are like, for `camtrail doctor`.

use aws_sdk_dynamodb::{
    operation::describe_table::DescribeTableError,
    types::{AttributeValue, KeyType, TableDescription, TableStatus, TimeToLiveStatus},
};
use camtrail_model::CaptureKind;

use crate::{
    DynamoCatalog,
    call::judge,
    db::Db,
    tables::{CAMERA_NAME, CAPTURE_DATE, EVENT_TS, EXPIRES_AT, META_KEY},
};

/// One table as it should be, and whether it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableLook {
    /// Its name.
    pub table: String,
    /// What was found.
    pub found: TableState,
    /// Whether rows may be read; `Err`: in the service's words why not.
    pub readable: Result<(), String>,
    /// The attribute that rows expire by; `None`: they don't, or we may not see it.
    pub expires_by: Option<String>,
}

/// How a table is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableState {
    /// There, with the right keys.
    Right,
    /// There, with other keys: which, and which they should be.
    OtherKeys(String),
    /// Being made or changed.
    NotReady,
    /// Not there.
    Missing,
    /// It isn't told: in the service's words why.
    Unknown(String),
}

impl TableLook {
    /// The attribute that rows should expire by.
    pub const EXPIRES_BY: &'static str = EXPIRES_AT;
}

impl DynamoCatalog {
    /// Looks at every table. Writes nothing.
    pub async fn examine(&self) -> Vec<TableLook> {
        let tables = &self.db.tables;
        let mut wanted = Vec::new();
        for kind in CaptureKind::ALL {
            wanted.push((tables.alarm(kind), (CAMERA_NAME, EVENT_TS)));
            wanted.push((tables.timeline(kind), (CAPTURE_DATE, EVENT_TS)));
        }
        wanted.push((tables.meta(), META_KEY));
        wanted.push((tables.accounts(), META_KEY));
        let mut looks = Vec::new();
        for (table, keys) in wanted {
            looks.push(look(&self.db, table, keys).await);
        }
        looks
    }
}

async fn look(db: &Db, table: String, (partition, sort): (&str, &str)) -> TableLook {
    let found = match db.client.describe_table().table_name(&table).send().await {
        Ok(answer) => {
            let described = answer.table.unwrap_or_else(|| TableDescription::builder().build());
            let key = |of: KeyType| {
                let found = described.key_schema().iter().find(|element| *element.key_type() == of);
                found.map_or("", |element| element.attribute_name())
            };
            let keys = (key(KeyType::Hash), key(KeyType::Range));
            match described.table_status() {
                Some(TableStatus::Active | TableStatus::Updating) if keys == (partition, sort) => {
                    TableState::Right
                }
                Some(TableStatus::Active | TableStatus::Updating) => TableState::OtherKeys(format!(
                    "{} and {}, expected {partition} and {sort}",
                    keys.0, keys.1
                )),
                _ => TableState::NotReady,
            }
        }
        Err(error)
            if error.as_service_error().is_some_and(DescribeTableError::is_resource_not_found_exception) =>
        {
            TableState::Missing
        }
        Err(error) => TableState::Unknown(words(judge(&error))),
    };
    // What a page asks; a role that may not scan is as it should be.
    let nobody = AttributeValue::S("camtrail-doctor".to_owned());
    let query = db
        .client
        .query()
        .table_name(&table)
        .key_condition_expression("#p = :p")
        .expression_attribute_names("#p", partition)
        .expression_attribute_values(":p", nobody)
        .limit(1);
    let readable = query.send().await.map(drop).map_err(|error| words(judge(&error)));
    let ttl = db.client.describe_time_to_live().table_name(&table).send().await.ok();
    let expires_by = ttl.and_then(|answer| answer.time_to_live_description).and_then(|ttl| {
        let on =
            matches!(ttl.time_to_live_status(), Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling));
        ttl.attribute_name.filter(|_| on)
    });
    TableLook { table, found, readable, expires_by }
}

fn words(failure: crate::call::Failure) -> String {
    camtrail_model::ports::CatalogError::from(failure).to_string()
}
