//! Counts, incidents, and what a person hasn't viewed: shapes, bounds and what is said to wrong questions.

use camtrail_model::{CatalogRecord, EventState, Millis, ports::ReviewState};

use super::*;

const DAY_MS: i64 = 86_400_000;
/// 2016-08-30T00:00:00Z.
const DAY_START: i64 = 1_472_515_200_000;

async fn add(bench: &Bench, camera: &str, second: i64, kind: CaptureKind) -> CatalogRecord {
    let file = format!("{second}.mp4");
    let mut capture = record(camera, DAY_START + second * 1_000, kind, &file);
    capture.size = 10;
    bench.catalog.record(&capture).await.unwrap();
    capture
}

fn items(answer: &(StatusCode, Value)) -> &Vec<Value> {
    assert_eq!(answer.0, StatusCode::OK, "{}", answer.1);
    answer.1["items"].as_array().unwrap()
}

/// All items of a list, page by page.
async fn walk(bench: &Bench, cookie: &str, list: &str, query: &str) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    for _ in 0..1_000 {
        let answer = bench.get(&format!("/api/v1/{list}?{query}{cursor}"), cookie).await;
        let page = items(&answer).clone();
        let next = answer.1["next_cursor"].as_str();
        assert!(next.is_none() || !page.is_empty(), "no empty page while more follows");
        all.extend(page);
        match next {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
    panic!("no end of {list}?{query}");
}

#[tokio::test]
async fn counts_have_the_captures_own_days_and_hours() {
    let bench = Bench::new("").await;
    let cookie = bench.cookie().await;
    for (camera, second, kind) in [
        ("gate", 0, CaptureKind::Snap),
        ("gate", 3_599, CaptureKind::Record),
        ("yard", 3_600, CaptureKind::Snap),
        ("yard", 90_000, CaptureKind::Snap),
    ] {
        add(&bench, camera, second, kind).await;
    }
    let get = async |query: &str| bench.get(&format!("/api/v1/counts?{query}"), &cookie).await;
    let hours = get("by=hour&from=2016-08-30&to=2016-08-31").await;
    let want = json!({ "by": "hour", "older": false, "items": [
        { "date": "2016-08-30", "hour": 1, "camera_name": null, "records": 0, "snaps": 1, "bytes": 10 },
        { "date": "2016-08-30", "hour": 0, "camera_name": null, "records": 1, "snaps": 1, "bytes": 20 },
    ]});
    assert_eq!(hours, (StatusCode::OK, want));
    let days = get("by=day").await;
    let days: Vec<_> =
        items(&days).iter().map(|day| (day["date"].as_str().unwrap(), &day["snaps"])).collect();
    assert_eq!(days, [("2016-08-31", &json!(1)), ("2016-08-30", &json!(2)), ("1970-01-01", &json!(0))]);
    let cameras = get("by=camera&from=2016-08-30&kind=snap").await;
    let cameras: Vec<_> =
        items(&cameras).iter().map(|of| (of["camera_name"].as_str().unwrap(), &of["snaps"])).collect();
    assert_eq!(cameras, [("gate", &json!(1)), ("yard", &json!(2))]);
    // Moments are hours of the site's zone: UTC here. The hour that the end lies in counts.
    for (query, found) in [
        ("by=hour&camera=gate&camera=yard&from=2016-08-30T01:59:59Z", 2),
        ("by=hour&to=2016-08-30T00:00:00.001Z&from=2016-08-30", 1),
        ("by=hour&to=2016-08-30T00:00:00Z&from=2016-08-30", 0),
        ("by=hour&to=1472515200001&from=1472515200000", 1),
        ("by=day&from=2016-08-30T23:00:00Z&to=2016-08-30T23:30:00Z", 1),
        ("by=day&camera=nobody", 0),
        ("by=camera&camera=nobody", 0),
    ] {
        assert_eq!(items(&get(query).await).len(), found, "{query}");
    }
    let group =
        json!({"items": [{"name": "front", "contains": ["GA"]}, {"name": "none", "contains": ["zzz"]}]});
    let request = Request::put("/api/v1/groups").header(header::CONTENT_TYPE, "application/json");
    let otto = bench.cookie_of("otto").await;
    let request = request.header(header::COOKIE, otto).body(Body::from(group.to_string())).unwrap();
    assert_eq!(bench.send(request).await.status(), StatusCode::OK);
    assert_eq!(items(&get("by=camera&group=front").await).len(), 1);
    assert_eq!(items(&get("by=camera&group=none").await).len(), 0);
    for (query, parts) in [
        ("", &["by", "hour, day or camera"][..]),
        ("by=week", &["by", "week", "hour"]),
        ("by=day&from=yesterday", &["from", "yesterday", "2016-08-30"]),
        ("by=day&to=2016-8-30", &["to", "2016-8-30"]),
        ("by=hour&from=2015-01-01&to=2016-01-03", &["from, to", "8808 hours", "8784 hours (366 days)"]),
        ("by=day&from=1900-01-01&to=2016-01-01", &["from, to", "days", "3660 days"]),
        ("by=day&camera=", &["camera"]),
        ("by=day&group=nobody", &["group", "nobody"]),
        ("by=day&kind=video", &["kind", "video"]),
        ("by=day&limit=3", &["limit"]),
    ] {
        let (status, problem) = get(query).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(parts.iter().all(|part| detail.contains(part)), "{query}: {detail}");
    }
    let many = (0..200).fold(String::new(), |many, n| many + "&camera=c" + &n.to_string());
    let (status, problem) = get(&format!("by=hour{many}")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(problem["detail"].as_str().unwrap().contains("200 cameras"), "{problem}");
    assert_eq!(items(&get(&format!("by=hour&from=2016-08-01&to=2016-09-01{many}")).await).len(), 0);
}

#[tokio::test]
async fn incidents_are_cards_of_what_all_cameras_saw() {
    let bench = Bench::new("").await;
    let cookie = bench.cookie().await;
    let clip = add(&bench, "gate", 100, CaptureKind::Record).await;
    let still = add(&bench, "yard", 150, CaptureKind::Snap).await;
    for n in 0..20 {
        add(&bench, "gate", 1_000 + n, CaptureKind::Snap).await;
    }
    bench.catalog.mark("anna", &[clip.id(), still.id()], true, Millis(1)).await.unwrap();
    let query = "from=2016-08-30T00:00:00Z";
    let listed = walk(&bench, &cookie, "incidents", query).await;
    assert_eq!(listed.len(), 2);
    let (crowd, pair) = (&listed[0], &listed[1]);
    assert_eq!((&crowd["snaps"], &crowd["more"]), (&json!(20), &json!(8)));
    assert_eq!(crowd["events"].as_array().unwrap().len(), 12);
    assert_eq!(
        (&pair["started_at"], &pair["started_ts"], &pair["ended_ts"], &pair["cameras"]),
        (
            &json!("2016-08-30T00:01:40.000Z"),
            &json!(DAY_START + 100_000),
            &json!(DAY_START + 151_000),
            &json!(["gate", "yard"])
        )
    );
    assert_eq!((&pair["records"], &pair["snaps"], &pair["more"]), (&json!(1), &json!(1), &json!(0)));
    assert_eq!(
        (&pair["viewed"], &crowd["viewed"], &pair["protected"]),
        (&json!(true), &json!(false), &json!(false))
    );
    assert_eq!(pair["events"][0]["id"], json!(clip.id().to_string()));
    // Pages and filters give the same ids.
    let ids = |listed: &[Value]| listed.iter().map(|incident| incident["id"].to_string()).collect::<Vec<_>>();
    let all = ids(&listed);
    assert_eq!(ids(&walk(&bench, &cookie, "incidents", &format!("{query}&limit=1")).await), all);
    let mut oldest = ids(&walk(&bench, &cookie, "incidents", &format!("{query}&limit=1&order=oldest")).await);
    oldest.reverse();
    assert_eq!(oldest, all);
    let of_yard = walk(&bench, &cookie, "incidents", "camera=yard").await;
    assert_eq!(ids(&of_yard), all[1..]);
    assert_eq!(of_yard[0]["events"].as_array().unwrap().len(), 1, "only what was asked for");
    assert_eq!(ids(&walk(&bench, &cookie, "incidents", &format!("{query}&unviewed=true")).await), all[..1]);
    assert_eq!(ids(&walk(&bench, &cookie, "incidents", &format!("{query}&unviewed=false")).await), all[1..]);
    assert_eq!(walk(&bench, &cookie, "incidents", "protected=true").await, [] as [Value; 0]);
    assert_eq!(walk(&bench, &cookie, "incidents", &format!("{query}&gap=600&limit=1")).await.len(), 2);
    assert_eq!(walk(&bench, &cookie, "incidents", &format!("{query}&gap=10")).await.len(), 3);
    let path = format!("/api/v1/incidents/{}", pair["id"].as_str().unwrap());
    let (status, one) = bench.get(&path, &cookie).await;
    assert_eq!((status, &one["events"][1]["id"]), (StatusCode::OK, &json!(still.id().to_string())));
    let path = format!("/api/v1/incidents/{}", crowd["id"].as_str().unwrap());
    let (_, one) = bench.get(&path, &cookie).await;
    assert_eq!((one["events"].as_array().unwrap().len(), &one["more"]), (20, &json!(0)));
    assert_eq!(bench.get("/api/v1/incidents/nosuchid", &cookie).await.0, StatusCode::NOT_FOUND);
    bench.catalog.remove(&clip.object_key).await.unwrap();
    let path = format!("/api/v1/incidents/{}", pair["id"].as_str().unwrap());
    assert_eq!(bench.get(&path, &cookie).await.0, StatusCode::NOT_FOUND, "its first event is gone");
    let (_, first) = bench.get("/api/v1/incidents?limit=1", &cookie).await;
    let cursor = first["next_cursor"].as_str().unwrap();
    for (query, part) in [
        ("gap=0".to_owned(), "gap: found 0, expected 1 to 600"),
        ("gap=601".to_owned(), "gap: found 601"),
        ("gap=x".to_owned(), "gap"),
        ("limit=501".to_owned(), "limit: found 501"),
        ("unviewed=maybe".to_owned(), "unviewed"),
        ("protected=1".to_owned(), "protected"),
        ("order=random".to_owned(), "order"),
        (format!("limit=1&gap=61&cursor={cursor}"), "cursor"),
        (format!("limit=1&unviewed=true&cursor={cursor}"), "cursor"),
    ] {
        let (status, problem) = bench.get(&format!("/api/v1/incidents?{query}"), &cookie).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
        assert!(problem["detail"].as_str().unwrap().contains(part), "{query}: {problem}");
    }
    // Events' and incidents' cursors are not each other's.
    assert_eq!(
        bench.get(&format!("/api/v1/events?cursor={cursor}"), &cookie).await.0,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn what_is_not_viewed_is_each_persons_own() {
    let bench = Bench::new("").await;
    let (anna, otto) = (bench.cookie().await, bench.cookie_of("otto").await);
    let mut captures = Vec::new();
    for n in 0..300 {
        captures.push(add(&bench, ["gate", "yard"][n % 2], n as i64, CaptureKind::Snap).await);
    }
    let viewed: Vec<_> = captures.iter().step_by(7).map(CatalogRecord::id).collect();
    bench.catalog.mark("anna", &viewed, true, Millis(DAY_START + DAY_MS)).await.unwrap();
    bench.catalog.mark_up_to("anna", &captures[99].id(), Millis(DAY_START + DAY_MS)).await.unwrap();
    let from = "from=2016-08-30T00:00:00Z";
    let ids = |events: Vec<Value>| {
        events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let is_viewed = |n: usize| n < 100 || n.is_multiple_of(7);
    for (unviewed, order) in [(true, "oldest"), (false, "oldest"), (true, "newest"), (false, "newest")] {
        let want = (0..300).filter(|n| is_viewed(*n) != unviewed).map(|n| captures[n].id().to_string());
        let mut want: Vec<_> = want.collect();
        if order == "newest" {
            want.reverse();
        }
        for limit in [1, 17, 500] {
            let query = format!("{from}&unviewed={unviewed}&order={order}&limit={limit}");
            assert_eq!(ids(walk(&bench, &anna, "events", &query).await), want, "{query}");
        }
    }
    let others = walk(&bench, &otto, "events", &format!("{from}&unviewed=true&limit=100")).await;
    assert_eq!(others.len(), 300);
    assert!(others.iter().all(|event| event["viewed"] == false));
    let (_, page) = bench.get(&format!("/api/v1/events?{from}&unviewed=true&limit=1"), &anna).await;
    let cursor = page["next_cursor"].as_str().unwrap();
    for query in [
        format!("{from}&limit=1"),
        format!("{from}&unviewed=false"),
        format!("{from}&unviewed=true&protected=false"),
    ] {
        let (status, _) = bench.get(&format!("/api/v1/events?{query}&cursor={cursor}"), &anna).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
    }
}

/// Whoever looks for the one thing that fits among very many comes to it by the cursors alone.
#[tokio::test]
async fn a_walk_that_finds_nothing_for_long_goes_on_by_its_cursor() {
    use futures::StreamExt as _;
    const OTHERS: i64 = camtrail_model::sieve::LOOKED_MAX as i64 + 500;
    const AT_ONCE: usize = 1_000;

    let bench = Bench::new("").await;
    let cookie = bench.cookie().await;
    let oldest = add(&bench, "gate", -90_000, CaptureKind::Record).await;
    let id = oldest.id().to_string();
    let version = EventState::VERSION;
    let kept = EventState { version, protected: true, note: None, by: "otto".to_owned(), at: Millis(1) };
    bench.catalog.set_state(&oldest.object_key, &kept).await.unwrap();
    futures::stream::iter(0..OTHERS)
        .for_each_concurrent(AT_ONCE, async |second| {
            add(&bench, "gate", second, CaptureKind::Snap).await;
        })
        .await;
    for list in ["events", "incidents"] {
        let (mut cursor, mut found) = (String::new(), Vec::new());
        for round in 0..3 {
            let answer = bench.get(&format!("/api/v1/{list}?protected=true{cursor}"), &cookie).await;
            let (status, page) = &answer;
            if round == 0 {
                assert_eq!(*status, StatusCode::UNPROCESSABLE_ENTITY, "{list}: {page}");
            }
            found.extend(page["items"].as_array().into_iter().flatten().cloned());
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        let first =
            |item: &Value| item["events"][0]["id"].as_str().or(item["id"].as_str()).map(str::to_owned);
        assert_eq!(found.iter().filter_map(first).collect::<Vec<_>>(), [id.as_str()], "{list}");
    }
}
