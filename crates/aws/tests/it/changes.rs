//! The sequence of changes where writers are under way, died, or were long ago.

use aws_sdk_dynamodb::types::AttributeValue;
use camtrail_model::{CaptureKind, ports::Catalog, testing::record};
use jiff::Timestamp;

use crate::support::{client, fresh, items};

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// What a writer does first, that then says no more.
async fn take_a_number(prefix: &str) {
    let call = client()
        .update_item()
        .table_name(format!("{prefix}camtrail_meta"))
        .key("part", text("sequence"))
        .key("item", text("changes"))
        .update_expression("ADD seq :one SET #at = :at")
        .expression_attribute_names("#at", "at")
        .expression_attribute_values(":one", number(1))
        .expression_attribute_values(":at", number(Timestamp::now().as_millisecond()));
    call.send().await.unwrap();
}

/// Makes everything in the sequence so much older.
async fn age(prefix: &str, ms: i64) {
    let table = format!("{prefix}camtrail_meta");
    for mut item in items(&table).await {
        let part = item["part"].as_s().unwrap();
        if part != "sequence" && !part.starts_with("changes#") {
            continue;
        }
        let at: i64 = item["at"].as_n().unwrap().parse().unwrap();
        item.insert("at".to_owned(), number(at - ms));
        client().put_item().table_name(&table).set_item(Some(item)).send().await.unwrap();
    }
}

#[tokio::test]
async fn a_change_under_way_is_never_stepped_over() {
    let (catalog, prefix) = fresh().await;
    catalog.record(&record("a", 1, CaptureKind::Record, "1.mp4")).await.unwrap();
    let before = catalog.latest_change().await.unwrap();
    take_a_number(&prefix).await;
    catalog.record(&record("a", 2, CaptureKind::Record, "2.mp4")).await.unwrap();
    for limit in [1, 10] {
        assert_eq!(catalog.changes(before, limit).await.unwrap().items, [], "the one before may still come");
    }
    assert_eq!(catalog.latest_change().await.unwrap(), before);
    // Long after, it won't.
    age(&prefix, 60_000).await;
    for limit in [1, 10] {
        let changes = catalog.changes(before, limit).await.unwrap();
        assert_eq!((changes.items.len(), changes.gap), (1, false), "limit {limit}");
    }
    assert_eq!(catalog.latest_change().await.unwrap(), before + 2);
}

#[tokio::test]
async fn what_is_no_longer_kept_is_a_gap() {
    let (catalog, prefix) = fresh().await;
    for n in 0..300 {
        // Many that died at once, in between.
        if n == 5 {
            for _ in 0..300 {
                take_a_number(&prefix).await;
            }
        }
        if !(5..=295).contains(&n) {
            let clip = record("a", n, CaptureKind::Record, &format!("{n}.mp4"));
            catalog.record(&clip).await.unwrap();
        }
    }
    age(&prefix, 60_000).await;
    let all = catalog.changes(0, 1_000).await.unwrap();
    assert_eq!((all.items.len(), all.gap), (10, false));
    for item in items(&format!("{prefix}camtrail_meta")).await {
        let (part, key) = (item["part"].as_s().unwrap().clone(), item["item"].as_s().unwrap().clone());
        if part.starts_with("changes#") && key.parse::<u64>().unwrap() < 4 {
            let call = client().delete_item().table_name(format!("{prefix}camtrail_meta"));
            call.key("part", text(&part)).key("item", text(&key)).send().await.unwrap();
        }
    }
    let rest = catalog.changes(0, 1_000).await.unwrap();
    assert_eq!((rest.items.len(), rest.gap), (7, true));
    assert!(!catalog.changes(4, 1_000).await.unwrap().gap);
}

/// Failed writers give their numbers back: however many in a row, a reader gets behind them.
#[tokio::test]
async fn numbers_that_were_given_back_hold_up_nobody() {
    let (catalog, prefix) = fresh().await;
    catalog.record(&record("a", 1, CaptureKind::Record, "1.mp4")).await.unwrap();
    let mut place = catalog.latest_change().await.unwrap();
    let timeline = format!("{prefix}security_video_timeline");
    client().delete_table().table_name(&timeline).send().await.unwrap();
    for n in 0..40 {
        catalog.record(&record("a", 2, CaptureKind::Record, &format!("failed-{n}.mp4"))).await.unwrap_err();
    }
    catalog.ensure_tables().await.unwrap();
    catalog.record(&record("a", 3, CaptureKind::Record, "3.mp4")).await.unwrap();
    let mut told = Vec::new();
    for _ in 0..100 {
        let changes = catalog.changes(place, 10).await.unwrap();
        assert!(changes.upto >= place && !changes.gap);
        told.extend(changes.items);
        if changes.upto == place {
            break;
        }
        place = changes.upto;
    }
    assert_eq!(told.len(), 1, "{told:?}");
}
