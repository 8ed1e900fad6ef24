//! People's tokens for programs: only their digests.
//!
//! Owns the part `api_tokens`, one item a token: reached by its id, listed in one query.

use async_trait::async_trait;
use camtrail_model::{
    Digest, Millis,
    ports::{ApiToken, ApiTokens, CatalogError, Scopes},
};

use super::{
    DynamoAccounts,
    shelf::{Condition, is_key, key},
};
use crate::attributes::{Item, corrupt, get_number, get_number_opt, get_text, number, put_some, text};

const PART: &str = "api_tokens";
const DIGEST: &str = "token_sha256";
const USER: &str = "user_name";
const NAME: &str = "token_name";
const SCOPES: &str = "token_scopes";
const MADE: &str = "made_at";
const ENDS: &str = "ends_at";
const USED: &str = "used_at";

fn read(item: &Item) -> Result<ApiToken, CatalogError> {
    let Some(Digest(token_sha256)) = Digest::parse(get_text(item, DIGEST)?) else {
        return Err(corrupt(&Item::new(), DIGEST));
    };
    Ok(ApiToken {
        token_sha256,
        user: get_text(item, USER)?.to_owned(),
        name: get_text(item, NAME)?.to_owned(),
        scopes: Scopes::parse(get_text(item, SCOPES)?),
        created_at: Millis(get_number(item, MADE)?),
        expires_at: get_number_opt(item, ENDS)?.map(Millis),
        last_used_at: get_number_opt(item, USED)?.map(Millis),
    })
}

#[async_trait]
impl ApiTokens for DynamoAccounts {
    async fn put_api_token(&self, token: &ApiToken) -> Result<(), CatalogError> {
        let mut item = key(PART, &token.id());
        item.extend([
            (DIGEST.to_owned(), text(Digest(token.token_sha256).to_string())),
            (USER.to_owned(), text(&token.user)),
            (NAME.to_owned(), text(&token.name)),
            (SCOPES.to_owned(), text(token.scopes.to_text())),
            (MADE.to_owned(), number(token.created_at.0)),
        ]);
        put_some(&mut item, ENDS, token.expires_at.map(|at| number(at.0)));
        put_some(&mut item, USED, token.last_used_at.map(|at| number(at.0)));
        self.shelf.put_if(item, &Condition::absent()).await.map(|_| ())
    }

    async fn api_token(&self, id: &str) -> Result<Option<ApiToken>, CatalogError> {
        self.shelf.get(PART, id).await?.as_ref().map(read).transpose()
    }

    async fn api_tokens(&self) -> Result<Vec<ApiToken>, CatalogError> {
        let mut tokens = self.shelf.all(PART).await?.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        tokens.sort_by_cached_key(|token| (token.user.clone(), token.created_at, token.id()));
        Ok(tokens)
    }

    async fn forget_api_token(&self, id: &str) -> Result<bool, CatalogError> {
        if !is_key(id) {
            return Ok(false);
        }
        // Looked at before: a try whose answer was lost finds nothing the second time.
        let was_there = self.shelf.get(PART, id).await?.is_some();
        if was_there {
            self.shelf.delete(key(PART, id)).await?;
        }
        Ok(was_there)
    }

    async fn touch_api_token(&self, id: &str, at: Millis) -> Result<(), CatalogError> {
        if !is_key(id) {
            return Ok(());
        }
        let values = Item::from([(":at".to_owned(), number(at.0))]);
        self.shelf.change(key(PART, id), "SET used_at = :at", values).await.map(|_| ())
    }
}
