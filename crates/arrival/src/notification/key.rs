//! Keys as notifications write them: encoded as forms are, by `application/x-www-form-urlencoded`.

/// Undoes the encoding: `+` is a space, `%2B` a plus. A percent sign that begins no escape stays what it is: some
/// servers forget to encode. The error says why the key can't be one of ours.
pub(super) fn decoded(raw: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = behind;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => match behind.first_chunk::<2>().and_then(|hex| byte(*hex)) {
                Some(byte) => {
                    bytes.push(byte);
                    rest = &behind[2..];
                }
                None => bytes.push(b'%'),
            },
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("decoded, it isn't UTF-8 (at byte {at}): keys of captures are")
    })
}

fn byte(hex: [u8; 2]) -> Option<u8> {
    let digit = |sign: u8| char::from(sign).to_digit(16);
    u8::try_from(digit(hex[0])? * 16 + digit(hex[1])?).ok()
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn a_form_is_undone() {
        for (raw, want) in [
            ("patrolcams/a/b.mp4", "patrolcams/a/b.mp4"),
            ("red+flower.jpg", "red flower.jpg"),
            ("a%2Bb%20c", "a+b c"),
            ("a%2fb%2Fc", "a/b/c"),
            ("%E6%97%A5%E6%9C%AC%c3%bc", "日本ü"),
            ("日本", "日本"),
            ("%252B", "%2B"),
            ("100%", "100%"),
            ("50%zz%4", "50%zz%4"),
            ("", ""),
        ] {
            assert_eq!(decoded(raw).as_deref(), Ok(want));
        }
        let why = decoded("a/Gar%E9.jpg").unwrap_err();
        assert!(why.contains("isn't UTF-8 (at byte 5)"), "{why}");
    }
}
