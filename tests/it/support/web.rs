//! A person's side: HTTP with a session cookie, and answers as they came.

use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};
use ureq::{Agent, http::HeaderMap};

use super::{ADMIN_PASSWORD, LIMIT, wait_long};

/// The largest answer that a test asks for.
const ANSWER_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// An answer, whatever its status.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// An RFC 9457 problem of this status, and what it says.
    pub(crate) fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        problem["detail"].as_str().unwrap().to_owned()
    }
}

fn read(mut response: ureq::http::Response<ureq::Body>) -> Reply {
    let body = response.body_mut().with_config().limit(ANSWER_MAX_BYTES).read_to_vec().unwrap();
    Reply { status: response.status().as_u16(), headers: response.headers().clone(), body }
}

/// A browser without a window.
pub(crate) struct Web {
    address: SocketAddr,
    agent: Agent,
    /// `name=value`, where somebody is signed in.
    pub(crate) cookie: Option<String>,
}

impl Web {
    pub(crate) fn anonymous(address: SocketAddr) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(LIMIT))
            .max_redirects(0)
            .build()
            .new_agent();
        Self { address, agent, cookie: None }
    }

    pub(crate) fn sign_in(address: SocketAddr) -> Self {
        let mut web = Self::anonymous(address);
        let reply = web.try_sign_in("admin", ADMIN_PASSWORD);
        assert_eq!(reply.status, 200, "{}", reply.text());
        web.cookie = reply.header("set-cookie").split(';').next().map(str::to_owned);
        web
    }

    pub(crate) fn try_sign_in(&self, username: &str, password: &str) -> Reply {
        let body = json!({ "username": username, "password": password });
        self.request("POST", "/api/v1/session", &[], Some(&body))
    }

    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Reply {
        let mut request = ureq::http::Request::builder().method(method).uri(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        let answered = match body {
            Some(body) => {
                let request = request.header("content-type", "application/json");
                self.agent.run(request.body(body.to_string()).unwrap())
            }
            None => self.agent.run(request.body(()).unwrap()),
        };
        read(answered.unwrap_or_else(|error| panic!("{method} {path}: {error}")))
    }

    /// A file as the body, without the session: what a camera or script does.
    pub(crate) fn put(&self, path: &str, headers: &[(&str, &str)], bytes: &[u8]) -> Reply {
        let mut request = ureq::http::Request::builder().method("PUT").uri(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answered = self.agent.run(request.body(bytes).unwrap());
        read(answered.unwrap_or_else(|error| panic!("PUT {path}: {error}")))
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.request("GET", path, &[], None)
    }

    /// Everything that a query lists, page by page.
    pub(crate) fn events(&self, query: &str) -> Vec<Value> {
        const PAGES_MAX: usize = 10_000;
        let mut items = Vec::new();
        let mut cursor = String::new();
        for _ in 0..PAGES_MAX {
            let reply = self.get(&format!("/api/v1/events?{query}{cursor}"));
            assert_eq!(reply.status, 200, "{}", reply.text());
            let page = reply.json();
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
        panic!("a list without an end: {query}");
    }

    /// Waits until all that was acknowledged is stored, recorded and done with.
    pub(crate) fn settle(&self) {
        self.settle_within(LIMIT);
    }

    /// The same after a burst that takes long to store.
    pub(crate) fn settle_within(&self, limit: Duration) {
        wait_long("the spool is empty", limit, || {
            (self.get("/api/v1/status").json()["spool"]["entries"] == 0).then_some(())
        });
    }

    /// How many events there are.
    pub(crate) fn total(&self) -> usize {
        let counts = self.get("/api/v1/counts?by=camera").json();
        let of = |count: &Value| count["records"].as_u64().unwrap() + count["snaps"].as_u64().unwrap();
        counts["items"].as_array().unwrap().iter().map(of).sum::<u64>() as usize
    }

    /// A live stream, from after `last_event_id` if there is one.
    pub(crate) fn live(&self, last_event_id: Option<&str>) -> super::LiveStream {
        super::LiveStream::new(self.ask_live(last_event_id).unwrap().into_body().into_reader())
    }

    /// The same; `None`: nobody answers now.
    pub(crate) fn try_live(&self, last_event_id: &str) -> Option<super::LiveStream> {
        let answer = self.ask_live(Some(last_event_id)).ok()?;
        Some(super::LiveStream::new(answer.into_body().into_reader()))
    }

    fn ask_live(&self, last_event_id: Option<&str>) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        let agent = Agent::config_builder()
            .timeout_connect(Some(LIMIT))
            .timeout_recv_response(Some(LIMIT))
            .timeout_recv_body(Some(Duration::from_mins(10)))
            .build()
            .new_agent();
        let mut request = agent.get(self.url("/api/v1/live"));
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        request.call()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}
