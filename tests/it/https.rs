//! TLS in front of the web door, with curl as the client.

use std::{fs, path::Path, process::Command};

use crate::support::{Instance, Options, camtrail, run, wait};

/// A certificate for 127.0.0.1 and its key, in `dir`.
fn certify(dir: &Path) {
    let signed = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    // As a tool that renews does: each file at once, one after the other.
    for (name, text) in [("cert.pem", signed.cert.pem()), ("key.pem", signed.signing_key.serialize_pem())] {
        fs::write(dir.join("new"), text).unwrap();
        fs::rename(dir.join("new"), dir.join(name)).unwrap();
    }
}

/// The answer's head and body, where curl trusts `authority`; else curl's exit code.
fn curl(instance: &Instance, authority: &Path, path: &str, more: &[&str]) -> Result<String, i32> {
    let url = format!("https://{}{path}", instance.http());
    let mut command = Command::new("curl");
    command.args(["--silent", "--include", "--max-time", "20", "--noproxy", "*", "--cacert"]).arg(authority);
    let output = run(command.args(more).arg(url));
    match output.status.code() {
        Some(0) => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        code => Err(code.unwrap_or(-1)),
    }
}

fn instance(dir: &Path) -> Instance {
    let (cert, key) = (dir.join("cert.pem"), dir.join("key.pem"));
    let env = [
        ("CAMTRAIL__HTTP__TLS_CERT", cert.to_str().unwrap()),
        ("CAMTRAIL__HTTP__TLS_KEY", key.to_str().unwrap()),
    ];
    Instance::with(&Options { env: &env, ..Options::default() })
}

#[test]
fn https_is_spoken_and_a_new_certificate_is_taken_while_it_runs() {
    let dir = tempfile::tempdir().unwrap();
    certify(dir.path());
    let instance = instance(dir.path());
    let first = dir.path().join("first.pem");
    fs::copy(dir.path().join("cert.pem"), &first).unwrap();

    let answer = curl(&instance, &first, "/healthz", &[]).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok\n"), "{answer}");
    assert!(answer.contains("strict-transport-security: max-age=31536000"), "{answer}");
    let password = format!(r#"{{"username":"admin","password":"{}"}}"#, crate::support::ADMIN_PASSWORD);
    let sign_in = ["--json", password.as_str()];
    let answer = curl(&instance, &first, "/api/v1/session", &sign_in).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("; Secure"), "{answer}");

    // 35: no agreement on a protocol. The client's own floor is lowered, so that it is the server that refuses.
    let old = ["--tls-max", "1.1", "--tlsv1.0", "--ciphers", "DEFAULT@SECLEVEL=0"];
    assert_eq!(curl(&instance, &first, "/healthz", &old), Err(35), "nothing older than TLS 1.2");
    assert!(curl(&instance, &first, "/healthz", &["--tls-max", "1.2"]).is_ok());
    let plain = format!("http://{}/healthz", instance.http());
    let output = run(Command::new("curl").args(["--silent", "--max-time", "20", "--noproxy", "*", &plain]));
    assert!(!output.status.success(), "nothing is said in the clear");

    // Half a renewal is no reason to answer with nothing.
    fs::write(dir.path().join("cert.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n").unwrap();
    hang_up(&instance);
    wait("the bad certificate is told", || {
        instance.log().contains("the new certificate can't be used, the old one stays").then_some(())
    });
    assert!(curl(&instance, &first, "/healthz", &[]).is_ok());
    certify(dir.path());
    hang_up(&instance);
    let second = dir.path().join("cert.pem");
    wait("the new certificate is used", || curl(&instance, &second, "/healthz", &[]).ok());
    // 60: not known to this authority.
    assert_eq!(curl(&instance, &first, "/healthz", &[]), Err(60), "the old one is gone");
}

fn hang_up(instance: &Instance) {
    let id = instance.id().to_string();
    assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
}

/// Connections that begin no handshake, or break it, hold up nobody.
#[test]
fn silent_connections_hold_up_nobody() {
    use std::{io::Write as _, net::TcpStream};
    let dir = tempfile::tempdir().unwrap();
    certify(dir.path());
    let instance = instance(dir.path());
    let connections: Vec<_> = (0..100)
        .map(|n| {
            let mut stream = TcpStream::connect(instance.http()).unwrap();
            if n % 2 == 0 {
                stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
            }
            stream
        })
        .collect();
    assert!(curl(&instance, &dir.path().join("cert.pem"), "/healthz", &["--max-time", "5"]).is_ok());
    drop(connections);
}

#[test]
fn a_certificate_that_cannot_be_used_is_exit_code_2() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    certify(dir.path());
    certify(other.path());
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    for (cert, key, want) in [
        (
            cert.as_path(),
            Path::new("/nope"),
            "http.tls_key: found \"/nope\", expected a PEM file that can be read",
        ),
        (
            Path::new("/dev/null"),
            key.as_path(),
            "http.tls_cert: found \"/dev/null\", expected a certificate: no ---",
        ),
        (cert.as_path(), cert.as_path(), "expected a private key in PEM, not encrypted"),
        (cert.as_path(), &other.path().join("key.pem"), "expected the certificate's own key"),
    ] {
        let mut command = camtrail();
        command.env("CAMTRAIL__HTTP__TLS_CERT", cert).env("CAMTRAIL__HTTP__TLS_KEY", key);
        let output = run(command.args(["serve", "--data-dir"]).arg(dir.path().join("data")));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(want), "{said}");
    }
}
