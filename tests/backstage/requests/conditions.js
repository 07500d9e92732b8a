'use strict';

// Random filters, predicates, texts, orders and fields, such as find something in the random catalog.

const {
  ANNOTATIONS,
  EXTRA_KEYS,
  LABELS,
  LABEL_VALUES,
  LIFECYCLES,
  NAMESPACES,
  TAGS,
  TEXTS,
  TYPES,
} = require('./words');

/** Keys that have one value at most, by which is ordered. */
const SINGLE_KEYS = [
  'kind',
  'metadata.name',
  'metadata.namespace',
  'metadata.title',
  'metadata.description',
  'spec.type',
  'spec.lifecycle',
  'spec.owner',
  'spec.rank',
  'spec.profile.displayName',
  'metadata.labels.tier',
  'metadata.annotations.Note',
  'metadata.annotations.backstage.io/managed-by-location',
];
/** Keys that may have several. */
const LIST_KEYS = [
  'metadata.tags',
  'metadata.links.url',
  'metadata.links.title',
  'relations.ownedBy',
  'relations.memberOf',
  'relations.partOf',
  'relations.hasPart',
  'spec.memberOf',
  'spec.words',
];
const RELATIONS = 'relations.';
const KINDS = ['Component', 'API', 'System', 'Domain', 'Resource', 'Group', 'User', 'Location'];
const FIELDS = [
  'kind',
  'metadata.name',
  'metadata.namespace',
  'metadata.title',
  'metadata.tags',
  'metadata.annotations.github.com/project-slug',
  'metadata.labels.acme.example/zone',
  'metadata.links.0.url',
  'spec.type',
  'spec.dotted.key',
  'spec.nested.b',
  'spec.with space',
  'spec.profile.displayName',
  'spec.nosuch',
  'nosuch.x',
  'Kind',
];
/** Asked for of few entities only. */
const LARGE_FIELDS = ['metadata', 'metadata.annotations', 'metadata.links', 'relations', 'spec', 'spec.nested'];
/** Longer texts are asked for seldom: each takes much room in the record. */
const SHORT = 60;
/** Part of a text, by whole characters. */
const cut = (text, from, to) => [...text].slice(from, to).join('');

/** What is asked for with one source of chance: of each entity its ref, and its keys with their values. */
function makeConditions(random, entities) {
  const { below, chance, pick } = random;
  const refs = entities.map(({ ref }) => ref);
  const some = (items, max) => [...Array(1 + below(max)).keys()].map(() => pick(items));
  const recase = text => pick([text, text, text.toLowerCase(), text.toUpperCase()]);

  const short = TEXTS.filter(text => text.length <= SHORT);
  const makeText = () => pick([pick(short), pick(chance(0.9) ? short : TEXTS), 'true', '7', '0', '1e+21', '100.5']);
  /** A key, and a value that something may have there. */
  const guessTerm = () => {
    const kind = below(8);
    if (kind < 2) return ['kind', pick(KINDS)];
    if (kind === 2) return ['spec.type', pick(TYPES)];
    if (kind === 3) return [`metadata.labels.${pick(LABELS)}`, pick(LABEL_VALUES)];
    if (kind === 4) return [`metadata.annotations.${pick(ANNOTATIONS)}`, pick(TEXTS)];
    if (kind === 5) return ['metadata.namespace', pick(NAMESPACES)];
    if (kind === 6) return [`spec.${pick(EXTRA_KEYS)}${pick(['', '', '.b', `.${pick(TEXTS)}`])}`, makeText()];
    return [pick(chance(0.5) ? SINGLE_KEYS : LIST_KEYS), makeText()];
  };
  /** A few keys and values, mostly of one entity. */
  const makeTerms = (max, { terms } = pick(entities)) => {
    const short = terms.filter(([, value]) => value.length <= SHORT);
    const cased = some([0], max).map(() => (chance(0.85) ? pick(chance(0.95) ? short : terms) : guessTerm()));
    return cased.map(([key, value]) => [recase(key), recase(value)]);
  };

  /** Texts of `filter`: each a few statements. */
  const makeFilters = () =>
    some([0], 3).map(() => {
      const statements = makeTerms(2).map(([key, value]) => (chance(0.25) ? key : `${key}=${value}`));
      return statements.join(pick([',', ',', ' , ']));
    });
  const broad = () =>
    [`kind=${pick(KINDS)}`, `kind=${pick(KINDS)}`, `kind=${pick(KINDS)},metadata.namespace`].slice(below(3));

  const makeCondition = value => {
    const kind = below(9);
    if (kind < 4) return pick([value, value, Number(value) || value, value.toLowerCase() === 'true' || value]);
    if (kind < 5) return { $in: [value, ...some(TEXTS, 4)].map(recase) };
    if (kind === 5) return { $exists: chance(0.8) };
    if (kind === 6) return { $hasPrefix: cut(value, 0, below(4) + (chance(0.9) ? 1 : 0)) };
    if (kind === 7) return { $contains: value };
    return chance(0.8) ? value : { $in: [] };
  };
  const makeRelation = ({ terms }) => {
    const own = terms.filter(([key]) => key.startsWith(RELATIONS));
    const [key, target] = own.length > 0 && chance(0.9) ? pick(own) : [`${RELATIONS}partOf`, pick(refs)];
    const targetRef = chance(0.5) ? recase(target) : { $in: [...some(refs, 4), target] };
    const type = recase(key.slice(RELATIONS.length));
    return { relations: { $contains: { type, ...(chance(0.7) && { targetRef }) } } };
  };
  /** A predicate that is mostly about one entity, so that something is found. */
  const makePredicate = (depth, entity = pick(entities)) => {
    const kind = below(depth === 0 ? 5 : 10);
    if (kind === 4) return makeRelation(entity);
    if (kind < 4) return Object.fromEntries(makeTerms(2, entity).map(([key, value]) => [key, makeCondition(value)]));
    const inner = max => some([0], max).map(() => makePredicate(depth - 1, entity));
    if (kind < 7) return { $all: chance(0.95) ? inner(2) : [] };
    if (kind < 9) return { $any: chance(0.95) ? inner(3) : [] };
    return { $not: makePredicate(depth - 1, entity) };
  };

  const makeFullText = () => {
    const text = pick([...short, 'e', 'S', 'tea', '-1', '%', '_', 'é', 'compo', 'ß']);
    const from = below(2);
    const term = chance(0.7) ? recase(text) : cut(text, from, from + 3);
    const fields = some([...SINGLE_KEYS, ...LIST_KEYS, 'metadata.name', 'metadata.title'], 3).map(recase);
    return { term: pick([term, term, ` ${term} `]), fields };
  };
  const makeFields = () => [...new Set(some(FIELDS, 4))];
  const makeLargeFields = () => [...new Set([...some(LARGE_FIELDS, 3), ...some(FIELDS, 2)])];
  const makeOrder = () => ({
    field: recase(chance(0.85) ? pick(SINGLE_KEYS) : pick(LIST_KEYS)),
    order: pick(['asc', 'desc']),
  });

  return { broad, makeFields, makeFilters, makeFullText, makeLargeFields, makeOrder, makePredicate, recase, some };
}

module.exports = { LIST_KEYS, SINGLE_KEYS, makeConditions };
