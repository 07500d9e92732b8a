//! What catalog files come to.

mod cases;
mod causes;
mod entities;
