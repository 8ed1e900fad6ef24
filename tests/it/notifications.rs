//! What is told to others: webhook, MQTT, mail, ntfy and Web Push, to real servers where there are any; once, also over a
//! restart; and a dead end in nobody's way.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    Certificate, HttpReceiver, Instance, MailServer, Mosquitto, Options, Received, Web, browser_keys,
    camtrail, data, opened, run, sha256, still_with, wait,
};

const SECRET: &str = "geheim-0123456789";
const SECRET_OF_HOOK: (&str, &str) = ("CAMTRAIL_NOTIFY_HOOK_SECRET", SECRET);

fn with(config: &str) -> Instance {
    let config = format!("[http]\npublic_url = \"http://cams.test\"\nbase_path = \"/cams\"\n{config}");
    Instance::with(&Options { config: &config, env: &[SECRET_OF_HOOK], ..Options::default() })
}

fn hook(receiver: &HttpReceiver) -> String {
    format!("[[notify.channel]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"{}\"\n", receiver.url("/hook"))
}

const RULE: &str = "[[notify.rule]]\nname = \"all\"\ntargets = [\"hook\"]\n";

/// A person below the base path.
fn person(instance: &Instance) -> Web {
    let mut web = Web::anonymous(instance.http());
    let body = json!({ "username": "admin", "password": crate::support::ADMIN_PASSWORD });
    let reply = web.request("POST", "/cams/api/v1/session", &[], Some(&body));
    assert_eq!(reply.status, 200, "{}", reply.text());
    web.cookie = reply.header("set-cookie").split(';').next().map(str::to_owned);
    web
}

fn deliveries(web: &Web) -> Vec<Value> {
    let reply = web.get("/cams/api/v1/notifications/deliveries");
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["items"].as_array().unwrap().clone()
}

/// HMAC as RFC 2104 has it, and base 64: another implementation than the program's.
fn hmac_base64(key: &[u8], message: &[u8]) -> String {
    const SIGNS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes = |hex: &str| -> Vec<u8> {
        (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect()
    };
    let padded = |with: u8| (0..64).map(|at| key.get(at).copied().unwrap_or(0) ^ with).collect::<Vec<_>>();
    let inner = bytes(&sha256(&[padded(0x36), message.to_vec()].concat()));
    let digest = bytes(&sha256(&[padded(0x5c), inner].concat()));
    let mut text = String::new();
    for three in digest.chunks(3) {
        let number =
            (0..3).fold(0_u32, |number, at| number << 8 | u32::from(three.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let sign = SIGNS[(number >> (18 - 6 * at)) as usize & 63] as char;
            text.push(if at > three.len() { '=' } else { sign });
        }
    }
    text
}

fn is_signed(request: &Received) -> bool {
    let (id, timestamp) = (request.header("webhook-id"), request.header("webhook-timestamp"));
    let signed = [format!("{id}.{timestamp}.").as_bytes(), &request.body].concat();
    request.header("webhook-signature") == format!("v1,{}", hmac_base64(SECRET.as_bytes(), &signed))
}

#[test]
fn a_webhook_is_signed_and_a_run_of_captures_is_one_message_and_a_count() {
    let receiver = HttpReceiver::start(|_| 204);
    let instance = with(&format!("[notify]\ngap = \"3s\"\n{}{RULE}", hook(&receiver)));
    let mut camera = instance.camera();
    camera.upload("/gate/snap/a.jpg", &still_with(1, 9_000));
    let began = receiver.next();
    assert!(is_signed(&began), "{began:?}");
    let told = began.json();
    assert_eq!((&told["type"], &told["data"]["camera"]), (&json!("event"), &json!("gate")));
    let id = told["data"]["event"]["id"].as_str().unwrap();
    assert_eq!(told["data"]["event_url"], format!("http://cams.test/cams/event/{id}"));
    assert_eq!(told["data"]["title"], "gate: motion");
    let mut other = began.clone();
    other.body[10] ^= 1;
    assert!(!is_signed(&other), "the check itself can fail");
    for number in 2..12 {
        camera.upload(format!("/gate/snap/{number}.jpg"), &still_with(number, 9_000));
    }
    let ended = receiver.next();
    assert!(is_signed(&ended));
    let told = ended.json();
    assert_eq!((&told["type"], &told["data"]["count"]), (&json!("event_end"), &json!(11)), "{told:#}");
    assert_ne!(began.header("webhook-id"), ended.header("webhook-id"));

    let web = person(&instance);
    let rows = wait("both are noted", || {
        Some(deliveries(&web)).filter(|rows| rows.iter().all(|row| row["outcome"] == "delivered"))
    });
    assert_eq!(rows.len(), 2, "{rows:#?}");
    assert_eq!(rows[0]["message_id"], ended.header("webhook-id"));
    let page = web.get("/cams/api/v1/notifications/deliveries?limit=1").json();
    assert_eq!((page["items"].as_array().unwrap().len(), &page["next_before"]), (1, &rows[0]["id"]));
    for wrong in ["limit=0", "limit=501", "before=-1", "before=x", "after=1"] {
        web.get(&format!("/cams/api/v1/notifications/deliveries?{wrong}")).problem(400);
    }

    let test = |channel: &str| {
        web.request("POST", "/cams/api/v1/notifications/test", &[], Some(&json!({ "channel": channel })))
    };
    assert_eq!(test("hook").json(), json!({ "channel": "hook", "delivered": true, "problem": null }));
    assert_eq!(receiver.next().json()["type"], "test");
    assert!(test("phone").problem(404).contains("hook"));
    let anonymous = Web::anonymous(instance.http());
    anonymous.get("/cams/api/v1/notifications/deliveries").problem(401);
    assert!(!instance.log().contains(SECRET), "a secret stands in the log");
}

#[test]
fn a_restart_repeats_nothing_and_what_was_not_delivered_comes_with_the_same_id() {
    let receiver = HttpReceiver::start(|number| if number == 1 { 500 } else { 200 });
    let mut instance = with(&format!("[notify]\ngap = \"2s\"\n{}{RULE}", hook(&receiver)));
    instance.camera().upload("/gate/snap/a.jpg", &still_with(1, 9_000));
    let first = receiver.next();
    instance.terminate();
    instance.restart();
    instance.camera().upload("/door/snap/b.jpg", &still_with(2, 9_000));
    let failed = receiver.next();
    assert_eq!(failed.json()["data"]["camera"], "door", "nothing is repeated");
    instance.kill();
    instance.restart();
    let again = receiver.next();
    assert_eq!(again.header("webhook-id"), failed.header("webhook-id"));
    // The picture may have come meanwhile; all else is the same.
    let (again_told, failed_told) = (again.json(), failed.json());
    assert_eq!(again_told["timestamp"], failed_told["timestamp"]);
    assert_eq!(again_told["data"]["event"], failed_told["data"]["event"]);
    assert!(is_signed(&again));
    assert_ne!(again.header("webhook-id"), first.header("webhook-id"));
    assert!(receiver.next_within(Duration::from_secs(4)).is_none(), "and that is all");
    let web = person(&instance);
    wait("all is delivered", || {
        deliveries(&web).iter().all(|row| row["outcome"] == "delivered").then_some(())
    });
}

#[test]
fn a_dead_channel_holds_up_no_other_and_no_upload() {
    let (dead, elsewhere, good) =
        (HttpReceiver::start(|_| 0), HttpReceiver::start(|_| 308), HttpReceiver::start(|_| 200));
    let channel =
        |name: &str, receiver: &HttpReceiver| hook(receiver).replace("\"hook\"", &format!("\"{name}\""));
    let config = format!(
        "{}{}{}[[notify.rule]]\nname = \"all\"\ntargets = [\"dead\", \"gone\", \"hook\"]\n",
        channel("dead", &dead),
        channel("gone", &elsewhere),
        hook(&good)
    );
    let config = format!("[http]\npublic_url = \"http://cams.test\"\nbase_path = \"/cams\"\n{config}");
    let env =
        [SECRET_OF_HOOK, ("CAMTRAIL_NOTIFY_DEAD_SECRET", SECRET), ("CAMTRAIL_NOTIFY_GONE_SECRET", SECRET)];
    let instance = Instance::with(&Options { config: &config, env: &env, ..Options::default() });
    let mut camera = instance.camera();
    for number in 0..5 {
        camera.upload(format!("/camera{number}/snap/a.jpg"), &still_with(number, 9_000));
    }
    let _ = dead.next();
    for _ in 0..5 {
        assert_eq!(good.next().json()["type"], "event");
    }
    assert!(dead.next_within(Duration::ZERO).is_none(), "it still hangs on the first");
    let web = person(&instance);
    wait("all events are listed", || {
        let events = web.get("/cams/api/v1/events").json();
        (events["items"].as_array().unwrap().len() == 5).then_some(())
    });
    let rows = wait("the redirects are noted", || {
        let rows: Vec<_> = deliveries(&web).into_iter().filter(|row| row["channel"] == "gone").collect();
        (rows.len() == 5 && rows.iter().all(|row| row["outcome"] == "failed")).then_some(rows)
    });
    assert!(rows[0]["problem"].as_str().unwrap().contains("redirects aren't followed"), "{rows:#?}");
    let row = wait("the dead end's time is over", || {
        deliveries(&web).into_iter().find(|row| row["channel"] == "dead" && row["attempts"] == 1)
    });
    assert_eq!(row["outcome"], "waiting");
    assert!(row["problem"].as_str().unwrap().starts_with("no answer"), "{row:#}");
}

#[test]
fn home_assistant_finds_cameras_and_hears_of_motion() {
    let mut broker = Mosquitto::start();
    let config = format!(
        "[notify]\ngap = \"3s\"\n[[notify.channel]]\nname = \"home\"\nkind = \"mqtt\"\nurl = \"mqtt://127.0.0.1:{}\"\n\
         [[notify.rule]]\nname = \"all\"\ntargets = [\"home\"]\n\
         [[camera]]\nname = \"Front gate\"\ndisplay_name = \"The gate\"\n",
        broker.port
    );
    let mut instance = with(&config);
    let ears = broker.listen();
    assert_eq!(ears.on("camtrail/status").text(), "online");
    instance.camera().upload("/Front gate/snap/a.jpg", &still_with(1, 9_000));
    let slug = format!("front_gate_{}", &sha256(b"Front gate")[..8]);
    let device = ears.on(&format!("homeassistant/device/camtrail_{slug}/config")).json();
    assert_eq!(device["device"]["name"], "The gate");
    assert_eq!(device["components"]["motion"]["state_topic"], format!("camtrail/camera/{slug}/motion"));
    for (part, platform) in [
        ("motion", "binary_sensor"),
        ("event", "event"),
        ("last_event", "sensor"),
        ("picture", "image"),
        ("problem", "binary_sensor"),
    ] {
        let part = &device["components"][part];
        assert_eq!(
            (&part["platform"], &part["availability_topic"]),
            (&json!(platform), &json!("camtrail/status"))
        );
    }
    let topic = |what: &str| format!("camtrail/camera/{slug}/{what}");
    assert_eq!(ears.on(&topic("problem")).text(), "OFF");
    assert_eq!(ears.on(&topic("motion")).text(), "ON");
    let event = ears.on(&topic("event"));
    assert!(!event.retained);
    assert_eq!(event.json()["event_type"], "capture");
    assert_eq!(ears.on("camtrail/messages").json()["data"]["title"], "The gate: motion");
    assert_eq!(ears.on(&topic("picture")).payload[..3], [0xff, 0xd8, 0xff], "a JPEG");
    assert_eq!(ears.on(&topic("motion")).text(), "OFF");

    // Who comes later finds all that stays, and no event of before.
    let late = broker.listen();
    assert!(late.on(&format!("homeassistant/device/camtrail_{slug}/config")).retained);
    // Home Assistant starts anew.
    broker.publish("homeassistant/status", "online");
    assert!(!late.on(&format!("homeassistant/device/camtrail_{slug}/config")).retained);

    // The broker goes and comes back empty: everything is said again, and what happened meanwhile.
    broker.stop();
    instance.camera().upload("/Front gate/snap/b.jpg", &still_with(2, 9_000));
    person(&instance);
    broker.restart();
    let ears = broker.listen();
    assert_eq!(ears.on(&topic("event")).json()["count"], 1);

    instance.kill();
    assert_eq!(ears.on("camtrail/status").text(), "offline", "by the last will");
}

#[test]
fn mail_comes_with_the_poster_and_a_link() {
    let server = MailServer::start();
    let config = format!(
        "[[notify.channel]]\nname = \"post\"\nkind = \"email\"\nurl = \"smtp://127.0.0.1:{}\"\n\
         from = \"Camtrail <cams@example.org>\"\nto = [\"ann@example.org\", \"Bob <bob@example.org>\"]\n\
         [[notify.rule]]\nname = \"all\"\ntargets = [\"post\"]\n[[camera]]\nname = \"gate\"\ndisplay_name = \"Tür <1>\"\n",
        server.port
    );
    let instance = with(&config);
    instance.camera().upload("/gate/snap/a.jpg", &still_with(1, 9_000));
    // Each has a mail of their own.
    let (mail, other) = (server.next(), server.next());
    assert_eq!((&mail["subject"], &other["subject"]), (&json!("Tür <1>: motion"), &mail["subject"]));
    assert_eq!(mail["from"], "cams@example.org");
    let mut to: Vec<_> = [&mail, &other].map(|mail| mail["to"].to_string()).into();
    to.sort();
    assert_eq!(to, [r#"["ann@example.org"]"#, r#"["bob@example.org"]"#]);
    let parts = mail["parts"].as_array().unwrap();
    let types: Vec<_> = parts.iter().map(|part| part["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["text/plain", "text/html", "image/jpeg"], "{mail:#}");
    let (plain, html) = (parts[0]["text"].as_str().unwrap(), parts[1]["text"].as_str().unwrap());
    assert!(plain.contains("http://cams.test/cams/event/"), "{plain}");
    assert!(html.contains("Tür &lt;1&gt;") && html.contains("cid:poster"), "{html}");
    assert_eq!((&parts[2]["id"], &parts[2]["disposition"]), (&json!("<poster>"), &json!("inline")));
    assert_eq!(parts[2]["jpeg"], "ffd8ff");
}

/// By TLS, and with a password; and nothing to a server whose certificate nobody vouches for.
#[test]
fn brokers_and_mail_servers_are_spoken_to_by_tls_with_a_login() {
    let certificate = Certificate::new();
    let broker = Mosquitto::with_tls(&certificate, "camtrail", SECRET);
    let server = MailServer::with_tls(&certificate, "camtrail", SECRET);
    let config = format!(
        "[http]\npublic_url = \"http://cams.test\"\nbase_path = \"/cams\"\n\
         [[notify.channel]]\nname = \"home\"\nkind = \"mqtt\"\nurl = \"mqtts://localhost:{}\"\nuser = \"camtrail\"\n\
         [[notify.channel]]\nname = \"post\"\nkind = \"email\"\nurl = \"smtp+starttls://localhost:{}\"\nuser = \"camtrail\"\n\
         from = \"cams@example.org\"\nto = [\"ann@example.org\"]\n",
        broker.tls_port, server.port
    );
    let trusted = ("SSL_CERT_FILE", certificate.chain.to_str().unwrap());
    let login = [("CAMTRAIL_NOTIFY_HOME_SECRET", SECRET), ("CAMTRAIL_NOTIFY_POST_SECRET", SECRET)];
    let test = |web: &Web, channel: &str| {
        let told =
            web.request("POST", "/cams/api/v1/notifications/test", &[], Some(&json!({ "channel": channel })));
        told.json()["delivered"] == true
    };
    let instance = Instance::with(&Options {
        config: &config,
        env: &[login[0], login[1], trusted],
        ..Options::default()
    });
    let (ears, web) = (broker.listen(), person(&instance));
    wait("the broker lets it in", || test(&web, "home").then_some(()));
    assert_eq!(ears.on("camtrail/messages").json()["type"], "test");
    assert!(test(&web, "post"), "{}", instance.log());
    assert_eq!(server.next()["subject"], "Camtrail: test message");
    assert!(!instance.log().contains(SECRET));
    drop(instance);

    let wrong = [("CAMTRAIL_NOTIFY_HOME_SECRET", "wrong"), ("CAMTRAIL_NOTIFY_POST_SECRET", "wrong")];
    for env in [&[wrong[0], wrong[1], trusted][..], &login[..]] {
        let instance = Instance::with(&Options { config: &config, env, ..Options::default() });
        let web = person(&instance);
        assert!(!test(&web, "post") && !test(&web, "home"), "{env:?}");
    }
}

#[test]
fn ntfy_gets_a_click_and_a_picture_that_can_be_fetched() {
    let receiver = HttpReceiver::start(|_| 200);
    let config = format!(
        "[[notify.channel]]\nname = \"hook\"\nkind = \"ntfy\"\nurl = \"{}\"\npriority = 2\n{RULE}",
        receiver.url("/my-topic")
    );
    let instance = with(&config);
    instance.camera().upload("/gate/snap/a.jpg", &still_with(1, 9_000));
    let request = receiver.next();
    assert_eq!((request.path.as_str(), request.header("authorization")), ("/", &*format!("Bearer {SECRET}")));
    let told = request.json();
    assert_eq!(
        (&told["topic"], &told["title"], &told["priority"]),
        (&json!("my-topic"), &json!("gate: motion"), &json!(2))
    );
    assert!(told["click"].as_str().unwrap().starts_with("http://cams.test/cams/event/"));
    let picture = told["attach"].as_str().unwrap().strip_prefix("http://cams.test").unwrap();
    let reply = Web::anonymous(instance.http()).get(picture);
    assert_eq!((reply.status, reply.header("content-type")), (200, "image/jpeg"), "{picture}");
    assert!(!instance.log().contains(SECRET));
}

#[test]
fn a_browser_opens_what_is_pushed_and_a_dead_one_is_forgotten() {
    let service = HttpReceiver::start(|number| if number == 1 { 410 } else { 201 });
    let config = "[notify]\ngap = \"1s\"\npush_to_loopback = true\n[[notify.channel]]\nname = \"browsers\"\n\
                  kind = \"web_push\"\ncontact = \"mailto:ann@example.org\"\n\
                  [[notify.rule]]\nname = \"all\"\ntargets = [\"browsers\"]\n";
    let instance = with(config);
    let web = person(&instance);
    let key = web.get("/cams/api/v1/push/key").json()["key"].clone();
    let configured = web.get("/cams/api/v1/notifications").json();
    assert_eq!(configured["channels"], json!([{ "name": "browsers", "kind": "web_push" }]));
    assert_eq!(
        (&configured["rules"][0]["on"], &configured["rules"][0]["targets"]),
        (&json!("event"), &json!(["browsers"]))
    );
    let keys = browser_keys();
    let subscribe = |endpoint: &str, p256dh: &Value| {
        let body = json!({ "endpoint": endpoint, "expirationTime": null, "keys": { "p256dh": p256dh, "auth": keys["auth"] } });
        web.request("POST", "/cams/api/v1/push/subscriptions", &[], Some(&body))
    };
    for wrong in [
        "http://push.example/x",
        "https://192.168.1.1/x",
        "https://[::ffff:10.0.0.1]/",
        "file:///etc/passwd",
        "",
    ] {
        assert!(subscribe(wrong, &keys["p256dh"]).problem(400).contains("endpoint"), "{wrong}");
    }
    let endpoint = service.url("/send/1");
    subscribe(&endpoint, &json!("AAAA")).problem(400);
    assert_eq!(subscribe(&endpoint, &keys["p256dh"]).status, 200);
    instance.camera().upload("/gate/snap/a.jpg", &still_with(1, 9_000));
    let push = service.next();
    assert_eq!((push.path.as_str(), push.header("content-encoding")), ("/send/1", "aes128gcm"));
    let open = opened(&keys, &push);
    assert_eq!((&open["signed"], &open["key"]), (&json!(true), &key));
    assert_eq!(open["claims"]["aud"], format!("http://{}", service.address));
    assert_eq!(
        (&open["message"]["title"], &open["message"]["tag"]),
        (&json!("gate: motion"), &json!("gate"))
    );
    assert!(open["message"]["url"].as_str().unwrap().starts_with("http://cams.test/cams/event/"));

    // The second is answered 410: nobody is there any more.
    instance.camera().upload("/door/snap/b.jpg", &still_with(2, 9_000));
    service.next();
    wait("its end is noted", || {
        let row = deliveries(&web).into_iter().find(|row| row["title"] == "door: motion")?;
        (row["outcome"] == "failed").then_some(())
    });
    instance.camera().upload("/cellar/snap/c.jpg", &still_with(3, 9_000));
    assert!(service.next_within(Duration::from_secs(3)).is_none());

    // Subscribed again, and gone by one's own will.
    assert_eq!(subscribe(&endpoint, &keys["p256dh"]).status, 200);
    let test = || {
        web.request("POST", "/cams/api/v1/notifications/test", &[], Some(&json!({ "channel": "browsers" })))
            .json()
    };
    assert_eq!(test()["delivered"], true);
    assert_eq!(opened(&keys, &service.next())["message"]["kind"], "test");
    let gone =
        web.request("DELETE", "/cams/api/v1/push/subscriptions", &[], Some(&json!({ "endpoint": endpoint })));
    assert_eq!(gone.status, 204);
    let told = test();
    assert_eq!(told["delivered"], false, "{told:#}");
    assert!(!instance.log().contains(&endpoint), "an endpoint is a secret");
}

/// A gateway alone, whose bucket is out of reach.
#[test]
fn a_gateway_tells_that_it_is_in_trouble() {
    let receiver = HttpReceiver::start(|_| 200);
    let config = format!(
        "[s3_info]\nbucket_name = \"clips\"\nendpoint = \"http://127.0.0.1:9\"\n{}[[notify.rule]]\nname = \"trouble\"\n\
         on = \"gateway_trouble\"\nafter = \"1s\"\ntargets = [\"hook\"]\n",
        hook(&receiver)
    );
    let env = [SECRET_OF_HOOK, ("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")];
    let instance =
        Instance::with(&Options { config: &config, env: &env, gateway: true, ..Options::default() });
    instance.camera().upload("/gate/snap/a.jpg", &still_with(1, 9_000));
    let told = receiver.next();
    assert!(is_signed(&told));
    let told = told.json();
    assert_eq!(
        (&told["type"], &told["data"]["title"]),
        (&json!("gateway_trouble"), &json!("Clips can't be stored"))
    );
    assert!(told["data"]["text"].as_str().unwrap().contains("Waiting to be stored: 1,"), "{told:#}");
}

#[test]
fn without_channels_there_is_nothing_to_ask() {
    let instance = Instance::start();
    let web = instance.person();
    assert!(web.get("/api/v1/notifications").problem(404).contains("notify.channel"));
    assert!(web.get("/api/v1/notifications/deliveries").problem(404).contains("notify.channel"));
    web.get("/api/v1/push/key").problem(404);
    assert!(!instance.data_dir().join("notify.db").exists());
}

/// An import of an archive is no news; a camera beside it is.
#[test]
fn an_archive_is_imported_in_silence() {
    let receiver = HttpReceiver::start(|_| 200);
    let instance = with(&format!("[notify]\ngap = \"1s\"\n{}{RULE}", hook(&receiver)));
    let archive = instance.scratch().join("archive/gate/record");
    std::fs::create_dir_all(&archive).unwrap();
    std::fs::copy(data(crate::support::CLIP), archive.join("MDalarm_20160830_152954.mkv")).unwrap();
    let mut import = camtrail();
    import.arg("import").arg("--data-dir").arg(instance.data_dir()).arg(instance.scratch().join("archive"));
    let output = run(import.current_dir(instance.cwd()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let web = person(&instance);
    wait("it is listed", || {
        let events = web.get("/cams/api/v1/events").json();
        (events["items"].as_array().unwrap().len() == 1).then_some(())
    });
    instance.camera().upload("/door/snap/b.jpg", &still_with(2, 9_000));
    assert_eq!(receiver.next().json()["data"]["camera"], "door");
    assert!(receiver.next_within(Duration::from_secs(3)).is_none());
}
