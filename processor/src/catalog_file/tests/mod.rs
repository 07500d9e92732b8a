//! What catalog files come to.

mod cases;
mod entities;
