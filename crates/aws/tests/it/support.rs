//! One DynamoDB Local for all tests; fresh tables for each catalog.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
};

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
    types::AttributeValue,
};
use camtrail_aws::{AccessKey, DynamoCatalog, DynamoConfig};
use camtrail_model::{CatalogRecord, EventQuery, PageSize, ports::Catalog};
use camtrail_services::{DYNAMODB_KEY, DYNAMODB_REGION, DYNAMODB_SECRET, DynamoDbLocal};

/// Pages of one walk are at most this many: a walk that doesn't end is a failure, not a hang.
const PAGES_MAX: usize = 20_000;

fn endpoint() -> String {
    static ENDPOINT: OnceLock<String> = OnceLock::new();
    ENDPOINT
        .get_or_init(|| {
            // The server ends with the thread that starts it: this one stays as long as the process.
            let (send, receive) = mpsc::channel();
            thread::spawn(move || {
                let server = DynamoDbLocal::start();
                let _ = send.send(server.endpoint());
                loop {
                    thread::park();
                }
            });
            receive.recv().unwrap()
        })
        .clone()
}

pub(crate) fn fresh_prefix() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("test{}_", NUMBER.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn config(prefix: &str) -> DynamoConfig {
    DynamoConfig {
        region: Some(DYNAMODB_REGION.to_owned()),
        endpoint: Some(endpoint()),
        credentials: Some(AccessKey { id: DYNAMODB_KEY.to_owned(), secret: DYNAMODB_SECRET.to_owned() }),
        table_prefix: prefix.to_owned(),
        // Test events are of 1970; the server really expires.
        retention_days: 0,
        ..DynamoConfig::default()
    }
}

pub(crate) async fn open(config: &DynamoConfig) -> DynamoCatalog {
    let catalog = DynamoCatalog::open(config).await;
    catalog.ensure_tables().await.unwrap();
    catalog
}

/// An empty catalog, and the prefix of its tables.
pub(crate) async fn fresh() -> (DynamoCatalog, String) {
    let prefix = fresh_prefix();
    (open(&config(&prefix)).await, prefix)
}

/// A client past the catalog.
pub(crate) fn client() -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(DYNAMODB_REGION))
        .credentials_provider(Credentials::new(DYNAMODB_KEY, DYNAMODB_SECRET, None, None, "test"))
        .endpoint_url(endpoint())
        .build();
    Client::from_conf(config)
}

/// All items of a table.
pub(crate) async fn items(table: &str) -> Vec<std::collections::HashMap<String, AttributeValue>> {
    let pages = client().scan().table_name(table).into_paginator().items().send();
    pages.collect::<Result<Vec<_>, _>>().await.unwrap()
}

/// All events of a query, page by page.
pub(crate) async fn all(catalog: &dyn Catalog, query: &EventQuery, limit: u16) -> Vec<CatalogRecord> {
    let limit = PageSize::new(limit).unwrap();
    let (mut events, mut after) = (Vec::new(), None);
    for _ in 0..PAGES_MAX {
        let page = catalog.page(query, limit, after.as_ref()).await.unwrap();
        assert!(page.items.len() <= limit.get());
        assert!(page.next.is_none() || !page.items.is_empty(), "no empty page while more follows");
        events.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => return events,
        }
    }
    panic!("no end after {PAGES_MAX} pages");
}
