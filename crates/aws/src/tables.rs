//! The tables' names, their keys, and (for tests and single machines) their making.
//!
//! Owns every name that stands in DynamoDB. Normal operation reads and writes rows only: it needs no right to make
//! tables, which are the deployment's.

use std::time::Duration;

use aws_sdk_dynamodb::{
    Client,
    operation::{create_table::CreateTableError, describe_table::DescribeTableError},
    types::{
        AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TableStatus,
        TimeToLiveSpecification,
    },
};
use camtrail_model::{CaptureKind, ports::CatalogError};

use crate::call::{built, judge, retrying};

/// The attribute that DynamoDB's own expiry goes by: seconds since 1970.
pub(crate) const EXPIRES_AT: &str = "expires_at";
/// Partition key of the views by camera.
pub(crate) const CAMERA_NAME: &str = "camera_name";
/// Partition key of the views by day.
pub(crate) const CAPTURE_DATE: &str = "capture_date";
/// Sort key of the four views.
pub(crate) const EVENT_TS: &str = "event_ts";
/// Partition and sort key of `camtrail_meta` and `camtrail_accounts`.
pub(crate) const META_KEY: (&str, &str) = ("part", "item");

/// How long a new table may take.
const TABLE_TRIES: u32 = 120;
const TABLE_PAUSE: Duration = Duration::from_millis(500);

/// The names of all tables.
#[derive(Debug, Clone)]
pub(crate) struct Tables {
    prefix: String,
}

impl Tables {
    pub(crate) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// The view by camera.
    pub(crate) fn alarm(&self, kind: CaptureKind) -> String {
        let name = match kind {
            CaptureKind::Record => "security_alarm_videos",
            CaptureKind::Snap => "security_alarm_images",
        };
        format!("{}{name}", self.prefix)
    }

    /// The view by day.
    pub(crate) fn timeline(&self, kind: CaptureKind) -> String {
        let name = match kind {
            CaptureKind::Record => "security_video_timeline",
            CaptureKind::Snap => "security_image_timeline",
        };
        format!("{}{name}", self.prefix)
    }

    /// Everything that isn't an event's view: objects, days, cameras, changes.
    pub(crate) fn meta(&self) -> String {
        format!("{}camtrail_meta", self.prefix)
    }

    /// People, sessions, camera accounts, tokens, secrets.
    pub(crate) fn accounts(&self) -> String {
        format!("{}camtrail_accounts", self.prefix)
    }

    /// Makes the tables that are missing (paid by request, expiry on) and waits until all can be used.
    pub(crate) async fn ensure(&self, client: &Client) -> Result<(), CatalogError> {
        for kind in CaptureKind::ALL {
            create(client, &self.alarm(kind), (CAMERA_NAME, EVENT_TS), ScalarAttributeType::N).await?;
            create(client, &self.timeline(kind), (CAPTURE_DATE, EVENT_TS), ScalarAttributeType::N).await?;
        }
        create(client, &self.meta(), META_KEY, ScalarAttributeType::S).await?;
        Self::ensure_accounts(client, &self.accounts()).await
    }

    /// The same of the accounts' table alone.
    pub(crate) async fn ensure_accounts(client: &Client, table: &str) -> Result<(), CatalogError> {
        create(client, table, META_KEY, ScalarAttributeType::S).await
    }
}

async fn create(
    client: &Client,
    table: &str,
    (partition, sort): (&str, &str),
    sort_type: ScalarAttributeType,
) -> Result<(), CatalogError> {
    if !is_active(client, table).await? {
        let attribute = |name: &str, of: ScalarAttributeType| {
            built(AttributeDefinition::builder().attribute_name(name).attribute_type(of).build())
        };
        let key = |name: &str, of: KeyType| {
            built(KeySchemaElement::builder().attribute_name(name).key_type(of).build())
        };
        let call = client
            .create_table()
            .table_name(table)
            .attribute_definitions(attribute(partition, ScalarAttributeType::S)?)
            .attribute_definitions(attribute(sort, sort_type)?)
            .key_schema(key(partition, KeyType::Hash)?)
            .key_schema(key(sort, KeyType::Range)?)
            .billing_mode(BillingMode::PayPerRequest);
        let made = call.send().await;
        // Another start may be making it.
        if let Err(error) = made
            && !error.as_service_error().is_some_and(CreateTableError::is_resource_in_use_exception)
        {
            return Err(judge(&error).into());
        }
        let mut active = false;
        for _ in 0..TABLE_TRIES {
            active = is_active(client, table).await?;
            if active {
                break;
            }
            tokio::time::sleep(TABLE_PAUSE).await;
        }
        if !active {
            return Err(CatalogError::Unavailable(format!("the table {table} isn't ready yet")));
        }
        let expiry = TimeToLiveSpecification::builder().attribute_name(EXPIRES_AT).enabled(true).build();
        let call = client.update_time_to_live().table_name(table).time_to_live_specification(built(expiry)?);
        retrying(|| call.clone().send()).await?;
    }
    Ok(())
}

async fn is_active(client: &Client, table: &str) -> Result<bool, CatalogError> {
    match client.describe_table().table_name(table).send().await {
        Ok(answer) => {
            Ok(answer.table.and_then(|table| table.table_status).is_some_and(|s| s == TableStatus::Active))
        }
        Err(error)
            if error.as_service_error().is_some_and(DescribeTableError::is_resource_not_found_exception) =>
        {
            Ok(false)
        }
        Err(error) => Err(judge(&error).into()),
    }
}
