//! A last line that is nothing but indentation.

/// Index of the end of the text if its last line is nothing but spaces, without a line break.
///
/// If that line is exactly the indentation of a block scalar, the scanner counts it as one
/// more empty line of the scalar; Backstage's parser does not count it.
pub(in crate::yaml) fn find_trailing_indent(text: &str) -> Option<usize> {
    let (_, last) = text.rsplit_once('\n')?;
    // Only spaces: a tab or a comment there is content to both.
    let is_indent = !last.is_empty() && last.bytes().all(|b| b == b' ');
    is_indent.then(|| text.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_last_line_of_spaces_is_a_trailing_indent() {
        assert_eq!(find_trailing_indent("é: |\n  x\n  "), Some(11));
        assert_eq!(find_trailing_indent("a: |\n  x\n"), None);
        assert_eq!(find_trailing_indent("a: |\n  x"), None);
    }
}
