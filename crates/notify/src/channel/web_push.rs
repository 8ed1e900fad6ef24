//! Web Push (RFC 8030, 8291, 8292): encrypted for one browser, signed by us, taken by the browser's maker.
//!
//! Where a push goes, a signed-in person's browser says: an address that we would ask for them. So it must be https, and of
//! a public address, looked up and checked at the very connection (never one of this network).

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use camtrail_model::{
    Millis, Sight,
    ports::{Accounts, CatalogError, PushSubscription, PushSubscriptions, User},
};
use data_encoding::BASE64URL_NOPAD;
use reqwest::{
    StatusCode, Url,
    dns::{Addrs, Name, Resolve, Resolving},
};
use serde_json::json;
use tokio::sync::OnceCell;
use web_push_native::{
    Auth,
    p256::{
        PublicKey, SecretKey,
        ecdsa::{Signature, SigningKey, signature::Signer as _},
        elliptic_curve::sec1::ToEncodedPoint as _,
    },
};

use super::{Parcel, SendError, http, ntfy::cut};
use crate::{
    message::{Kind, Message},
    notifier::Parts,
};

/// What the key is called among the secrets.
const SECRET: &str = "web_push";
/// The longest endpoint that is taken, in bytes.
const ENDPOINT_MAX_BYTES: usize = 2_000;
/// Every push service takes 4,096 bytes; encryption adds about a hundred.
const TEXT_MAX_BYTES: usize = 1_500;
const TITLE_MAX_BYTES: usize = 250;
/// How long a push service keeps a message for a browser that is off.
const TTL: Duration = Duration::from_hours(12);
/// A signature is good for so long; a day is the most that RFC 8292 allows.
const SIGNED_S: i64 = 12 * 3_600;

/// For so long somebody whom a provider vouches for is told things without signing in: they may have been removed there, and
/// nobody would say so (NEVER-30). The app tells of its browser again each day on which it is open.
const VOUCHED_MS: i128 = 30 * 24 * 3_600_000;

/// Where pushes may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushOrigins {
    /// To public addresses, by https.
    Public,
    /// And to this machine, by http, too: for tests.
    AlsoLoopback,
}

/// The key that push services know us by.
#[derive(Clone)]
pub(crate) struct PushKey {
    secret: SecretKey,
}

impl PushKey {
    /// From its 32 bytes; `None`: these are no key.
    fn new(secret: &[u8]) -> Option<Self> {
        Some(Self { secret: SecretKey::from_slice(secret).ok()? })
    }

    /// Bytes for a new one; `None`: no random bytes can be had.
    fn fresh() -> Option<[u8; 32]> {
        const TRIES: usize = 8;
        (0..TRIES).find_map(|_| {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes).ok()?;
            Self::new(&bytes).map(|_| bytes)
        })
    }

    /// The public half, as browsers want it: an uncompressed point, base64url.
    pub(crate) fn public(&self) -> String {
        BASE64URL_NOPAD.encode(self.secret.public_key().to_encoded_point(false).as_bytes())
    }

    /// RFC 8292: who we are, for the push service of `origin`.
    fn authorization(&self, origin: &str, contact: &str, now_s: i64) -> String {
        let encoded = |value: serde_json::Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let head = encoded(json!({ "typ": "JWT", "alg": "ES256" }));
        let claims = encoded(json!({ "aud": origin, "exp": now_s + SIGNED_S, "sub": contact }));
        let signed = format!("{head}.{claims}");
        let signature: Signature = SigningKey::from(&self.secret).sign(signed.as_bytes());
        let signature = BASE64URL_NOPAD.encode(&signature.to_bytes());
        format!("vapid t={signed}.{signature}, k={}", self.public())
    }
}

/// What is wrong with an endpoint; `None`: nothing that can be told before it is connected to.
pub fn endpoint_problem(endpoint: &str, origins: PushOrigins) -> Option<&'static str> {
    if endpoint.len() > ENDPOINT_MAX_BYTES {
        return Some("it is longer than 2,000 bytes");
    }
    let Ok(url) = Url::parse(endpoint) else { return Some("it is no address") };
    if !url.username().is_empty() || url.password().is_some() {
        return Some("it holds a user's name");
    }
    let address = url.host_str().and_then(|host| host.trim_matches(['[', ']']).parse::<IpAddr>().ok());
    if origins == PushOrigins::AlsoLoopback && address.is_some_and(|address| address.is_loopback()) {
        return None;
    }
    if url.scheme() != "https" {
        return Some("it is no https address");
    }
    if address.is_some_and(|address| !is_public(address)) {
        return Some("it is in a private network");
    }
    None
}

/// Whether a person may be told: of a camera, who may see it; of the whole site, who may see all of it.
fn may_know(user: &User, message: &Message) -> bool {
    match &message.camera {
        Some(camera) => user.sight.sees(camera),
        None => message.kind == Kind::Test || user.sight == Sight::All,
    }
}

/// Whether the word of whoever let them in still counts: a password's until it is changed, a provider's for [`VOUCHED_MS`]
/// after their browser was last told of, which takes a session.
fn is_vouched_for(user: &User, browser: &PushSubscription, now: Millis) -> bool {
    user.provider().is_none() || i128::from(now.0) - i128::from(browser.created_at.0) <= VOUCHED_MS
}

/// Whether an address is somewhere in the Internet, and nowhere near (RFC 6890 and its registries).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            let special = v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_documentation()
                || v4.is_multicast();
            !special
                && a != 0
                && a < 240
                && !(a == 100 && (64..128).contains(&b))
                && !(a == 192 && b == 0 && c == 0)
                && !(a == 198 && (18..20).contains(&b))
        }
        IpAddr::V6(v6) => {
            if let Some(v4) = v6.to_ipv4_mapped() {
                return is_public(IpAddr::V4(v4));
            }
            // 2000::/3 is all that is given out; of it, 2002::/16 and 2001::/32 wrap other addresses.
            let [a, b, ..] = v6.segments();
            (0x2000..0x4000).contains(&a) && a != 0x2002 && !(a == 0x2001 && (b == 0 || b == 0xdb8))
        }
    }
}

/// Looks names up, and gives only addresses that may be connected to.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err("it is in a private network".into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// All browsers that asked.
pub(crate) struct WebPush {
    client: reqwest::Client,
    key: OnceCell<PushKey>,
    contact: String,
    origins: PushOrigins,
    pushes: Arc<dyn PushSubscriptions>,
    accounts: Arc<dyn Accounts>,
}

impl WebPush {
    pub(crate) fn new(contact: &str, parts: &Parts) -> Result<Self, String> {
        // A proxy would look names up itself.
        let client = http::client().dns_resolver(Arc::new(PublicOnly)).no_proxy();
        Ok(Self {
            client: client.build().map_err(|error| error.to_string())?,
            key: OnceCell::new(),
            contact: contact.to_owned(),
            origins: parts.push_origins,
            pushes: parts.pushes.clone(),
            accounts: parts.accounts.clone(),
        })
    }

    /// The key, which the first call makes for all processes and for good. Not at the start: the accounts may be out of
    /// reach then.
    pub(crate) async fn key(&self) -> Result<&PushKey, CatalogError> {
        let made = async {
            let no_random = || CatalogError::Unavailable("no random bytes for Web Push's key".to_owned());
            let secret = self.accounts.secret(SECRET, &PushKey::fresh().ok_or_else(no_random)?).await?;
            PushKey::new(&secret)
                .ok_or_else(|| CatalogError::Corrupt(format!("the secret {SECRET} is no key of P-256")))
        };
        self.key.get_or_try_init(|| made).await
    }

    pub(crate) async fn send(&self, parcel: &Parcel<'_>) -> Result<(), SendError> {
        let unread = |error: CatalogError| SendError::Again(error.to_string());
        let all = self.pushes.push_subscriptions().await.map_err(unread)?;
        let Some(browser) = all.into_iter().find(|one| one.id == parcel.target) else {
            return Err(SendError::Refused("the browser doesn't want any more".to_owned()));
        };
        // Who may not sign in any more isn't told either.
        let user = self.accounts.user(&browser.user).await.map_err(unread)?;
        let Some(user) = user.filter(|user| !user.disabled) else {
            self.forget(&browser).await;
            return Err(SendError::Refused(format!("the user {:?} is gone", browser.user)));
        };
        if !is_vouched_for(&user, &browser, parcel.shared.now()) {
            self.forget(&browser).await;
            return Err(SendError::Refused(format!(
                "the user {:?} hasn't signed in there for 30 days: Camtrail is to be opened in that browser",
                user.name
            )));
        }
        if !may_know(&user, parcel.message) {
            return Err(SendError::Refused(format!("the user {:?} may not see that", user.name)));
        }
        if let Some(problem) = endpoint_problem(&browser.endpoint, self.origins) {
            self.forget(&browser).await;
            return Err(SendError::Refused(format!("the browser's endpoint isn't used: {problem}")));
        }
        let response = self.push(&browser, parcel).await?;
        if matches!(response.status(), StatusCode::NOT_FOUND | StatusCode::GONE) {
            self.forget(&browser).await;
            return Err(SendError::Refused(
                "the browser's subscription has ended; it is forgotten".to_owned(),
            ));
        }
        http::judge(response).await
    }

    async fn push(
        &self,
        browser: &PushSubscription,
        parcel: &Parcel<'_>,
    ) -> Result<reqwest::Response, SendError> {
        let refused = |what: &str| SendError::Refused(format!("the browser's {what} can't be used"));
        let url = Url::parse(&browser.endpoint).map_err(|_| refused("endpoint"))?;
        let public = PublicKey::from_sec1_bytes(&browser.p256dh).map_err(|_| refused("key"))?;
        if browser.auth.len() != 16 {
            return Err(refused("secret"));
        }
        let auth = Auth::clone_from_slice(&browser.auth);
        let key = self.key().await.map_err(|error| SendError::Again(error.to_string()))?;
        let body = self.body(parcel).await;
        let sealed =
            web_push_native::encrypt(body.into_bytes(), &public, &auth).map_err(|_| refused("key"))?;
        let origin = url.origin().ascii_serialization();
        let now_s = parcel.shared.now().0.div_euclid(1_000);
        let request = self
            .client
            .post(url)
            .header("ttl", TTL.as_secs())
            .header("urgency", if parcel.message.kind.is_trouble() { "high" } else { "normal" })
            .header("content-encoding", "aes128gcm")
            .header("content-type", "application/octet-stream")
            .header("authorization", key.authorization(&origin, &self.contact, now_s))
            .body(sealed);
        request.send().await.map_err(http::unreachable)
    }

    /// What the app's service worker shows. A later message of one camera takes the place of the one before.
    async fn body(&self, parcel: &Parcel<'_>) -> String {
        let message = parcel.message;
        let tag = message.camera.as_ref().map_or(message.kind.as_str(), |camera| camera.as_str());
        json!({
            "id": message.id,
            "kind": message.kind.as_str(),
            "title": cut(&message.title, TITLE_MAX_BYTES),
            "body": cut(&message.text, TEXT_MAX_BYTES),
            "tag": tag,
            "event": message.event.as_ref().map(|event| &event.id),
            "url": parcel.link(),
            // A bucket's own links are long.
            "image": parcel.poster_link().await.filter(|link| link.len() <= 1_000),
        })
        .to_string()
    }

    async fn forget(&self, browser: &PushSubscription) {
        match self.pushes.remove_push(&browser.id, None).await {
            Ok(_) => tracing::info!(user = browser.user, "a browser's Web Push subscription was removed"),
            Err(error) => tracing::warn!(user = browser.user, %error, "a dead subscription can't be removed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use camtrail_model::{
        CameraName,
        ports::{Role, provider_mark},
    };

    use super::*;

    #[test]
    fn nobody_is_told_of_what_they_may_not_see() {
        let user = |sight| User {
            name: "anna".to_owned(),
            password_hash: String::new(),
            role: Role::Viewer,
            disabled: false,
            sight,
        };
        let gate = CameraName::from_folder("gate");
        let message =
            |kind, camera| Message { camera, ..Message::new(kind, Millis(1), String::new(), String::new()) };
        let limited = user(Sight::Only([gate.clone()].into()));
        let yard = Some(CameraName::from_folder("yard"));
        assert!(may_know(&limited, &message(Kind::Event, Some(gate))));
        assert!(!may_know(&limited, &message(Kind::Event, yard.clone())));
        assert!(!may_know(&limited, &message(Kind::Digest, None)));
        assert!(may_know(&limited, &message(Kind::Test, None)));
        assert!(may_know(&user(Sight::All), &message(Kind::Event, yard)));
        assert!(may_know(&user(Sight::All), &message(Kind::Digest, None)));
    }

    #[test]
    fn a_provider_s_word_ends_and_a_password_s_does_not() {
        const DAY_MS: i64 = 86_400_000;
        let user = |password_hash| User {
            name: "anna@example.org".to_owned(),
            password_hash,
            role: Role::Viewer,
            disabled: false,
            sight: Sight::All,
        };
        let theirs = user(provider_mark("https://id.example", "7"));
        let browser = PushSubscription {
            id: "b".to_owned(),
            user: theirs.name.clone(),
            endpoint: "https://push.example/1".to_owned(),
            p256dh: Vec::new(),
            auth: Vec::new(),
            created_at: Millis(5 * DAY_MS),
        };
        assert!(is_vouched_for(&theirs, &browser, Millis(35 * DAY_MS)));
        assert!(!is_vouched_for(&theirs, &browser, Millis(35 * DAY_MS + 1)));
        assert!(is_vouched_for(&theirs, &browser, Millis(0)), "a clock that went back takes nothing away");
        assert!(is_vouched_for(&user("$argon2id$".to_owned()), &browser, Millis(1_000 * DAY_MS)));
    }

    #[test]
    fn endpoints_lead_out_of_the_house_only() {
        for fine in ["https://fcm.googleapis.com/fcm/send/x", "https://1.1.1.1/x", "https://[2606:4700::1]/x"]
        {
            assert_eq!(endpoint_problem(fine, PushOrigins::Public), None, "{fine}");
        }
        for wrong in [
            "",
            "x",
            "http://push.example/",
            "https://127.0.0.1/",
            "https://10.0.0.1/",
            "https://192.168.1.1:8443/",
            "https://169.254.169.254/latest",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://[fd00::1]/",
            "https://[64:ff9b::a00:1]/",
            "https://[2002:a00:1::]/",
            "https://100.64.0.1/",
            "https://0.0.0.0/",
            "https://0x7f.1/",
            "https://2130706433/",
            "https://user@push.example/",
            "file:///etc/passwd",
        ] {
            assert!(endpoint_problem(wrong, PushOrigins::Public).is_some(), "{wrong}");
        }
        assert_eq!(endpoint_problem("http://127.0.0.1:9/", PushOrigins::AlsoLoopback), None);
        assert!(endpoint_problem("http://10.0.0.1:9/", PushOrigins::AlsoLoopback).is_some());
        assert!(endpoint_problem(&format!("https://x/{}", "a".repeat(2_000)), PushOrigins::Public).is_some());
    }

    /// A name that leads into this network is refused when it is looked up, whatever it looked like before.
    #[tokio::test]
    async fn names_of_this_machine_are_not_connected_to() {
        let client = http::client().dns_resolver(Arc::new(PublicOnly)).no_proxy().build().unwrap();
        let error = client.post("https://localhost:9/").send().await.unwrap_err();
        assert_eq!(
            http::unreachable(error),
            SendError::Again("no answer: it is in a private network".to_owned())
        );
    }

    #[test]
    fn what_is_signed_can_be_verified_with_the_public_key_alone() {
        use web_push_native::p256::ecdsa::{VerifyingKey, signature::Verifier as _};
        let key = PushKey::new(&PushKey::fresh().unwrap()).unwrap();
        let text = key.authorization("https://push.example", "mailto:a@b.example", 1_000);
        let (token, public) = text.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let public =
            VerifyingKey::from_sec1_bytes(&BASE64URL_NOPAD.decode(public.as_bytes()).unwrap()).unwrap();
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
        public.verify(signed.as_bytes(), &Signature::from_slice(&signature).unwrap()).unwrap();
        let claims = BASE64URL_NOPAD.decode(signed.split_once('.').unwrap().1.as_bytes()).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        let wanted = json!({ "aud": "https://push.example", "exp": 44_200, "sub": "mailto:a@b.example" });
        assert_eq!(claims, wanted);
    }
}
