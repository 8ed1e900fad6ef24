//! A proxy before the server that loses answers and throttles, as networks and DynamoDB do.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// More than any request of the tests.
const MESSAGE_MAX: usize = 4 * 1024 * 1024;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// It is done, and its answer lost.
    AnswerLost,
    /// It is refused, undone.
    Throttled,
    /// A transaction is cancelled by another one, undone.
    Conflict,
}

/// Starts a proxy; `fault` says what happens to the request with a number and an operation. Gives its address.
pub(crate) async fn proxy(server: &str, fault: fn(usize, &str) -> Fault) -> String {
    let server = server.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let number = Arc::new(AtomicUsize::new(0));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (server, number) = (server.clone(), Arc::clone(&number));
            tokio::spawn(async move {
                let Ok(server) = TcpStream::connect(server).await else { return };
                // Whatever fails, both connections end here.
                let _ = serve(client, server, &number, fault).await;
            });
        }
    });
    format!("http://{address}")
}

async fn serve(
    mut client: TcpStream,
    mut server: TcpStream,
    number: &AtomicUsize,
    fault: fn(usize, &str) -> Fault,
) -> std::io::Result<()> {
    while let Some(request) = message(&mut client).await? {
        let text = String::from_utf8_lossy(&request).into_owned();
        let operation =
            text.lines().find_map(|line| line.split_once("DynamoDB_20120810.")).map(|(_, name)| name);
        let fault = fault(number.fetch_add(1, Ordering::Relaxed), operation.unwrap_or("").trim());
        match fault {
            Fault::None | Fault::AnswerLost => {
                server.write_all(&request).await?;
                let Some(answer) = message(&mut server).await? else { return Ok(()) };
                if fault == Fault::AnswerLost {
                    return Ok(());
                }
                client.write_all(&answer).await?;
            }
            Fault::Throttled => refuse(&mut client, r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"slow"}"#).await?,
            Fault::Conflict => refuse(&mut client, r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"cancelled","CancellationReasons":[{"Code":"None"},{"Code":"TransactionConflict","Message":"conflict"}]}"#).await?,
        }
    }
    Ok(())
}

async fn refuse(client: &mut TcpStream, body: &str) -> std::io::Result<()> {
    let head = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    client.write_all(format!("{head}{body}").as_bytes()).await
}

/// One message of HTTP/1.1 with a length or in pieces; `None` where the connection ended.
async fn message(from: &mut TcpStream) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
            let is_whole = if text.contains("transfer-encoding: chunked") {
                bytes.ends_with(b"\r\n0\r\n\r\n")
            } else {
                bytes.len() >= head + 4 + length
            };
            if is_whole {
                return Ok(Some(bytes));
            }
        }
        assert!(bytes.len() < MESSAGE_MAX, "a message that doesn't end");
        if from.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
}
