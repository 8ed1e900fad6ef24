//! The commands, one by one.

use camtrail_ftp::StoreMode;

use crate::fake::TestServer;
use crate::raw::Raw;

#[tokio::test]
async fn a_rest_offset_never_leaks_into_a_later_command() {
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    assert_eq!(raw.store("STOR a.jpg", b"0123456789").await.code, 226);

    // Used once.
    raw.ask("REST 4", 350).await;
    assert_eq!(raw.store("STOR a.jpg", b"abc").await.code, 226);
    assert_eq!(server.storage.file(b"/a.jpg").as_deref(), Some(&b"0123abc"[..]));
    assert_eq!(raw.store("STOR a.jpg", b"new").await.code, 226);
    assert_eq!(server.storage.file(b"/a.jpg").as_deref(), Some(&b"new"[..]));

    // Unused: something else came between.
    raw.ask("REST 2", 350).await;
    raw.ask("PWD", 257).await;
    assert_eq!(raw.store("STOR a.jpg", b"xyz").await.code, 226);
    // Failed.
    raw.ask("REST 2", 350).await;
    raw.ask("REST two", 501).await;
    assert_eq!(raw.store("STOR a.jpg", b"xyz").await.code, 226);
    raw.ask("REST -1", 501).await;
    // The STOR it was for failed.
    raw.ask("REST 2", 350).await;
    raw.ask("STOR a.jpg", 425).await;
    assert_eq!(raw.store("STOR a.jpg", b"xyz").await.code, 226);
    // The name it was for was refused.
    raw.ask("REST 2", 350).await;
    raw.ask("STOR a\x01", 553).await;
    assert_eq!(raw.store("STOR a.jpg", b"xyz").await.code, 226);
    // APPE and RETR don't take it, and forget it.
    raw.ask("REST 2", 350).await;
    raw.ask("APPE a.jpg", 503).await;
    raw.ask("REST 2", 350).await;
    raw.ask("RETR a.jpg", 550).await;
    assert_eq!(raw.store("STOR a.jpg", b"xyz").await.code, 226);
    assert_eq!(server.storage.file(b"/a.jpg").as_deref(), Some(&b"xyz"[..]));

    let modes = server.storage.wait_for(|state| Some(state.modes.clone())).await;
    let restarts = modes.iter().filter(|mode| matches!(mode, StoreMode::Restart { .. })).count();
    assert_eq!(restarts, 1, "{modes:?}");
}

#[tokio::test]
async fn appe_appends() {
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    for part in [&b"one "[..], b"two ", b"three"] {
        assert_eq!(raw.store("APPE log.txt", part).await.code, 226);
    }
    assert_eq!(server.storage.file(b"/log.txt").as_deref(), Some(&b"one two three"[..]));
}

#[tokio::test]
async fn stou_makes_unique_names_and_says_them() {
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    let mut names = std::collections::BTreeSet::new();
    for command in ["STOU", "STOU", "STOU snap.jpg", "STOU snap.jpg"] {
        let data = raw.data().await;
        let answer = raw.ask(command, 150).await.string();
        drop(data);
        raw.expect(226).await;
        let name = answer.strip_prefix("150 FILE: ").expect("RFC 1123's form").to_owned();
        assert!(server.storage.file(format!("/{name}").as_bytes()).is_some(), "{name}");
        if command.ends_with("jpg") {
            assert!(
                name.strip_prefix("snap-").and_then(|rest| rest.strip_suffix(".jpg")).is_some(),
                "{name}"
            );
        }
        names.insert(name);
    }
    assert_eq!(names.len(), 4);
}

#[tokio::test]
async fn pictures_sent_as_ascii_are_not_mangled() {
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    raw.ask("TYPE A", 200).await;
    let bytes: Vec<u8> = (0..=255).chain(*b"\r\n\n\r\r\n").collect();
    assert_eq!(raw.store("STOR a.jpg", &bytes).await.code, 226);
    assert_eq!(server.storage.file(b"/a.jpg").as_deref(), Some(&bytes[..]));
    assert_eq!(raw.ask("SIZE a.jpg", 213).await.string(), format!("213 {}", bytes.len()));
}

#[tokio::test]
async fn empty_files_and_files_over_empty_files() {
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    assert_eq!(raw.store("STOR a.jpg", b"").await.code, 226);
    assert_eq!(server.storage.file(b"/a.jpg").as_deref(), Some(&b""[..]));
    assert_eq!(raw.store("STOR a.jpg", b"1").await.code, 226);
    assert_eq!(server.storage.file(b"/a.jpg").as_deref(), Some(&b"1"[..]));
}

#[tokio::test]
async fn renaming_needs_both_halves_one_behind_the_other() {
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    assert_eq!(raw.store("STOR a.tmp", b"x").await.code, 226);
    raw.ask("RNFR missing", 550).await;
    raw.ask("RNTO b.jpg", 503).await;
    raw.ask("RNFR a.tmp", 350).await;
    raw.ask("NOOP", 200).await;
    raw.ask("RNTO b.jpg", 503).await;
    raw.ask("RNFR a.tmp", 350).await;
    raw.ask("RNTO b.jpg", 250).await;
    raw.ask("RNTO c.jpg", 503).await;
    assert_eq!(server.storage.file_names(), ["/b.jpg"]);
    raw.ask("DELE b.jpg", 250).await;
    raw.ask("DELE b.jpg", 550).await;
}

#[tokio::test]
async fn listings() {
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    raw.ask("MKD 2026", 257).await;
    raw.ask("CWD 2026", 250).await;
    assert_eq!(raw.store("STOR a b.jpg", b"12345").await.code, 226);
    for command in ["LIST", "LIST -al", "LIST -a -l /2026", "LIST a b.jpg"] {
        let listing = raw.listing(command).await;
        assert!(listing.starts_with("-rw-r--r-- 1 camera camera "), "{command}: {listing}");
        assert!(listing.ends_with(" a b.jpg\r\n"), "{command}: {listing}");
    }
    assert_eq!(raw.listing("NLST").await, "a b.jpg\r\n");
    assert_eq!(raw.listing("MLSD").await, "type=file;size=5;modify=20261124080145;perm=adfw; a b.jpg\r\n");
    assert!(raw.listing("MLSD /").await.contains("type=dir;"));
    assert!(raw.ask("MLST a b.jpg", 250).await.string().contains("\n type=file;size=5;"));
    assert!(raw.ask("STAT a b.jpg", 213).await.string().contains("a b.jpg"));
    assert_eq!(raw.ask("MDTM a b.jpg", 213).await.string(), "213 20261124080145");
    raw.ask("MFMT 20200101000000 a b.jpg", 213).await;
    raw.ask("MFMT soon a b.jpg", 501).await;
    raw.ask("MLSD a b.jpg", 501).await;
    raw.ask("LIST missing", 550).await;
    raw.ask("SIZE /2026", 550).await;
    raw.ask("SIZE missing", 550).await;
    raw.ask("LIST", 425).await;
    raw.ask("XCWD /2026", 250).await;
    raw.ask("XPWD", 257).await;
    raw.ask("XCUP", 250).await;
    raw.ask("XRMD 2026", 250).await;
}

#[tokio::test]
async fn the_small_ones() {
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    let script = [
        ("RETR a.jpg", 550),
        ("TYPE I", 200),
        ("TYPE a n", 200),
        ("TYPE L 8", 200),
        ("TYPE E", 504),
        ("MODE S", 200),
        ("MODE B", 504),
        ("STRU F", 200),
        ("STRU R", 504),
        ("ALLO 12345", 202),
        ("ACCT x", 202),
        ("SMNT x", 502),
        ("SITE CHMOD 644 a.jpg", 200),
        ("SITE EXEC rm", 502),
        ("OPTS UTF8 ON", 200),
        ("OPTS MLST type;size;", 200),
        ("OPTS NOPE", 501),
        ("CLNT camera", 200),
        ("STAT", 211),
        ("noop", 200),
        ("AUTH TLS", 502),
    ];
    for (command, code) in script {
        raw.ask(command, code).await;
    }
    assert_eq!(raw.ask("RETR a.jpg", 550).await.string(), "550 This gateway only takes uploads.");
    let features = raw.ask("FEAT", 211).await.string();
    for feature in ["EPRT", "EPSV", "MDTM", "MLST", "REST STREAM", "SIZE", "UTF8"] {
        assert!(features.contains(&format!("\n {feature}")), "{features}");
    }
}

/// 44 ms an upload is what delayed acknowledgements cost without `TCP_NODELAY`.
#[tokio::test]
async fn replies_do_not_wait_for_delayed_acknowledgements() {
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    let started = std::time::Instant::now();
    for _ in 0..50 {
        assert_eq!(raw.store("STOR a.jpg", b"x").await.code, 226);
    }
    let each = started.elapsed() / 50;
    assert!(each.as_millis() < 30, "{each:?} an upload");
}
