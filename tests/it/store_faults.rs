//! The store that the campaign of faults uses, and the proxy before it, on their own: a real S3-compatible server
//! whose every failure a client can see.

use std::{fs, time::Instant};

use crate::support::{Dice, Fault, FaultProxy, S3_KEY, SeaweedFs, sha256, signed_request, still_with};

struct Path<'a> {
    proxy: &'a FaultProxy,
    bucket: &'a str,
    file: String,
}

impl Path<'_> {
    /// Puts the file through the proxy. This server doesn't compare the body with the digest that its signature
    /// covers: only a checksum of the body makes it look.
    fn put(&self, key: &str, arguments: &[&str]) -> String {
        let url = format!("http://{}/{}/{key}", self.proxy.address(), self.bucket);
        let digest = sha256(&fs::read(&self.file).unwrap());
        let signed = format!("x-amz-content-sha256: {digest}");
        let sum = format!("x-amz-checksum-sha256: {}", base64(&digest));
        let all = [&["--header", &signed, "--header", &sum, "--upload-file", &self.file], arguments].concat();
        signed_request("PUT", &url, &all)
    }
}

/// RFC 4648, of hex digits.
fn base64(hex: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: Vec<u32> = hex
        .chars()
        .map(|digit| digit.to_digit(16).unwrap())
        .flat_map(|digit| (0..4).rev().map(move |bit| digit >> bit & 1))
        .collect();
    let six = |bits: &[u32]| (0..6).fold(0, |sum, at| sum << 1 | bits.get(at).copied().unwrap_or(0));
    let mut text: String = bits.chunks(6).map(|bits| char::from(ALPHABET[six(bits) as usize])).collect();
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

#[test]
fn a_store_with_faults_fails_as_it_is_told_and_keeps_only_what_was_sent() {
    let seaweed = SeaweedFs::start("security-alarms");
    let proxy = FaultProxy::start(seaweed.s3(), Dice::new(1));
    let scratch = tempfile::tempdir().unwrap();
    let still = still_with(1, 200_000);
    let file = scratch.path().join("still.jpg");
    fs::write(&file, &still).unwrap();
    let path = Path { proxy: &proxy, bucket: seaweed.bucket(), file: file.display().to_string() };
    let stored = |key: &str| seaweed.object(key).map(|object| object == still);

    assert_eq!(path.put("a/passed.jpg", &[]), "200");
    assert_eq!(stored("a/passed.jpg"), Some(true));
    assert_eq!(
        path.put("a/passed.jpg", &["--header", "If-None-Match: *"]),
        "412",
        "only where there is none"
    );
    let url = format!("http://{}/{}/a/unsigned.jpg", proxy.address(), seaweed.bucket());
    assert_eq!(signed_request("PUT", &url, &["--user", &format!("{S3_KEY}:wrong"), "--data", "x"]), "403");

    for (fault, answer, there) in [
        (Fault::Error, "500", None),
        (Fault::SlowDown, "503", None),
        (Fault::LostAnswer, "000", Some(true)),
        (Fault::CutRequest, "000", None),
        (Fault::FlippedByte, "400", None),
        (Fault::CutAnswer, "200", Some(true)),
        (Fault::Throttle, "200", Some(true)),
    ] {
        proxy.fail_next(fault);
        let key = format!("a/{fault:?}.jpg");
        let told = path.put(&key, &[]);
        // An answer without a body is cut in its head: then there was none.
        assert!(told == answer || fault == Fault::CutAnswer, "{fault:?}: {told}");
        assert_eq!(stored(&key), there, "{fault:?}");
        assert_eq!(proxy.count(fault), 1);
    }
    proxy.fail_next(Fault::Hang);
    let began = Instant::now();
    assert_eq!(path.put("a/hang.jpg", &["--max-time", "1"]), "000");
    assert!(began.elapsed().as_secs() < 5);
    proxy.outage(true);
    for _ in 0..8 {
        assert!(["000", "503"].contains(&path.put("a/outage.jpg", &[]).as_str()));
    }
    proxy.outage(false);
    assert_eq!(stored("a/outage.jpg"), None);
    assert_eq!(proxy.flips_taken(), 0);
    assert_eq!(path.put("a/b/after.jpg", &[]), "200");
    let mut keys = seaweed.keys("a");
    keys.retain(|key| !key.contains("hang"));
    keys.sort();
    let wanted = ["a/CutAnswer.jpg", "a/LostAnswer.jpg", "a/Throttle.jpg", "a/b/after.jpg", "a/passed.jpg"];
    assert_eq!(keys, wanted, "{}", proxy.summary());
}
