//! What a listing of an organisation proves, and what it asks for.

pub(crate) mod apply;
pub(crate) mod compare;
mod unlisted;
