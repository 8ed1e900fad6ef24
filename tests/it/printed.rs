//! What the program prints of itself: completions, manual pages, the configuration's reference and example.

use std::{fs, process::Command};

use crate::support::{camtrail, run};

/// What it says to these arguments.
fn says(arguments: &[&str]) -> String {
    let output = run(camtrail().args(arguments));
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The subcommands that its help lists.
fn subcommands(of: &[&str]) -> Vec<String> {
    let help = says(&[of, &["--help"]].concat());
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = listed.take_while(|line| !line.is_empty()).filter_map(|line| {
        // Deeper lines go on with what was said of a command.
        let name = line.strip_prefix("  ").filter(|rest| !rest.starts_with(' '))?;
        name.split_whitespace().next().map(str::to_owned)
    });
    names.filter(|name| name != "help").collect()
}

#[test]
fn completions_and_manual_pages_name_every_command() {
    let commands = subcommands(&[]);
    assert!(commands.len() >= 14 && commands.iter().any(|name| name == "serve"), "{commands:?}");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = says(&["completions", shell]);
        for command in &commands {
            assert!(script.contains(command), "{shell}: {command}");
        }
    }
    let page = says(&["man"]).replace("\\-", "-");
    let dir = tempfile::tempdir().unwrap();
    says(&["man", "--dir", dir.path().to_str().unwrap()]);
    for command in &commands {
        assert!(page.contains(&format!("camtrail-{command}(1)")), "{command}: {page}");
        let mut names = vec![format!("camtrail-{command}")];
        names.extend(subcommands(&[command]).into_iter().map(|below| format!("camtrail-{command}-{below}")));
        for name in names {
            let text = fs::read_to_string(dir.path().join(format!("{name}.1"))).unwrap();
            assert!(text.contains(".SH SYNOPSIS") && text.len() > 200, "{name}: {text}");
        }
    }
}

/// bash itself reads its completions, and completes a command's name with them.
#[test]
fn bash_completes_with_them() {
    let script = format!(
        "{}\nCOMP_WORDS=(camtrail re); COMP_CWORD=1; _camtrail camtrail re camtrail; echo \"${{COMPREPLY[@]}}\"",
        says(&["completions", "bash"])
    );
    let output = run(Command::new("bash").args(["-c", &script]));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains("rebuild") && told.contains("retention"), "{told}");
}

#[test]
fn the_example_file_is_taken_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("camtrail.toml");
    fs::write(&file, says(&["config", "example"])).unwrap();
    let path = file.to_str().unwrap();
    assert!(says(&["config", "check", "--config", path]).contains(path));
    assert!(says(&["config", "reference"]).contains("| `listen` | text | `\"0.0.0.0:2121\"` |"));
    fs::write(&file, "[ftp]\nlisten_on = \"x\"\n").unwrap();
    let output = run(camtrail().args(["config", "check", "--config", path]));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2));
    assert!(said.contains(path) && said.contains("ftp.listen_on") && said.contains("`listen`"), "{said}");
}
