//! Links by which a browser reads an object straight from the bucket: Signature Version 4 in the query
//! (AWS, "Authenticating Requests: Using Query Parameters").
//!
//! Ours and not the library's for one reason: the signing time is rounded, so that the same object has the same
//! link for minutes and a browser's cache of posters is worth something.

use std::{fmt::Write, time::Duration};

use camtrail_model::Millis;
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use object_store::aws::AwsCredential;
use sha2::{Digest, Sha256};

/// Signing times are multiples of this.
const ROUNDED_TO_S: i64 = 300;

/// Where the bucket is, and how its links are signed.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// `https://host/bucket` without a slash behind it.
    pub(super) bucket_url: String,
    pub(super) region: String,
}

/// A link for `GET`, good until `valid` after `now`; `extra` are response overrides, such as `response-content-type`.
/// The same for minutes, if the moment of its end is.
pub(super) fn sign(
    place: &Place,
    credential: &AwsCredential,
    key: &str,
    extra: &[(&str, &str)],
    now: Millis,
    valid: Duration,
) -> String {
    let signed_s = now.0.div_euclid(1000).div_euclid(ROUNDED_TO_S) * ROUNDED_TO_S;
    let at = Timestamp::from_second(signed_s).unwrap_or(Timestamp::UNIX_EPOCH);
    let end_s = now.plus(valid.as_millis() as i64).0.div_euclid(1000);
    let request = Request { method: "GET", key, query: extra, headers: &[] };
    sign_at(place, credential, &request, at, end_s - signed_s)
}

/// What is asked for by a signed address.
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    /// Empty: the bucket itself.
    pub(super) key: &'a str,
    pub(super) query: &'a [(&'a str, &'a str)],
    /// Headers that go with it and must be signed (all of `x-amz-…`), by lower-case name, in order.
    pub(super) headers: &'a [(&'a str, &'a str)],
}

/// The address by which one request is made from `at` on, for `expires_s` seconds.
pub(super) fn sign_at(
    place: &Place,
    credential: &AwsCredential,
    request: &Request<'_>,
    at: Timestamp,
    expires_s: i64,
) -> String {
    let Request { method, key, query: extra, headers } = request;
    let (moment, day) = (at.strftime("%Y%m%dT%H%M%SZ").to_string(), at.strftime("%Y%m%d").to_string());
    let scope = format!("{day}/{}/s3/aws4_request", place.region);
    let (scheme, rest) = place.bucket_url.split_once("://").unwrap_or(("https", &place.bucket_url));
    let (host, folder) =
        rest.split_once('/').map_or((rest, String::new()), |(host, path)| (host, format!("/{path}")));
    let path = format!("{}/{}", encode(&folder, "/"), encode(key, "/"));
    let expires = expires_s.to_string();
    let identity = format!("{}/{scope}", credential.key_id);
    let (mut signed, mut lines) = ("host".to_owned(), format!("host:{host}\n"));
    for (name, value) in *headers {
        let _ = write!(signed, ";{name}");
        let _ = writeln!(lines, "{name}:{value}");
    }
    let mut query = vec![
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Credential", &identity),
        ("X-Amz-Date", &moment),
        ("X-Amz-Expires", &expires),
        ("X-Amz-SignedHeaders", &signed),
    ];
    if let Some(token) = &credential.token {
        query.push(("X-Amz-Security-Token", token));
    }
    query.extend(*extra);
    query.sort_unstable();
    let query: Vec<_> = query.iter().map(|(k, v)| format!("{}={}", encode(k, ""), encode(v, ""))).collect();
    let query = query.join("&");
    let request = format!("{method}\n{path}\n{query}\n{lines}\n{signed}\nUNSIGNED-PAYLOAD");
    let digest = HEXLOWER.encode(&Sha256::digest(request.as_bytes()));
    let to_sign = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}");
    let steps = [day.as_str(), place.region.as_str(), "s3", "aws4_request", to_sign.as_str()];
    let secret = format!("AWS4{}", credential.secret_key).into_bytes();
    let signature = steps.iter().fold(secret, |key, step| mac(&key, step.as_bytes()));
    format!("{scheme}://{host}{path}?{query}&X-Amz-Signature={}", HEXLOWER.encode(&signature))
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

/// RFC 3986's unreserved characters stay, and those in `also`.
fn encode(text: &str, also: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || also.as_bytes().contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential() -> AwsCredential {
        AwsCredential {
            key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
            token: None,
        }
    }

    /// The example of AWS's own documentation of query authentication.
    #[test]
    fn the_documented_example_is_signed_alike() {
        let place = Place {
            bucket_url: "https://examplebucket.s3.amazonaws.com".to_owned(),
            region: "us-east-1".to_owned(),
        };
        let at = "2013-05-24T00:00:00Z".parse().unwrap();
        let request = Request { method: "GET", key: "test.txt", query: &[], headers: &[] };
        let link = sign_at(&place, &credential(), &request, at, 86_400);
        assert!(
            link.starts_with("https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm="),
            "{link}"
        );
        assert!(
            link.ends_with(
                "X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
            ),
            "{link}"
        );
    }

    #[test]
    fn a_link_stays_the_same_for_minutes() {
        let place = Place { bucket_url: "http://127.0.0.1:1/b".to_owned(), region: "r".to_owned() };
        let at = |s: i64| {
            let valid = Duration::from_secs((1_800 - s).unsigned_abs());
            sign(&place, &credential(), "a b+ü.mp4", &[], Millis(s * 1000), valid)
        };
        assert_eq!(at(600), at(899));
        assert_ne!(at(600), at(900));
        assert!(at(0).starts_with("http://127.0.0.1:1/b/a%20b%2B%C3%BC.mp4?"), "{}", at(0));
    }
}
