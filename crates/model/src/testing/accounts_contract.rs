//! What every [`Accounts`] promises. Each check starts from an empty one that it fills itself.

use std::sync::Arc;

use crate::{
    CameraName, Millis, Sight,
    ports::{Accounts, AccountsError, Clock, FtpAccount, Role, SessionRow, SystemClock, User, provider_mark},
};

type Check = Result<(), AccountsError>;

/// How long the sessions of these checks last.
const SESSION_MS: i64 = 600_000;

/// Runs the whole suite; `fresh` gives empty accounts each time. Panics where a promise is broken.
pub async fn accounts_contract<F, A>(mut fresh: F)
where
    F: FnMut() -> Arc<A>,
    A: Accounts + 'static,
{
    for (name, check) in [
        ("users are kept as they were put", users_are_kept(fresh()).await),
        ("a user is changed as they were read", a_user_is_changed_as_read(fresh()).await),
        ("a user is added once", a_user_is_added_once(fresh()).await),
        ("strange names are nobody's", strange_names_are_nobodys(fresh()).await),
        ("a camera's account is added once", a_camera_is_added_once(fresh()).await),
        ("a session ends by its time or its end", a_session_ends(fresh()).await),
        ("a session ends with its password or its user", a_session_ends_with_its_user(fresh()).await),
        ("a session begins for the proved password only", a_session_begins_for_its_password(fresh()).await),
        ("a provider's mark stands for a password", a_mark_stands_for_a_password(fresh()).await),
        ("an end is seen by everybody at once", an_end_is_seen_at_once(fresh()).await),
        ("a new password meets sign-ins", a_new_password_meets_sign_ins(fresh()).await),
        ("a secret is its first writer's", a_secret_is_its_first_writers(fresh()).await),
    ] {
        assert!(check.is_ok(), "{name}: {check:?}");
    }
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

/// Present times: a database may expire what is past.
fn session(token: u8, user: &str) -> SessionRow {
    let created_at = SystemClock.now();
    let expires_at = created_at.plus(SESSION_MS);
    SessionRow { token_sha256: [token; 32], user: user.to_owned(), created_at, expires_at }
}

async fn who(accounts: &dyn Accounts, token: u8) -> Result<Option<User>, AccountsError> {
    accounts.session_user(&[token; 32], SystemClock.now()).await
}

fn joined<T>(outcome: Result<T, tokio::task::JoinError>) -> Result<T, AccountsError> {
    outcome.map_err(|error| AccountsError::Unavailable(error.to_string()))
}

async fn users_are_kept(accounts: Arc<impl Accounts>) -> Check {
    assert_eq!(accounts.users().await?, []);
    assert_eq!(accounts.user("anna").await?, None);
    let cameras = ["gate", "Gare é, 1"].map(CameraName::from_folder);
    let limited = User {
        role: Role::Viewer,
        sight: Sight::Only(cameras.into()),
        ..user("Änne #1/%", "$argon2id$v=19$…")
    };
    let (b, a) = (user("b", "h"), limited);
    for user in [&b, &a, &b] {
        accounts.put_user(user).await?;
    }
    assert_eq!(accounts.user("Änne #1/%").await?, Some(a.clone()));
    assert_eq!(accounts.user("änne #1/%").await?, None, "case counts");
    assert_eq!(accounts.users().await?, [b.clone(), a.clone()], "by name");
    let changed = User { role: Role::Viewer, disabled: true, ..b };
    accounts.put_user(&changed).await?;
    assert_eq!(accounts.users().await?, [changed.clone(), a.clone()]);
    for sight in [Sight::Only([].into()), Sight::All] {
        let a = User { sight, ..a.clone() };
        accounts.put_user(&a).await?;
        assert_eq!(accounts.users().await?, [changed.clone(), a]);
    }
    Ok(())
}

/// Whoever is locked out while somebody else has read them stays locked out.
async fn a_user_is_changed_as_read(accounts: Arc<impl Accounts + 'static>) -> Check {
    let anna = user("anna", "h");
    let limited = User { sight: Sight::Only([CameraName::from_folder("gate")].into()), ..anna.clone() };
    assert!(!accounts.change_user(&anna, &limited).await?, "there is none");
    assert_eq!(accounts.users().await?, []);
    accounts.put_user(&anna).await?;
    let others = [
        user("anna", "h2"),
        User { role: Role::Viewer, ..anna.clone() },
        User { disabled: true, ..anna.clone() },
        limited.clone(),
    ];
    for other in &others {
        assert!(!accounts.change_user(other, &user("anna", "h3")).await?, "{other:?}");
        assert_eq!(accounts.user("anna").await?.as_ref(), Some(&anna));
    }
    for (token, other) in (1..).zip(&others) {
        assert!(accounts.begin_session(&session(token, "anna"), "h").await?);
        assert!(accounts.change_user(&anna, other).await?, "{other:?}");
        assert_eq!(accounts.user("anna").await?.as_ref(), Some(other));
        let keeps = other.password_hash == "h" && !other.disabled;
        assert_eq!(who(&*accounts, token).await?.is_some(), keeps, "{other:?}");
        assert!(accounts.change_user(other, &anna).await?);
    }
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let (accounts, before) = (Arc::clone(&accounts), anna.clone());
            tokio::spawn(async move { accounts.change_user(&before, &user("anna", &format!("h{n}x"))).await })
        })
        .collect();
    let mut changed = 0;
    for task in tasks {
        changed += usize::from(joined(task.await)??);
    }
    assert_eq!(changed, 1, "one of them had read what was there");
    Ok(())
}

async fn a_user_is_added_once(accounts: Arc<impl Accounts + 'static>) -> Check {
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let accounts = Arc::clone(&accounts);
            tokio::spawn(async move {
                let user = user("anna", &format!("h{n}"));
                accounts.add_user(&user).await.map(|added| added.then_some(user))
            })
        })
        .collect();
    let mut added = Vec::new();
    for task in tasks {
        added.extend(joined(task.await)??);
    }
    assert_eq!(added.len(), 1, "one of them made it");
    assert_eq!(accounts.users().await?, added);
    Ok(())
}

/// What a stranger types as a name is looked for, whatever it is, and never an error.
async fn strange_names_are_nobodys(accounts: Arc<impl Accounts>) -> Check {
    accounts.put_user(&user("anna", "h")).await?;
    for name in ["", "\0", "anna\0", " anna", "users", &"x".repeat(1_024), &"ü".repeat(4_000)] {
        assert_eq!(accounts.user(name).await?, None, "{name:?}");
        assert!(!accounts.begin_session(&session(1, name), "h").await?, "{name:?}");
    }
    assert_eq!(who(&*accounts, 1).await?, None);
    Ok(())
}

async fn a_camera_is_added_once(accounts: Arc<impl Accounts + 'static>) -> Check {
    let account = |user: &str, hash: &str| FtpAccount {
        user: user.to_owned(),
        password_hash: hash.to_owned(),
        camera: "*".to_owned(),
    };
    assert_eq!(accounts.ftp_accounts().await?, []);
    assert!(accounts.add_ftp_account(&account("gate", "h1")).await?);
    assert!(!accounts.add_ftp_account(&account("gate", "h2")).await?);
    accounts.put_ftp_account(&account("camera", "h3")).await?;
    assert_eq!(accounts.ftp_accounts().await?, [account("camera", "h3"), account("gate", "h1")], "by user");
    accounts.put_ftp_account(&account("gate", "h2")).await?;
    assert_eq!(accounts.ftp_accounts().await?, [account("camera", "h3"), account("gate", "h2")]);
    Ok(())
}

async fn a_session_ends(accounts: Arc<impl Accounts>) -> Check {
    let anna = user("anna", "h");
    accounts.put_user(&anna).await?;
    let row = session(1, "anna");
    assert!(accounts.begin_session(&row, "h").await?);
    let at = async |now: Millis| accounts.session_user(&[1; 32], now).await;
    assert_eq!(at(row.expires_at.plus(-1)).await?, Some(anna.clone()));
    assert_eq!(at(row.expires_at).await?, None, "its time is over");
    assert_eq!(who(&*accounts, 2).await?, None, "another token");
    assert!(accounts.begin_session(&session(2, "anna"), "h").await?);
    for _ in 0..2 {
        accounts.end_session(&[1; 32]).await?;
    }
    assert_eq!(at(row.created_at).await?, None, "signed out");
    assert_eq!(who(&*accounts, 2).await?, Some(anna), "another browser's stays");
    Ok(())
}

async fn a_session_ends_with_its_user(accounts: Arc<impl Accounts>) -> Check {
    let (anna, ben) = (user("anna", "h"), user("ben", "h"));
    for (token, user) in [(1, &anna), (9, &ben)] {
        accounts.put_user(user).await?;
        assert!(accounts.begin_session(&session(token, &user.name), "h").await?);
    }
    let viewer = User { role: Role::Viewer, ..anna.clone() };
    accounts.put_user(&viewer).await?;
    assert_eq!(who(&*accounts, 1).await?, Some(viewer), "another role holds at once, and ends nothing");
    accounts.put_user(&user("anna", "h2")).await?;
    assert_eq!(who(&*accounts, 1).await?, None, "another password");
    accounts.put_user(&anna).await?;
    assert_eq!(who(&*accounts, 1).await?, None, "not even the old password again brings it back");
    assert!(accounts.begin_session(&session(2, "anna"), "h").await?);
    accounts.put_user(&User { disabled: true, ..anna.clone() }).await?;
    assert_eq!(who(&*accounts, 2).await?, None, "disabled");
    accounts.put_user(&anna).await?;
    assert_eq!(who(&*accounts, 2).await?, None, "and not by being let in again");
    assert!(accounts.begin_session(&session(3, "anna"), "h").await?);
    assert_eq!(who(&*accounts, 3).await?, Some(anna));
    assert_eq!(who(&*accounts, 9).await?, Some(ben), "nobody else's");
    Ok(())
}

async fn a_session_begins_for_its_password(accounts: Arc<impl Accounts>) -> Check {
    assert!(!accounts.begin_session(&session(1, "anna"), "h").await?, "nobody");
    accounts.put_user(&user("anna", "h2")).await?;
    assert!(!accounts.begin_session(&session(1, "anna"), "h").await?, "the password of a moment ago");
    accounts.put_user(&User { disabled: true, ..user("anna", "h2") }).await?;
    assert!(!accounts.begin_session(&session(1, "anna"), "h2").await?, "disabled");
    accounts.put_user(&user("anna", "h2")).await?;
    assert_eq!(who(&*accounts, 1).await?, None);
    Ok(())
}

/// As long as the standard allows a provider to make it.
async fn a_mark_stands_for_a_password(accounts: Arc<impl Accounts>) -> Check {
    let issuer = "https://id.example.org/realms/home";
    let mark = |subject: &str| provider_mark(issuer, &subject.repeat(255));
    let anna = user("anna@example.org", &mark("1"));
    assert!(accounts.add_user(&anna).await?);
    let kept = accounts.user(&anna.name).await?;
    assert_eq!(kept.as_ref().and_then(User::provider), Some(issuer));
    assert_eq!(kept, Some(anna.clone()));
    assert!(!accounts.begin_session(&session(1, &anna.name), "").await?);
    assert!(accounts.begin_session(&session(1, &anna.name), &mark("1")).await?);
    accounts.put_user(&user(&anna.name, &mark("2"))).await?;
    assert_eq!(who(&*accounts, 1).await?, None, "the address is somebody else's now");
    assert!(!accounts.begin_session(&session(2, &anna.name), &mark("1")).await?);
    assert_eq!(user("anna", "$argon2id$v=19$").provider(), None);
    Ok(())
}

/// Readers that never stop asking: none sees the session after its end was said to be done.
async fn an_end_is_seen_at_once(accounts: Arc<impl Accounts + 'static>) -> Check {
    let anna = user("anna", "h");
    accounts.put_user(&anna).await?;
    for round in 0..6 {
        assert!(accounts.begin_session(&session(round, "anna"), "h").await?);
        let (tell, ended) = tokio::sync::watch::channel(false);
        let readers: Vec<_> = (0..4)
            .map(|_| {
                let (accounts, ended) = (Arc::clone(&accounts), ended.clone());
                tokio::spawn(async move {
                    loop {
                        // Looked at before it is asked: what then begins, begins after the end.
                        let is_over = *ended.borrow();
                        let there = who(&*accounts, round).await?.is_some();
                        assert!(!(is_over && there), "an ended session was good");
                        if is_over {
                            return Ok::<_, AccountsError>(());
                        }
                    }
                })
            })
            .collect();
        if round % 2 == 0 {
            accounts.end_session(&[round; 32]).await?;
        } else {
            accounts.put_user(&User { disabled: true, ..anna.clone() }).await?;
        }
        tell.send_replace(true);
        for reader in readers {
            joined(reader.await)??;
        }
        accounts.put_user(&anna).await?;
    }
    Ok(())
}

/// Whatever the order in which they meet: after the new password there is no session of the old one.
async fn a_new_password_meets_sign_ins(accounts: Arc<impl Accounts + 'static>) -> Check {
    const AT_ONCE: u8 = 8;
    for round in 0..4 {
        accounts.put_user(&user("anna", "old")).await?;
        let begin = |n: u8| {
            let accounts = Arc::clone(&accounts);
            let row = session(round * AT_ONCE + n, "anna");
            tokio::spawn(async move { accounts.begin_session(&row, "old").await })
        };
        let before: Vec<_> = (0..AT_ONCE / 2).map(begin).collect();
        accounts.put_user(&user("anna", "new")).await?;
        let after: Vec<_> = (AT_ONCE / 2..AT_ONCE).map(begin).collect();
        for task in before {
            joined(task.await)??;
        }
        for task in after {
            assert!(!joined(task.await)??, "begun with a password that was no more");
        }
        for n in 0..AT_ONCE {
            assert_eq!(who(&*accounts, round * AT_ONCE + n).await?, None);
        }
    }
    Ok(())
}

async fn a_secret_is_its_first_writers(accounts: Arc<impl Accounts + 'static>) -> Check {
    let tasks: Vec<_> = (0..16_u8)
        .map(|n| {
            let accounts = Arc::clone(&accounts);
            tokio::spawn(async move { accounts.secret("links", &[n; 32]).await })
        })
        .collect();
    let mut secrets = Vec::new();
    for task in tasks {
        secrets.push(joined(task.await)??);
    }
    assert!(secrets.iter().all(|secret| *secret == secrets[0] && secret.len() == 32), "{secrets:?}");
    assert_eq!(accounts.secret("links", b"later").await?, secrets[0]);
    assert_eq!(accounts.secret("other", b"other").await?, b"other");
    Ok(())
}
