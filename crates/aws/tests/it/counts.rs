//! What only this catalog's counters have: events from before there were any.

use aws_sdk_dynamodb::types::AttributeValue;
use camtrail_model::{
    CaptureKind, Digest,
    counts::{CountBy, CountQuery},
    ports::Catalog,
    testing::record,
};

use crate::support::{client, fresh};

/// What was never counted in isn't counted out; new content of it is counted in.
#[tokio::test]
async fn events_from_before_there_were_counters_are_never_below_zero() {
    let (catalog, prefix) = fresh().await;
    let counted = async || {
        let query = CountQuery { by: CountBy::Day, cameras: Vec::new(), kind: None, from: None, to: None };
        let buckets = catalog.counts(&query).await.unwrap().buckets;
        buckets.first().map_or((0, 0), |bucket| (bucket.kinds[0].events, bucket.kinds[0].bytes))
    };
    let forget = async |key: &str| {
        let call = client().update_item().table_name(format!("{prefix}camtrail_meta"));
        let call = call.key("part", AttributeValue::S(format!("object#{key}")));
        let call = call.key("item", AttributeValue::S("object".to_owned()));
        call.update_expression("REMOVE counted").send().await.unwrap();
    };
    let (stays, mut old) =
        (record("a", 1, CaptureKind::Record, "x.mp4"), record("a", 2, CaptureKind::Record, "y.mp4"));
    catalog.record(&stays).await.unwrap();
    catalog.record(&old).await.unwrap();
    assert_eq!(counted().await, (2, 8));
    forget(old.object_key.as_str()).await;
    catalog.remove(&old.object_key).await.unwrap();
    assert_eq!(counted().await, (2, 8), "not counted out");
    catalog.record(&old).await.unwrap();
    forget(old.object_key.as_str()).await;
    assert_eq!(counted().await, (3, 12));
    (old.size, old.metadata.sha256) = (100, Some(Digest::of(b"other")));
    catalog.record(&old).await.unwrap();
    assert_eq!(counted().await, (4, 112), "counted in, with its new size");
    (old.size, old.metadata.sha256) = (90, Some(Digest::of(b"again")));
    catalog.record(&old).await.unwrap();
    assert_eq!(counted().await, (4, 102), "only its bytes change");
}
