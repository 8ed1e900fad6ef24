//! The floors of the house: who may depend on whom (docs/ARCHITECTURE.md).

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// Each crate, and all of ours that it may name.
const FLOORS: [(&str, &[&str]); 22] = [
    ("benches", &[]),
    ("model", &[]),
    ("ftp", &[]),
    ("durable", &[]),
    ("threads", &[]),
    ("services", &[]),
    ("auth", &["model"]),
    ("oidc", &["model"]),
    ("spool", &["model", "durable"]),
    ("store", &["model", "durable"]),
    ("catalog", &["model", "durable", "threads"]),
    ("aws", &["model"]),
    ("media", &["model", "durable", "threads"]),
    ("arrival", &["model"]),
    ("retention", &["model"]),
    ("derive", &["model", "durable"]),
    ("notify", &["model"]),
    ("gateway", &["model", "durable", "auth", "ftp", "spool", "derive"]),
    ("api", &["model", "auth", "arrival", "derive", "oidc"]),
    ("webapp", &["api"]),
    ("lambda", &["model", "auth", "store", "aws", "arrival", "api", "webapp"]),
    (
        "",
        &[
            "model",
            "durable",
            "auth",
            "ftp",
            "spool",
            "store",
            "catalog",
            "media",
            "arrival",
            "gateway",
            "api",
            "retention",
            "derive",
            "notify",
            "aws",
            "oidc",
            "webapp",
        ],
    ),
];

#[test]
fn every_crate_stays_on_its_floor() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec().unwrap();
    let short = |name: &str| name.trim_start_matches("camtrail").trim_start_matches('-').to_owned();
    let allowed: BTreeMap<_, BTreeSet<_>> = FLOORS
        .iter()
        .map(|(name, below)| ((*name).to_owned(), below.iter().map(|s| (*s).to_owned()).collect()))
        .collect();
    let mut seen = 0;
    for package in metadata.packages.iter().filter(|package| package.name.as_str() != "camtrail-tests") {
        let name = short(&package.name);
        let floor = allowed.get(&name).unwrap_or_else(|| {
            panic!("{name} stands on no floor: add it to FLOORS and docs/ARCHITECTURE.md")
        });
        seen += 1;
        let used: BTreeSet<_> = package
            .dependencies
            .iter()
            .filter(|dependency| {
                dependency.kind == DependencyKind::Normal && dependency.name.starts_with("camtrail")
            })
            .map(|dependency| short(&dependency.name))
            .collect();
        assert!(
            used.is_subset(floor),
            "{name} reaches up or sideways: {:?}",
            used.difference(floor).collect::<Vec<_>>()
        );
    }
    assert_eq!(seen, FLOORS.len());
}
