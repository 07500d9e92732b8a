//! Where in a file each value of a document stands.
//!
//! Positions are needed only when something is wrong, which is rare, so they are recorded as
//! one flat array in document order and a JSON pointer is resolved by walking it when asked.

pub use freshet_model::TextPosition;

/// Bytes between two marks of a cursor.
const MARK_EVERY: usize = 1_024;

/// Turns offsets into places, at little cost if they come nearly in order.
pub(super) struct PositionCursor<'t> {
    text: &'t str,
    offset: usize,
    at: TextPosition,
    // Not line starts: the whole file may be one line.
    /// The places of all offsets so far that are multiples of [`MARK_EVERY`].
    marks: Vec<TextPosition>,
}

impl<'t> PositionCursor<'t> {
    /// In a text with so many lines of the file before it.
    pub(super) fn new(text: &'t str, lines_before: u32) -> Self {
        let at = TextPosition {
            line: lines_before.saturating_add(1),
            column: 1,
        };
        Self {
            text,
            offset: 0,
            at,
            marks: vec![at],
        }
    }

    /// The place of the character at `offset`.
    pub(super) fn position_at(&mut self, offset: usize) -> TextPosition {
        let end = offset.min(self.text.len());
        if end < self.offset {
            let mark = end / MARK_EVERY;
            self.offset = mark * MARK_EVERY;
            self.at = self.marks[mark];
        }
        while self.offset < end {
            let mark = self.offset / MARK_EVERY + 1;
            self.advance_to(end.min(mark * MARK_EVERY));
            if self.offset == mark * MARK_EVERY && self.marks.len() == mark {
                self.marks.push(self.at);
            }
        }
        self.at
    }

    fn advance_to(&mut self, end: usize) {
        for byte in &self.text.as_bytes()[self.offset..end] {
            if *byte == b'\n' {
                self.at.line = self.at.line.saturating_add(1);
                self.at.column = 1;
            } else if !(0x80..0xC0).contains(byte) {
                // Not within a character: those bytes are of the one before.
                self.at.column = self.at.column.saturating_add(1);
            }
        }
        self.offset = end;
    }
}

/// JSON pointer to the places where its key and its value start.
///
/// A value that came through an alias has the place of the alias, and so has all below it.
#[derive(Clone, Debug, Default)]
pub struct Positions {
    nodes: Vec<PositionNode>,
    // One text for all names: a position per value is only affordable if it is small.
    names: String,
}

#[derive(Clone, Debug)]
struct PositionNode {
    value: TextPosition,
    key: TextPosition,
    name: NodeName,
    /// Index after the last node of this subtree.
    end: u32,
}

impl PositionNode {
    fn shown(&self) -> TextPosition {
        if self.value.line == self.key.line {
            self.value
        } else {
            self.key
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum NodeName {
    Root,
    Element,
    Member { start: u32, end: u32 },
}

/// How the node to be recorded hangs under its parent.
#[derive(Clone, Copy, Debug)]
pub(super) enum NodeParent<'a> {
    Root,
    Sequence,
    Mapping { name: &'a str, key: TextPosition },
}

impl Positions {
    /// Where the value at `pointer` starts, or its nearest ancestor that exists.
    pub fn value_at(&self, pointer: &str) -> TextPosition {
        self.find_node(pointer)
            .map_or(TextPosition::START, |node| self.nodes[node].value)
    }

    /// Where the key of the value at `pointer` starts. What has no key (the document itself,
    /// an element of a sequence) is where its value is.
    pub fn key_at(&self, pointer: &str) -> TextPosition {
        self.find_node(pointer)
            .map_or(TextPosition::START, |node| self.nodes[node].key)
    }

    /// Where a reader looks for the value at `pointer`: at the value if it begins on the line
    /// of its key, else at the key.
    pub fn shown_at(&self, pointer: &str) -> TextPosition {
        self.find_node(pointer)
            .map_or(TextPosition::START, |node| self.nodes[node].shown())
    }

    /// The same for each element of the sequence at `pointer`, in order. Whoever wants all of them finds them
    /// here, as looking for one of them passes those before it. None if an alias brought the sequence.
    pub fn elements_shown_at(&self, pointer: &str) -> Vec<TextPosition> {
        let Some(parent) = self.find_node(pointer) else {
            return Vec::new();
        };
        let end = self.nodes[parent].end as usize;
        let next = |at: &usize| self.nodes.get(*at).map(|node| node.end as usize);
        std::iter::successors(Some(parent + 1), next)
            .take_while(|at| *at < end)
            .map(|at| self.nodes[at].shown())
            .collect()
    }

    /// Records a value that starts here and returns its index.
    pub(super) fn open_node(&mut self, value: TextPosition, under: NodeParent<'_>) -> usize {
        let index = self.nodes.len();
        let (name, key) = match under {
            NodeParent::Root => (NodeName::Root, value),
            NodeParent::Sequence => (NodeName::Element, value),
            NodeParent::Mapping { name, key } => {
                let start = to_u32(self.names.len());
                self.names.push_str(name);
                let end = to_u32(self.names.len());
                (NodeName::Member { start, end }, key)
            }
        };
        self.nodes.push(PositionNode {
            value,
            key,
            name,
            end: to_u32(index + 1),
        });
        index
    }

    /// All that was recorded since `index` is below it.
    pub(super) fn close_node(&mut self, index: usize) {
        self.nodes[index].end = to_u32(self.nodes.len());
    }

    /// Forgets `index` and all after it: it was a key, not a value.
    pub(super) fn forget_from(&mut self, index: usize) {
        self.nodes.truncate(index);
    }

    fn find_node(&self, pointer: &str) -> Option<usize> {
        let mut at = 0;
        self.nodes.first()?;
        // A step that leads nowhere ends the walk: the nearest ancestor is where a missing value
        // would stand.
        for token in pointer.split('/').skip(1) {
            let name = token.replace("~1", "/").replace("~0", "~");
            match self.find_child(at, &name) {
                Some(child) => at = child,
                None => break,
            }
        }
        Some(at)
    }

    /// The last child of that name: a later one replaces an earlier one in the document too.
    fn find_child(&self, parent: usize, name: &str) -> Option<usize> {
        let end = self.nodes[parent].end as usize;
        let wanted = name.parse::<usize>().ok();
        let mut found = None;
        let mut at = parent + 1;
        let mut nth = 0;
        while at < end {
            match self.nodes[at].name {
                NodeName::Element if wanted == Some(nth) => return Some(at),
                NodeName::Member { start, end }
                    if &self.names[start as usize..end as usize] == name =>
                {
                    found = Some(at);
                }
                NodeName::Root | NodeName::Element | NodeName::Member { .. } => {}
            }
            nth += 1;
            at = self.nodes[at].end as usize;
        }
        found
    }
}

fn to_u32(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: u32, column: u32) -> TextPosition {
        TextPosition { line, column }
    }

    fn sample() -> Positions {
        // a:
        //   - x
        //   - b/c: y
        let mut positions = Positions::default();
        let member = |name, line, column| NodeParent::Mapping {
            name,
            key: at(line, column),
        };
        let root = positions.open_node(at(1, 1), NodeParent::Root);
        let list = positions.open_node(at(2, 3), member("a", 1, 1));
        positions.open_node(at(2, 5), NodeParent::Sequence);
        let map = positions.open_node(at(3, 5), NodeParent::Sequence);
        positions.open_node(at(3, 10), member("b/c", 3, 5));
        positions.close_node(map);
        positions.close_node(list);
        positions.close_node(root);
        positions
    }

    #[track_caller]
    fn check(pointer: &str, value: (u32, u32), key: (u32, u32)) {
        let positions = sample();
        assert_eq!(positions.value_at(pointer), at(value.0, value.1), "value");
        assert_eq!(positions.key_at(pointer), at(key.0, key.1), "key");
    }

    #[test]
    fn a_pointer_finds_its_value_and_its_key() {
        check("", (1, 1), (1, 1));
        check("/a", (2, 3), (1, 1));
        check("/a/0", (2, 5), (2, 5));
        check("/a/1/b~1c", (3, 10), (3, 5));
    }

    #[test]
    fn a_pointer_to_nothing_finds_its_nearest_ancestor() {
        check("/b", (1, 1), (1, 1));
        check("/a/7/x", (2, 3), (1, 1));
        check("/a/1/b~1c/deep", (3, 10), (3, 5));
    }

    #[test]
    fn all_elements_are_shown_where_each_is() {
        let positions = sample();
        assert_eq!(positions.elements_shown_at("/a"), [at(2, 5), at(3, 5)]);
        assert_eq!(positions.elements_shown_at("/a/0"), []);
        assert_eq!(Positions::default().elements_shown_at("/a"), []);
    }

    #[test]
    fn a_problem_is_shown_at_the_key_of_a_block() {
        let positions = sample();
        assert_eq!(positions.shown_at("/a"), at(1, 1));
        assert_eq!(positions.shown_at("/a/1/b~1c"), at(3, 10));
    }

    #[test]
    fn a_place_counts_characters() {
        let mut cursor = PositionCursor::new("aé: b\r\n  c", 3);
        for (offset, place) in [(0, at(4, 1)), (3, at(4, 3)), (10, at(5, 3)), (5, at(4, 5))] {
            assert_eq!(cursor.position_at(offset), place);
        }
    }

    #[test]
    fn a_place_is_the_same_in_whatever_order_it_is_asked_for() {
        let text = "é: b\n".repeat(MARK_EVERY);
        let place_of = |offset| PositionCursor::new(&text, 0).position_at(offset);
        let mut cursor = PositionCursor::new(&text, 0);
        let around_marks = (0..6).flat_map(|mark| {
            let offset = mark * MARK_EVERY;
            [offset + 1, offset, offset.saturating_sub(1), offset + 7]
        });
        let offsets: Vec<usize> = around_marks.collect();
        for offset in offsets.iter().chain(offsets.iter().rev()) {
            assert_eq!(cursor.position_at(*offset), place_of(*offset), "{offset}");
        }
        assert_eq!(cursor.position_at(usize::MAX), place_of(text.len()));
    }

    #[test]
    fn no_document_is_the_start_of_the_file() {
        assert_eq!(Positions::default().value_at("/a"), TextPosition::START);
    }
}
