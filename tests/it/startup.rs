//! Mistakes at the start: an exit code, one line that says what was found, what was expected and what to do.

use std::{
    fs::{self, File},
    process::{Child, Command, Stdio},
};

use crate::support::{Instance, camtrail, run, wait};

/// Exit code and what was said.
fn fails(command: &mut Command) -> (i32, String) {
    let output = run(command);
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn wrong_configuration_is_exit_code_2() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("camtrail.toml");
    for (text, want) in [
        ("[ftp]\nlisten_on = \"x\"\n", "ftp.listen_on: unknown field `listen_on`, expected one of `listen`"),
        ("time_zone = \"Mars\"\n", "time_zone: found \"Mars\", expected an IANA time zone"),
        ("[store]\nkind = \"s3\"\n", "s3_info.bucket_name: found \"\""),
        ("[ftp\n", "TOML parse error at line 1"),
    ] {
        fs::write(&file, text).unwrap();
        let (code, said) =
            fails(camtrail().env_remove("CAMTRAIL__TIME_ZONE").args(["serve", "--config"]).arg(&file));
        assert_eq!(code, 2, "{said}");
        assert!(said.contains("camtrail.toml") && said.contains(want), "{said}");
    }
    let (code, said) = fails(camtrail().arg("serve").env("CAMTRAIL__HTTP__PRT", "1"));
    assert!(code == 2 && said.contains("CAMTRAIL__HTTP__PRT: http.prt: there is no such key"), "{said}");
    let (code, said) = fails(camtrail().args(["serve", "--config", "/nowhere.toml"]));
    assert!(code == 2 && said.contains("/nowhere.toml can't be read"), "{said}");
    assert_eq!(fails(camtrail().arg("fly")).0, 2);
}

#[test]
fn occupied_ports_and_data_dirs_are_exit_code_1() {
    let instance = Instance::start();
    let dir = tempfile::tempdir().unwrap();
    let start = |data_dir: &std::path::Path, variable: &str, value: &str| {
        fails(camtrail().args(["serve", "--data-dir"]).arg(data_dir).env(variable, value))
    };
    let other = dir.path().join("data");
    for (variable, key, address) in [
        ("CAMTRAIL__HTTP__LISTEN", "http.listen", instance.http().to_string()),
        ("CAMTRAIL__FTP__LISTEN", "ftp.listen", instance.ftp().to_string()),
    ] {
        let (code, said) = start(&other, variable, &address);
        assert!(
            code == 1 && said.contains(key) && said.contains(&address) && said.contains(variable),
            "{said}"
        );
    }
    let (code, said) = start(instance.data_dir(), "CAMTRAIL__RETENTION__DAYS", "30");
    assert!(code == 1 && said.contains("in use by another Camtrail"), "{said}");
    let file = dir.path().join("file");
    fs::write(&file, b"").unwrap();
    let (code, said) = start(&file.join("data"), "CAMTRAIL__RETENTION__DAYS", "30");
    assert!(
        code == 1 && said.contains("can't be written") && said.contains("is a file, not a folder"),
        "{said}"
    );
}

/// Ends its process, whatever the test does.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_first_start_shows_its_passwords_once() {
    let dir = tempfile::tempdir().unwrap();
    let data_dir = dir.path().join("data");
    for (start, shown) in [("first", true), ("second", false)] {
        let out = dir.path().join(start);
        let mut command = camtrail();
        command.env_remove("CAMTRAIL_ADMIN_PASSWORD").env_remove("CAMTRAIL_FTP_PASSWORD");
        command
            .args(["serve", "--data-dir"])
            .arg(&data_dir)
            .stdout(File::create(&out).unwrap())
            .stderr(Stdio::null());
        let _running = Running(command.spawn().unwrap());
        let welcome = wait("its welcome", || {
            fs::read_to_string(&out)
                .ok()
                .filter(|text| text.contains("Cameras   upload by FTP") && text.ends_with("\n\n"))
        });
        assert_eq!(welcome.contains("shown only this once"), shown, "{start}: {welcome}");
    }
}
