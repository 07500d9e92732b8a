//! Tokens: the smallest pieces of a text that mean something.

use std::ops::Range;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::yaml) enum TokenKind {
    DocumentStart,
    DocumentEnd,
    Newline,
    Space,
    Comment,
    /// `-` before an element.
    SequenceEntry,
    /// `?` before a key.
    ExplicitKey,
    /// `:` before a value.
    MapValue,
    FlowMapStart,
    FlowMapEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    Comma,
    Directive,
    Alias,
    Anchor,
    Tag,
    Plain,
    SingleQuoted,
    DoubleQuoted,
    /// `|` or `>` with what follows directly.
    BlockHeader,
}

impl TokenKind {
    /// What a piece of text is that is known to be no scalar without quotes. `None` if nothing.
    pub(super) fn of_text(text: &str) -> Option<Self> {
        match text {
            "---" => return Some(Self::DocumentStart),
            "..." => return Some(Self::DocumentEnd),
            "" | "\n" | "\r\n" => return Some(Self::Newline),
            "-" => return Some(Self::SequenceEntry),
            "?" => return Some(Self::ExplicitKey),
            ":" => return Some(Self::MapValue),
            "{" => return Some(Self::FlowMapStart),
            "}" => return Some(Self::FlowMapEnd),
            "[" => return Some(Self::FlowSequenceStart),
            "]" => return Some(Self::FlowSequenceEnd),
            "," => return Some(Self::Comma),
            _ => {}
        }
        match text.as_bytes().first()? {
            b' ' | b'\t' => Some(Self::Space),
            b'#' => Some(Self::Comment),
            b'%' => Some(Self::Directive),
            b'*' => Some(Self::Alias),
            b'&' => Some(Self::Anchor),
            b'!' => Some(Self::Tag),
            b'\'' => Some(Self::SingleQuoted),
            b'"' => Some(Self::DoubleQuoted),
            b'|' | b'>' => Some(Self::BlockHeader),
            _ => None,
        }
    }

    /// For people who do not think in tokens.
    pub(in crate::yaml) fn describe(self) -> &'static str {
        match self {
            Self::DocumentStart => "`---`",
            Self::DocumentEnd => "`...`",
            Self::Newline => "line break",
            Self::Space => "space",
            Self::Comment => "comment",
            Self::SequenceEntry => "`-`",
            Self::ExplicitKey => "`?`",
            Self::MapValue => "`:`",
            Self::FlowMapStart => "`{`",
            Self::FlowMapEnd => "`}`",
            Self::FlowSequenceStart => "`[`",
            Self::FlowSequenceEnd => "`]`",
            Self::Comma => "`,`",
            Self::Directive => "directive",
            Self::Alias => "alias",
            Self::Anchor => "anchor",
            Self::Tag => "tag",
            Self::Plain => "text",
            Self::SingleQuoted | Self::DoubleQuoted => "quoted text",
            Self::BlockHeader => "block text",
        }
    }
}

/// One token and where it is.
// 32-bit offsets, because a document may be nearly all tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::yaml) struct Token {
    pub(in crate::yaml) kind: TokenKind,
    start: u32,
    end: u32,
    indent: u32,
}

impl Token {
    pub(super) fn new(kind: TokenKind, range: Range<usize>, indent: usize) -> Self {
        Self {
            kind,
            start: narrow(range.start),
            end: narrow(range.end),
            indent: narrow(indent),
        }
    }

    pub(in crate::yaml) fn start(&self) -> usize {
        self.start as usize
    }

    pub(in crate::yaml) fn end(&self) -> usize {
        self.end as usize
    }

    /// Spaces and indicators before it, if nothing else is on its line.
    pub(in crate::yaml) fn indent(&self) -> usize {
        self.indent as usize
    }

    /// What it says.
    pub(in crate::yaml) fn text<'t>(&self, text: &'t str) -> &'t str {
        &text[self.start()..self.end()]
    }
}

fn narrow(offset: usize) -> u32 {
    u32::try_from(offset).expect("no file of that size is read")
}

/// Adds a token to those before a value. What can make no difference is left out, so that a file
/// of nothing but empty lines or comments costs no more than its text.
pub(super) fn push_token(tokens: &mut Vec<Token>, token: Token) {
    let kinds = |tokens: &[Token]| tokens.last().map(|last| last.kind);
    match token.kind {
        TokenKind::Newline => {
            // Space at the end of a line separates no better than the line break.
            if kinds(tokens) == Some(TokenKind::Space) && tokens.len() > 1 {
                tokens.pop();
            }
            // Two tell an empty line, and nothing asks for more.
            if let [.., first, second] = tokens.as_mut_slice()
                && first.kind == TokenKind::Newline
                && second.kind == TokenKind::Newline
            {
                *second = token;
                return;
            }
        }
        TokenKind::Comment => {
            if let [.., comment, line_break] = tokens.as_slice()
                && comment.kind == TokenKind::Comment
                && line_break.kind == TokenKind::Newline
                && comment.indent == token.indent
            {
                tokens.pop();
                return;
            }
        }
        _ => {}
    }
    tokens.push(token);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push_all(kinds: &[TokenKind]) -> Vec<TokenKind> {
        let mut tokens = Vec::new();
        for kind in kinds {
            push_token(&mut tokens, Token::new(*kind, 0..1, 0));
        }
        tokens.iter().map(|token| token.kind).collect()
    }

    #[test]
    fn what_makes_no_difference_is_left_out() {
        use TokenKind::{Anchor, Comment, Newline, Space};
        assert_eq!(push_all(&[Newline; 9]), [Newline; 2]);
        assert_eq!(
            push_all(&[Newline, Space, Newline, Space, Newline]),
            [Newline; 2]
        );
        let comments = [Comment, Newline, Comment, Newline, Comment, Newline];
        assert_eq!(push_all(&comments), [Comment, Newline]);
        let different = [Newline, Space, Comment, Anchor, Newline, Anchor];
        assert_eq!(push_all(&different), different);
    }
}
