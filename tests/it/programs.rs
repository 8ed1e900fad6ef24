//! The campaign of faults believes programs: so each of them must be one that doesn't lie, or be read so that it
//! can't.

use std::{fs, thread};

use crate::support::{Batch, FakeFtp, Program, Target, still_with, wait};

/// What the server of [`FakeFtp`] does to uploads of these names, two in a call; who may believe in which.
const CASES: [(&[&str], &[bool]); 8] = [
    (&["stored-1.jpg", "stored-2.jpg"], &[true, true]),
    (&["refused-1.jpg", "stored-2.jpg"], &[false, true]),
    (&["full-1.jpg", "stored-2.jpg"], &[false, true]),
    (&["stored-1.jpg", "full-2.jpg"], &[true, false]),
    (&["stopped.jpg"], &[false]),
    (&["stored-1.jpg", "broken-2.jpg"], &[true, false]),
    (&["lost.jpg"], &[false]),
    (&["half.jpg"], &[false]),
];

#[test]
fn no_program_takes_for_stored_what_it_was_not_told() {
    let server = FakeFtp::start();
    let scratch = tempfile::tempdir().unwrap();
    let still = still_with(1, 60_000);
    for name in CASES.iter().flat_map(|(names, _)| *names) {
        fs::write(scratch.path().join(name), &still).unwrap();
    }
    thread::scope(|scope| {
        for program in Program::ALL {
            let (server, scratch) = (&server, scratch.path());
            scope.spawn(move || {
                let home = tempfile::tempdir().unwrap();
                let target = Target { ftp: server.address(), home: home.path() };
                for (names, true_ones) in CASES {
                    let batch = Batch { dir: scratch, folder: "/gate/snap", names: names.to_vec() };
                    let believed = program.upload(&target, &batch);
                    let lies = believed.iter().zip(true_ones).any(|(believed, is)| *believed && !is);
                    assert!(!lies, "{program:?} {names:?}: {believed:?}");
                    if true_ones.iter().all(|is| *is) {
                        assert_eq!(believed, true_ones, "{program:?} {names:?}");
                    }
                }
            });
        }
    });
}

#[test]
fn a_slow_program_is_killed_in_the_middle() {
    let scratch = tempfile::tempdir().unwrap();
    let still = still_with(1, 600_000);
    fs::write(scratch.path().join("stored.jpg"), &still).unwrap();
    thread::scope(|scope| {
        for program in Program::SLOW {
            let dir = scratch.path();
            scope.spawn(move || {
                let (server, home) = (FakeFtp::start(), tempfile::tempdir().unwrap());
                let target = Target { ftp: server.address(), home: home.path() };
                let batch = Batch { dir, folder: "/gate/snap", names: vec!["stored.jpg"] };
                assert!(program.cut(&target, &batch, 250_000, None), "{program:?} never got so far");
                let received =
                    wait("the server notices", || Some(server.received()).filter(|count| *count > 0));
                assert!((16_384..600_000).contains(&received), "{program:?}: {received}");
            });
        }
    });
}
