//! Settings on the server that are not the ones this version expects.

use std::fmt;

/// One setting that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// The stream, bucket or consumer.
    pub name: String,
    /// The setting.
    pub field: &'static str,
    /// What it is.
    pub found: String,
    /// What it should be.
    pub wanted: String,
}

/// Settings that are not what they should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drifts(pub Vec<Drift>);

impl Drifts {
    /// The fields, each as (name, found, wanted), whose values differ.
    pub(crate) fn compare_fields(
        name: &str,
        fields: impl IntoIterator<Item = (&'static str, String, String)>,
    ) -> Self {
        // All of them, not the first: an operator changes a stream once, not once per field.
        let differing = fields
            .into_iter()
            .filter(|(_, found, wanted)| found != wanted);
        Self(
            differing
                .map(|(field, found, wanted)| Drift {
                    name: name.to_owned(),
                    field,
                    found,
                    wanted,
                })
                .collect(),
        )
    }
}

impl fmt::Display for Drifts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, drift) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(
                formatter,
                "{separator}{}.{} is {} and should be {}",
                drift.name, drift.field, drift.found, drift.wanted
            )?;
        }
        Ok(())
    }
}
