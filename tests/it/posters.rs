//! What stands for a clip in lists, and what is known of its pictures: from a camera's upload to the API.

use serde_json::Value;

use crate::support::{CLIP, Instance, data, poster, sample, still_of, text};

/// Six seconds after the clip began, which lasts 28.
const STILL_PATH: &str = "snap/MDAlarm_20160830-153000.jpg";

fn one(events: &[Value], camera: &str, kind: &str) -> Value {
    let is_it = |event: &&Value| text(event, "camera_name") == camera && text(event, "kind") == kind;
    events.iter().find(is_it).unwrap_or_else(|| panic!("no {kind} of {camera}: {events:#?}")).clone()
}

/// NEVER-7: two cameras, the same second, the same names.
#[test]
fn a_clip_shows_the_still_that_its_own_camera_took_meanwhile() {
    let instance = Instance::start();
    let web = instance.person();
    let cameras = [("porch", Some("red")), ("yard", Some("blue")), ("drive", None)];
    for (camera, colour) in cameras {
        if let Some(colour) = colour {
            instance.camera().upload(format!("/{camera}/{STILL_PATH}"), &still_of(colour));
        }
    }
    web.settle();
    for (camera, _) in cameras {
        instance.camera().upload(format!("/{camera}/record/{CLIP}"), &sample(CLIP));
    }
    web.settle();
    let events = web.events("");
    let mut blurs = Vec::new();
    for (camera, colour) in cameras {
        let clip = one(&events, camera, "record");
        let of_clip = poster(&web, text(&clip, "id"));
        let key = format!("derived/{}/media.json", text(&clip, "object_key"));
        let manifest = std::fs::read(instance.data_dir().join("store").join(key)).unwrap();
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        if colour.is_some() {
            let still = one(&events, camera, "snap");
            assert_eq!(of_clip, poster(&web, text(&still, "id")), "{camera}");
            assert_eq!(clip["blur"], still["blur"], "{camera}");
            assert_eq!(manifest["poster_of"], still["object_key"], "{camera}");
        } else {
            assert!(manifest.get("poster_of").is_none() && of_clip.len() > 5_000, "{manifest:#}");
        }
        let blur = text(&clip, "blur").to_owned();
        assert!((24..=36).contains(&blur.len()), "{blur}");
        blurs.push(blur);
    }
    blurs.dedup();
    assert_eq!(blurs.len(), 3, "{blurs:?}");
}

#[test]
fn the_api_tells_the_rate_and_the_key_frames_of_a_clip_and_none_of_a_still() {
    let instance = Instance::start();
    let web = instance.person();
    crate::support::curl(&instance, &data(CLIP), "/backyard/record/");
    instance.camera().upload(format!("/backyard/{STILL_PATH}"), &still_of("green"));
    web.settle();
    let events = web.events("");
    let clip = one(&events, "backyard", "record");
    // 704 pictures in 27.8 s.
    let rate = clip["frame_rate"].as_f64().unwrap();
    assert!((25.2..25.4).contains(&rate), "{clip:#}");
    assert_eq!(clip["key_frames"].as_u64(), Some(16), "{clip:#}");
    let still = one(&events, "backyard", "snap");
    assert!(still["frame_rate"].is_null() && still["key_frames"].is_null(), "{still:#}");
}
