//! Braces: `{a,b}`, `{a..c}`, `{01..10..3}`, as the npm package `brace-expansion` reads them.

use super::{ALTERNATIVES_MAX, EXPANDED_CHARACTERS_MAX, NESTING_MAX, PatternError};

type Rows = Vec<Vec<Unit>>;

/// A character of a pattern, with what it means to braces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Open,
    Close,
    Comma,
    /// Anything else, a brace behind a backslash included.
    Char(char),
}

/// Every way to read the braces of a pattern.
///
/// # Errors
/// If there are too many, or they are too deep within each other.
pub(super) fn expand_braces(pattern: &str) -> Result<Vec<String>, PatternError> {
    let units = read_units(pattern);
    let rows = expand(&units, 0)?;
    Ok(rows.iter().map(|row| write_units(row)).collect())
}

fn read_units(pattern: &str) -> Vec<Unit> {
    let mut units = Vec::with_capacity(pattern.len());
    let mut rest = pattern.chars();
    // Nothing to choose from, as in a shell.
    if pattern.starts_with("{}") {
        rest.nth(1);
        units.extend([Unit::Char('{'), Unit::Char('}')]);
    }
    while let Some(character) = rest.next() {
        match character {
            '\\' => {
                // The backslash stays: what it takes the meaning from may mean something later.
                units.push(Unit::Char(character));
                units.extend(rest.next().map(Unit::Char));
            }
            '{' => units.push(Unit::Open),
            '}' => units.push(Unit::Close),
            ',' => units.push(Unit::Comma),
            _ => units.push(Unit::Char(character)),
        }
    }
    units
}

fn write_units(units: &[Unit]) -> String {
    units
        .iter()
        .map(|unit| match unit {
            Unit::Open => '{',
            Unit::Close => '}',
            Unit::Comma => ',',
            Unit::Char(character) => *character,
        })
        .collect()
}

/// All readings of some units that are within so many braces.
fn expand(units: &[Unit], depth: usize) -> Result<Rows, PatternError> {
    // On the way and not afterwards: each level takes its part of the stack.
    if depth > NESTING_MAX {
        return Err(PatternError::TooDeep);
    }
    let mut rows: Rows = vec![Vec::new()];
    let mut rest = units.to_vec();
    let mut is_first = true;
    // As in a shell, `{,a}` alone is one word and not two.
    let mut drops_empty = false;
    while let Some((open, close)) = find_pair(&rest) {
        let (before, body, behind) = (&rest[..open], &rest[open + 1..close], &rest[close + 1..]);
        // `${` belongs to templates.
        if before.last() == Some(&Unit::Char('$')) {
            rows = join(&rows, &[rest[..=close].to_vec()])?;
            rest.drain(..=close);
            is_first = false;
            continue;
        }
        let sequence = expand_sequence(&write_units(body))?;
        let is_sequence = sequence.is_some();
        let choices = match sequence {
            Some(sequence) => sequence,
            None if body.contains(&Unit::Comma) => expand_choices(body, depth + 1)?,
            // Not the end of a choice; a later one may be.
            None if has_choice(behind) => {
                rest[close] = Unit::Char('}');
                continue;
            }
            None => break,
        };
        if is_first {
            drops_empty = depth == 0 && !is_sequence;
            is_first = false;
        }
        let fronts = join(&rows, &[before.to_vec()])?;
        rows = join(&fronts, &choices)?;
        rest.drain(..=close);
    }
    let mut rows = join(&rows, &[rest])?;
    if drops_empty {
        rows.retain(|row| !row.is_empty());
    }
    Ok(rows)
}

/// The first brace that is closed, and where.
fn find_pair(units: &[Unit]) -> Option<(usize, usize)> {
    let mut open = Vec::new();
    let mut outermost: Option<(usize, usize)> = None;
    for (index, unit) in units.iter().enumerate() {
        match unit {
            Unit::Open => open.push(index),
            Unit::Close => {
                if let Some(start) = open.pop()
                    && outermost.is_none_or(|(first, _)| start < first)
                {
                    outermost = Some((start, index));
                }
            }
            Unit::Comma | Unit::Char(_) => {}
        }
    }
    outermost
}

/// Whether a comma with a brace behind it follows.
fn has_choice(units: &[Unit]) -> bool {
    let comma = units.iter().position(|unit| *unit == Unit::Comma);
    comma.is_some_and(|comma| units[comma..].contains(&Unit::Close))
}

/// What the body of `{a,{b,c}}` stands for.
fn expand_choices(body: &[Unit], depth: usize) -> Result<Rows, PatternError> {
    let mut parts: Rows = vec![Vec::new()];
    let mut open = 0_usize;
    for (index, unit) in body.iter().enumerate() {
        match unit {
            Unit::Comma if open == 0 => {
                parts.push(Vec::new());
                continue;
            }
            // One that is never closed holds no comma back.
            Unit::Open if open > 0 || closes(&body[index..]) => open += 1,
            Unit::Close => open = open.saturating_sub(1),
            Unit::Open | Unit::Comma | Unit::Char(_) => {}
        }
        if let Some(last) = parts.last_mut() {
            last.push(*unit);
        }
    }
    // `{{a,b}}` is `{a}` and `{b}`.
    let is_wrapped = parts.len() == 1;
    let mut choices = Vec::new();
    for part in parts {
        for mut choice in expand(&part, depth)? {
            if is_wrapped {
                choice.insert(0, Unit::Char('{'));
                choice.push(Unit::Char('}'));
            }
            choices.push(choice);
        }
        if choices.len() > ALTERNATIVES_MAX {
            return Err(PatternError::TooManyAlternatives);
        }
    }
    Ok(choices)
}

fn closes(units: &[Unit]) -> bool {
    matches!(find_pair(units), Some((0, _)))
}

/// `1..5`, `a..e..2`; `None` if it is no sequence.
fn expand_sequence(body: &str) -> Result<Option<Rows>, PatternError> {
    let parts: Vec<&str> = body.split("..").collect();
    let (first, last, step) = match parts.as_slice() {
        [first, last] => (*first, *last, Some(1)),
        [first, last, step] => (*first, *last, read_number(step)),
        _ => return Ok(None),
    };
    let Some(step) = step.map(|step| step.unsigned_abs().max(1)) else {
        return Ok(None);
    };
    if let (Some(from), Some(to)) = (read_letter(first), read_letter(last)) {
        let letters = count(i64::from(from), i64::from(to), step)?.into_iter();
        let letters = letters.filter_map(|code| u8::try_from(code).ok().map(char::from));
        // A backslash lies between the cases, and would take the meaning from what follows.
        let units = |letter| Vec::from_iter((letter != '\\').then_some(Unit::Char(letter)));
        return Ok(Some(letters.map(units).collect()));
    }
    let (Some(from), Some(to)) = (read_number(first), read_number(last)) else {
        return Ok(None);
    };
    let is_padded = |text: &&str| {
        let digits = text.strip_prefix('-').unwrap_or(text);
        digits.len() > 1 && digits.starts_with('0')
    };
    let width = if parts.iter().any(is_padded) {
        first.len().max(last.len())
    } else {
        0
    };
    let numbers = count(from, to, step)?;
    check_characters(numbers.len() * width)?;
    let units = |number| {
        let text = format!("{number:0width$}");
        text.chars().map(Unit::Char).collect()
    };
    Ok(Some(numbers.into_iter().map(units).collect()))
}

fn read_number(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    // What does not fit could not be counted to either.
    is_number.then(|| text.parse().ok()).flatten()
}

fn read_letter(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [letter] if letter.is_ascii_alphabetic() => Some(*letter),
        _ => None,
    }
}

/// The numbers from one to another.
fn count(from: i64, to: i64, step: u64) -> Result<Vec<i64>, PatternError> {
    let mut numbers = Vec::new();
    let mut next = Some(from);
    // Behind the largest number there is none, as behind the last one.
    while let Some(number) = next
        && if from <= to {
            number <= to
        } else {
            number >= to
        }
    {
        if numbers.len() == ALTERNATIVES_MAX {
            return Err(PatternError::TooManyAlternatives);
        }
        numbers.push(number);
        next = if from <= to {
            number.checked_add_unsigned(step)
        } else {
            number.checked_sub_unsigned(step)
        };
    }
    Ok(numbers)
}

/// Each of these in front of each of those.
fn join(fronts: &[Vec<Unit>], ends: &[Vec<Unit>]) -> Result<Rows, PatternError> {
    // Bounded on the way and not at the end: twenty pairs of braces are a million patterns.
    if fronts.len() * ends.len() > ALTERNATIVES_MAX {
        return Err(PatternError::TooManyAlternatives);
    }
    let characters = |rows: &[Vec<Unit>]| rows.iter().map(Vec::len).sum::<usize>();
    check_characters(characters(fronts) * ends.len() + characters(ends) * fronts.len())?;
    let joined = |front: &Vec<Unit>| {
        let front = front.clone();
        ends.iter()
            .map(move |end| front.iter().chain(end).copied().collect())
    };
    Ok(fronts.iter().flat_map(joined).collect())
}

/// Whether alternatives of so many characters together may be made.
fn check_characters(characters: usize) -> Result<(), PatternError> {
    if characters > EXPANDED_CHARACTERS_MAX {
        return Err(PatternError::TooMuchText);
    }
    Ok(())
}
