//! The provider's own description (OpenID Connect Discovery 1.0).

use reqwest::Url;
use serde::Deserialize;

use crate::{Refusal, fetch::Fetch};

const PATH: &str = "/.well-known/openid-configuration";

#[derive(Debug, Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    prompt_values_supported: Option<Vec<String>>,
}

/// Where the provider does what.
#[derive(Debug, Clone)]
pub(crate) struct Endpoints {
    pub(crate) authorization: Url,
    pub(crate) token: Url,
    pub(crate) keys: Url,
    pub(crate) user_info: Option<Url>,
    /// It takes our secret in the form, and not as a password.
    pub(crate) secret_in_form: bool,
    /// How it is asked to let the person choose another account.
    pub(crate) choose: &'static str,
}

/// Asks `issuer` for it.
pub(crate) async fn discover(fetch: &Fetch, issuer: &str) -> Result<Endpoints, Refusal> {
    let address = format!("{}{PATH}", issuer.trim_end_matches('/'));
    let url = Fetch::address("configuration", &address)?;
    let document: Document = Fetch::json("configuration", fetch.get(url)).await?;
    // Discovery 4.3: exactly; or another provider could stand in for this one.
    if document.issuer != issuer {
        let found = document.issuer;
        let wrong = format!(
            "its configuration is of the issuer {found:?}, expected {issuer:?} (write it in oidc.issuer as the provider does)"
        );
        return Err(Refusal::Provider(wrong));
    }
    let methods = document.token_endpoint_auth_methods_supported;
    let takes = |name: &str| methods.as_ref().is_some_and(|known| known.iter().any(|method| method == name));
    let prompts = document.prompt_values_supported.unwrap_or_default();
    let knows_choice = prompts.is_empty() || prompts.iter().any(|prompt| prompt == "select_account");
    Ok(Endpoints {
        choose: if knows_choice { "select_account" } else { "login" },
        authorization: Fetch::address("authorization_endpoint", &document.authorization_endpoint)?,
        token: Fetch::address("token_endpoint", &document.token_endpoint)?,
        keys: Fetch::address("jwks_uri", &document.jwks_uri)?,
        user_info: document
            .userinfo_endpoint
            .map(|text| Fetch::address("userinfo_endpoint", &text))
            .transpose()?,
        secret_in_form: takes("client_secret_post") && !takes("client_secret_basic"),
    })
}
