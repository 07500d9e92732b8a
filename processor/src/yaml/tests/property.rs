//! What holds for every text.

use proptest::prelude::*;
use serde_json::Value;

use super::{outcome, read};

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        read(&bytes);
    }

    #[test]
    fn any_pieces_of_yaml_are_read(pieces in proptest::collection::vec(prop_oneof![
        Just("a"), Just("- "), Just(": "), Just("? "), Just("\n"), Just("  "), Just("\t"), Just("["), Just("]"),
        Just("{"), Just("}"), Just(","), Just("\""), Just("'"), Just("&a "), Just("*a"), Just("!!str "), Just("|\n"),
        Just(">\n"), Just("---\n"), Just("...\n"), Just("%YAML 1.1\n"), Just("<<: "), Just("#"), Just("1"), Just("~"),
        Just("\r"), Just("\0"), Just("\u{FEFF}"), Just("é"), Just("\\ud83d"), Just("!!set "), Just("!!pairs "),
    ], 0..60)) {
        for document in read(pieces.concat()).into_iter().flatten() {
            prop_assert!(document.positions.value_at("/a/0/1").line >= 1);
        }
    }

    #[test]
    fn json_reads_as_itself(value in json_values()) {
        prop_assert_eq!(outcome(value.to_string()), vec![value.clone()]);
        let pretty = serde_json::to_string_pretty(&value).expect("a value can be written");
        prop_assert_eq!(outcome(pretty), vec![value]);
    }
}

fn json_values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[ -~é\u{1F600}]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map("[a-z \"]{0,6}", inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}
