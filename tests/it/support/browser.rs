//! A browser's side of Web Push: its cryptography by another implementation than ours.

use std::{fs, process::Command};

use serde_json::Value;

use super::{Received, run};

/// What a browser does with a push, by Node's own cryptography (RFC 8291, 8188, 8292).
const BROWSER: &str = r"
const crypto = require('node:crypto'), fs = require('node:fs');
const url = (bytes) => Buffer.from(bytes).toString('base64url');
if (process.argv[1] === 'keys') {
  const pair = crypto.createECDH('prime256v1');
  pair.generateKeys();
  console.log(JSON.stringify({ p256dh: url(pair.getPublicKey()), secret: url(pair.getPrivateKey()), auth: url(crypto.randomBytes(16)) }));
} else {
  const keys = JSON.parse(process.argv[2]), body = fs.readFileSync(process.argv[3]);
  const hkdf = (salt, key, info, length) => Buffer.from(crypto.hkdfSync('sha256', key, salt, info, length));
  const mine = crypto.createECDH('prime256v1');
  mine.setPrivateKey(Buffer.from(keys.secret, 'base64url'));
  const salt = body.subarray(0, 16), idLength = body[20], theirs = body.subarray(21, 21 + idLength);
  const info = Buffer.concat([Buffer.from('WebPush: info\0'), mine.getPublicKey(), theirs]);
  const ikm = hkdf(Buffer.from(keys.auth, 'base64url'), mine.computeSecret(theirs), info, 32);
  const key = hkdf(salt, ikm, 'Content-Encoding: aes128gcm\0', 16), nonce = hkdf(salt, ikm, 'Content-Encoding: nonce\0', 12);
  const sealed = body.subarray(21 + idLength), open = crypto.createDecipheriv('aes-128-gcm', key, nonce);
  open.setAuthTag(sealed.subarray(-16));
  let text = Buffer.concat([open.update(sealed.subarray(0, -16)), open.final()]);
  text = text.subarray(0, text.lastIndexOf(2));
  const [token, vapid] = /^vapid t=([^,]+), k=(.+)$/.exec(process.argv[4]).slice(1);
  const [head, claims, signature] = token.split('.');
  const point = Buffer.from(vapid, 'base64url');
  const jwk = { kty: 'EC', crv: 'P-256', x: url(point.subarray(1, 33)), y: url(point.subarray(33)) };
  const signed = crypto.verify('sha256', Buffer.from(head + '.' + claims),
    { key: crypto.createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'));
  console.log(JSON.stringify({ signed, key: vapid, claims: JSON.parse(Buffer.from(claims, 'base64url')), message: JSON.parse(text) }));
}
";

fn browser(arguments: &[&str]) -> Value {
    let output = run(Command::new("node").args(["-e", BROWSER]).args(arguments));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A new browser's keys.
pub(crate) fn browser_keys() -> Value {
    browser(&["keys"])
}

/// What a push says to the browser of these keys, and who signed it.
pub(crate) fn opened(keys: &Value, push: &Received) -> Value {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("body");
    fs::write(&file, &push.body).unwrap();
    browser(&["open", &keys.to_string(), file.to_str().unwrap(), push.header("authorization")])
}
