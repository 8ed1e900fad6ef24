//! The tables of a shared catalog.

use camtrail_aws::{DynamoAccounts, DynamoCatalog, DynamoConfig, TableLook, TableState};
use camtrail_model::ports::Accounts;

use super::report::Report;

const CHECK: &str = "table";

pub(super) async fn look(report: &mut Report, config: &DynamoConfig, create_tables: bool) {
    let catalog = DynamoCatalog::open(config).await;
    for found in catalog.examine().await {
        one(report, &found, create_tables);
    }
    let accounts = DynamoAccounts::beside(&catalog);
    match accounts.users().await {
        Ok(users) if users.is_empty() => {
            report.advice(
                "users",
                "there is none yet",
                "the first start makes an admin; or: camtrail user add NAME",
            );
        }
        Ok(users) => report.ok("users", &users.len().to_string()),
        Err(error) => {
            report.problem("users", &error.to_string(), "nobody can sign in while they can't be read");
        }
    }
}

fn one(report: &mut Report, found: &TableLook, create_tables: bool) {
    let table = &found.table;
    match &found.found {
        TableState::Missing if create_tables => {
            report.ok(CHECK, &format!("{table} isn't there yet; the next start makes it"));
            return;
        }
        TableState::Missing => {
            let advice = "deploy the template (camtrail aws template), set catalog.create_tables = true once, or correct \
                          catalog.table_prefix, endpoint and region";
            report.problem(CHECK, &format!("{table} isn't there"), advice);
            return;
        }
        TableState::OtherKeys(keys) => {
            report.problem(
                CHECK,
                &format!("{table} has the keys {keys}"),
                "another program's table? choose a catalog.table_prefix",
            );
            return;
        }
        TableState::NotReady => {
            report.advice(CHECK, &format!("{table} is being made or changed"), "look again in a minute");
            return;
        }
        TableState::Unknown(why) if found.readable.is_err() => {
            report.problem(
                CHECK,
                &format!("{table} can't be reached: {why}"),
                "is there a key and a region, and is catalog.endpoint right?",
            );
            return;
        }
        TableState::Unknown(_) | TableState::Right => {}
    }
    match &found.readable {
        Err(why) => report.problem(CHECK, &format!("{table} can't be read: {why}"), "allow dynamodb:Query, GetItem, TransactWriteItems and what deploy/aws/template.yaml lists"),
        Ok(()) if found.expires_by.as_deref() == Some(TableLook::EXPIRES_BY) => report.ok(CHECK, &format!("{table} can be read; rows expire by {}", TableLook::EXPIRES_BY)),
        Ok(()) => report.advice(
            CHECK,
            &format!("{table} can be read; whether rows expire by {} isn't seen", TableLook::EXPIRES_BY),
            "turn time to live on for that attribute, or allow dynamodb:DescribeTimeToLive to have it checked here",
        ),
    }
}
