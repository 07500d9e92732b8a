//! Numbers as JavaScript has them: every number is an IEEE double.
//!
//! Whoever reads the catalog through Backstage sees doubles, so a version such as `1.10` or an
//! id of twenty digits has lost its digits there, and must have lost the same ones here.

pub(super) use freshet_model::javascript_text as text_of;
use serde_json::{Number, Value};

/// Integers up to here are exact in a double.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
/// From here on JavaScript writes a number with an exponent.
const PLAIN_MAX: f64 = 1e21;
/// Bits that a group of digits may have: 120 are enough to round a double correctly.
const RADIX_BITS: u32 = 120;

/// The JSON value of a number; what is not finite is null, as in `JSON.stringify`.
pub(super) fn value_of(number: f64) -> Value {
    if !number.is_finite() {
        return Value::Null;
    }
    if number.fract() == 0.0 && number.abs() < EXACT_MAX {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "an integer below 2^53 fits into 64 bits"
        )]
        let integer = number as i64;
        return Value::from(integer);
    }
    // Above 2^53 a double has no digits of its own: JavaScript writes the shortest that reads
    // back, with zeros behind.
    let exact = (number.fract() == 0.0 && number.abs() < PLAIN_MAX)
        .then(|| text_of(number))
        .and_then(|text| integer_of(&text));
    match exact.or_else(|| Number::from_f64(number)) {
        Some(number) => Value::Number(number),
        None => Value::Null,
    }
}

fn integer_of(text: &str) -> Option<Number> {
    let signed = text.parse::<i64>().map(Number::from).ok();
    signed.or_else(|| text.parse::<u64>().map(Number::from).ok())
}

/// The number that `digits` are in base 2^`bits`, rounded once. Digits are known to be valid.
pub(super) fn from_radix(digits: impl Iterator<Item = u8>, bits: u32) -> f64 {
    let mut head: u128 = 0;
    let mut dropped_digits = 0i32;
    for digit in digits {
        let value = char::from(digit).to_digit(16).unwrap_or(0);
        if head >> (RADIX_BITS - bits) == 0 {
            head = (head << bits) | u128::from(value);
        } else {
            // What is cut off matters only for rounding: is any of it not zero?
            head |= u128::from(value != 0);
            dropped_digits = dropped_digits.saturating_add(1);
        }
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "this is the one rounding that is wanted"
    )]
    let head = head as f64;
    head * 2f64.powi(dropped_digits.saturating_mul(bits.cast_signed()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(number: f64, json: &str, text: &str) {
        assert_eq!(value_of(number).to_string(), json);
        assert_eq!(text_of(number), text);
    }

    #[test]
    fn a_number_is_written_as_javascript_writes_it() {
        check(0.0, "0", "0");
        check(-0.0, "0", "0");
        check(1.0, "1", "1");
        check(1.1, "1.1", "1.1");
        check(-1234.5, "-1234.5", "-1234.5");
        check(
            9_007_199_254_740_993.0,
            "9007199254740992",
            "9007199254740992",
        );
        check(
            12_345_678_901_234_567_890.0,
            "12345678901234567000",
            "12345678901234567000",
        );
        check(
            -12_345_678_901_234_567.0,
            "-12345678901234568",
            "-12345678901234568",
        );
        check(0.000_001, "1e-6", "0.000001");
        check(1.5e-7, "1.5e-7", "1.5e-7");
        check(f64::INFINITY, "null", "Infinity");
        check(f64::NEG_INFINITY, "null", "-Infinity");
        check(f64::NAN, "null", "NaN");
        assert_eq!(text_of(1e21), "1e+21");
        assert_eq!(text_of(1.5e300), "1.5e+300");
    }

    #[test]
    fn long_hexadecimal_numbers_are_rounded_once() {
        let hex = |digits: &str| from_radix(digits.bytes(), 4);
        assert_eq!(hex("1F").to_bits(), 31f64.to_bits());
        assert_eq!(
            hex("fffffffffffff800").to_bits(),
            18_446_744_073_709_549_568f64.to_bits()
        );
        assert_eq!(hex(&"f".repeat(40)).to_bits(), 2f64.powi(160).to_bits());
        assert!(hex(&"f".repeat(5000)).is_infinite());
    }
}
