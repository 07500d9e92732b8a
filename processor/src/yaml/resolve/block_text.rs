//! Texts in lines behind a `|` or a `>`.

use std::borrow::Cow;

use crate::yaml::syntax::Fault;
use crate::yaml::syntax::token::{Token, TokenKind};
use crate::yaml::syntax::tree::Node;

/// What becomes of line breaks at the end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chomping {
    Clip,
    Strip,
    Keep,
}

struct BlockHeader {
    is_folded: bool,
    /// Indentation that is written out; 0 if none is.
    indent: usize,
    chomping: Chomping,
}

/// A line: its indentation, and the rest without the line break.
struct BlockLine<'t> {
    offset: usize,
    indent: &'t str,
    content: &'t str,
}

impl BlockLine<'_> {
    fn is_empty(&self) -> bool {
        matches!(self.content, "" | "\r")
    }

    /// The indentation beyond that of the text.
    fn spaces_beyond(&self, indent: usize) -> &str {
        self.indent.get(indent..).unwrap_or_default()
    }
}

pub(super) fn read_block_text<'t>(
    node: &Node,
    text: &'t str,
    is_at_root: bool,
) -> Result<Cow<'t, str>, Fault> {
    let header = read_header(&node.tail, text)?;
    let lines = split_lines(&text[node.source.clone()], node.source.start);
    let content_end = lines.iter().rposition(|line| !line.is_empty());
    let Some(content_end) = content_end.map(|at| at + 1) else {
        let kept = match header.chomping {
            Chomping::Keep if !lines.is_empty() => (lines.len() - 1).max(1),
            Chomping::Keep | Chomping::Clip | Chomping::Strip => 0,
        };
        return Ok(Cow::Owned("\n".repeat(kept)));
    };
    let (content_start, indent) = find_indent(node, &header, &lines[..content_end], is_at_root)?;
    // Lines at the end that have more than the indentation are part of the text.
    let beyond = lines.iter().rposition(|line| line.indent.len() > indent);
    let content_end = content_end.max(beyond.map_or(0, |at| at + 1));
    let mut value = String::with_capacity(node.source.len());
    for line in &lines[..content_start] {
        value.push_str(line.spaces_beyond(indent));
        value.push('\n');
    }
    join_lines(
        &mut value,
        &lines[content_start..content_end],
        indent,
        header.is_folded,
    )
    .map_err(|offset| short_line(&header, offset))?;
    match header.chomping {
        Chomping::Strip => {}
        Chomping::Clip => value.push('\n'),
        Chomping::Keep => {
            for line in &lines[content_end..] {
                value.push('\n');
                value.push_str(line.spaces_beyond(indent));
            }
            if !value.ends_with('\n') {
                value.push('\n');
            }
        }
    }
    Ok(Cow::Owned(value))
}

fn read_header(tokens: &[Token], text: &str) -> Result<BlockHeader, Fault> {
    let Some((header, rest)) = tokens.split_first() else {
        return Err(Fault::new(0, "a block text without a header"));
    };
    let source = header.text(text);
    let mut read = BlockHeader {
        is_folded: source.starts_with('>'),
        indent: 0,
        chomping: Chomping::Clip,
    };
    for (at, c) in source.char_indices().skip(1) {
        match (c, read.chomping, read.indent) {
            ('-', Chomping::Clip, _) => read.chomping = Chomping::Strip,
            ('+', Chomping::Clip, _) => read.chomping = Chomping::Keep,
            ('1'..='9', _, 0) => read.indent = usize::from(c as u8 - b'0'),
            _ => {
                let message = "behind | or > of a block text only +, - and a digit may stand; a text that starts with one needs quotes";
                return Err(Fault::new(header.start() + at, message));
            }
        }
    }
    let first_comment = rest.iter().position(|it| it.kind == TokenKind::Comment);
    if first_comment == Some(0) {
        let message = "a comment needs a space before its #";
        return Err(Fault::new(rest[0].start(), message));
    }
    Ok(read)
}

fn split_lines(source: &str, start: usize) -> Vec<BlockLine<'_>> {
    if source.is_empty() {
        return Vec::new();
    }
    let mut offset = start;
    source
        .split('\n')
        .map(|line| {
            let content = line.trim_start_matches(' ');
            let indent = &line[..line.len() - content.len()];
            let read = BlockLine {
                offset,
                indent,
                content,
            };
            offset += line.len() + 1;
            read
        })
        .collect()
}

/// The first line with content, and the indentation of the text.
fn find_indent(
    node: &Node,
    header: &BlockHeader,
    lines: &[BlockLine<'_>],
    is_at_root: bool,
) -> Result<(usize, usize), Fault> {
    let mut indent = node.indent + header.indent;
    for (at, line) in lines.iter().enumerate() {
        let own = line.indent.len();
        if line.is_empty() {
            if header.indent == 0 {
                indent = indent.max(own);
            }
            continue;
        }
        if own < indent {
            let message = if header.indent == 0 {
                "an empty line before this one is indented more than it; write the indentation behind the | or >"
            } else {
                "this line of a block text is not indented enough"
            };
            return Err(Fault::new(line.offset + own, message));
        }
        if header.indent == 0 {
            indent = own;
        }
        if indent == 0 && !is_at_root {
            let message = "a block text must be indented more than its key";
            return Err(Fault::new(line.offset, message));
        }
        return Ok((at, indent));
    }
    Ok((0, indent))
}

/// The lines as one text; or the offset of the first that is not indented enough.
fn join_lines(
    value: &mut String,
    lines: &[BlockLine<'_>],
    indent: usize,
    is_folded: bool,
) -> Result<(), usize> {
    let mut separator = "";
    let mut was_indented = false;
    for line in lines {
        let content = line.content.strip_suffix('\r').unwrap_or(line.content);
        let own = line.indent.len();
        if !content.is_empty() && own < indent {
            return Err(line.offset + own);
        }
        let is_indented = own > indent || content.starts_with('\t');
        if !is_folded || is_indented {
            if is_folded {
                separator = match separator {
                    " " => "\n",
                    "\n" if !was_indented => "\n\n",
                    other => other,
                };
                was_indented = true;
            }
            value.push_str(separator);
            value.push_str(line.spaces_beyond(indent));
            value.push_str(content);
            separator = "\n";
        } else if content.is_empty() {
            if separator == "\n" {
                value.push('\n');
            } else {
                separator = "\n";
            }
        } else {
            value.push_str(separator);
            value.push_str(content);
            separator = " ";
            was_indented = false;
        }
    }
    Ok(())
}

fn short_line(header: &BlockHeader, offset: usize) -> Fault {
    let message = if header.indent == 0 {
        "this line is not indented as much as the first line of its block text"
    } else {
        "this line is not indented as much as its block text says"
    };
    Fault::new(offset, message)
}
