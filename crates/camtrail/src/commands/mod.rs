//! One file a command.

mod accounts;
mod backfill;
mod demo;
mod import;
mod invoke;
mod rebuild;
mod retention;
mod serve;

use anyhow::Context;

use crate::cli::{AwsCommand, Cli, Command};

pub(crate) async fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Serve(args) => serve::serve(&args).await,
        Command::Gateway(args) => serve::gateway(&args).await,
        Command::Demo => demo::demo().await,
        Command::Import(args) => import::import(&args).await,
        Command::Invoke(args) => invoke::invoke(&args).await,
        Command::Backfill(args) => backfill::backfill(&args).await,
        Command::Rebuild(args) => rebuild::rebuild(&args).await,
        Command::User(command) => accounts::user(command).await,
        Command::Camera(command) => accounts::camera(command).await,
        Command::Retention(args) => retention::retention(&args).await,
        Command::Openapi => {
            let document =
                camtrail_api::openapi().to_pretty_json().context("writing the OpenAPI document")?;
            println!("{document}");
            Ok(())
        }
        Command::Aws(AwsCommand::Template) => {
            print!("{}", include_str!("../../../../deploy/aws/template.yaml"));
            Ok(())
        }
    }
}
