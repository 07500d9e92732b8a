//! JSON pointers that grow and shrink with a walk through a document.

/// Visits what is one step below `pointer`.
// One text for the whole walk: a pointer of its own for each value of a large document would
// cost more than the walk.
pub(crate) fn with_step(pointer: &mut String, step: &str, visit: impl FnOnce(&mut String)) {
    let length = pointer.len();
    pointer.push('/');
    if step.contains(['~', '/']) {
        pointer.push_str(&step.replace('~', "~0").replace('/', "~1"));
    } else {
        pointer.push_str(step);
    }
    // Truncated afterwards by length, so the escapes of a step need not be undone.
    visit(pointer);
    pointer.truncate(length);
}
