//! What a token says, and whether that holds now. Pure.

use serde_json::{Map, Value};

/// What the signed part of a token says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Claims(Map<String, Value>);

/// What a token must say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ClaimRules<'a> {
    /// Claims that must be there.
    pub(super) required: &'a [&'a str],
    /// One of these must be whom it is for; of none, everybody.
    pub(super) audiences: &'a [String],
    /// One of these must have issued it; of none, anybody.
    pub(super) issuers: &'a [String],
}

/// Why a token does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ClaimFault {
    /// Something is not there.
    #[error("the claim `{0}` is missing")]
    Missing(String),
    /// Something is not what it should be.
    #[error("the claim `{0}` is of another type")]
    Malformed(&'static str),
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// Its time has not come.
    #[error("it is not valid yet")]
    NotYet,
    /// It is for others.
    #[error("it is for another audience")]
    Audience,
    /// It is by others.
    #[error("it is by another issuer")]
    Issuer,
}

impl Claims {
    pub(super) fn new(claims: Map<String, Value>) -> Self {
        Self(claims)
    }

    /// A claim, of whatever type.
    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A claim that is text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.value(name).and_then(Value::as_str)
    }

    /// When it ends, in seconds since the epoch.
    pub(super) fn expires_at(&self) -> Option<i64> {
        self.0.get("exp").and_then(whole_seconds)
    }

    /// Whom it is for, if that is one.
    pub(super) fn only_audience(&self) -> Option<&str> {
        self.text("aud")
    }

    /// Whether it holds at `now`, in seconds since the epoch.
    pub(super) fn check(&self, rules: &ClaimRules<'_>, now: i64) -> Result<(), ClaimFault> {
        for &name in rules.required {
            if !self.0.contains_key(name) {
                return Err(ClaimFault::Missing(name.to_owned()));
            }
        }
        self.check_parties(rules)?;
        self.check_times(now)
    }

    fn check_parties(&self, rules: &ClaimRules<'_>) -> Result<(), ClaimFault> {
        let is_one_of = |texts: &[String], value: &Value| {
            value
                .as_str()
                .is_some_and(|value| texts.iter().any(|text| text == value))
        };
        if !rules.issuers.is_empty() {
            let issuer = self.0.get("iss");
            if !issuer.is_some_and(|issuer| is_one_of(rules.issuers, issuer)) {
                return Err(ClaimFault::Issuer);
            }
        }
        if !rules.audiences.is_empty() {
            let is_for_us = match self.0.get("aud") {
                Some(Value::Array(all)) => all.iter().any(|one| is_one_of(rules.audiences, one)),
                Some(one) => is_one_of(rules.audiences, one),
                None => false,
            };
            if !is_for_us {
                return Err(ClaimFault::Audience);
            }
        }
        Ok(())
    }

    /// Not a second longer than it says: who issues and who checks go by one clock in Backstage as well.
    fn check_times(&self, now: i64) -> Result<(), ClaimFault> {
        self.time("iat")?;
        if self.time("nbf")?.is_some_and(|begin| begin > now) {
            return Err(ClaimFault::NotYet);
        }
        if self.time("exp")?.is_some_and(|end| end <= now) {
            return Err(ClaimFault::Expired);
        }
        Ok(())
    }

    fn time(&self, name: &'static str) -> Result<Option<i64>, ClaimFault> {
        let Some(value) = self.0.get(name) else {
            return Ok(None);
        };
        let seconds = whole_seconds(value).ok_or(ClaimFault::Malformed(name))?;
        Ok(Some(seconds))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a time beyond what fits is the last there is, as casts saturate"
)]
fn whole_seconds(value: &Value) -> Option<i64> {
    let fraction = || value.as_f64().map(|seconds| seconds.floor() as i64);
    value.as_i64().or_else(fraction)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_000;

    #[track_caller]
    fn check(claims: Value, rules: &ClaimRules<'_>, expected: &Result<(), ClaimFault>) {
        let Value::Object(claims) = claims else {
            panic!("claims are an object")
        };
        let outcome = Claims::new(claims.clone()).check(rules, NOW);
        assert_eq!(&outcome, expected, "{claims:?}");
    }

    #[test]
    fn a_token_holds_from_its_begin_until_its_end() {
        let any = ClaimRules::default();
        check(json!({}), &any, &Ok(()));
        check(
            json!({"exp": NOW + 1, "nbf": NOW, "iat": NOW + 9}),
            &any,
            &Ok(()),
        );
        check(json!({"exp": NOW}), &any, &Err(ClaimFault::Expired));
        check(json!({"exp": 999.9}), &any, &Err(ClaimFault::Expired));
        check(json!({"exp": -1e300}), &any, &Err(ClaimFault::Expired));
        check(json!({"nbf": NOW + 1}), &any, &Err(ClaimFault::NotYet));
        check(
            json!({"exp": "2000"}),
            &any,
            &Err(ClaimFault::Malformed("exp")),
        );
        check(
            json!({"exp": null}),
            &any,
            &Err(ClaimFault::Malformed("exp")),
        );
        check(json!({"iat": []}), &any, &Err(ClaimFault::Malformed("iat")));
    }

    #[test]
    fn a_token_is_for_us_and_by_whom_we_know() {
        let (catalog, issuer) = (["catalog".to_owned()], ["https://a".to_owned()]);
        let rules = ClaimRules {
            required: &["sub", "exp"],
            audiences: &catalog,
            issuers: &issuer,
        };
        let token = |aud: Value| json!({"sub": "x", "exp": 2_000, "iss": "https://a", "aud": aud});
        check(token(json!("catalog")), &rules, &Ok(()));
        check(token(json!(["search", "catalog"])), &rules, &Ok(()));
        check(token(json!("search")), &rules, &Err(ClaimFault::Audience));
        check(
            token(json!(["search", 1])),
            &rules,
            &Err(ClaimFault::Audience),
        );
        check(
            token(json!({"catalog": 1})),
            &rules,
            &Err(ClaimFault::Audience),
        );
        check(
            json!({"sub": "x", "exp": 2_000, "aud": "catalog"}),
            &rules,
            &Err(ClaimFault::Issuer),
        );
        check(
            json!({"sub": "x", "aud": "catalog"}),
            &rules,
            &Err(ClaimFault::Missing("exp".to_owned())),
        );
    }
}
