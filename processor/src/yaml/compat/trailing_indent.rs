//! A last line that is nothing but indentation.

/// Index of the end of the text if its last line is nothing but spaces, without a line break.
///
/// If that line is exactly the indentation of a block scalar, the scanner counts it as one
/// more empty line of the scalar; Backstage's parser does not count it.
pub(in crate::yaml) fn ragged_end(text: &str) -> Option<usize> {
    let (_, last) = text.rsplit_once('\n')?;
    let ragged = !last.is_empty() && last.bytes().all(|b| b == b' ');
    ragged.then(|| text.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_ragged_if_the_last_line_is_spaces() {
        assert_eq!(ragged_end("é: |\n  x\n  "), Some(11));
        assert_eq!(ragged_end("a: |\n  x\n"), None);
        assert_eq!(ragged_end("a: |\n  x"), None);
    }
}
