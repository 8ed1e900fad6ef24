//! Mail by SMTP: plain and HTML, with the poster inside.

use std::{fmt::Write as _, time::Duration};

use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message as Mail, Tokio1Executor,
    message::{Attachment, Mailbox, MultiPart, SinglePart, header::ContentType},
    transport::smtp::{
        authentication::Credentials,
        client::{Tls, TlsParameters},
    },
};

use super::{Parcel, SendError};
use crate::config::{self, EmailTls};

/// For each step of the conversation.
const STEP_LIMIT: Duration = Duration::from_secs(15);
/// For all of it.
const LIMIT: Duration = Duration::from_mins(1);
const POSTER_ID: &str = "poster";

/// One server, one sender, some readers.
pub(crate) struct Email {
    server: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl Email {
    pub(crate) fn new(config: &config::Email) -> Result<Self, String> {
        let mailbox = |text: &String| text.parse::<Mailbox>().map_err(|error| format!("{text:?}: {error}"));
        let parameters = || TlsParameters::new(config.host.clone()).map_err(|error| error.to_string());
        let tls = match config.tls {
            EmailTls::Implicit => Tls::Wrapper(parameters()?),
            EmailTls::StartTls => Tls::Required(parameters()?),
            EmailTls::None => Tls::None,
        };
        let mut server = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.host)
            .port(config.port)
            .tls(tls)
            .timeout(Some(STEP_LIMIT));
        if let Some((user, password)) = &config.login {
            server = server.credentials(Credentials::new(user.clone(), password.text().to_owned()));
        }
        Ok(Self {
            server: server.build(),
            from: mailbox(&config.from)?,
            to: config.to.iter().map(mailbox).collect::<Result<_, _>>()?,
        })
    }

    /// Each gets a mail of their own: an address that is refused silences nobody else, and nobody sees the others'.
    pub(crate) fn receivers(&self) -> Vec<String> {
        self.to.iter().map(ToString::to_string).collect()
    }

    pub(crate) async fn send(&self, parcel: &Parcel<'_>) -> Result<(), SendError> {
        // What waits since there was one mail for all has no receiver of its own.
        let to: Vec<&Mailbox> =
            self.to.iter().filter(|to| parcel.target.is_empty() || to.to_string() == parcel.target).collect();
        if to.is_empty() {
            let why = format!("{} is no receiver of this channel any more", parcel.target);
            return Err(SendError::Refused(why));
        }
        let mail = self.mail(parcel, &to, parcel.poster().await)?;
        match tokio::time::timeout(LIMIT, self.server.send(mail)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) if error.is_permanent() => Err(SendError::Refused(cause(&error))),
            Ok(Err(error)) => Err(SendError::Again(cause(&error))),
            Err(_) => Err(SendError::Again(format!("no answer within {} seconds", LIMIT.as_secs()))),
        }
    }

    fn mail(
        &self,
        parcel: &Parcel<'_>,
        receivers: &[&Mailbox],
        poster: Option<Vec<u8>>,
    ) -> Result<Mail, SendError> {
        let message = parcel.message;
        let refused =
            |error: &dyn std::fmt::Display| SendError::Refused(format!("no mail can be made of it: {error}"));
        let link = parcel.link();
        let mut mail = Mail::builder()
            .from(self.from.clone())
            .subject(&message.title)
            // The same at every attempt: a reader's server shows one mail.
            .message_id(Some(format!("<{}@camtrail>", message.id)));
        for to in receivers {
            mail = mail.to((*to).clone());
        }
        let plain = match &link {
            Some(link) => format!("{}\n\n{link}\n", message.text),
            None => format!("{}\n", message.text),
        };
        let html = SinglePart::html(html(&message.title, &message.text, link.as_deref(), poster.is_some()));
        let shown = match poster {
            None => MultiPart::alternative().singlepart(SinglePart::plain(plain)).singlepart(html),
            Some(poster) => {
                let jpeg = ContentType::parse("image/jpeg").map_err(|error| refused(&error))?;
                let inline = Attachment::new_inline(POSTER_ID.to_owned()).body(poster, jpeg);
                let related = MultiPart::related().singlepart(html).singlepart(inline);
                MultiPart::alternative().singlepart(SinglePart::plain(plain)).multipart(related)
            }
        };
        mail.multipart(shown).map_err(|error| refused(&error))
    }
}

fn html(title: &str, text: &str, link: Option<&str>, poster: bool) -> String {
    let lines: Vec<_> = text.lines().map(escape).collect();
    let mut shown = String::new();
    if poster {
        shown.push_str("<p><img src=\"cid:poster\" alt=\"\" style=\"max-width:100%\"></p>");
    }
    let mut body = format!("<h2>{}</h2><p>{}</p>", escape(title), lines.join("<br>"));
    if let Some(link) = link {
        let link = escape(link);
        shown = if shown.is_empty() { shown } else { format!("<a href=\"{link}\">{shown}</a>") };
        body.push_str(&shown);
        let _ = write!(body, "<p><a href=\"{link}\">Open in Camtrail</a></p>");
    } else {
        body.push_str(&shown);
    }
    format!("<!doctype html><html><body style=\"font-family:sans-serif\">{body}</body></html>")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn cause(error: &lettre::transport::smtp::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names are data: a camera may be called anything.
    #[test]
    fn what_stands_in_a_mail_is_text() {
        let html = html("<b>", "a & \"b\"\nc", Some("https://x/?a=1&b=2"), true);
        assert!(html.contains("&lt;b&gt;") && html.contains("a &amp; &quot;b&quot;<br>c"), "{html}");
        assert!(html.contains("href=\"https://x/?a=1&amp;b=2\""), "{html}");
    }
}
