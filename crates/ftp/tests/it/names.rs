//! Names are bytes, and none leaves the account's root.

use crate::fake::TestServer;
use crate::raw::Raw;

#[tokio::test]
async fn names_that_are_not_utf8_do_not_overwrite_each_other() {
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    assert_eq!(raw.store(b"STOR caf\xe9.jpg", b"first").await.code, 226);
    assert_eq!(raw.store(b"STOR caf\xe8.jpg", b"second").await.code, 226);
    assert_eq!(raw.store("STOR café.jpg", b"third").await.code, 226);
    assert_eq!(server.storage.file(b"/caf\xe9.jpg").as_deref(), Some(&b"first"[..]));
    assert_eq!(server.storage.file(b"/caf\xe8.jpg").as_deref(), Some(&b"second"[..]));
    assert_eq!(server.storage.file_names().len(), 3);
    raw.ask(b"SIZE caf\xe9.jpg", 213).await;
    raw.ask(b"MKD caf\xe9", 257).await;
    raw.ask(b"CWD caf\xe9", 250).await;
    assert!(raw.ask("PWD", 257).await.text.starts_with(b"257 \"/caf\xe9\" "));
}

#[tokio::test]
async fn paths_never_climb_above_the_root() {
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    assert_eq!(raw.store("STOR ../../../etc/passwd", b"x").await.code, 226);
    raw.ask("CWD ../../..", 250).await;
    raw.ask("CDUP", 250).await;
    assert!(raw.ask("PWD", 257).await.string().starts_with("257 \"/\" "));
    assert_eq!(server.storage.file_names(), ["/etc/passwd"]);
    for command in ["RMD /", "DELE ..", "RNFR /", "XRMD ../.."] {
        raw.ask(command, 550).await;
    }
    raw.ask("RNFR etc/passwd", 350).await;
    raw.ask("RNTO /", 550).await;
}

#[tokio::test]
async fn control_bytes_are_refused() {
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    for name in [&b"a\0b.jpg"[..], b"a\rb.jpg", b"a\x1b[2J.jpg", b"a\x7f.jpg", b"a\tb.jpg"] {
        let answer = raw.store([b"STOR ", name].concat(), b"x").await;
        assert_eq!(answer.code, 553, "{}", name.escape_ascii());
    }
    raw.ask("STOR", 501).await;
    raw.ask("STOR /", 553).await;
    raw.ask("STOR folder/", 553).await;
    assert!(server.storage.file_names().is_empty());
}

#[tokio::test]
async fn hostile_but_valid_names_are_kept_as_they_are() {
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    let long = "n".repeat(300);
    let names =
        ["$(reboot).jpg", "'; DROP TABLE x;--.jpg", "<img src=x>.jpg", " lead and trail ", "a\\b.jpg", &long];
    for name in names {
        assert_eq!(raw.store(format!("STOR {name}"), b"x").await.code, 226, "{name}");
        assert!(server.storage.file(format!("/{name}").as_bytes()).is_some(), "{name}");
    }
}

#[tokio::test]
async fn mkd_quotes_its_path() {
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    assert_eq!(raw.ask("MKD a", 257).await.string(), "257 \"/a\" created.");
    assert_eq!(raw.ask("XMKD a/say \"hi\"", 257).await.string(), "257 \"/a/say \"\"hi\"\"\" created.");
    // A camera makes its folder before each upload and goes on whatever we say.
    raw.ask("MKD a", 550).await;
    raw.ask("CWD a", 250).await;
}
