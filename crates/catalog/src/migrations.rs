//! The stored format, version by version. A version that was released is never edited; the next one is added.

use rusqlite::Connection;

/// `catalog.db`.
pub(crate) const CATALOG: &[&str] = &[
    include_str!("sql/catalog-1.sql"),
    include_str!("sql/catalog-2.sql"),
    include_str!("sql/catalog-3.sql"),
    include_str!("sql/catalog-4.sql"),
    include_str!("sql/catalog-5.sql"),
    include_str!("sql/catalog-6.sql"),
    include_str!("sql/catalog-7.sql"),
    include_str!("sql/catalog-8.sql"),
    include_str!("sql/catalog-9.sql"),
    include_str!("sql/catalog-10.sql"),
];
/// `ledger.db`.
pub(crate) const LEDGER: &[&str] = &[include_str!("sql/ledger-1.sql"), include_str!("sql/ledger-2.sql")];

/// `notify.db`.
pub(crate) const NOTIFY: &[&str] = &[include_str!("sql/notify-1.sql")];

/// `taken.db`.
pub(crate) const TAKEN: &[&str] = &[include_str!("sql/taken-1.sql")];

/// Brings the database to the newest version in one transaction; returns the version that it then has, which
/// is larger than the number of migrations where a later program wrote it (then nothing is touched).
pub(crate) fn migrate(connection: &mut Connection, migrations: &[&str]) -> rusqlite::Result<usize> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let version = transaction.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))? as usize;
    if version >= migrations.len() {
        return Ok(version);
    }
    for migration in &migrations[version..] {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", migrations.len() as i64)?;
    transaction.commit()?;
    Ok(migrations.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ledger of version 1, as the first release wrote it, is read and goes on.
    #[test]
    fn an_old_ledger_is_brought_up_to_date() {
        let mut old = Connection::open_in_memory().unwrap();
        assert_eq!(migrate(&mut old, &LEDGER[..1]).unwrap(), 1);
        old.execute(
            "INSERT INTO shipments (object_key, camera, original_name, original_sha256, original_size, complete, \
             shipped_at, ladder) VALUES ('k', 'c', 'n', 'd', 1, 1, 2, '')",
            [],
        )
        .unwrap();
        assert_eq!(migrate(&mut old, LEDGER).unwrap(), LEDGER.len());
        let confirmed: bool = old.query_row("SELECT confirmed FROM shipments", [], |row| row.get(0)).unwrap();
        assert!(!confirmed, "nobody knows: it is looked up");
        assert_eq!(migrate(&mut old, LEDGER).unwrap(), LEDGER.len(), "and only once");
    }

    /// From each version that ever was, with what the first release wrote in it.
    #[test]
    fn every_catalog_of_before_is_brought_up_to_date() {
        let schema = |database: &Connection| {
            let mut all =
                database.prepare("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2").unwrap();
            let rows = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
            rows.collect::<Result<Vec<(String, String, Option<String>)>, _>>().unwrap()
        };
        let mut fresh = Connection::open_in_memory().unwrap();
        migrate(&mut fresh, CATALOG).unwrap();
        for version in 1..=CATALOG.len() {
            let mut old = Connection::open_in_memory().unwrap();
            old.execute_batch(include_str!("../testdata/catalog-1.sql")).unwrap();
            assert_eq!(migrate(&mut old, &CATALOG[..version]).unwrap(), version);
            assert_eq!(migrate(&mut old, CATALOG).unwrap(), CATALOG.len(), "from {version}");
            assert_eq!(schema(&old), schema(&fresh), "from {version}");
            for table in ["events", "cameras", "users", "ftp_accounts", "secrets", "sessions", "changes"] {
                let rows: i64 =
                    old.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
                assert_eq!(rows, 1, "{table} from {version}");
            }
            let broken = old.prepare("PRAGMA foreign_key_check").unwrap().exists([]).unwrap();
            assert!(!broken, "from {version}");
        }
    }
}
