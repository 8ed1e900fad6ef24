//! Mistakes in `[notify]`, and what is none.

use camtrail_notify::{ChannelKind, EmailTls};

use super::super::{load::Loaded, settings::Settings, shape::Config};

const HOOK: &str = "[[notify.channel]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"https://example.org/x\"\n\
                    secret_file = \"SECRET\"\n";

fn settings(text: &str) -> Result<Settings, String> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret");
    std::fs::write(&file, "0123456789abcdef\n").unwrap();
    let text = text.replace("SECRET", file.to_str().unwrap());
    let config: Config = toml::from_str(&text).map_err(|error| error.to_string())?;
    let loaded = Loaded { config, place: "camtrail.toml".to_owned() };
    Settings::check(loaded, None).map_err(|error| error.to_string())
}

#[test]
fn nothing_is_told_to_anybody_by_default() {
    assert!(settings("").unwrap().notify.is_none());
}

#[test]
fn every_kind_of_channel_can_be_configured() {
    let text = format!(
        "[http]\npublic_url = \"https://cams.example/cams\"\nbase_path = \"/cams\"\n{HOOK}\
         [[notify.channel]]\nname = \"home\"\nkind = \"mqtt\"\nurl = \"mqtts://[::1]\"\nuser = \"u\"\n\
         secret_file = \"SECRET\"\n\
         [[notify.channel]]\nname = \"post\"\nkind = \"email\"\nurl = \"smtp+starttls://mail.example.org\"\n\
         from = \"Cams <a@example.org>\"\nto = [\"b@example.org\"]\n\
         [[notify.channel]]\nname = \"phone\"\nkind = \"ntfy\"\nurl = \"https://example.org/ntfy/topic/\"\n\
         [[notify.channel]]\nname = \"web\"\nkind = \"web_push\"\ncontact = \"mailto:a@example.org\"\n\
         [[notify.rule]]\nname = \"r\"\ntargets = [\"hook\", \"web\"]\nhours = \"22:00-06:00\"\nkind = \"record\"\n\
         [notify.digest]\nat = \"08:00\"\nchannels = [\"post\"]\n"
    );
    let notify = settings(&text).unwrap().notify.unwrap();
    assert_eq!(notify.public_url.as_deref(), Some("https://cams.example/cams"));
    let kinds: Vec<_> = notify.channels.iter().map(|channel| channel.kind.as_str()).collect();
    assert_eq!(kinds, ["webhook", "mqtt", "email", "ntfy", "web_push"]);
    let ChannelKind::Mqtt(mqtt) = &notify.channels[1].kind else { panic!("{kinds:?}") };
    assert_eq!((mqtt.host.as_str(), mqtt.port, mqtt.tls), ("::1", 8883, true));
    assert_eq!((mqtt.topic.as_str(), mqtt.discovery.as_deref()), ("camtrail", Some("homeassistant")));
    let ChannelKind::Email(mail) = &notify.channels[2].kind else { panic!("{kinds:?}") };
    assert_eq!((mail.port, mail.tls), (587, EmailTls::StartTls));
    let ChannelKind::Ntfy(ntfy) = &notify.channels[3].kind else { panic!("{kinds:?}") };
    assert_eq!((ntfy.server.as_str(), ntfy.topic.as_str()), ("https://example.org/ntfy", "topic"));
}

#[test]
fn mistakes_are_named_with_what_was_found_and_expected() {
    let channel = |rest: &str| format!("[[notify.channel]]\nname = \"c\"\n{rest}");
    let rule = |rest: &str| format!("{HOOK}[[notify.rule]]\nname = \"r\"\ntargets = [\"hook\"]\n{rest}");
    let mail = "kind = \"email\"\nurl = \"smtps://x\"\n";
    for (text, want) in [
        (channel(""), "notify.channel[0].kind: found \"\", expected \"webhook\""),
        (channel("kind = \"fax\""), "notify.channel[0].kind: found \"fax\""),
        (channel("kind = \"webhook\"\nurl = \"ftp://x\""), "notify.channel[0].url: found \"ftp://x\""),
        (channel("kind = \"webhook\"\nurl = \"https://a:b@x\""), "no user in it"),
        (channel("kind = \"webhook\"\nurl = \"https://x\""), "CAMTRAIL_NOTIFY_C_SECRET"),
        (
            channel("kind = \"webhook\"\nurl = \"https://x\"\nsecret_file = \"/nowhere\""),
            "notify.channel[0].secret_file: found \"/nowhere\", expected a file that can be read",
        ),
        (channel("kind = \"mqtt\"\nurl = \"http://x\""), "notify.channel[0].url: found \"http://x\""),
        (channel("kind = \"mqtt\"\nurl = \"mqtt://x\"\ntopic = \"a/#\""), "notify.channel[0].topic"),
        (channel("kind = \"mqtt\"\nurl = \"mqtt://x\"\nuser = \"u\""), "notify.channel[0].user: found \"u\""),
        (
            channel("kind = \"mqtt\"\nurl = \"mqtt://x\"\npriority = 3"),
            "notify.channel[0].priority: found \"(set)\"",
        ),
        (
            channel("kind = \"email\"\nurl = \"smtp://mail.example.org\""),
            "without TLS only a server on this machine",
        ),
        (channel(&format!("{mail}from = \"x\"")), "notify.channel[0].from: found \"x\""),
        (channel(&format!("{mail}from = \"a@x.org\"")), "notify.channel[0].to: found \"0\""),
        (
            channel(&format!("{mail}from = \"a@x.org\"\nto = [\"a@x.org\", \"b\"]")),
            "notify.channel[0].to: found \"b\"",
        ),
        (channel("kind = \"ntfy\"\nurl = \"https://ntfy.sh\""), "a topic's address"),
        (
            channel("kind = \"ntfy\"\nurl = \"https://ntfy.sh/t\"\npriority = 6"),
            "notify.channel[0].priority: found \"6\"",
        ),
        (channel("kind = \"web_push\""), "notify.channel[0].contact"),
        (channel("kind = \"web_push\"\nurls = \"x\""), "unknown field `urls`"),
        (
            format!("{HOOK}{HOOK}"),
            "notify.channel[1].name: found \"hook\", expected a name that no other has",
        ),
        (HOOK.replace("\"hook\"", "\"my hook\""), "notify.channel[0].name: found \"my hook\""),
        (rule("on = \"fire\""), "notify.rule[0].on: found \"fire\""),
        (rule("hours = \"22-6\""), "notify.rule[0].hours: found \"22-6\""),
        (rule("kind = \"film\""), "notify.rule[0].kind: found \"film\""),
        (rule("kind = \"snap\"\non = \"camera_back\""), "notify.rule[0].kind"),
        (rule("cameras = [\"a/b\"]"), "notify.rule[0].cameras: found \"a/b\""),
        (rule("on = \"gateway_trouble\"\ngroup = \"g\""), "notify.rule[0].on"),
        (rule("after = \"soon\""), "notify.rule[0].after: found \"soon\""),
        (
            rule("").replace("[\"hook\"]", "[\"phone\"]"),
            "notify.rule[0].targets: found \"phone\", expected the name of a channel (hook)",
        ),
        (rule("").replace("[\"hook\"]", "[]"), "notify.rule[0].targets: found \"[]\""),
        (
            format!("{HOOK}[notify.digest]\nat = \"8\"\nchannels = [\"hook\"]"),
            "notify.digest.at: found \"8\"",
        ),
        (format!("{HOOK}[notify.digest]\nat = \"08:00\""), "notify.digest.channels"),
        ("[notify]\ngap = \"10ms\"".to_owned(), "notify.gap: found \"10ms\", expected a second or more"),
    ] {
        let error = settings(&text).err().unwrap_or_default();
        assert!(error.contains(want), "{text}\n{error}");
        assert!(!error.contains("0123456789abcdef"), "a secret is shown");
    }
}
