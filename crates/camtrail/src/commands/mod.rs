//! One file a command.

mod accounts;
mod backfill;
mod backup;
mod demo;
mod doctor;
mod health;
mod import;
mod invoke;
mod printed;
mod rebuild;
mod retention;
mod serve;
mod users;

use anyhow::Context;

use crate::{
    cli::{AwsCommand, Cli, Command, ConfigCommand},
    config,
};

pub(crate) async fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Serve(args) => serve::serve(&args).await,
        Command::Gateway(args) => serve::gateway(&args).await,
        Command::Demo(args) => demo::demo(&args).await,
        Command::Import(args) => import::import(&args).await,
        Command::Invoke(args) => invoke::invoke(&args).await,
        Command::Backfill(args) => backfill::backfill(&args).await,
        Command::Rebuild(args) => rebuild::rebuild(&args).await,
        Command::User(command) => users::user(command).await,
        Command::Camera(command) => accounts::camera(command).await,
        Command::Doctor(args) => doctor::doctor(&args).await,
        Command::Backup(args) => backup::backup(args).await,
        Command::Health(args) => health::health(&args).await,
        Command::Retention(args) => retention::retention(&args).await,
        Command::Config(ConfigCommand::Check(args)) => printed::check(&args),
        Command::Config(ConfigCommand::Reference) => printed::print(&config::reference()),
        Command::Config(ConfigCommand::Example) => printed::print(&config::example()),
        Command::Completions { shell } => printed::completions(shell),
        Command::Man { dir } => printed::man(dir.as_deref()),
        Command::Openapi => {
            let document =
                camtrail_api::openapi().to_pretty_json().context("writing the OpenAPI document")?;
            printed::print(&format!("{document}\n"))
        }
        Command::Aws(AwsCommand::Template) => {
            printed::print(include_str!("../../../../deploy/aws/template.yaml"))
        }
    }
}
