//! How a request really came: from whom, by https or not, and to which host.
//!
//! Owns `X-Forwarded-*` and `Forwarded` (RFC 7239). Promises: they count only where the connection comes from a
//! configured proxy, and of a list of addresses only what trusted proxies wrote. Refuses: to believe anybody else, whatever
//! they send.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequestParts, Request, State},
    http::{HeaderMap, HeaderName, Uri, header, request::Parts, uri::Authority},
    middleware::Next,
    response::Response,
};

use crate::state::Api;

/// Proxies in a row that are looked through; the rest is as if the last of them had called.
const HOPS_MAX: usize = 16;
/// The longest forwarding header that is read.
const HEADER_MAX_BYTES: usize = 4_096;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// How a request came.
#[derive(Debug, Clone)]
pub(crate) struct Reached {
    /// Nobody between the client and us can read along, so that cookies may be `Secure`.
    pub(crate) is_https: bool,
    /// The host as the client named it.
    pub(crate) host: Option<String>,
}

impl FromRequestParts<Api> for Reached {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Self::Rejection> {
        // Every request went through `find`.
        let found = parts.extensions.get::<Self>().cloned();
        Ok(found.unwrap_or(Self { is_https: false, host: None }))
    }
}

impl Reached {
    /// What the world calls the place where everything stands, without a slash at its end: as configured, else as this
    /// client named it.
    pub(crate) fn home(&self, api: &Api) -> Option<String> {
        let config = &api.parts.config;
        if let Some(url) = &config.public_url {
            // With or without the base path: people write both.
            let path = url.parse::<Uri>().map_or(String::new(), |url| url.path().to_owned());
            let whole = config.base_path.is_empty() || path.ends_with(&config.base_path);
            return Some(if whole { url.clone() } else { format!("{url}{}", config.base_path) });
        }
        let scheme = if self.is_https { "https" } else { "http" };
        self.host.as_ref().map(|host| format!("{scheme}://{host}{}", config.base_path))
    }
}

impl Reached {
    /// The public address of this place, where the client named another host.
    pub(crate) fn elsewhere(&self, api: &Api) -> Option<String> {
        let public: Uri = api.parts.config.public_url.as_deref()?.parse().ok()?;
        let (public, host) = (public.authority()?, self.host.as_deref()?);
        (!public.as_str().eq_ignore_ascii_case(host)).then(|| self.home(api))?
    }
}

/// What proxies say of a request.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    /// From the nearest to the furthest.
    from: Vec<Option<IpAddr>>,
    proto: Option<String>,
    host: Option<String>,
}

/// Middleware: from here on `ConnectInfo` is the client, and [`Reached`] is there.
pub(crate) async fn find(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let config = &api.parts.config;
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)), |ConnectInfo(peer)| *peer);
    let trusted = |address: IpAddr| {
        let address = address.to_canonical();
        config.trusted_proxies.iter().any(|net| net.contains(&address))
    };
    let host = host_of(request.headers(), request.uri().authority());
    let by_config = config.tls || config.public_url.as_deref().is_some_and(|url| url.starts_with("https://"));
    let mut reached = Reached { is_https: by_config, host };
    if trusted(peer.ip()) {
        let said = said(request.headers());
        if let Some(address) = client(&said.from, trusted) {
            request.extensions_mut().insert(ConnectInfo(SocketAddr::new(address, 0)));
        }
        reached.is_https |= said.proto.is_some_and(|proto| proto.eq_ignore_ascii_case("https"));
        reached.host = said.host.and_then(|host| authority(&host)).or(reached.host);
    }
    request.extensions_mut().insert(reached);
    next.run(request).await
}

/// The nearest address that is no trusted proxy's. What stands behind it could be anything; where nothing more is said,
/// or what is said is no address, the last proxy that was named is as far as we know.
fn client(from: &[Option<IpAddr>], trusted: impl Fn(IpAddr) -> bool) -> Option<IpAddr> {
    let mut last = None;
    for address in from.iter().take(HOPS_MAX) {
        let Some(address) = *address else { break };
        last = Some(address.to_canonical());
        if !trusted(address) {
            break;
        }
    }
    last
}

/// `X-Forwarded-*` where there is any, else `Forwarded`: a proxy that writes the first ones often passes on a client's
/// own `Forwarded`.
fn said(headers: &HeaderMap) -> Said {
    let listed = |name: &HeaderName| {
        let lines: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
        Some(lines.join(",")).filter(|text| !text.is_empty() && text.len() <= HEADER_MAX_BYTES)
    };
    let last = |text: String| text.rsplit(',').next().map(|text| text.trim().to_owned());
    let is_there =
        [FORWARDED_FOR, FORWARDED_PROTO, FORWARDED_HOST].iter().any(|name| headers.contains_key(name));
    if is_there {
        let from = listed(&FORWARDED_FOR).unwrap_or_default();
        return Said {
            from: from.rsplit(',').take(HOPS_MAX).map(node).collect(),
            proto: listed(&FORWARDED_PROTO).and_then(last),
            host: listed(&FORWARDED_HOST).and_then(last),
        };
    }
    let Some(forwarded) = listed(&header::FORWARDED) else { return Said::default() };
    let mut said = Said::default();
    for (hop, element) in forwarded.rsplit(',').take(HOPS_MAX).enumerate() {
        let mut from = None;
        for pair in element.split(';') {
            let Some((name, value)) = pair.split_once('=') else { continue };
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "for" => from = node(value),
                "proto" if hop == 0 => said.proto = Some(value.to_owned()),
                "host" if hop == 0 => said.host = Some(value.to_owned()),
                _ => {}
            }
        }
        said.from.push(from);
    }
    said
}

/// An address, with or without a port: `192.0.2.7`, `192.0.2.7:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

fn host_of(headers: &HeaderMap, in_uri: Option<&Authority>) -> Option<String> {
    let named = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    named.and_then(authority).or_else(|| in_uri.map(ToString::to_string))
}

/// A host with or without a port, and nothing else.
fn authority(text: &str) -> Option<String> {
    let authority: Authority = text.parse().ok()?;
    (!authority.as_str().contains('@')).then(|| authority.to_string())
}

#[cfg(test)]
mod tests {
    use ipnet::IpNet;

    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn found(lines: &[(&'static str, &str)]) -> Option<String> {
        let proxies: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let trusted = |address: IpAddr| proxies.iter().any(|net| net.contains(&address.to_canonical()));
        client(&said(&headers(lines)).from, trusted).map(|address| address.to_string())
    }

    #[test]
    fn only_what_trusted_proxies_wrote_counts() {
        for (text, want) in [
            ("192.0.2.7", Some("192.0.2.7")),
            ("1.1.1.1, 192.0.2.7", Some("192.0.2.7")),
            ("1.1.1.1, 192.0.2.7, 10.0.0.2", Some("192.0.2.7")),
            ("192.0.2.7:4711,10.0.0.2", Some("192.0.2.7")),
            ("[2001:db8::1]:80, fd00::2", Some("2001:db8::1")),
            ("::ffff:192.0.2.7, ::ffff:10.0.0.2", Some("192.0.2.7")),
            ("unknown, 10.0.0.2", Some("10.0.0.2")),
            ("10.0.0.3, 10.0.0.2", Some("10.0.0.3")),
            ("nonsense", None),
            ("", None),
        ] {
            assert_eq!(found(&[("x-forwarded-for", text)]).as_deref(), want, "{text}");
        }
        let two = [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "192.0.2.7")];
        assert_eq!(found(&two).as_deref(), Some("192.0.2.7"), "lines are one list");
        let long = vec!["10.0.0.2"; 900].join(",");
        assert_eq!(found(&[("x-forwarded-for", &long)]), None);
    }

    #[test]
    fn forwarded_is_read_where_nothing_else_is_said() {
        let rfc = "for=1.1.1.1;proto=http, For=\"[2001:db8::1]:80\";Proto=https;host=cams.example.org";
        assert_eq!(found(&[("forwarded", rfc)]).as_deref(), Some("2001:db8::1"));
        let heard = said(&headers(&[("forwarded", rfc)]));
        assert_eq!(
            (heard.proto.as_deref(), heard.host.as_deref()),
            (Some("https"), Some("cams.example.org"))
        );
        let both = [("forwarded", "for=1.1.1.1"), ("x-forwarded-for", "192.0.2.7")];
        assert_eq!(found(&both).as_deref(), Some("192.0.2.7"));
        assert_eq!(found(&[("forwarded", "for=_hidden, for=unknown")]), None);
    }

    #[test]
    fn a_host_is_a_host() {
        assert_eq!(authority("cams.example.org:8443").as_deref(), Some("cams.example.org:8443"));
        for bad in ["", "a b", "a/b", "u@evil.example", "a\\b"] {
            assert_eq!(authority(bad), None, "{bad}");
        }
    }
}
