//! Full disks and full spools: `452`, a note where a person looks, and recovery without a restart.

use std::fs;

use crate::support::{Instance, Options, Tmpfs, by_original, still_with, wait};

#[test]
fn a_full_disk_refuses_with_452_and_recovers_by_itself() {
    let disk = Tmpfs::new("16m");
    let options = Options { data_dir: Some(disk.path().join("data")), ..Options::default() };
    let mut instance = Instance::with(&options);
    let mut camera = instance.camera();
    camera.upload("/gate/snap/before.jpg", &still_with(1, 50_000));
    let ballast = disk.path().join("ballast");
    let room = 12 * 1024 * 1024;
    fs::write(&ballast, vec![1; room]).unwrap();
    let reply = camera.store("/gate/record/big.mp4", &vec![7; 8 * 1024 * 1024]).unwrap();
    assert!(reply.starts_with("452"), "{reply}");
    assert!(instance.lives());
    let web = instance.person();
    wait("the refusal is shown", || {
        let troubles = web.get("/api/v1/status").json()["ftp"]["troubles"].clone();
        troubles.as_array()?.iter().any(|trouble| trouble["kind"] == "refused").then_some(())
    });
    fs::remove_file(&ballast).unwrap();
    let after = still_with(2, 50_000);
    instance.camera().upload("/gate/snap/after.jpg", &after);
    by_original(&web, &after);
    web.settle();
    assert_eq!(web.events("").len(), 2, "what was refused is no event");
}

#[test]
fn a_full_spool_refuses_with_452_and_recovers_by_itself() {
    let instance =
        Instance::with(&Options { env: &[("CAMTRAIL__SPOOL__MAX_BYTES", "1MB")], ..Options::default() });
    let obstacle = instance.data_dir().join("store/patrolcams");
    fs::write(&obstacle, b"in the way").unwrap();
    let mut camera = instance.camera();
    camera.upload("/gate/snap/first.jpg", &still_with(1, 700_000));
    let reply = camera.store("/gate/snap/second.jpg", &still_with(2, 700_000)).unwrap();
    assert!(reply.starts_with("452"), "{reply}");
    fs::remove_file(&obstacle).unwrap();
    let web = instance.person();
    web.settle();
    camera.upload("/gate/snap/second.jpg", &still_with(2, 700_000));
    web.settle();
    assert_eq!(web.events("").len(), 2);
}

/// A box whose disk is full starts all the same: it tells its cameras 452, and its people why.
#[test]
fn a_start_on_a_full_disk_works() {
    let disk = Tmpfs::new("96m");
    let options = Options { data_dir: Some(disk.path().join("data")), ..Options::default() };
    let mut instance = Instance::with(&options);
    let still = still_with(1, 50_000);
    instance.camera().upload("/gate/snap/before.jpg", &still);
    instance.person().settle();
    let reserve = instance.data_dir().join("reserve");
    wait("the reserve is made", || reserve.exists().then_some(()));
    instance.kill();
    disk.fill(0);
    for _ in 0..2 {
        instance.restart();
        let web = instance.person();
        assert_eq!(web.events("").len(), 1);
        let reply = instance.camera().store("/gate/record/big.mp4", &vec![7; 8 * 1024 * 1024]).unwrap();
        assert!(reply.starts_with("452"), "{reply}");
    }
    assert!(!reserve.exists(), "it was needed");
    assert!(instance.log().contains("the disk is full: the reserve"), "and a person can read so");
    disk.relieve();
    let after = still_with(2, 50_000);
    instance.camera().upload("/gate/snap/after.jpg", &after);
    by_original(&instance.person(), &after);
}
