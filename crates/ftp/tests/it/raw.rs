//! A client that says exactly what a test tells it to.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::fake::{PASSWORD, PATIENCE, USER};

pub(crate) struct Raw<S = TcpStream> {
    pub(crate) stream: S,
    ip: IpAddr,
    buffer: Vec<u8>,
}

/// A reply: its code and everything that was sent, without the last line end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) text: Vec<u8>,
}

impl Answer {
    pub(crate) fn string(&self) -> String {
        String::from_utf8_lossy(&self.text).into_owned()
    }
}

impl Raw {
    /// Connects and takes the greeting.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let mut raw = Self::without_greeting(address).await;
        raw.expect(220).await;
        raw
    }

    pub(crate) async fn without_greeting(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.expect("connect"), address.ip())
    }

    pub(crate) async fn login(address: SocketAddr) -> Self {
        let mut raw = Self::connect(address).await;
        raw.log_in().await;
        raw
    }
}

/// Closes so that the server sees it at once. Closing the socket alone isn't enough:
/// another test may just be starting a child process that holds a copy.
pub(crate) async fn hang_up(mut stream: TcpStream) {
    stream.shutdown().await.expect("shutdown");
}

impl<S: AsyncRead + AsyncWrite + Unpin> Raw<S> {
    pub(crate) fn over(stream: S, ip: IpAddr) -> Self {
        Self { stream, ip, buffer: Vec::new() }
    }

    pub(crate) async fn log_in(&mut self) {
        self.ask(format!("USER {USER}"), 331).await;
        self.ask(format!("PASS {PASSWORD}"), 230).await;
    }

    pub(crate) async fn say(&mut self, line: impl AsRef<[u8]>) {
        self.send([line.as_ref(), b"\r\n"].concat()).await;
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.expect("write");
        self.stream.flush().await.expect("flush");
    }

    pub(crate) async fn ask(&mut self, line: impl AsRef<[u8]>, code: u16) -> Answer {
        self.say(&line).await;
        let answer = self.answer().await;
        let said = line.as_ref().escape_ascii().to_string();
        assert_eq!(answer.code, code, "after {said:?}: {}", answer.string());
        answer
    }

    pub(crate) async fn expect(&mut self, code: u16) -> Answer {
        let answer = self.answer().await;
        assert_eq!(answer.code, code, "{}", answer.string());
        answer
    }

    pub(crate) async fn answer(&mut self) -> Answer {
        timeout(PATIENCE, self.read_answer())
            .await
            .expect("an answer in time")
            .expect("an answer, not the end")
    }

    /// Asserts that nothing is said for a moment.
    pub(crate) async fn expect_silence(&mut self) {
        let heard = timeout(Duration::from_millis(200), self.read_answer()).await;
        if let Ok(answer) = heard {
            panic!("expected silence, got {answer:?}");
        }
    }

    /// Asserts that the server closes without a further word.
    pub(crate) async fn expect_end(&mut self) {
        let end = timeout(PATIENCE, self.read_answer()).await.expect("the end in time");
        assert!(end.is_none(), "expected the end, got {end:?}");
    }

    async fn read_answer(&mut self) -> Option<Answer> {
        let mut text = Vec::new();
        loop {
            let line = self.read_line().await?;
            text.extend_from_slice(&line);
            if line.len() >= 4 && line[3] == b' ' && line[..3].iter().all(u8::is_ascii_digit) {
                let code = std::str::from_utf8(&line[..3]).expect("digits").parse().expect("a code");
                return Some(Answer { code, text });
            }
            text.push(b'\n');
        }
    }

    async fn read_line(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line = self.buffer.drain(..end + 2).take(end).collect();
                return Some(line);
            }
            // A reset after the goodbye is as good as an end.
            if !matches!(self.stream.read_buf(&mut self.buffer).await, Ok(1..)) {
                return None;
            }
        }
    }

    pub(crate) async fn passive_port(&mut self) -> u16 {
        let answer = self.ask("EPSV", 229).await.string();
        let digits: String = answer.chars().skip(4).filter(char::is_ascii_digit).collect();
        digits.parse().expect("a port in 229")
    }

    /// EPSV and the data connection.
    pub(crate) async fn data(&mut self) -> TcpStream {
        let port = self.passive_port().await;
        TcpStream::connect((self.ip, port)).await.expect("the passive port")
    }

    /// A whole upload; gives the last answer.
    pub(crate) async fn store(&mut self, command: impl AsRef<[u8]>, bytes: &[u8]) -> Answer {
        let mut data = self.data().await;
        self.say(command).await;
        let first = self.answer().await;
        if first.code != 150 {
            return first;
        }
        data.write_all(bytes).await.expect("data");
        drop(data);
        self.answer().await
    }

    /// A whole listing.
    pub(crate) async fn listing(&mut self, command: impl AsRef<[u8]>) -> String {
        let mut data = self.data().await;
        self.ask(command, 150).await;
        let mut listing = Vec::new();
        timeout(PATIENCE, data.read_to_end(&mut listing)).await.expect("in time").expect("listing");
        self.expect(226).await;
        String::from_utf8_lossy(&listing).into_owned()
    }
}
