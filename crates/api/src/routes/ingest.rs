//! Uploads by HTTP: the second door into the spool, with the promises of the first.
//!
//! Owns `PUT /ingest/{camera}/{path}`: who may, what the path means, how long a body may take. Promises: `201` only
//! when the upload is durable; a cut body is kept as a cut upload. Refuses: cookies (only a bearer token lets in, so
//! no other site's page can upload), paths that climb, and more uploads at once than are bounded.

use std::{net::SocketAddr, pin::pin, time::Duration};

use axum::{
    Json,
    body::{Body, BodyDataStream},
    extract::{ConnectInfo, State},
    http::{HeaderMap, HeaderName, StatusCode, Uri, header},
};
use camtrail_auth::{Rule, Token, place};
use camtrail_model::{
    CameraName, names,
    ports::{Delivery, DeliveryEnd, Intake, IntakeError, Receipt},
    text::decode_wire_name,
};
use futures::StreamExt;
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::ToSchema;

use crate::{problem::Problem, state::Api};

/// Uploads at once; each is a socket and two buffers.
pub(crate) const INGESTS_MAX: usize = 64;
/// A body whose next piece takes longer was cut.
const PIECE_WITHIN: Duration = Duration::from_secs(30);
/// When the program stops, an upload under way may still end within so long; then it was cut.
const STOP_GRACE: Duration = Duration::from_secs(3);
/// After a refusal so much of the body is read and forgotten, for so long: a client that is still sending when the
/// connection is closed never sees the answer.
const DRAIN_MAX_BYTES: usize = 16 * 1024 * 1024;
const DRAIN_WITHIN: Duration = Duration::from_secs(5);
/// Longest path, as for FTP.
const PATH_MAX_BYTES: usize = 4096;

/// What is durable now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Ingested {
    /// The camera.
    #[schema(example = "backyard")]
    camera: String,
    /// The path below the camera's folder.
    #[schema(example = "record/MDalarm_20160830_152954.mkv")]
    name: String,
    /// How many bytes came.
    size: u64,
    /// Their SHA-256.
    sha256: String,
}

/// Upload a clip or still.
///
/// For cameras and scripts that speak HTTP. The token is made by `camtrail camera token NAME`; it is good for that
/// camera (`*`: for any). The path is what an FTP camera would send below its own folder: folders and name tell the
/// capture time, the content tells the kind. `201` means durable; what is sent twice is there once. A body that breaks
/// off is kept, marked incomplete, and gives way to the whole one. No cookie and no session is looked at.
#[utoipa::path(
    put, path = "/ingest/{camera}/{path}", operation_id = "ingest", tag = "ingest", security(("camera_token" = [])),
    params(
        ("camera" = String, Path, description = "The camera's name."),
        ("path" = String, Path, description = "Folders and file name below the camera's folder; slashes separate them.")
    ),
    request_body(content_type = "application/octet-stream", description = "The file, with Content-Length or chunked."),
    responses(
        (status = 201, description = "Durable.", body = Ingested),
        (status = 400, description = "The path can't be a file's, or the body was cut (then what came is kept).", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No token, or a wrong one.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token is another camera's.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "This server takes no uploads: a gateway elsewhere does.", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body stalled; what came is kept.", body = Problem, content_type = "application/problem+json"),
        (status = 411, description = "Neither Content-Length nor chunks.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Larger than the whole spool.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is encoded (Content-Encoding).", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many wrong tokens from this address.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many uploads at once, or the program stops.", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "The spool or its disk is full: try again later.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn put(
    State(api): State<Api>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Ingested>), Problem> {
    intake(&api)?;
    let scope = scope_of_token(&api, peer, &headers).await?;
    let expects = headers.contains_key(header::EXPECT);
    match accept(&api, &scope, &uri, &headers) {
        Ok(accepted) => {
            // A task of its own: when the client is gone, this handler may be dropped, and what came must be kept.
            let received = tokio::spawn(receive(api, accepted, peer, body));
            let failed = |_| {
                Problem::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "the upload failed; the server's log says why",
                )
            };
            received.await.map_err(failed)?
        }
        Err(problem) => {
            if !expects {
                drain(body.into_data_stream()).await;
            }
            Err(problem)
        }
    }
}

/// For which camera the request's token is. A right token is never slowed down by a neighbour's wrong ones.
async fn scope_of_token(api: &Api, peer: SocketAddr, headers: &HeaderMap) -> Result<String, Problem> {
    let now = api.parts.clock.now();
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer);
    if let Some(token) = token
        && let Some(scope) = api.parts.tokens.camera_of_token(&Token::sha256(token)).await?
    {
        return Ok(scope);
    }
    let attempt = api.parts.ingest_throttle.attempt(Rule::ACCOUNT, place(peer.ip()), now);
    attempt.map_err(|wait| Problem::too_many("wrong tokens", wait))?.failed(now);
    tracing::warn!(%peer, "an upload by HTTP was refused: no token, or a wrong one");
    Err(Problem::no_token())
}

/// Where uploads go, if any are taken here.
fn intake(api: &Api) -> Result<&dyn Intake, Problem> {
    let detail = "this server takes no uploads: send them to the Camtrail gateway, by FTP or HTTP";
    api.parts.intake.as_deref().ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, detail))
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// An upload that may come.
struct Accepted {
    camera: CameraName,
    path: Vec<String>,
    /// How many bytes were announced; `None`: chunks, which say themselves where they end.
    declared: Option<u64>,
    permit: OwnedSemaphorePermit,
}

fn accept(api: &Api, scope: &str, uri: &Uri, headers: &HeaderMap) -> Result<Accepted, Problem> {
    let (camera, path) = target(uri.path()).map_err(Problem::bad_request)?;
    if scope != "*" && scope != camera.as_str() {
        let detail = format!("this token is for another camera than {:?}", camera.as_str());
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    if headers.contains_key(header::CONTENT_RANGE) {
        return Err(Problem::bad_request(
            "parts of a file (Content-Range) can't be uploaded: send the whole",
        ));
    }
    let encoding = headers.get(header::CONTENT_ENCODING).map(|value| value.as_bytes().to_ascii_lowercase());
    if encoding.is_some_and(|encoding| encoding != b"identity") {
        let detail = "the body has a Content-Encoding: send the file as it is";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let declared = match (text(&header::CONTENT_LENGTH), headers.contains_key(header::TRANSFER_ENCODING)) {
        (_, true) => None,
        (Some(length), false) => {
            let number = length.trim().parse::<u64>();
            Some(
                number
                    .map_err(|_| Problem::bad_request(format!("Content-Length {length:?} is no number")))?,
            )
        }
        (None, false) => {
            let detail = "say how long the body is (Content-Length), or send it in chunks";
            return Err(Problem::new(StatusCode::LENGTH_REQUIRED, detail));
        }
    };
    let max_bytes = intake(api)?.max_bytes();
    if declared.is_some_and(|bytes| bytes > max_bytes) {
        return Err(refusal(IntakeError::TooLarge { max_bytes }));
    }
    let permit = api.parts.ingests.clone().try_acquire_owned();
    let permit = permit.map_err(|_| Problem::unavailable("too many uploads at once: try again"))?;
    Ok(Accepted { camera, path, declared, permit })
}

/// Camera and path, from what stands behind `/ingest/`. Percent signs are undone per segment, so an encoded slash
/// can't make a folder; a name that is not UTF-8 is Latin-1, as from FTP.
fn target(path: &str) -> Result<(CameraName, Vec<String>), String> {
    let below = path.strip_prefix("/ingest/").unwrap_or_default();
    if below.len() > PATH_MAX_BYTES {
        return Err(format!("the path has {} bytes, expected at most {PATH_MAX_BYTES}", below.len()));
    }
    let mut segments = below.split('/').map(segment).collect::<Result<Vec<_>, _>>()?.into_iter();
    let camera = segments.next().unwrap_or_default();
    let camera = CameraName::parse(&camera).map_err(|error| error.to_string())?;
    let mut path: Vec<String> = segments.collect();
    let Some(file) = path.last_mut() else {
        return Err("a file name is missing: expected /ingest/CAMERA/PATH".to_owned());
    };
    // HTTP says itself when a body is whole: a name under way has nothing to wait for.
    *file = names::finished_name(file).to_owned();
    Ok((camera, path))
}

fn segment(encoded: &str) -> Result<String, String> {
    let bytes = percent_decoded(encoded)
        .ok_or_else(|| format!("{encoded:?}: a percent sign without two hex digits behind it"))?;
    match bytes.as_slice() {
        b"" => Err("the path has an empty part: expected /ingest/CAMERA/PATH".to_owned()),
        b"." | b".." => Err("the path holds . or ..: expected names only".to_owned()),
        bytes if bytes.iter().any(|byte| byte.is_ascii_control() || matches!(byte, b'/' | b'\\')) => {
            Err(format!("{encoded:?} holds a separator or a control character"))
        }
        bytes => Ok(decode_wire_name(bytes)),
    }
}

fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        if *first == b'%' {
            let byte = data_encoding::HEXLOWER_PERMISSIVE.decode(behind.get(..2)?).ok()?;
            bytes.extend(byte);
            rest = &behind[2..];
        } else {
            bytes.push(*first);
            rest = behind;
        }
    }
    Some(bytes)
}

/// How a body ended, and what its client is told if that is no good end.
enum BodyEnd {
    Complete,
    Cut(StatusCode, &'static str),
}

async fn receive(
    api: Api,
    accepted: Accepted,
    peer: SocketAddr,
    body: Body,
) -> Result<(StatusCode, Json<Ingested>), Problem> {
    let Accepted { camera, path, declared, permit: _permit } = accepted;
    let name = path.join("/");
    let refused = |error: IntakeError| {
        tracing::error!(%peer, %camera, upload = name, %error, "an upload by HTTP was refused");
        refusal(error)
    };
    let mut body = body.into_data_stream();
    let delivery = Delivery { account: "http".to_owned(), camera: camera.clone(), path, modified_at: None };
    let mut incoming = match intake(&api)?.begin(delivery).await {
        Ok(incoming) => incoming,
        Err(error) => {
            drain(body).await;
            return Err(refused(error));
        }
    };
    let mut stop = api.parts.stop.clone();
    let mut stopped = pin!(async move {
        if stop.wait_for(|stop| *stop).await.is_ok() {
            tokio::time::sleep(STOP_GRACE).await;
        } else {
            std::future::pending::<()>().await;
        }
    });
    let end = loop {
        let piece = tokio::select! {
            piece = tokio::time::timeout(PIECE_WITHIN, body.next()) => piece,
            () = &mut stopped => break BodyEnd::Cut(StatusCode::SERVICE_UNAVAILABLE, "Camtrail stopped during the upload"),
        };
        match piece {
            Err(_) => break BodyEnd::Cut(StatusCode::REQUEST_TIMEOUT, "the body stalled"),
            Ok(Some(Err(_))) => break BodyEnd::Cut(StatusCode::BAD_REQUEST, "the connection was lost"),
            // However a connection ends: fewer bytes than were announced are not all.
            Ok(None) if declared.is_some_and(|bytes| incoming.received() < bytes) => {
                break BodyEnd::Cut(StatusCode::BAD_REQUEST, "the connection was lost");
            }
            Ok(None) => break BodyEnd::Complete,
            Ok(Some(Ok(bytes))) => {
                if let Err(error) = incoming.write(&bytes).await {
                    drop(incoming);
                    drain(body).await;
                    return Err(refused(error));
                }
            }
        }
    };
    match end {
        BodyEnd::Complete => {
            let receipt = incoming.finish(DeliveryEnd::Complete).await.map_err(refused)?;
            let Receipt { name, size, sha256 } = receipt.ok_or_else(|| refusal(IntakeError::Full))?;
            let ingested = Ingested { camera: camera.to_string(), name, size, sha256: sha256.to_string() };
            Ok((StatusCode::CREATED, Json(ingested)))
        }
        BodyEnd::Cut(status, why) => {
            let received = incoming.received();
            tracing::warn!(%peer, %camera, upload = name, received_bytes = received, "an upload by HTTP was cut: {why}");
            let kept = incoming.finish(DeliveryEnd::Cut(why.to_owned())).await.map_err(refused)?.is_some();
            let kept = if kept { "they are kept as an incomplete upload" } else { "nothing is kept" };
            Err(Problem::new(status, format!("{why} after {received} bytes: {kept}; send the whole again")))
        }
    }
}

fn refusal(error: IntakeError) -> Problem {
    match error {
        IntakeError::Full => Problem::new(
            StatusCode::INSUFFICIENT_STORAGE,
            "the spool or its disk is full: try again later, or raise spool.max_bytes",
        ),
        IntakeError::TooLarge { .. } => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, error.to_string()),
        IntakeError::Io(_) => {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the spool failed; the server's log says why")
        }
    }
}

async fn drain(mut body: BodyDataStream) {
    let drained = async {
        let mut left = DRAIN_MAX_BYTES;
        while let Some(Ok(bytes)) = body.next().await {
            let Some(less) = left.checked_sub(bytes.len()) else { break };
            left = less;
        }
    };
    let _ = tokio::time::timeout(DRAIN_WITHIN, drained).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_camera_and_a_file_and_never_climbs() {
        let of = |path: &str| target(path).map(|(camera, path)| format!("{camera}:{}", path.join("|")));
        for (path, want) in [
            ("/ingest/gate/a.jpg", "gate:a.jpg"),
            (
                "/ingest/Front%20Gate/2016-08-30/O'Brien%2C%2050%25.JPG",
                "Front Gate:2016-08-30|O'Brien, 50%.JPG",
            ),
            ("/ingest/gate/Gar%e9.jpg", "gate:Garé.jpg"),
            ("/ingest/gate/Gar%C3%A9.jpg", "gate:Garé.jpg"),
            ("/ingest/gate/a+b.jpg.part", "gate:a+b.jpg"),
            ("/ingest/gate/...", "gate:..."),
        ] {
            assert_eq!(of(path).as_deref(), Ok(want));
        }
        for path in [
            "/ingest/gate",
            "/ingest/gate/",
            "/ingest//a.jpg",
            "/ingest/gate//a.jpg",
            "/ingest/../a.jpg",
            "/ingest/gate/../x.jpg",
            "/ingest/gate/%2e%2E/x.jpg",
            "/ingest/gate/%2e",
            "/ingest/gate/a%2fb.jpg",
            "/ingest/gate/..%5cx.jpg",
            "/ingest/gate/a%00.jpg",
            "/ingest/gate/a%0d%0ab",
            "/ingest/gate/%zz",
            "/ingest/gate/%4",
            "/ingest/%20gate/a.jpg",
        ] {
            assert!(of(path).is_err(), "{path}");
        }
        assert!(of(&format!("/ingest/gate/{}", "x".repeat(5_000))).is_err());
        assert!(of(&format!("/ingest/{}/a.jpg", "x".repeat(65))).is_err());
    }
}
