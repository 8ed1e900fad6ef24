//! The machine's clock leaps while the program runs: a board without a battery starts in 1970 and finds the time later, and
//! a broken one is years ahead. Nothing is lost, refused or deleted, and everybody can go on.

use std::{collections::BTreeSet, fs, thread, time::Duration};

use crate::support::{Instance, Options, by_original, still_with, text};

/// What changes what the program takes for the time (Debian's package faketime).
fn library() -> String {
    let found = fs::read_dir("/usr/lib").unwrap().flatten().find_map(|folder| {
        let library = folder.path().join("faketime/libfaketimeMT.so.1");
        library.is_file().then(|| library.display().to_string())
    });
    found.expect("libfaketime is missing: run scripts/setup test")
}

#[test]
fn leaps_of_the_clock_lose_and_delete_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let clock = scratch.path().join("clock");
    let leap = |offset: &str| {
        // Replaced as a whole: it is read at each look at the clock.
        fs::write(clock.with_extension("new"), offset).unwrap();
        fs::rename(clock.with_extension("new"), &clock).unwrap();
    };
    leap("+0d");
    let (library, file) = (library(), clock.display().to_string());
    let mut instance = Instance::with(&Options {
        env: &[
            ("LD_PRELOAD", &library),
            ("FAKETIME_TIMESTAMP_FILE", &file),
            ("FAKETIME_NO_CACHE", "1"),
            // What only runs must only run; and files have the times that the system gave them.
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("DONT_FAKE_MONOTONIC", "1"),
            ("NO_FAKE_STAT", "1"),
            ("CAMTRAIL__RETENTION__DAYS", "30"),
            ("CAMTRAIL__RETENTION__EVERY", "1s"),
        ],
        ..Options::default()
    });
    let mut stills = Vec::new();
    // Years ahead, back, to the epoch of a board without a battery, and right again; the camera stays logged in.
    let mut camera = instance.camera();
    for (number, offset) in ["+0d", "+800d", "-400d", "-19000d", "+0d"].into_iter().enumerate() {
        leap(offset);
        let still = still_with(number as u64, 40_000);
        // A name without a time: what counts is when it came. Twice the same name: none takes another's place.
        camera.upload("/gate/snap/alarm.jpg", &still);
        instance
            .camera()
            .upload(format!("/gate/snap/alarm{number}.jpg"), &still_with(100 + number as u64, 40_000));
        stills.extend([still, still_with(100 + number as u64, 40_000)]);
        // Whoever had signed in before a leap of years may have to do it again; and can.
        let web = instance.person();
        for still in &stills {
            by_original(&web, still);
        }
        // Sweeps that believed the clock would have taken what came before a leap ahead.
        thread::sleep(Duration::from_millis(2_500));
        web.settle();
        assert_eq!(web.events("").len(), stills.len(), "at {offset}");
    }
    let events = instance.person().events("");
    let years: BTreeSet<_> = events.iter().map(|event| &text(event, "capture_date")[..4]).collect();
    assert!(years.len() >= 4, "the clock did leap: {years:?}");
    instance.kill();
    instance.restart();
    let web = instance.person();
    for still in &stills {
        by_original(&web, still);
    }
    assert_eq!(web.events("").len(), stills.len());
}
