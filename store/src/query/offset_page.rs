//! Pages of `GET /entities`: a limit and an offset, or the `after` token that carries both.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::InvalidQuery;
use super::cursor::decode;

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageRequest {
    /// Most entities; `None` is all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<usize>,
    /// Entities left out in front.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) offset: Option<usize>,
}

impl PageRequest {
    /// Reads an `after` token.
    ///
    /// # Errors
    ///
    /// If it is none of ours.
    pub(crate) fn parse_token(token: &str) -> Result<Self, InvalidQuery> {
        let invalid = || InvalidQuery("Malformed after cursor, could not be parsed".to_owned());
        // Opaque to clients and not signed: whoever forges one gets the page he asked for.
        let json = decode(token).ok_or_else(invalid)?;
        serde_json::from_slice(&json).map_err(|_| invalid())
    }

    /// The token of the page after this one; `None` if nothing comes after it.
    pub(crate) fn next_token(self, total: usize) -> Option<String> {
        let limit = self.limit?;
        // Both numbers come from the request, and the largest there are must not overflow.
        let offset = self.offset.unwrap_or(0).saturating_add(limit);
        let next = Self {
            limit: Some(limit),
            offset: Some(offset),
        };
        let json = serde_json::to_string(&next).expect("a page is two numbers");
        (offset < total).then(|| STANDARD.encode(json))
    }

    /// Whether any part of it was given.
    pub(super) fn is_given(self) -> bool {
        self.limit.is_some() || self.offset.is_some()
    }

    pub(super) fn take_from<T>(self, items: Vec<T>) -> Vec<T> {
        items
            .into_iter()
            .skip(self.offset.unwrap_or(0))
            .take(self.limit.unwrap_or(usize::MAX))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_to_the_next_page_until_there_is_none() {
        let mut page = PageRequest {
            limit: Some(2),
            offset: None,
        };
        let mut pages = vec![page.take_from((0..5).collect())];
        while let Some(token) = page.next_token(5) {
            page = PageRequest::parse_token(&token).expect("our own token");
            pages.push(page.take_from((0..5).collect()));
        }
        assert_eq!(pages, [vec![0, 1], vec![2, 3], vec![4]]);
    }

    #[test]
    fn a_list_without_a_limit_has_no_next_page() {
        let page = PageRequest {
            limit: None,
            offset: Some(1),
        };
        assert_eq!(page.next_token(5), None);
        assert_eq!(page.take_from(vec![1, 2, 3]), [2, 3]);
    }

    #[test]
    fn a_token_may_have_lost_its_padding_and_leave_out_the_offset() {
        let page = PageRequest::parse_token("eyJsaW1pdCI6Mn0").expect("a token");
        assert_eq!((page.limit, page.offset), (Some(2), None));
    }

    #[test]
    fn foreign_tokens_are_refused() {
        for token in [
            "",
            "%",
            "e30x",
            &STANDARD.encode(r#"{"limit":-1}"#),
            &STANDARD.encode("[]x"),
        ] {
            assert!(PageRequest::parse_token(token).is_err(), "{token}");
        }
    }
}
