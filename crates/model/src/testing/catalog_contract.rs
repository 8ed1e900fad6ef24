//! What every catalog promises. Each check starts from a catalog that it fills itself.

use std::sync::Arc;

use crate::{
    CaptureKind, CatalogRecord, Change, ChangeKind, Changes, Digest, EventQuery, EventState, MediaManifest,
    Millis, Order, PageSize, Subject,
    ports::{Attached, CameraNote, Catalog, CatalogError, Recorded, TestUpload},
    testing::{counts_contract::counts_equal_the_truth, record},
};

type Check = Result<(), CatalogError>;

/// Runs the whole suite; `fresh` gives an empty catalog each time. Panics where a promise is broken.
pub async fn catalog_contract<F>(mut fresh: F)
where
    F: FnMut() -> Arc<dyn Catalog>,
{
    for (name, check) in [
        ("record is idempotent", record_is_idempotent(fresh()).await),
        ("concurrent records are one", concurrent_records_are_one(fresh()).await),
        ("one millisecond holds many", one_millisecond_holds_many(fresh()).await),
        ("deliveries and removals may meet", deliveries_and_removals_may_meet(fresh()).await),
        ("replaced content keeps its event", replaced_content_keeps_its_event(fresh()).await),
        ("removal leaves nothing", removal_leaves_nothing(fresh()).await),
        ("media completes and never makes", media_completes_and_never_makes(fresh()).await),
        ("what a person decided shows and stays", decisions_show_and_stay(fresh()).await),
        ("pages are strict", pages_are_strict(fresh()).await),
        ("filters are applied before the limit", filters_come_before_the_limit(fresh()).await),
        ("hundreds of cameras are one query", hundreds_of_cameras_are_one_query(fresh()).await),
        ("days of many zones overlap", days_of_many_zones_overlap(fresh()).await),
        ("paging survives writes", paging_survives_writes(fresh()).await),
        ("changes tell everything once", changes_tell_everything_once(fresh()).await),
        ("cameras are summed up", cameras_are_summed_up(fresh()).await),
        ("counts equal the truth", counts_equal_the_truth(fresh()).await),
    ] {
        assert!(check.is_ok(), "{name}: {check:?}");
    }
}

async fn all(
    catalog: &dyn Catalog,
    query: &EventQuery,
    limit: u16,
) -> Result<Vec<CatalogRecord>, CatalogError> {
    let limit = PageSize::new(limit).unwrap_or(PageSize::DEFAULT);
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let page = catalog.page(query, limit, after.as_ref()).await?;
        assert!(page.items.len() <= limit.get(), "a page is bounded");
        assert!(page.next.is_none() || !page.items.is_empty(), "no empty page while more follows");
        items.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(items),
        }
    }
}

async fn record_is_idempotent(catalog: Arc<dyn Catalog>) -> Check {
    let clip = record("a", 1_000, CaptureKind::Record, "x.mp4");
    assert_eq!(catalog.record(&clip).await?, Recorded::Inserted);
    for _ in 0..3 {
        assert_eq!(catalog.record(&clip).await?, Recorded::AlreadyPresent);
    }
    assert_eq!(all(&*catalog, &EventQuery::default(), 10).await?, vec![clip.clone()]);
    assert_eq!(catalog.event(&clip.id()).await?, Some(clip));
    Ok(())
}

async fn concurrent_records_are_one(catalog: Arc<dyn Catalog>) -> Check {
    let clip = record("a", 1_000, CaptureKind::Record, "x.mp4");
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (catalog, clip) = (Arc::clone(&catalog), clip.clone());
            tokio::spawn(async move { catalog.record(&clip).await })
        })
        .collect();
    let mut inserted = 0;
    for task in tasks {
        let outcome = task.await.map_err(|error| CatalogError::Unavailable(error.to_string()))??;
        inserted += usize::from(outcome == Recorded::Inserted);
    }
    assert_eq!(inserted, 1, "one of the deliveries made the record");
    assert_eq!(all(&*catalog, &EventQuery::default(), 10).await?.len(), 1);
    Ok(())
}

/// NEVER-1: across cameras and kinds, nothing displaces anything.
async fn one_millisecond_holds_many(catalog: Arc<dyn Catalog>) -> Check {
    let mut want = Vec::new();
    for camera in ["a", "b"] {
        for file in 0..20 {
            let kind = if file % 2 == 0 { CaptureKind::Record } else { CaptureKind::Snap };
            let clip = record(camera, 5_000, kind, &format!("{file}.mp4"));
            assert_eq!(catalog.record(&clip).await?, Recorded::Inserted);
            want.push(clip);
        }
    }
    want.sort_by_key(|clip| std::cmp::Reverse(clip.id()));
    assert_eq!(all(&*catalog, &EventQuery::default(), 7).await?, want);
    Ok(())
}

/// Whatever the order in which they meet: afterwards the event is there once, or not at all, and all views agree.
async fn deliveries_and_removals_may_meet(catalog: Arc<dyn Catalog>) -> Check {
    let clips: Vec<_> =
        (0..4).map(|n| record("a", 1_000, CaptureKind::Record, &format!("{n}.mp4"))).collect();
    let tasks: Vec<_> = (0..16)
        .map(|n| {
            let (catalog, clip) = (Arc::clone(&catalog), clips[n % 4].clone());
            tokio::spawn(async move {
                if n / 4 % 2 == 0 {
                    catalog.record(&clip).await.map(|recorded| i64::from(recorded == Recorded::Inserted))
                } else {
                    catalog.remove(&clip.object_key).await.map(|removed| -i64::from(removed))
                }
            })
        })
        .collect();
    let mut there = 0;
    for task in tasks {
        there += task.await.map_err(|error| CatalogError::Unavailable(error.to_string()))??;
    }
    let listed = all(&*catalog, &EventQuery::default(), 10).await?;
    let of_camera =
        EventQuery { cameras: vec![clips[0].object_key.camera().clone()], ..EventQuery::default() };
    assert_eq!(all(&*catalog, &of_camera, 10).await?, listed);
    assert_eq!(listed.len() as i64, there, "inserted less removed");
    assert_eq!(catalog.cameras().await?.iter().map(|camera| camera.events as i64).sum::<i64>(), there);
    for clip in &clips {
        assert_eq!(catalog.event(&clip.id()).await?.is_some(), listed.contains(clip));
    }
    Ok(())
}

async fn replaced_content_keeps_its_event(catalog: Arc<dyn Catalog>) -> Check {
    let mut cut = record("a", 1_000, CaptureKind::Record, "x.mp4");
    cut.metadata.complete = false;
    catalog.record(&cut).await?;
    let mut whole = cut.clone();
    whole.metadata.complete = true;
    whole.metadata.sha256 = Some(Digest::of(b"whole"));
    whole.metadata.original_sha256 = Some(Digest::of(b"whole"));
    whole.size = 99;
    assert_eq!(catalog.record(&whole).await?, Recorded::Replaced);
    assert_eq!(catalog.record(&whole).await?, Recorded::AlreadyPresent);
    assert_eq!(all(&*catalog, &EventQuery::default(), 10).await?, vec![whole.clone()]);
    let cut_after_its_last_byte = {
        let mut clip = record("b", 2_000, CaptureKind::Record, "y.mp4");
        clip.metadata.complete = false;
        clip
    };
    catalog.record(&cut_after_its_last_byte).await?;
    let mut known_whole = cut_after_its_last_byte;
    known_whole.metadata.complete = true;
    assert_eq!(
        catalog.record(&known_whole).await?,
        Recorded::Replaced,
        "the same bytes, now known to be whole"
    );
    assert_eq!(all(&*catalog, &EventQuery::default(), 10).await?, vec![known_whole, whole]);
    Ok(())
}

/// A group of cameras has no largest size.
async fn hundreds_of_cameras_are_one_query(catalog: Arc<dyn Catalog>) -> Check {
    const CAMERAS: i64 = 300;
    let mut want = Vec::new();
    for n in 0..CAMERAS {
        let clip = record(&format!("camera {n:03}"), 1_000 + n % 7, CaptureKind::Record, "x.mp4");
        catalog.record(&clip).await?;
        want.push(clip);
    }
    let names: Vec<_> = want.iter().map(|clip| clip.object_key.camera().clone()).collect();
    assert_eq!(catalog.camera_names().await?, names);
    catalog.record(&record("another", 1_000, CaptureKind::Record, "x.mp4")).await?;
    want.sort_by_key(|clip| std::cmp::Reverse(clip.id()));
    let query = EventQuery { cameras: names, ..EventQuery::default() };
    assert_eq!(all(&*catalog, &query, 120).await?, want);
    Ok(())
}

async fn removal_leaves_nothing(catalog: Arc<dyn Catalog>) -> Check {
    let (gone, stays) =
        (record("a", 1, CaptureKind::Record, "x.mp4"), record("a", 2, CaptureKind::Record, "y.mp4"));
    assert!(!catalog.remove(&gone.object_key).await?, "removal before creation");
    catalog.record(&gone).await?;
    catalog.record(&stays).await?;
    assert!(catalog.remove(&gone.object_key).await?);
    assert!(!catalog.remove(&gone.object_key).await?, "twice is once");
    assert_eq!(catalog.event(&gone.id()).await?, None);
    assert_eq!(all(&*catalog, &EventQuery::default(), 10).await?, vec![stays]);
    assert_eq!(catalog.record(&gone).await?, Recorded::Inserted, "a removed event can come again");
    Ok(())
}

async fn media_completes_and_never_makes(catalog: Arc<dyn Catalog>) -> Check {
    let clip = record("a", 1, CaptureKind::Record, "x.mp4");
    let manifest = MediaManifest {
        poster: true,
        poster_width: Some(320),
        poster_height: Some(180),
        ..MediaManifest::new(clip.metadata.sha256.unwrap_or(Digest([0; 32])))
    };
    assert_eq!(catalog.attach_media(&clip.object_key, &manifest).await?, Attached::NoRecord);
    assert!(all(&*catalog, &EventQuery::default(), 10).await?.is_empty());
    catalog.record(&clip).await?;
    let stale = MediaManifest { sha256: Digest::of(b"other bytes"), ..manifest.clone() };
    assert_eq!(catalog.attach_media(&clip.object_key, &stale).await?, Attached::Unchanged);
    assert_eq!(catalog.attach_media(&clip.object_key, &manifest).await?, Attached::Updated);
    assert_eq!(catalog.attach_media(&clip.object_key, &manifest).await?, Attached::Unchanged);
    assert_eq!(catalog.event(&clip.id()).await?.map(|clip| clip.poster), Some(true));
    assert_eq!(
        catalog.record(&clip).await?,
        Recorded::AlreadyPresent,
        "a redelivery doesn't undo the poster"
    );
    assert_eq!(catalog.event(&clip.id()).await?.map(|clip| clip.poster), Some(true));
    // What comes later: tried and not needed changes nothing that is shown; each other step is one change.
    let none_needed = MediaManifest { small: Some(false), ..manifest.clone() };
    assert_eq!(catalog.attach_media(&clip.object_key, &none_needed).await?, Attached::Unchanged);
    let small = MediaManifest { small: Some(true), ..manifest.clone() };
    let both = MediaManifest { original: true, ..small.clone() };
    let asked = MediaManifest { h264: Some(true), preview: Some(16), ..both.clone() };
    let blurred = MediaManifest {
        blur: Some("1QcSHQRnh493V4dIh4eXh1h4kJUI".to_owned()),
        preview: Some(9),
        ..asked.clone()
    };
    let none = MediaManifest { small: None, h264: Some(false), preview: Some(0), ..both.clone() };
    for manifest in [small, both.clone(), asked, blurred, none, both] {
        let start = catalog.latest_change().await?;
        assert_eq!(catalog.attach_media(&clip.object_key, &manifest).await?, Attached::Updated);
        assert_eq!(catalog.attach_media(&clip.object_key, &manifest).await?, Attached::Unchanged);
        let want = clip.clone().completed(&manifest);
        assert_eq!(catalog.event(&clip.id()).await?, Some(want.clone()));
        assert_eq!(all(&*catalog, &EventQuery::default(), 10).await?, [want], "all views agree");
        assert_eq!(catalog.changes(start, 10).await?.items.len(), 1);
    }
    let full = record("a", 2, CaptureKind::Record, "y.mp4");
    let full = CatalogRecord {
        small_copy: true,
        original_copy: true,
        poster: true,
        h264_copy: true,
        preview_frames: Some(16),
        blur: Some("blur".to_owned()),
        ..full
    };
    catalog.record(&full).await?;
    assert_eq!(catalog.event(&full.id()).await?, Some(full));
    Ok(())
}

async fn decisions_show_and_stay(catalog: Arc<dyn Catalog>) -> Check {
    let (clip, other) =
        (record("a", 1, CaptureKind::Record, "x.mp4"), record("a", 2, CaptureKind::Record, "y.mp4"));
    let state = |protected, note: Option<&str>| EventState {
        version: EventState::VERSION,
        protected,
        note: note.map(str::to_owned),
        by: "anna".to_owned(),
        at: Millis(1),
    };
    let kept = state(true, Some("the fox"));
    assert_eq!(catalog.set_state(&clip.object_key, &kept).await?, Attached::NoRecord);
    assert!(all(&*catalog, &EventQuery::default(), 10).await?.is_empty(), "a decision makes no event");
    catalog.record(&clip).await?;
    catalog.record(&other).await?;
    let start = catalog.latest_change().await?;
    assert_eq!(catalog.set_state(&clip.object_key, &kept).await?, Attached::Updated);
    assert_eq!(catalog.set_state(&clip.object_key, &kept).await?, Attached::Unchanged);
    let want = CatalogRecord { protected: true, note: Some("the fox".to_owned()), ..clip.clone() };
    assert_eq!(catalog.event(&clip.id()).await?.as_ref(), Some(&want));
    assert_eq!(all(&*catalog, &EventQuery::default(), 10).await?, vec![other.clone(), want.clone()]);
    let of_camera = EventQuery { cameras: vec![clip.object_key.camera().clone()], ..EventQuery::default() };
    assert_eq!(all(&*catalog, &of_camera, 10).await?, vec![other, want.clone()], "all views agree");
    let told = catalog.changes(start, 10).await?.items;
    let [Change { subject: Subject::Event { kind: ChangeKind::Changed, record: Some(shown), .. }, .. }] =
        &told[..]
    else {
        panic!("one change: {told:?}")
    };
    assert_eq!(**shown, want);
    // Redelivered, completed, replaced by a fuller upload: it stays.
    assert_eq!(catalog.record(&clip).await?, Recorded::AlreadyPresent);
    let whole = CatalogRecord { size: 99, ..clip.clone() };
    assert_eq!(catalog.record(&whole).await?, Recorded::Replaced);
    let want = CatalogRecord { size: 99, ..want };
    assert_eq!(catalog.event(&clip.id()).await?.as_ref(), Some(&want));
    // Each by itself, and back.
    for (protected, note) in [(true, None), (false, Some("a note")), (true, Some("another")), (false, None)] {
        let state = state(protected, note);
        assert_eq!(catalog.set_state(&clip.object_key, &state).await?, Attached::Updated);
        let found = catalog.event(&clip.id()).await?.map(|event| (event.protected, event.note));
        assert_eq!(found, Some((protected, note.map(str::to_owned))));
    }
    assert_eq!(catalog.event(&clip.id()).await?, Some(whole));
    assert!(catalog.remove(&clip.object_key).await?);
    assert_eq!(catalog.set_state(&clip.object_key, &kept).await?, Attached::NoRecord);
    Ok(())
}

/// A few cameras, kinds and days, with many events of one millisecond.
async fn fill(catalog: &dyn Catalog) -> Result<Vec<CatalogRecord>, CatalogError> {
    let mut made = Vec::new();
    for step in 0..120_i64 {
        let camera = ["a", "b", "c"][(step % 3) as usize];
        let kind = if step % 4 == 0 { CaptureKind::Snap } else { CaptureKind::Record };
        let event_ts = (step / 6) * 7_200_000;
        let clip = record(camera, event_ts, kind, &format!("{step}.mp4"));
        catalog.record(&clip).await?;
        made.push(clip);
    }
    made.sort_by_key(|clip| std::cmp::Reverse(clip.id()));
    Ok(made)
}

async fn pages_are_strict(catalog: Arc<dyn Catalog>) -> Check {
    let want = fill(&*catalog).await?;
    for limit in [1, 2, 7, 60, 120, 121, 500] {
        assert_eq!(all(&*catalog, &EventQuery::default(), limit).await?, want, "limit {limit}");
    }
    let mut oldest_first = want.clone();
    oldest_first.reverse();
    let query = EventQuery { order: Order::OldestFirst, ..EventQuery::default() };
    assert_eq!(all(&*catalog, &query, 7).await?, oldest_first);
    Ok(())
}

async fn filters_come_before_the_limit(catalog: Arc<dyn Catalog>) -> Check {
    let want = fill(&*catalog).await?;
    let (a, c) = (want[0].object_key.camera().clone(), crate::CameraName::from_folder("c"));
    let date = want[60].object_key.date();
    let (from, to) = (Millis(20_000_000), Millis(100_000_000));
    let queries = [
        EventQuery { cameras: vec![a.clone()], ..EventQuery::default() },
        EventQuery { cameras: vec![a.clone(), c.clone()], ..EventQuery::default() },
        EventQuery { cameras: vec![c.clone(), c.clone()], ..EventQuery::default() },
        EventQuery { kind: Some(CaptureKind::Snap), ..EventQuery::default() },
        EventQuery { kind: Some(CaptureKind::Record), cameras: vec![a, c], ..EventQuery::default() },
        EventQuery { date: Some(date), ..EventQuery::default() },
        EventQuery { from: Some(from), to: Some(to), ..EventQuery::default() },
        EventQuery { from: Some(to), to: Some(from), ..EventQuery::default() },
        EventQuery { cameras: vec![crate::CameraName::from_folder("nobody")], ..EventQuery::default() },
    ];
    for query in queries {
        let fits = |clip: &&CatalogRecord| {
            (query.cameras.is_empty() || query.cameras.contains(clip.object_key.camera()))
                && query.kind.is_none_or(|kind| kind == clip.object_key.kind())
                && query.date.is_none_or(|date| date == clip.object_key.date())
                && query.from.is_none_or(|from| clip.time().instant >= from)
                && query.to.is_none_or(|to| clip.time().instant < to)
        };
        let expected: Vec<_> = want.iter().filter(fits).cloned().collect();
        for limit in [1, 3, 50] {
            assert_eq!(all(&*catalog, &query, limit).await?, expected, "{query:?} by {limit}");
        }
    }
    Ok(())
}

/// NEVER-23: a date is the camera's own, the order is by instant, so events of neighbouring dates alternate.
async fn days_of_many_zones_overlap(catalog: Arc<dyn Catalog>) -> Check {
    let mut want = Vec::new();
    for hour in 0..80_i64 {
        let offset_h = [14, -12, 0, 5][hour as usize % 4];
        let mut clip = record(&format!("{offset_h}"), hour * 3_600_000, CaptureKind::Record, "x.mp4");
        clip.metadata.time.offset_s = offset_h * 3_600;
        let (camera, file) = (clip.object_key.camera().clone(), clip.object_key.file().clone());
        let base = crate::ObjectBase::default();
        clip.object_key =
            crate::ObjectKey::new(&base, &camera, &clip.metadata.time, CaptureKind::Record, file);
        catalog.record(&clip).await?;
        want.push(clip);
    }
    let dates: std::collections::BTreeSet<_> = want.iter().map(|clip| clip.object_key.date()).collect();
    for order in [Order::OldestFirst, Order::NewestFirst] {
        for limit in [1, 7, 500] {
            let query = EventQuery { order, ..EventQuery::default() };
            assert_eq!(all(&*catalog, &query, limit).await?, want, "{order:?} by {limit}");
        }
        for &date in &dates {
            let query = EventQuery { order, date: Some(date), ..EventQuery::default() };
            let of_date: Vec<_> =
                want.iter().filter(|clip| clip.object_key.date() == date).cloned().collect();
            assert_eq!(all(&*catalog, &query, 3).await?, of_date, "{order:?} of {date}");
        }
        want.reverse();
    }
    Ok(())
}

/// NEVER-21: whatever stays is seen exactly once, while events come and go around the cursor.
async fn paging_survives_writes(catalog: Arc<dyn Catalog>) -> Check {
    let there = fill(&*catalog).await?;
    let (mut seen, mut after, mut round) = (Vec::new(), None, 0);
    loop {
        let page = catalog
            .page(&EventQuery::default(), PageSize::new(9).unwrap_or(PageSize::DEFAULT), after.as_ref())
            .await?;
        seen.extend(page.items);
        let Some(next) = page.next else { break };
        catalog
            .record(&record("late", 900_000_000 + round, CaptureKind::Record, &format!("{round}.mp4")))
            .await?;
        // The event that the cursor names may go; the next page must still begin behind it.
        let at_cursor = there.iter().find(|clip| clip.id() == next).map(|clip| clip.object_key.clone());
        if let Some(key) = at_cursor {
            catalog.remove(&key).await?;
        }
        after = Some(next);
        round += 1;
    }
    assert_eq!(seen, there, "what was there at the start, once each, in order");
    Ok(())
}

async fn changes_tell_everything_once(catalog: Arc<dyn Catalog>) -> Check {
    let start = catalog.latest_change().await?;
    let (one, two) =
        (record("a", 1, CaptureKind::Record, "1.mp4"), record("b", 2, CaptureKind::Snap, "2.jpg"));
    catalog.record(&one).await?;
    catalog.record(&two).await?;
    catalog.record(&two).await?;
    let changes = catalog.changes(start, 10).await?.items;
    let told = |changes: &[Change]| -> Vec<_> {
        changes
            .iter()
            .map(|change| match &change.subject {
                Subject::Event { kind, id, record } => (Some(*kind), id.camera.clone(), record.is_some()),
                Subject::Camera(camera) => (None, camera.clone(), false),
            })
            .collect()
    };
    let (a, b) = (one.object_key.camera().clone(), two.object_key.camera().clone());
    let new = Some(ChangeKind::New);
    let want =
        [(new, a.clone(), true), (None, a.clone(), false), (new, b.clone(), true), (None, b.clone(), false)];
    assert_eq!(told(&changes), want);
    let first = changes.first().map_or(0, |change| change.seq);
    assert_eq!(catalog.changes(first, 10).await?.items.len(), 3, "after the first come the others");
    catalog.remove(&one.object_key).await?;
    let last = catalog.changes(catalog_seq(&changes), 10).await?.items;
    assert_eq!(last.len(), 1);
    assert_eq!(told(&last), [(Some(ChangeKind::Removed), a, false)]);
    let test = TestUpload { name: "t".to_owned(), size: 0, at: Millis(1) };
    catalog.note_camera(&b, &CameraNote::Test(test)).await?;
    let noted = catalog.changes(last[0].seq, 10).await?.items;
    assert_eq!(told(&noted), [(None, b, false)]);
    // The sequence may have gaps; its end is known.
    assert_eq!(catalog.latest_change().await?, catalog_seq(&noted));
    let end = Changes { upto: catalog_seq(&noted), ..Changes::default() };
    assert_eq!(catalog.changes(end.upto, 10).await?, end);
    assert!(catalog.changes(catalog_seq(&noted) + 1_000, 10).await?.gap, "a place that was never given");
    Ok(())
}

fn catalog_seq(changes: &[crate::Change]) -> u64 {
    changes.last().map_or(0, |change| change.seq)
}

async fn cameras_are_summed_up(catalog: Arc<dyn Catalog>) -> Check {
    fill(&*catalog).await?;
    let test = TestUpload { name: "test.txt".to_owned(), size: 0, at: Millis(77) };
    let new = crate::CameraName::from_folder("new");
    catalog.note_camera(&new, &CameraNote::Test(test.clone())).await?;
    // Told late, an earlier one says nothing new.
    let earlier = TestUpload { name: "earlier.txt".to_owned(), size: 0, at: Millis(76) };
    catalog.note_camera(&new, &CameraNote::Test(earlier)).await?;
    let cameras = catalog.cameras().await?;
    let names: Vec<_> = cameras.iter().map(|camera| camera.name.as_str().to_owned()).collect();
    assert_eq!(names, ["a", "b", "c", "new"]);
    assert_eq!(cameras.iter().map(|camera| camera.events).collect::<Vec<_>>(), [40, 40, 40, 0]);
    assert_eq!(cameras[3].last_test, Some(test));
    assert_eq!(cameras[0].last_event_ts, Some(Millis(19 * 7_200_000)));
    assert_eq!(cameras[0].last_seen_at, Some(Millis(19 * 7_200_000 + 2_000)));
    Ok(())
}
