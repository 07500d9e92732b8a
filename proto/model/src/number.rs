//! Numbers as JavaScript writes them, because that is what clients of a catalog have always read.

/// The text of a number as `String(number)` gives it: the shortest digits that read back as this
/// number, plain from 1e-6 up to below 1e21, with an exponent outside. Negative zero has no sign.
#[must_use]
pub fn javascript_text(number: f64) -> String {
    // Rust itself writes 1e21 with 22 digits and negative zero with its sign; a client that
    // compares texts would take that for a change.
    ryu_js::Buffer::new().format(number).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_as_javascript_writes_it() {
        for (number, expected) in [
            (0.0, "0"),
            (-0.0, "0"),
            (-7.0, "-7"),
            (1.10, "1.1"),
            (-1234.5, "-1234.5"),
            (9_007_199_254_740_993.0, "9007199254740992"),
            (12_345_678_901_234_567_890.0, "12345678901234567000"),
            (123_456_789_012_345_680_000.0, "123456789012345680000"),
            (1e21, "1e+21"),
            (1.5e300, "1.5e+300"),
            (0.000_001, "0.000001"),
            (1.5e-7, "1.5e-7"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(javascript_text(number), expected);
        }
    }
}
