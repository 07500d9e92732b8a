//! Everybody's claims on each ref that a batch touches. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};

use freshet_model::{EntityRef, LocationId, SourceId};

use crate::apply::entities::declarations::{DeclaredEntity, FileDeclarations};
use crate::apply::entities::load::StoredEntities;
use crate::repo::{ClaimRow, EntityRow};

/// One claim while it is compared.
pub(super) struct Claim<'a> {
    pub(super) location_id: LocationId,
    pub(super) claimed_at: i64,
    pub(super) line: u32,
    pub(super) state: ClaimState<'a>,
    /// Whether nothing declares it, and it is only kept.
    pub(super) is_orphan: bool,
    /// Whether this batch says what its location declares.
    pub(super) is_read: bool,
    /// The stored row of a claim that lost before.
    pub(super) losing_before: Option<&'a ClaimRow>,
}

/// Where the content of a claim is.
#[derive(Clone, Copy)]
pub(super) enum ClaimState<'a> {
    Declared(&'a DeclaredEntity),
    /// As the catalog has it: the holder whose document was not read, or has problems now.
    AsServed,
    /// As the claim table has it.
    AsStored(&'a ClaimRow),
}

/// Everybody who claims one ref.
pub(super) struct RefClaims<'a> {
    pub(super) entity_ref: EntityRef,
    /// A source whose reading touches the ref.
    pub(super) triggered_by: SourceId,
    pub(super) holder: Option<&'a EntityRow>,
    pub(super) claims: Vec<Claim<'a>>,
    /// Claims that lost before and that nobody makes any more.
    pub(super) ended: Vec<&'a ClaimRow>,
}

/// The claims that stand after these files were read at `now`, in microseconds UTC, on every ref that one of
/// them declares, holds or claims.
pub(super) fn claims_by_ref<'a>(
    files: &'a [FileDeclarations],
    stored: &'a StoredEntities<'a>,
    now: i64,
) -> Vec<RefClaims<'a>> {
    let index = ClaimIndex::new(files, stored, now);
    let touched = index.touched_refs().into_iter();
    touched
        .map(|(entity_ref, triggered_by)| index.claims_on(entity_ref, triggered_by))
        .collect()
}

/// Claims by ref.
struct ClaimIndex<'a> {
    files: HashMap<LocationId, &'a FileDeclarations>,
    declarations: HashMap<&'a EntityRef, Vec<Declaration<'a>>>,
    losing: HashMap<EntityRef, Vec<&'a ClaimRow>>,
    stored: &'a StoredEntities<'a>,
    now: i64,
}

#[derive(Clone, Copy)]
struct Declaration<'a> {
    file: &'a FileDeclarations,
    entity: &'a DeclaredEntity,
}

impl<'a> ClaimIndex<'a> {
    fn new(files: &'a [FileDeclarations], stored: &'a StoredEntities<'a>, now: i64) -> Self {
        let mut declarations: HashMap<&EntityRef, Vec<Declaration<'_>>> = HashMap::new();
        for file in files {
            for entity in &file.declared {
                let on_ref = declarations.entry(&entity.entity_ref).or_default();
                on_ref.push(Declaration { file, entity });
            }
        }
        let mut losing: HashMap<EntityRef, Vec<&ClaimRow>> = HashMap::new();
        for row in &stored.claims {
            if let Ok(entity_ref) = EntityRef::parse(&row.entity_ref) {
                losing.entry(entity_ref).or_default().push(row);
            }
        }
        Self {
            files: files.iter().map(|file| (file.location_id, file)).collect(),
            declarations,
            losing,
            stored,
            now,
        }
    }

    /// Every ref that a file of the batch declares, holds or claims, with the source that touches it.
    fn touched_refs(&self) -> BTreeMap<&EntityRef, SourceId> {
        let mut touched = BTreeMap::new();
        for (entity_ref, row) in &self.stored.entities {
            if let Some(file) = self.files.get(&row.location_id).filter(|_| row.is_live()) {
                touched.insert(entity_ref, file.triggered_by);
            }
        }
        for (entity_ref, rows) in &self.losing {
            let mut files = rows
                .iter()
                .filter_map(|row| self.files.get(&row.location_id));
            if let Some(file) = files.next() {
                touched.entry(entity_ref).or_insert(file.triggered_by);
            }
        }
        // Who declares a ref is named rather than who lets go of it: that an entity moved is told by
        // where it went.
        for (entity_ref, declarations) in &self.declarations {
            if let Some(first) = declarations.first() {
                touched.insert(entity_ref, first.file.triggered_by);
            }
        }
        touched
    }

    /// Everybody who claims the ref now.
    fn claims_on(&self, entity_ref: &EntityRef, triggered_by: SourceId) -> RefClaims<'a> {
        let row = self.stored.entities.get(entity_ref);
        let holder = row.filter(|row| row.is_live());
        let mut on_ref = RefClaims {
            entity_ref: entity_ref.clone(),
            triggered_by,
            holder,
            claims: Vec::new(),
            ended: Vec::new(),
        };
        let mut known = HashSet::new();
        if let Some(row) = holder {
            known.insert(row.location_id);
            on_ref.claims.extend(self.holding_claim(entity_ref, row));
        }
        for row in self.losing.get(entity_ref).into_iter().flatten().copied() {
            known.insert(row.location_id);
            match self.losing_claim(entity_ref, row) {
                Some(claim) => on_ref.claims.push(claim),
                None => on_ref.ended.push(row),
            }
        }
        for declaration in self.declarations_of(entity_ref) {
            if known.insert(declaration.file.location_id) {
                on_ref.claims.push(self.new_claim(*declaration));
            }
        }
        on_ref
    }

    fn declarations_of(&self, entity_ref: &EntityRef) -> &[Declaration<'a>] {
        self.declarations.get(entity_ref).map_or(&[], Vec::as_slice)
    }

    fn holding_claim(&self, entity_ref: &EntityRef, row: &'a EntityRow) -> Option<Claim<'a>> {
        let state = self.state_of(entity_ref, row.location_id, ClaimState::AsServed)?;
        Some(Claim {
            location_id: row.location_id,
            claimed_at: row.claimed_at,
            line: state.line(),
            is_orphan: match state {
                ClaimState::Declared(declared) => declared.is_orphan,
                ClaimState::AsServed | ClaimState::AsStored(_) => row.is_orphan,
            },
            state,
            is_read: self.files.contains_key(&row.location_id),
            losing_before: None,
        })
    }

    fn losing_claim(&self, entity_ref: &EntityRef, row: &'a ClaimRow) -> Option<Claim<'a>> {
        let state = self.state_of(entity_ref, row.location_id, ClaimState::AsStored(row))?;
        Some(Claim {
            location_id: row.location_id,
            // It keeps its place in the order however often it is declared anew.
            claimed_at: row.claimed_at,
            line: state.line(),
            state,
            // Only the version of a holder is ever kept.
            is_orphan: false,
            is_read: self.files.contains_key(&row.location_id),
            losing_before: Some(row),
        })
    }

    fn new_claim(&self, declaration: Declaration<'a>) -> Claim<'a> {
        let Declaration { file, entity } = declaration;
        Claim {
            location_id: file.location_id,
            claimed_at: self.now,
            line: entity.line,
            state: ClaimState::Declared(entity),
            is_orphan: entity.is_orphan,
            is_read: true,
            losing_before: None,
        }
    }

    /// How a location that claimed before stands now; `None` if it claims no more.
    fn state_of(
        &self,
        entity_ref: &EntityRef,
        location_id: LocationId,
        as_before: ClaimState<'a>,
    ) -> Option<ClaimState<'a>> {
        let Some(file) = self.files.get(&location_id) else {
            // A file that was not read claims what it claimed: a failure to read frees nothing.
            return Some(as_before);
        };
        let mut declarations = self.declarations_of(entity_ref).iter();
        match declarations.find(|it| it.file.location_id == location_id) {
            Some(declaration) => Some(ClaimState::Declared(declaration.entity)),
            None => file.undeclared.keeps(entity_ref).then_some(as_before),
        }
    }
}

impl ClaimState<'_> {
    /// The line the claim stands at; 0 where the catalog does not keep it.
    fn line(self) -> u32 {
        match self {
            Self::Declared(declared) => declared.line,
            Self::AsServed => 0,
            Self::AsStored(row) => u32::try_from(row.line).unwrap_or_default(),
        }
    }
}
