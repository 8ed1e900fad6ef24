//! What stands in `deploy/` and in the guides, as far as it can be looked at without a container engine or a running
//! service manager: files that name each other, ports that fit, commands that exist.

use std::{fs, path::Path, process::Command};

use crate::support::{camtrail, run};

fn file(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Each `camtrail …` in the fences of a page.
fn commands(page: &str) -> Vec<Vec<String>> {
    let in_fences = page.split("```").skip(1).step_by(2);
    let lines = in_fences.flat_map(str::lines).filter_map(|line| {
        let line = line.split('#').next().unwrap_or_default();
        let (before, said) = line.rsplit_once("camtrail ")?;
        let is_program = before.is_empty() || before.ends_with('/') || before.ends_with(' ');
        is_program.then(|| said.split_whitespace().map(str::to_owned).collect())
    });
    lines.filter(|words: &Vec<String>| !words.is_empty()).collect()
}

#[test]
fn commands_in_the_guides_exist_with_their_options() {
    let mut looked_at = 0;
    for page in
        ["README.md", "docs/guide/backup.md", "docs/guide/home-assistant.md", "deploy/docker/README.md"]
    {
        for words in commands(&file(page)) {
            let is_name = |word: &&String| {
                word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.starts_with('-')
            };
            let names: Vec<_> = words.iter().take_while(is_name).take(2).collect();
            let help = |names: &[&String]| run(camtrail().args(names).arg("--help"));
            let two = help(&names);
            // The second may be an argument.
            let output = if two.status.success() { two } else { help(&names[..1]) };
            let told = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success(), "{page}: {words:?}");
            for option in words.iter().filter(|word| word.starts_with("--")) {
                assert!(told.contains(option.as_str()), "{page}: {words:?}: {option} isn't in {told}");
            }
            looked_at += 1;
        }
    }
    assert!(looked_at >= 5, "{looked_at}");
}

/// Cargo reads every member of the workspace, whatever is built.
#[test]
fn the_image_is_built_of_all_that_the_workspace_names() {
    let ignored = file("deploy/docker/Dockerfile.dockerignore");
    let let_through: Vec<&str> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let manifest = file("Cargo.toml");
    let (_, members) = manifest.split_once("members = [").unwrap();
    let members = members.split(']').next().unwrap();
    let members: Vec<&str> = members.split(',').map(|member| member.trim().trim_matches('"')).collect();
    assert!(members.len() >= 3, "{members:?}");
    for member in members.iter().filter(|member| !member.is_empty()) {
        let folder = member.trim_end_matches("/*");
        let is_there = let_through.iter().any(|path| path.split('/').next() == Some(folder));
        assert!(is_there, "{member} is a member of the workspace, and the image is built without it");
    }
}

#[test]
fn every_design_page_is_named_in_the_architecture() {
    let architecture = file("docs/ARCHITECTURE.md");
    let pages = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/design")).unwrap();
    for page in pages {
        let name = page.unwrap().file_name().into_string().unwrap();
        assert!(architecture.contains(&format!("(design/{name})")), "{name}");
    }
}

#[test]
fn the_container_has_few_rights_and_ports_that_fit() {
    let image = file("deploy/docker/Dockerfile");
    let last = image.rsplit("\nFROM ").next().unwrap();
    for line in [
        "USER 10001:10001",
        "VOLUME /var/lib/camtrail",
        "STOPSIGNAL SIGTERM",
        "CMD [\"camtrail\", \"health\"]",
    ] {
        assert!(last.contains(line), "{line}");
    }
    let compose = file("deploy/docker/compose.yaml");
    for line in
        ["read_only: true", "cap_drop: [ALL]", "no-new-privileges:true", "\"50000-50099:50000-50099\""]
    {
        assert!(compose.contains(line), "{line}");
    }
    // Whatever is named is a key, and passive ports are the program's own.
    let reference = file("docs/ref/configuration.md");
    assert!(reference.contains("| `passive_ports` | text | `\"50000-50099\"` |"));
    for (name, value) in [
        ("CAMTRAIL__DATA_DIR", "/var/lib/camtrail"),
        ("CAMTRAIL__HTTP__LISTEN", "0.0.0.0:8080"),
        ("CAMTRAIL__FTP__PASSIVE_HOST", "192.168.1.10"),
    ] {
        assert!(image.contains(name) || compose.contains(name), "{name}");
        let output = run(camtrail().args(["config", "check"]).env(name, value));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    // The build finds what it copies.
    for path in ["web/package-lock.json", "deploy/aws/template.yaml", "Cargo.lock"] {
        file(path);
    }
}

#[test]
fn the_unit_is_one_and_leaves_little_open() {
    let unit = file("deploy/systemd/camtrail.service");
    for line in
        ["User=camtrail", "NoNewPrivileges=yes", "ProtectSystem=strict", "SystemCallFilter=@system-service"]
    {
        assert!(unit.lines().any(|found| found == line), "{line}");
    }
    // The program isn't installed here.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("camtrail.service");
    fs::write(&path, unit.replace("/usr/bin/camtrail", "/bin/true")).unwrap();
    match Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&path).output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => eprintln!("systemd-analyze isn't here, the unit isn't verified: {error}"),
    }
}

#[test]
fn the_package_names_files_that_are_there() {
    let manifest = file("crates/camtrail/Cargo.toml");
    let assets: Vec<_> = manifest.lines().filter_map(|line| line.trim().strip_prefix("[\"../../")).collect();
    assert!(assets.len() >= 4, "{assets:?}");
    for asset in assets {
        let path = asset.split('"').next().unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        match path.split_once('*') {
            None => assert!(root.join(path).is_file(), "{path}"),
            Some((folder, _)) => assert!(root.join(folder).read_dir().unwrap().next().is_some(), "{path}"),
        }
    }
    // What the package holds beside the program is made by the program.
    let dir = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let program = camtrail().get_program().to_owned();
    let made = run(Command::new(root.join("scripts/dist")).arg(program).arg(dir.path().join("dist")));
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    for path in ["camtrail.toml", "man/camtrail-serve.1", "completions/camtrail", "completions/_camtrail"] {
        assert!(fs::metadata(dir.path().join("dist").join(path)).unwrap().len() > 100, "{path}");
    }
}
