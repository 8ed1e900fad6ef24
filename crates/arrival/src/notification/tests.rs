//! Samples by hand, after the makers' public documentation.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const KEY: &str = "patrolcams/backyard/2016-10-19/Hour-16/record/MDalarm_20161018_113706.mp4";

fn s3(name: &str, key: &str) -> Value {
    json!({
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-west-2",
        "eventTime": "2016-10-19T23:36:44.764Z", "eventName": name,
        "userIdentity": { "principalId": "AIDAJDPLRKLG7UEXAMPLE" },
        "requestParameters": { "sourceIPAddress": "127.0.0.1" },
        "responseElements": { "x-amz-request-id": "C3D13FE58DE4C810" },
        "s3": {
            "s3SchemaVersion": "1.0", "configurationId": "testConfigRule",
            "bucket": { "name": "security-alarms", "arn": "arn:aws:s3:::security-alarms" },
            "object": { "eTag": "0123456789abcdef0123456789abcdef", "sequencer": "0A1B2C3D4E5F678901", "key": key, "size": 1024 }
        }
    })
}

fn event_bridge(kind: &str, key: &str) -> Value {
    json!({
        "version": "0", "id": "17793124-05d4-b198-2fde-7ededc63b103", "detail-type": kind, "source": "aws.s3",
        "account": "111122223333", "time": "2021-11-12T00:00:00Z", "region": "ca-central-1",
        "resources": ["arn:aws:s3:::security-alarms"],
        "detail": {
            "version": "0", "bucket": { "name": "security-alarms" },
            "object": { "key": key, "size": 5, "etag": "b1946ac92492d2347c6235b4d2611184", "sequencer": "617f08299329d189" },
            "request-id": "N4N7GDK58NMKJ12R", "requester": "123456789012", "reason": "PutObject"
        }
    })
}

fn records(records: &[Value]) -> Value {
    json!({ "Records": records })
}

fn sqs(messages: &[(&str, &str)]) -> Value {
    let message = |(id, body): &(&str, &str)| {
        json!({
            "messageId": id, "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a", "body": body,
            "attributes": { "ApproximateReceiveCount": "1" }, "messageAttributes": {}, "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-west-2:123456789012:arrivals", "awsRegion": "us-west-2"
        })
    };
    records(&messages.iter().map(message).collect::<Vec<_>>())
}

fn sns(message: &str) -> Value {
    json!({
        "Type": "Notification", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": "arn:aws:sns:us-west-2:123456789012:arrivals", "Subject": "Amazon S3 Notification",
        "Message": message, "Timestamp": "2012-05-02T00:54:06.655Z", "SignatureVersion": "1"
    })
}

fn of(value: &Value) -> Result<Notification, NotificationError> {
    read(value.to_string().as_bytes())
}

fn events(value: &Value) -> Vec<(Change, String)> {
    let told = |record: Record| match record.told {
        Told::Object(event) => (event.change, event.key),
        other => panic!("{other:?}"),
    };
    of(value).unwrap().records.into_iter().map(told).collect()
}

fn created(key: &str) -> (Change, String) {
    (Change::Created, key.to_owned())
}

#[test]
fn the_articles_test_event() {
    let read = of(&records(&[s3("ObjectCreated:Put", KEY)])).unwrap();
    let told = Told::Object(ObjectEvent {
        change: Change::Created,
        bucket: Some("security-alarms".to_owned()),
        key: KEY.to_owned(),
        raw_key: None,
        size: Some(1024),
        etag: Some("0123456789abcdef0123456789abcdef".to_owned()),
    });
    assert_eq!(read.records, [Record { told, message_id: None }]);
}

/// NEVER-2.
#[test]
fn every_record_is_read() {
    let many: Vec<Value> = (0..50).map(|n| s3("ObjectCreated:Put", &format!("patrolcams/{n}"))).collect();
    assert_eq!(events(&records(&many)).len(), 50);
    let mixed = records(&[s3("ObjectRemoved:Delete", "a"), s3("ObjectCreated:CompleteMultipartUpload", "b")]);
    assert_eq!(events(&mixed), [(Change::Removed, "a".to_owned()), created("b")]);
}

#[test]
fn event_names_of_all_makers() {
    for (name, want) in [
        ("ObjectCreated:Put", Some(Change::Created)),
        ("s3:ObjectCreated:CompleteMultipartUpload", Some(Change::Created)),
        ("ObjectCreated:Copy", Some(Change::Created)),
        ("ObjectRemoved:Delete", Some(Change::Removed)),
        ("s3:ObjectRemoved:DeleteMarkerCreated", Some(Change::Removed)),
        ("LifecycleExpiration:Delete", Some(Change::Removed)),
        ("s3:LifecycleExpiration:DeleteMarkerCreated", Some(Change::Removed)),
        ("s3:ObjectLifecycle:Expiration:Current", Some(Change::Removed)),
        ("s3:ObjectAccessed:Head", None),
        ("ObjectRestore:Completed", None),
        ("ObjectCreatedX", None),
        ("ObjectLifecycle:Transition", None),
        ("", None),
    ] {
        let want = want.unwrap_or_else(|| Change::Other(name.to_owned()));
        assert_eq!(events(&records(&[s3(name, "a")])), [(want, "a".to_owned())], "{name}");
    }
}

#[test]
fn keys_are_decoded_where_they_are_encoded() {
    let encoded = "patrolcams/front+gate/2016-10-19/Hour-16/snap/a%2Bb+%28%C3%BC%29+100%25.jpg";
    let want = "patrolcams/front gate/2016-10-19/Hour-16/snap/a+b (ü) 100%.jpg";
    assert_eq!(events(&records(&[s3("ObjectCreated:Put", encoded)])), [created(want)]);
    assert_eq!(events(&event_bridge("Object Created", "a+b%20c")), [created("a+b%20c")], "these aren't");
    let all_encoded = KEY.replace('/', "%2F");
    assert_eq!(events(&records(&[s3("s3:ObjectCreated:Put", &all_encoded)])), [created(KEY)]);
    let read = of(&records(&[s3("ObjectCreated:Put", "caf%E9.jpg"), s3("ObjectCreated:Put", "b")])).unwrap();
    assert!(matches!(&read.records[0].told, Told::Strange { why, .. } if why.contains("UTF-8")), "{read:?}");
    assert!(matches!(&read.records[1].told, Told::Object(_)));
}

#[test]
fn event_bridge_has_words_of_its_own() {
    assert_eq!(events(&event_bridge("Object Created", KEY)), [created(KEY)]);
    assert_eq!(events(&event_bridge("Object Deleted", "a")), [(Change::Removed, "a".to_owned())]);
    let other = Change::Other("Object Restore Completed".to_owned());
    assert_eq!(events(&event_bridge("Object Restore Completed", "a")), [(other, "a".to_owned())]);
    let Told::Object(event) = &of(&event_bridge("Object Created", "a")).unwrap().records[0].told else {
        panic!()
    };
    assert_eq!(event.etag.as_deref(), Some("b1946ac92492d2347c6235b4d2611184"));
}

#[test]
fn a_queues_messages_hold_any_of_them_and_one_that_is_broken_hides_no_other() {
    let one = records(&[s3("ObjectCreated:Put", "a"), s3("ObjectCreated:Put", "b")]).to_string();
    let by_topic = sns(&records(&[s3("ObjectRemoved:Delete", "c")]).to_string()).to_string();
    let bridged = event_bridge("Object Created", "d").to_string();
    let test =
        json!({ "Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "security-alarms" }).to_string();
    let empty = records(&[]).to_string();
    let batch = sqs(&[
        ("m1", &one),
        ("m2", "no JSON"),
        ("m3", &by_topic),
        ("m4", &bridged),
        ("m5", &test),
        ("m6", &empty),
        ("m7", "[1]"),
    ]);
    let read = of(&batch).unwrap();
    assert_eq!(read.tests, 1);
    let told: Vec<String> = read
        .records
        .iter()
        .map(|record| {
            let id = record.message_id.as_deref().unwrap();
            match &record.told {
                Told::Object(event) => format!("{id} {}", event.key),
                Told::Unreadable(error) => format!("{id}: {error}"),
                Told::Strange { .. } => panic!(),
            }
        })
        .collect();
    assert_eq!(told[..2], ["m1 a", "m1 b"]);
    assert!(told[2].starts_with("m2: found no JSON (expected"), "{told:?}");
    assert_eq!(told[3..5], ["m3 c", "m4 d"]);
    assert!(told[5].starts_with("m6: found an empty list of Records"), "{told:?}");
    assert!(told[6].starts_with("m7: found a list of 1, expected a notification"), "{told:?}");
    assert_eq!(told.len(), 7);
}

#[test]
fn topics_call_functions_and_webhooks() {
    let inner = records(&[s3("ObjectCreated:Put", KEY)]).to_string();
    let function = json!({ "Records": [{
        "EventVersion": "1.0", "EventSubscriptionArn": "arn:aws:sns:us-east-1:123456789012:arrivals:21be56ed",
        "EventSource": "aws:sns", "Sns": sns(&inner)
    }] });
    assert_eq!(events(&function), [created(KEY)]);
    assert_eq!(events(&sns(&inner)), [created(KEY)]);
    let confirm = json!({
        "Type": "SubscriptionConfirmation", "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b", "Token": "2336412f37",
        "TopicArn": "arn:aws:sns:us-west-2:123456789012:MyTopic", "Message": "You have chosen to subscribe…",
        "SubscribeURL": "https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&Token=2336412f37"
    });
    let read = of(&confirm).unwrap();
    assert!(read.records.is_empty());
    assert!(read.subscriptions[0].url.starts_with("https://sns.us-west-2.amazonaws.com/"));
}

#[test]
fn minio_and_ceph_call_webhooks() {
    let mut record = s3("s3:ObjectCreated:Put", &KEY.replace('/', "%2F"));
    record["eventSource"] = json!("minio:s3");
    let webhook = json!({
        "EventName": "s3:ObjectCreated:Put", "Key": format!("security-alarms/{KEY}"), "Records": [record]
    });
    assert_eq!(events(&webhook), [created(KEY)]);
    let names_only =
        json!({ "EventName": "s3:ObjectRemoved:Delete", "Key": format!("security-alarms/{KEY}") });
    let read = of(&names_only).unwrap();
    let Told::Object(event) = &read.records[0].told else { panic!("{read:?}") };
    assert_eq!((event.bucket.as_deref(), event.key.as_str()), (Some("security-alarms"), KEY));
    assert_eq!(event.change, Change::Removed);
    let mut ceph = s3("s3:ObjectLifecycle:Expiration:Current", "a");
    ceph["eventSource"] = json!("ceph:s3");
    ceph["opaqueData"] = json!("me@example.com");
    assert_eq!(events(&records(&[ceph])), [(Change::Removed, "a".to_owned())]);
}

#[test]
fn what_is_none_is_told_with_what_was_expected() {
    for (text, want) in [
        ("", "found no JSON (EOF"),
        ("{", "found no JSON (EOF"),
        ("null", "found null, expected a notification"),
        ("[]", "found a list of 0"),
        ("{}", "found an object with nothing in it"),
        (r#"{"a": 1, "b": 2}"#, "found an object with a, b, expected a notification"),
        (r#"{"Records": []}"#, "found an empty list of Records"),
        (r#"{"Records": {}}"#, "found an object with nothing in it, expected a list of Records"),
        (r#"{"Message": "x"}"#, "found no JSON"),
    ] {
        let error = read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(want), "{text}: {error}");
    }
    let bad = records(&[json!(1), json!({}), json!({ "s3": {} }), s3("ObjectCreated:Put", "a")]);
    let read_all = of(&bad).unwrap().records;
    assert_eq!(read_all.len(), 4);
    assert!(read_all[..3].iter().all(|record| matches!(record.told, Told::Unreadable(_))));
    let error = read(&vec![b' '; NOTIFICATION_MAX_BYTES + 1]).unwrap_err();
    assert!(matches!(error, NotificationError::TooLarge { .. }));
}

#[test]
fn sizes_and_keys_have_bounds() {
    let mut record = s3("ObjectCreated:Put", "a");
    for (size, want) in [(json!(-5), None), (json!("7"), None), (json!(1.5), None), (json!(7), Some(7))] {
        record["s3"]["object"]["size"] = size;
        let Told::Object(event) = of(&records(&[record.clone()])).unwrap().records.remove(0).told else {
            panic!()
        };
        assert_eq!(event.size, want);
    }
    let longest = "x".repeat(KEY_MAX_BYTES);
    assert_eq!(events(&records(&[s3("ObjectCreated:Put", &longest)])), [created(&longest)]);
    for wrong in ["", &format!("{longest}x")] {
        let read = of(&records(&[s3("ObjectCreated:Put", wrong)])).unwrap();
        assert!(matches!(&read.records[0].told, Told::Strange { why, .. } if why.contains("1 to 1024")));
    }
}

#[test]
fn envelopes_and_records_have_bounds() {
    let mut text = records(&[s3("ObjectCreated:Put", "a")]).to_string();
    for _ in 0..WRAPPERS_MAX {
        text = sns(&text).to_string();
    }
    assert_eq!(read(text.as_bytes()).unwrap().records.len(), 1);
    text = sns(&text).to_string();
    assert_eq!(read(text.as_bytes()), Err(NotificationError::TooDeep));
    let deep = format!("{}{}", "{\"Message\":".repeat(100_000), "}".repeat(100_000));
    assert!(read(deep.as_bytes()).is_err());
    let small = json!({ "eventName": "x", "s3": { "object": { "key": "k" } } });
    let full = records(&vec![small.clone(); RECORDS_MAX]);
    assert_eq!(of(&full).unwrap().records.len(), RECORDS_MAX);
    let over = records(&vec![small; RECORDS_MAX + 1]);
    assert_eq!(of(&over), Err(NotificationError::TooMany));
}

/// JSON with the words that the reader looks for in all places.
fn json_with_words() -> impl Strategy<Value = Value> {
    let words = [
        "Records",
        "s3",
        "object",
        "key",
        "size",
        "bucket",
        "name",
        "body",
        "messageId",
        "Message",
        "Sns",
        "Type",
        "detail-type",
        "detail",
        "eventName",
        "EventName",
        "Key",
        "Event",
        "SubscribeURL",
    ];
    let name = prop_oneof![prop::sample::select(words.to_vec()).prop_map(str::to_owned), ".{0,4}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(vec![
            "ObjectCreated:Put",
            "Object Created",
            "SubscriptionConfirmation",
            "%E9%",
            "a%2Fb"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner.clone()), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            inner.prop_map(|value| Value::String(value.to_string())),
        ]
    })
}

proptest! {
    #[test]
    fn no_json_panics(value in json_with_words()) {
        let _ = of(&value);
        let _ = of(&records(std::slice::from_ref(&value)));
        let _ = of(&sqs(&[("m", &value.to_string())]));
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
    }

    #[test]
    fn any_key_that_is_encoded_comes_back(key in "[ -~äß日\\n]{1,60}") {
        let encoded: String = key.bytes().map(|byte| match byte {
            b' ' => "+".to_owned(),
            b'a'..=b'z' | b'/' | b'.' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        }).collect();
        prop_assert_eq!(events(&records(&[s3("ObjectCreated:Put", &encoded)])), [created(&key)]);
    }
}
