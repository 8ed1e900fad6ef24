//! Live updates where answers can't stream.

use super::*;

#[tokio::test]
async fn where_answers_cannot_stream_each_tells_what_came_since() {
    let bench = Bench::serverless().await;
    let cookie = bench.cookie().await;
    let (retry, hello) = polled(&bench, &cookie, None).await;
    let [(event, id, data)] = &hello[..] else { panic!("{hello:?}") };
    assert_eq!((retry.as_str(), event.as_str(), &data["poll_ms"]), ("5000", "ready", &json!(5000)));
    let (_, nothing) = polled(&bench, &cookie, Some(id)).await;
    assert_eq!(nothing, [], "who comes again isn't greeted: a greeting makes pages load afresh");
    for n in 0..400 {
        bench.catalog.record(&record("gate", n, CaptureKind::Snap, &format!("{n}.jpg"))).await.unwrap();
    }
    let (mut last, mut told, mut answers) = (id.clone(), Vec::new(), 0);
    loop {
        let (retry, messages) = polled(&bench, &cookie, Some(&last)).await;
        answers += 1;
        let Some((_, id, _)) = messages.last() else { break };
        last = id.clone();
        assert!(messages.len() < 400, "an answer has a bound");
        assert!(retry == "200" || retry == "5000", "{retry}");
        told.extend(messages.into_iter().filter(|(event, ..)| event == "new").map(|(_, _, data)| data));
    }
    assert!((3..6).contains(&answers), "{answers}");
    let ids: std::collections::BTreeSet<_> = told.iter().map(|data| data["id"].to_string()).collect();
    assert_eq!((told.len(), ids.len()), (400, 400));
}
