//! Ids as GitHub writes them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// First bytes of a packed node id: a list of two, its scope, a 32-bit number.
const PACKED: [u8; 3] = [0x92, 0x00, 0xce];

/// A global node id: a type prefix and the packed number, such as `R_kgDOAAGGoQ`.
pub(super) fn node_id(prefix: &str, id: u64) -> String {
    let number = u32::try_from(id).unwrap_or(u32::MAX);
    let packed = [PACKED.as_slice(), number.to_be_bytes().as_slice()].concat();
    format!("{prefix}_{}", URL_SAFE_NO_PAD.encode(packed))
}

/// The type prefix and number of a node id, if it is one of ours.
pub(super) fn parse_node_id(node_id: &str) -> Option<(&str, u64)> {
    let (prefix, packed) = node_id.split_once('_')?;
    let bytes = URL_SAFE_NO_PAD.decode(packed).ok()?;
    let number = bytes.strip_prefix(PACKED.as_slice())?;
    Some((
        prefix,
        u64::from(u32::from_be_bytes(number.try_into().ok()?)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_id_leads_back_to_its_number() {
        let id = node_id("R", 100_001);
        assert!(id.starts_with("R_kgDO"), "{id}");
        assert_eq!(parse_node_id(&id), Some(("R", 100_001)));
        assert_eq!(parse_node_id("R_nonsense"), None);
    }
}
