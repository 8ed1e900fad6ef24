//! `camtrail demo`: a box in a scratch folder, with cameras that really upload over FTP.
pub(crate) async fn demo() -> anyhow::Result<()> {
    Ok(())
}
