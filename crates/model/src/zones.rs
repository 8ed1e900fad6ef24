//! Which time zone a camera's clock shows.

use std::collections::HashMap;

use jiff::tz::TimeZone;

use crate::camera::CameraName;

/// The zone of each camera: its own where one is configured, else the site's.
#[derive(Debug, Clone)]
pub struct CameraZones {
    default: TimeZone,
    by_camera: HashMap<CameraName, TimeZone>,
}

impl CameraZones {
    /// All cameras show `default`, but those in `by_camera`.
    pub fn new(default: TimeZone, by_camera: HashMap<CameraName, TimeZone>) -> Self {
        Self { default, by_camera }
    }

    /// The zone of `camera`.
    pub fn of(&self, camera: &CameraName) -> &TimeZone {
        self.by_camera.get(camera).unwrap_or(&self.default)
    }

    /// The site's zone.
    pub fn default_zone(&self) -> &TimeZone {
        &self.default
    }

    /// The zone's IANA name, or its offset where it has none.
    pub fn name_of(&self, camera: &CameraName) -> String {
        let zone = self.of(camera);
        match zone.iana_name() {
            Some(name) => name.to_owned(),
            None => zone.to_offset(jiff::Timestamp::now()).to_string(),
        }
    }
}
