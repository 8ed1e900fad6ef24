//! Groups of cameras: all of them as one item, so that they are replaced in one step.

use async_trait::async_trait;
use camtrail_model::{
    groups::CameraGroups,
    ports::{CatalogError, Groups},
};

use super::{DynamoAccounts, shelf::key};
use crate::attributes::{corrupt, get_text, text};

const PART: &str = "groups";
const ITEM: &str = "groups";
const TEXT: &str = "groups_text";

#[async_trait]
impl Groups for DynamoAccounts {
    async fn groups(&self) -> Result<CameraGroups, CatalogError> {
        let Some(item) = self.shelf.get(PART, ITEM).await? else { return Ok(CameraGroups::default()) };
        CameraGroups::parse(get_text(&item, TEXT)?).ok_or_else(|| corrupt(&item, TEXT))
    }

    async fn put_groups(&self, groups: &CameraGroups) -> Result<(), CatalogError> {
        let groups = groups.to_text();
        // DynamoDB takes 400 KB.
        if groups.len() > TEXT_MAX_BYTES {
            let found = groups.len();
            return Err(CatalogError::Corrupt(format!(
                "groups of {found} bytes can't be kept: {TEXT_MAX_BYTES} can"
            )));
        }
        let mut item = key(PART, ITEM);
        item.insert(TEXT.to_owned(), text(groups));
        self.shelf.put(item).await
    }
}

/// What one item holds, with room for its key.
const TEXT_MAX_BYTES: usize = 390_000;
