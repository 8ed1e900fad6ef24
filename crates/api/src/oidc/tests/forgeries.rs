//! Each thing that an ID token could get wrong.

use camtrail_model::ports::{Accounts as _, Clock as _, SystemClock};
use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::forger::{CLIENT, Forger, Says, begin, bench, come_back, location, log, set, whole};

/// Changes what the provider says.
type Forgery = Box<dyn Fn(&mut Says)>;

fn claim(name: &'static str, value: Value) -> Forgery {
    Box::new(move |says| says.claims[name] = value.clone())
}

fn assembled(header: &Value, claims: &Value, signature: &str) -> String {
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    format!("{}.{}.{signature}", part(header), part(claims))
}

fn answer(status: u16, body: Value) -> Forgery {
    Box::new(move |says| says.token_answer = Some((status, body.clone())))
}

/// The claims; the code that the app is told; and what the log says.
fn claims_that_are_wrong() -> Vec<(Forgery, &'static str, &'static str)> {
    let now = SystemClock.now().0 / 1_000;
    vec![
        (claim("aud", json!("another-client")), "failed", "it is for \\\"another-client\\\""),
        (claim("aud", json!(["another-client", CLIENT])), "failed", "not for this client"),
        (claim("azp", json!("another-client")), "failed", "not for this client"),
        (claim("iss", json!("https://evil.example")), "failed", "of the issuer \\\"https://evil.example\\\""),
        (claim("nonce", json!("of another sign-in")), "failed", "nonce is not that of this sign-in"),
        (claim("nonce", Value::Null), "failed", "nonce is not that of this sign-in"),
        (claim("exp", json!(now - 3_600)), "failed", "it expired 36"),
        (claim("exp", Value::Null), "failed", "it can't be read"),
        (claim("iat", json!(now + 3_600)), "failed", "in the future"),
        (claim("nbf", json!(now + 3_600)), "failed", "in the future"),
        (claim("sub", json!("")), "failed", "it can't be read"),
        (
            claim("email", json!("anna@evil.example")),
            "not_allowed",
            "neither the address nor its domain is allowed",
        ),
        (claim("email", json!("anna@example.org.evil.example")), "not_allowed", "may not sign in here"),
        (claim("hd", json!("evil.example")), "not_allowed", "another organisation"),
        (claim("email_verified", json!(false)), "unverified", "has not verified"),
        (claim("email_verified", Value::Null), "unverified", "has not verified"),
    ]
}

/// The token as a whole, or the endpoint that gives it.
fn tokens_that_are_wrong(forger: &Forger) -> Vec<(Forgery, &'static str, &'static str)> {
    let published = forger.published()["keys"][2]["x"].as_str().unwrap_or_default().to_owned();
    let shared = |kid: &'static str, secret: String| -> Forgery {
        Box::new(move |says| {
            let header = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::HS256) };
            let key = EncodingKey::from_secret(secret.as_bytes());
            says.token = jsonwebtoken::encode(&header, &says.claims, &key).ok();
        })
    };
    vec![
        (Box::new(|says| says.foreign_key = true), "failed", "its signature is wrong"),
        (Box::new(|says| says.header.kid = Some("9".to_owned())), "failed", "the provider has no key"),
        (
            Box::new(|says| says.token = Some(assembled(&json!({ "alg": "none" }), &says.claims, ""))),
            "failed",
            "its algorithm is none that is taken",
        ),
        // With the public key as the shared secret, and with one that the key document names.
        (shared("1", published), "failed", "its algorithm is none that is taken"),
        (shared("shared", "secret".to_owned()), "failed", "its algorithm is none that is taken"),
        (
            Box::new(|says| {
                let header = json!({ "alg": "ES256", "kid": "1" });
                says.token = Some(assembled(&header, &says.claims, &"A".repeat(86)));
            }),
            "failed",
            "its signature is wrong",
        ),
        (Box::new(|says| says.token = Some("nonsense".to_owned())), "failed", "it can't be read"),
        (answer(400, json!({ "error": "invalid_grant" })), "expired", "takes its code no more"),
        (answer(401, json!({ "error": "invalid_client" })), "unavailable", "oidc.client_id"),
        (answer(200, json!({})), "unavailable", "it gave no ID token"),
        (answer(500, json!("x")), "unavailable", "answers 500"),
    ]
}

#[tokio::test]
async fn forged_tokens_are_refused_each_for_its_reason() {
    let forger = Forger::start().await;
    let bench = bench(&forger).await;
    let cases = claims_that_are_wrong().into_iter().chain(tokens_that_are_wrong(&forger));
    for (forge, code, reason) in cases {
        let (lines, guard) = log();
        let went = begin(&bench, "").await;
        forger.vouch(&went, "anna@example.org");
        let good = forger.says().header.clone();
        forge(&mut forger.says());
        let response = come_back(&bench, &went).await;
        drop(guard);
        let said = String::from_utf8(lines.lock().unwrap().clone()).unwrap();
        assert_eq!(location(&response), format!("/?sign_in={code}"), "{reason}: {said}");
        assert_eq!(set(&response, "camtrail_session"), None, "{reason}");
        let line = said.lines().find(|line| line.contains("a sign-in by the provider was refused"));
        let line = line.unwrap_or_else(|| panic!("{reason}: {said}"));
        assert!(line.contains(reason) && line.contains("peer=127.0.0.1"), "{reason}: {line}");
        assert!(
            !said.contains("the-code") && !said.contains("hunter2") && !said.contains("eyJ"),
            "NEVER-29: {said}"
        );
        let mut says = forger.says();
        (says.header, says.foreign_key, says.token, says.token_answer) = (good, false, None, None);
    }
    assert_eq!(bench.catalog.user("anna@example.org").await.unwrap(), None, "nobody was made");
    let right = whole(&bench, &forger, "", "anna@example.org").await;
    assert!(set(&right, "camtrail_session").is_some(), "and without a forgery it works");
}
