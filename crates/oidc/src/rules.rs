//! Who may come in, and as what.

use camtrail_model::ports::{ACCOUNT_NAME_MAX_BYTES, Role, is_account_name};

use crate::{ConfigProblem, Refusal, claims::Told};

/// Google says by `hd` which organisation an account belongs to; an account of its own accord may have any address.
const GOOGLE: &str = "https://accounts.google.com";

/// Addresses and domains, in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    domains: Vec<String>,
    addresses: Vec<String>,
    admins: Vec<String>,
}

fn lower(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| text.trim().to_lowercase()).collect()
}

/// The domain of an address that has one `@` between two parts.
fn domain(address: &str) -> Option<&str> {
    let (local, domain) = address.split_once('@')?;
    let is_part = |part: &str| {
        !part.is_empty() && !part.chars().any(|c| c == '@' || c.is_whitespace() || c.is_control())
    };
    (is_part(local) && is_part(domain)).then_some(domain)
}

impl Rules {
    /// Everybody of `domains`, and these `addresses`; `admins` may come in as well, as administrators.
    pub fn new(domains: &[String], addresses: &[String], admins: &[String]) -> Self {
        Self { domains: lower(domains), addresses: lower(addresses), admins: lower(admins) }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigProblem> {
        let wrong = |key, expected| Err(ConfigProblem { key, expected });
        let is_domain = |text: &String| domain(&format!("x@{text}")).is_some_and(|text| text.contains('.'));
        if !self.domains.iter().all(is_domain) {
            return wrong("allowed_domains", "domains such as example.org");
        }
        for (key, addresses) in [("allowed_addresses", &self.addresses), ("admins", &self.admins)] {
            if !addresses.iter().all(|address| domain(address).is_some()) {
                return wrong(key, "e-mail addresses such as anna@example.org");
            }
        }
        if self.domains.is_empty() && self.addresses.is_empty() && self.admins.is_empty() {
            return wrong(
                "allowed_addresses",
                "somebody who may sign in: allowed_domains, allowed_addresses or admins",
            );
        }
        Ok(())
    }

    /// The address, in lower case, of somebody who may come in, and their role.
    pub(crate) fn admit(&self, issuer: &str, told: &Told) -> Result<(String, Role), Refusal> {
        let Some(address) = told.address.as_deref().map(str::trim).filter(|address| !address.is_empty())
        else {
            return Err(Refusal::NoAddress { subject: told.subject.clone() });
        };
        let address = address.to_lowercase();
        // Looked at first: whether an unproved address would be allowed is nobody's business.
        if !told.is_verified {
            return Err(Refusal::Unverified { address: short(&address) });
        }
        let refused = |why| Err(Refusal::NotAllowed { address: short(&address), why });
        let Some(domain) = domain(&address).filter(|_| is_account_name(&address)) else {
            return refused("it is no e-mail address");
        };
        if self.admins.contains(&address) {
            return Ok((address, Role::Admin));
        }
        if self.addresses.contains(&address) {
            return Ok((address, Role::Viewer));
        }
        if !self.domains.iter().any(|allowed| allowed == domain) {
            return refused("neither the address nor its domain is allowed");
        }
        match told.hosted_domain.as_deref().map(str::to_lowercase) {
            Some(hosted) if hosted == domain => Ok((address, Role::Viewer)),
            Some(_) => refused("the account belongs to another organisation (hd)"),
            None if issuer == GOOGLE => refused("the account belongs to no organisation (hd)"),
            None => Ok((address, Role::Viewer)),
        }
    }
}

/// For messages and logs.
fn short(address: &str) -> String {
    address.chars().filter(|c| !c.is_control()).take(ACCOUNT_NAME_MAX_BYTES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(address: &str, hosted: Option<&str>) -> Told {
        Told {
            subject: "1".to_owned(),
            address: Some(address.to_owned()),
            is_verified: true,
            hosted_domain: hosted.map(str::to_owned),
        }
    }

    fn rules() -> Rules {
        let list = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        Rules::new(&list(&["Example.org"]), &list(&["ben@gmail.com"]), &list(&["Otto@example.org"]))
    }

    #[test]
    fn addresses_and_domains_are_whole_ones() {
        let rules = rules();
        rules.check().unwrap();
        for (address, want) in [
            ("anna@example.org", Some(Role::Viewer)),
            ("ANNA@EXAMPLE.ORG", Some(Role::Viewer)),
            ("otto@example.org", Some(Role::Admin)),
            ("ben@gmail.com", Some(Role::Viewer)),
            ("eve@gmail.com", None),
            ("anna@sub.example.org", None),
            ("anna@example.org.evil.net", None),
            ("anna@evil.net@example.org", None),
            ("anna@notexample.org", None),
            ("anna@example.org\n", Some(Role::Viewer)),
            ("an na@example.org", None),
            ("@example.org", None),
            ("example.org", None),
            ("ann\u{430}@example.org.", None),
            (&format!("{}@example.org", "x".repeat(300)), None),
        ] {
            let found = rules.admit("https://id.example.org", &told(address, None));
            assert_eq!(found.as_ref().ok().map(|found| found.1), want, "{address}: {found:?}");
        }
    }

    #[test]
    fn google_must_say_whose_account_it_is() {
        let rules = rules();
        let admit = |hosted| rules.admit(GOOGLE, &told("anna@example.org", hosted)).is_ok();
        assert!(admit(Some("example.org")) && admit(Some("Example.ORG")));
        assert!(!admit(None), "anybody may make an account with an address of this domain");
        assert!(!admit(Some("evil.net")));
        assert!(rules.admit(GOOGLE, &told("ben@gmail.com", None)).is_ok(), "an address that is named itself");
    }

    #[test]
    fn an_unproved_or_missing_address_is_nobodys() {
        let unproved = Told { is_verified: false, ..told("anna@example.org", None) };
        assert!(matches!(rules().admit("i", &unproved), Err(Refusal::Unverified { .. })));
        let none = Told { address: None, ..told("", None) };
        assert!(matches!(rules().admit("i", &none), Err(Refusal::NoAddress { .. })));
    }

    #[test]
    fn rules_that_let_nobody_in_are_a_mistake() {
        assert_eq!(Rules::default().check().unwrap_err().key, "allowed_addresses");
        let rules = |domains: &[&str], admins: &[&str]| {
            let list = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
            Rules::new(&list(domains), &[], &list(admins)).check().unwrap_err().key
        };
        assert_eq!(rules(&["org"], &[]), "allowed_domains");
        assert_eq!(rules(&["a@example.org"], &[]), "allowed_domains");
        assert_eq!(rules(&[], &["otto"]), "admins");
    }
}
