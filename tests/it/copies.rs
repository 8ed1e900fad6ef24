//! Small renditions and originals, from a camera's upload to the last byte of their removal.

use std::{fs, path::Path};

use crate::{
    rebuild::{catalog, forget_catalog, rebuild},
    support::{CLIP, Instance, Options, STILL, curl, data, mp4_with, sample, sha256, text},
};

const CONFIG: &str =
    "[media]\nsmall = true\nkeep_original = true\n[[camera]]\nname = \"porch\"\nsmall = false\n";

/// All files below a folder.
fn files(folder: &Path) -> Vec<String> {
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
