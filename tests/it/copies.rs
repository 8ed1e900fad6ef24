//! Small renditions and originals, from a camera's upload to the last byte of their removal.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::{Duration, Instant},
};

use crate::{
    rebuild::{catalog, forget_catalog, rebuild},
    support::{CLIP, Instance, Options, STILL, curl, data, mp4_with, sample, sha256, text, wait},
};

const CONFIG: &str =
    "[media]\nsmall = true\nkeep_original = true\n[[camera]]\nname = \"porch\"\nsmall = false\n";

/// All files below a folder.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path.display().to_string()) }
    }
    found
}

#[test]
fn a_clip_has_a_small_rendition_and_its_original_until_it_goes() {
    let mut instance = Instance::with(&Options { config: CONFIG, ..Options::default() });
    curl(&instance, &data(CLIP), "/backyard/record/");
    curl(&instance, &data(CLIP), "/porch/record/");
    curl(&instance, &data(STILL), "/backyard/snap/");
    instance.camera().upload("/porch/record/plain.mp4", &mp4_with(1, 60_000));
    let web = instance.person();
    web.settle();
    let event = |query: &str| web.events(query).remove(0);
    let clip = event("camera=backyard&kind=record");

    let small = web.get(text(&clip, "small_url"));
    assert_eq!((small.status, small.header("content-type")), (200, "video/mp4"));
    assert!(small.body.len() * 2 < clip["size"].as_u64().unwrap() as usize, "{} bytes", small.body.len());
    assert_eq!(&small.body[4..8], b"ftyp");
    let part = web.request("GET", text(&clip, "small_url"), &[("range", "bytes=0-99")], None);
    assert_eq!((part.status, part.body.len()), (206, 100));

    let original = web.get(text(&clip, "original_url"));
    assert_eq!(sha256(&original.body), text(&clip, "original_sha256"));
    assert_eq!(original.body, sample(CLIP));
    assert!(original.header("content-disposition").contains(&format!("filename=\"{CLIP}\"")));
    assert_ne!(text(&clip, "sha256"), text(&clip, "original_sha256"));

    let of_porch = web.events("camera=porch");
    assert!(
        of_porch.len() == 2 && of_porch.iter().all(|event| event["small_url"].is_null()),
        "{of_porch:#?}"
    );
    let has_original = |name: &str| {
        let found = of_porch.iter().find(|event| text(event, "name") == name).unwrap();
        found["original_url"].is_string()
    };
    assert!(has_original("MDalarm_20160830_152954.mp4"));
    assert!(!has_original("plain.mp4"), "it was stored as it came");
    let still = event("kind=snap");
    assert!(still["small_url"].is_null() && still["original_url"].is_null());

    // The same from the store alone.
    instance.terminate();
    let before = catalog(&instance);
    forget_catalog(&instance);
    let (code, said) = rebuild(&instance, &[]);
    assert!(code == 0 && said.contains("4 captures: 4 recorded"), "{said}");
    assert_eq!(catalog(&instance), before);
    instance.restart();
    let web = instance.person();
    let again = web.events("camera=backyard&kind=record").remove(0);
    assert_eq!(sha256(&web.get(text(&again, "original_url")).body), sha256(&sample(CLIP)));
    assert_eq!(web.get(text(&again, "small_url")).body, small.body);

    // What goes, goes with all that stands beside it.
    let beside = instance.data_dir().join("store/derived").join(text(&again, "object_key"));
    let names = files(&beside);
    for file in ["small.mp4", "original", "poster.jpg", "media.json"] {
        assert!(names.iter().any(|name| name.ends_with(&format!("/{file}"))), "{file}: {names:?}");
    }
    let path = format!("/api/v1/events/{}", text(&again, "id"));
    assert_eq!(web.request("DELETE", &path, &[], None).status, 204);
    assert_eq!(files(&beside), Vec::<String>::new());
}

/// The first encode of a rendition never ends, and notes its process; all else is the machine's ffmpeg.
pub(crate) fn stuck_once(folder: &Path) -> String {
    let path = std::env::var("PATH").unwrap();
    let real = std::env::split_paths(&path).map(|folder| folder.join("ffmpeg")).find(|file| file.is_file());
    let (real, mark) = (real.unwrap(), folder.join("mark"));
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *lavfi*) ;; *-maxrate*) if [ ! -e '{mark}' ]; then echo $$ > '{mark}.part'; \
         mv '{mark}.part' '{mark}'; exec sleep 600; fi;; esac\nexec '{real}' \"$@\"\n",
        mark = mark.display(),
        real = real.display()
    );
    let program = folder.join("ffmpeg");
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{path}", folder.display())
}

/// In the middle of an encode: the event has been complete long since, the encoder dies with its parent, and the next start
/// makes the rendition.
fn restart_in_an_encode(stop: impl FnOnce(&mut Instance)) {
    let folder = tempfile::TempDir::new().unwrap();
    let path = stuck_once(folder.path());
    let env = [("PATH", path.as_str()), ("CAMTRAIL__MEDIA__SMALL", "true")];
    let mut instance = Instance::with(&Options { env: &env, ..Options::default() });
    curl(&instance, &data(CLIP), "/backyard/record/");
    let encoder = wait("the encode has begun", || fs::read_to_string(folder.path().join("mark")).ok());
    let web = instance.person();
    wait("the event has its poster meanwhile", || {
        web.events("").first()?["poster_url"].is_string().then_some(())
    });
    assert!(web.events("")[0]["small_url"].is_null());
    let process = Path::new("/proc").join(encoder.trim());
    assert!(process.exists());
    stop(&mut instance);
    wait("the encoder is gone", || (!process.exists()).then_some(()));
    instance.restart();
    let web = instance.person();
    web.settle();
    let [clip] = &web.events("")[..] else { panic!("one event") };
    assert!(clip["small_url"].is_string() && clip["poster_url"].is_string(), "{clip:#}");
    assert!(fs::read_dir(instance.data_dir().join("spool")).unwrap().next().is_none(), "nothing is left");
}

#[test]
fn a_rendition_under_way_is_made_after_a_kill() {
    restart_in_an_encode(Instance::kill);
}

/// Nobody waits for minutes until a program has ended.
#[test]
fn a_stop_does_not_wait_for_a_rendition() {
    restart_in_an_encode(|instance| {
        let asked = Instant::now();
        instance.terminate();
        assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
    });
}
