//! People, sessions, tokens and secrets: the same contracts as SQLite's, and what several processes and a bad
//! network add.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use camtrail_aws::{DynamoAccounts, DynamoConfig};
use camtrail_model::{
    CaptureKind, Sight,
    ports::{Accounts, CameraToken, CameraTokens, Clock, ReviewState, Role, SessionRow, SystemClock, User},
    review::Reviewed,
    testing,
};
use tokio::runtime::Handle;

use crate::{
    faulty::{Fault, proxy},
    support::{config, fresh_prefix, items},
};

async fn open(config: &DynamoConfig) -> DynamoAccounts {
    let accounts = DynamoAccounts::open(config).await;
    accounts.ensure_table().await.unwrap();
    accounts
}

fn fresh_blocking() -> Arc<DynamoAccounts> {
    tokio::task::block_in_place(|| {
        Handle::current().block_on(async { Arc::new(open(&config(&fresh_prefix())).await) })
    })
}

fn user(name: &str, hash: &str) -> User {
    User {
        name: name.to_owned(),
        password_hash: hash.to_owned(),
        role: Role::Admin,
        disabled: false,
        sight: Sight::All,
    }
}

fn session(token: u8, user: &str) -> SessionRow {
    let created_at = SystemClock.now();
    let expires_at = created_at.plus(600_000);
    SessionRow { token_sha256: [token; 32], user: user.to_owned(), created_at, expires_at }
}

#[tokio::test(flavor = "multi_thread")]
async fn keep_the_accounts_contract() {
    testing::accounts_contract(fresh_blocking).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keep_the_tokens_contract() {
    testing::tokens_contract(fresh_blocking).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keep_the_failures_contract() {
    testing::failures_contract(fresh_blocking).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keep_the_review_contract() {
    testing::review_contract(fresh_blocking).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keep_the_contracts_of_shares_tokens_and_audit() {
    testing::shares_contract(fresh_blocking).await;
    testing::api_tokens_contract(fresh_blocking).await;
    testing::audit_contract(fresh_blocking).await;
}

#[tokio::test]
async fn keep_the_groups_contract() {
    testing::groups_contract(&open(&config(&fresh_prefix())).await).await;
}

#[tokio::test]
async fn keep_the_push_contract() {
    testing::push_contract(&open(&config(&fresh_prefix())).await).await;
}

/// A page of events costs one read of its marks for each hundred, whatever else was ever marked.
#[tokio::test]
async fn a_page_asks_for_its_own_marks_only() {
    static READS: AtomicUsize = AtomicUsize::new(0);
    let prefix = fresh_prefix();
    let direct = open(&config(&prefix)).await;
    let event = |n: i64| {
        let clip = testing::record("a", n, CaptureKind::Record, "x.mp4");
        Reviewed { id: clip.id(), stored_at: clip.metadata.stored_at }
    };
    let now = SystemClock.now();
    let marked: Vec<_> = (0..300).map(|n| event(n).id).collect();
    direct.mark("anna", &marked, true, now).await.unwrap();
    let endpoint = proxy(&config("").endpoint.unwrap(), |_, operation| {
        assert_eq!(operation, "BatchGetItem");
        READS.fetch_add(1, Ordering::Relaxed);
        Fault::None
    })
    .await;
    let accounts = DynamoAccounts::open(&DynamoConfig { endpoint: Some(endpoint), ..config(&prefix) }).await;
    let page: Vec<_> = (270..320).map(event).collect();
    assert_eq!(accounts.viewed_of("anna", &page).await.unwrap().len(), 30);
    assert_eq!(READS.swap(0, Ordering::Relaxed), 1);
    let page: Vec<_> = (0..500).map(event).collect();
    assert_eq!(accounts.viewed_of("anna", &page).await.unwrap().len(), 300);
    assert_eq!(READS.load(Ordering::Relaxed), 6, "500 marks, and what is viewed up to somewhere");
}

/// Marks outlive their events, and not by much.
#[tokio::test]
async fn marks_expire_after_their_events() {
    let prefix = fresh_prefix();
    let accounts = open(&DynamoConfig { retention_days: 30, ..config(&prefix) }).await;
    let now = SystemClock.now();
    let id = testing::record("a", now.0, CaptureKind::Record, "x.mp4").id();
    accounts.mark("anna", &[id], true, now).await.unwrap();
    let rows = items(&format!("{prefix}camtrail_accounts")).await;
    assert_eq!(rows.len(), 2);
    for row in rows {
        let expires: i64 = row["expires_at"].as_n().unwrap().parse().unwrap();
        assert_eq!(expires, now.0.div_euclid(1_000) + 60 * 86_400);
    }
}

/// Two processes: nothing is remembered in either.
#[tokio::test]
async fn what_one_process_does_holds_for_the_other() {
    let config = config(&fresh_prefix());
    let (one, other) = (open(&config).await, open(&config).await);
    let who = async |accounts: &DynamoAccounts| {
        accounts.session_user(&[1; 32], SystemClock.now()).await.unwrap().map(|user| user.name)
    };
    one.put_user(&user("anna", "h")).await.unwrap();
    assert!(one.begin_session(&session(1, "anna"), "h").await.unwrap());
    assert_eq!(who(&other).await.as_deref(), Some("anna"));
    other.end_session(&[1; 32]).await.unwrap();
    assert_eq!(who(&one).await, None);
    let secrets = tokio::join!(one.secret("links", &[1; 32]), other.secret("links", &[2; 32]));
    assert_eq!(secrets.0.unwrap(), secrets.1.unwrap());
}

/// A try of the beginning that comes late, after the end, brings nothing back.
#[tokio::test]
async fn an_ended_session_cannot_be_begun_again() {
    let accounts = open(&config(&fresh_prefix())).await;
    accounts.put_user(&user("anna", "h")).await.unwrap();
    let row = session(1, "anna");
    assert!(accounts.begin_session(&row, "h").await.unwrap());
    assert!(accounts.begin_session(&row, "h").await.unwrap(), "the same, told twice");
    accounts.end_session(&row.token_sha256).await.unwrap();
    assert!(accounts.begin_session(&row, "h").await.is_err());
    assert_eq!(accounts.session_user(&row.token_sha256, row.created_at).await.unwrap(), None);
}

/// What is stored: digests only, an end for everything that has one, and nothing that names whoever failed.
#[tokio::test]
async fn rows_expire_and_tell_no_secrets() {
    let prefix = fresh_prefix();
    let accounts = open(&config(&prefix)).await;
    accounts.put_user(&user("anna", "h")).await.unwrap();
    let row = session(1, "anna");
    accounts.begin_session(&row, "h").await.unwrap();
    let rows = items(&format!("{prefix}camtrail_accounts")).await;
    let of =
        |part: &str| rows.iter().find(|row| row["part"].as_s().unwrap().starts_with(part)).unwrap().clone();
    assert_eq!(of("session#")["part"].as_s().unwrap(), &format!("session#{}", "01".repeat(32)));
    let expires: i64 = of("session#")["expires_at"].as_n().unwrap().parse().unwrap();
    assert!(expires * 1_000 > row.expires_at.0 && expires * 1_000 <= row.expires_at.0 + 1_000, "{expires}");
    assert!(!of("users").contains_key("expires_at"));
}

/// The whole contracts, over a line that loses answers and a server that throttles.
#[tokio::test(flavor = "multi_thread")]
async fn the_contracts_hold_over_a_bad_line() {
    let endpoint = proxy(&config("").endpoint.unwrap(), |number, operation| match number % 10 {
        // Making tables is a person's to repeat.
        _ if ["CreateTable", "DescribeTable", "UpdateTimeToLive"].contains(&operation) => Fault::None,
        1 => Fault::Throttled,
        4 => Fault::AnswerLost,
        _ => Fault::None,
    })
    .await;
    let fresh = || {
        let config = DynamoConfig { endpoint: Some(endpoint.clone()), ..config(&fresh_prefix()) };
        tokio::task::block_in_place(|| Handle::current().block_on(async { Arc::new(open(&config).await) }))
    };
    testing::accounts_contract(fresh).await;
    testing::review_contract(fresh).await;
    testing::groups_contract(&*fresh()).await;
    // Another request is hit each time.
    for _ in 0..8 {
        testing::push_contract(&*fresh()).await;
    }
    testing::audit_contract(fresh).await;
}

static REQUESTS: AtomicUsize = AtomicUsize::new(0);

/// Three in ten requests don't go through: everything is done once, or as if it had been.
#[tokio::test(flavor = "multi_thread")]
async fn lost_answers_and_refusals_change_nothing() {
    let prefix = fresh_prefix();
    let direct = open(&config(&prefix)).await;
    let endpoint = proxy(&config("").endpoint.unwrap(), |number, operation| {
        assert_ne!(operation, "Scan", "nothing scans");
        match number % 10 {
            1 => Fault::Throttled,
            3 | 6 => Fault::AnswerLost,
            _ => Fault::None,
        }
    })
    .await;
    let accounts = DynamoAccounts::open(&DynamoConfig { endpoint: Some(endpoint), ..config(&prefix) }).await;
    for n in 0..20_u8 {
        let name = format!("user{n}");
        assert!(accounts.add_user(&user(&name, "h")).await.unwrap(), "{name}");
        assert!(!accounts.add_user(&user(&name, "h")).await.unwrap(), "{name}");
        assert!(accounts.begin_session(&session(n, &name), "h").await.unwrap(), "{name}");
        accounts.put_user(&User { role: Role::Viewer, ..user(&name, "h") }).await.unwrap();
        let now = SystemClock.now();
        assert!(accounts.session_user(&[n; 32], now).await.unwrap().is_some(), "{name}");
        match n % 2 {
            0 => accounts.end_session(&[n; 32]).await.unwrap(),
            _ => accounts.put_user(&user(&name, "h2")).await.unwrap(),
        }
        assert_eq!(direct.session_user(&[n; 32], now).await.unwrap(), None, "{name}");
        let token = CameraToken { token_sha256: [n; 32], camera: "gate".to_owned(), created_at: now };
        accounts.put_camera_token(&token).await.unwrap();
        assert_eq!(accounts.secret(&name, &[n; 8]).await.unwrap(), [n; 8], "{name}");
    }
    assert_eq!(direct.users().await.unwrap().len(), 20);
    assert_eq!(direct.camera_tokens().await.unwrap().len(), 20);
    accounts.revoke_camera_tokens("gate").await.unwrap();
    assert_eq!(direct.camera_tokens().await.unwrap().len(), 0);
}

/// Every request of a signed-in person costs this.
#[tokio::test]
async fn a_session_is_two_reads() {
    let prefix = fresh_prefix();
    let direct = open(&config(&prefix)).await;
    direct.put_user(&user("anna", "h")).await.unwrap();
    direct.begin_session(&session(1, "anna"), "h").await.unwrap();
    let endpoint = proxy(&config("").endpoint.unwrap(), |_, operation| {
        assert_eq!(operation, "GetItem");
        REQUESTS.fetch_add(1, Ordering::Relaxed);
        Fault::None
    })
    .await;
    let accounts = DynamoAccounts::open(&DynamoConfig { endpoint: Some(endpoint), ..config(&prefix) }).await;
    assert!(accounts.session_user(&[1; 32], SystemClock.now()).await.unwrap().is_some());
    assert_eq!(REQUESTS.load(Ordering::Relaxed), 2);
}

/// Names and tables that can't be: said, not guessed.
#[tokio::test]
async fn what_cannot_be_kept_is_refused() {
    let accounts = open(&config(&fresh_prefix())).await;
    for name in [String::new(), "x".repeat(1_025)] {
        let error = accounts.put_user(&user(&name, "h")).await.unwrap_err().to_string();
        assert!(error.contains("1 to 1024"), "{error}");
        assert!(accounts.add_user(&user(&name, "h")).await.is_err());
    }
    let nowhere = DynamoAccounts::open(&config(&fresh_prefix())).await;
    let error = nowhere.is_there().await.unwrap_err().to_string();
    assert!(error.contains("ResourceNotFound"), "{error}");
}
