'use strict';

// What the catalog's API answers to random questions about a random catalog: the real backend on PostgreSQL, over HTTP.

const { makeCatalog, urlOf } = require('../requests/catalog');
const { makeCanonical } = require('../requests/canonical');
const { makeAsker, withoutUnknown } = require('../requests/ask');
const { LIST_KEYS, SINGLE_KEYS } = require('../requests/conditions');
const { makeQuestions } = require('../requests/questions');
const { startServer } = require('../server');

const KINDS = ['Component', 'API', 'Location', 'System', 'Domain', 'Group', 'User', 'Resource'];
/** Differs in every catalog. */
const UNKNOWN_KEY = 'metadata.uid';
const PROGRESS_EVERY = 500;

const refOf = ({ kind, metadata }) => `${kind}:${metadata.namespace}/${metadata.name}`.toLowerCase();

async function readEntities(base) {
  const entities = await (await fetch(`${base}/entities`)).json();
  const byRef = new Map(entities.map(entity => [refOf(entity), entity]));
  return [...byRef.keys()].sort().map(ref => byRef.get(ref));
}

/** What is written of each entity in the search table, keys as in the document where nothing else is known of them. */
async function readTerms(database) {
  const rows = await database('search as s')
    .join('final_entities as f', 'f.entity_id', 's.entity_id')
    .whereNot('s.key', UNKNOWN_KEY)
    .select('f.entity_ref as ref', 's.key', 's.value', 's.original_value as written')
    .orderByRaw('f.entity_ref, s.key, s.value nulls first');
  const terms = new Map();
  for (const { ref, key, value, written } of rows) {
    if (!terms.has(ref)) terms.set(ref, []);
    terms.get(ref).push({ key, value, written });
  }
  return terms;
}

/** By each key that is ordered by: the number of an entity, and the places of its values among all values. */
function collectOrders(refs, terms) {
  const orders = {};
  for (const key of [...SINGLE_KEYS, ...LIST_KEYS].map(key => key.toLowerCase())) {
    const values = refs.map(ref => terms.get(ref).filter(term => term.key === key && term.value !== null));
    const all = [...new Set(values.flat().map(({ value }) => value))].sort(compareBytes);
    const places = new Map(all.map((value, place) => [value, place]));
    const rows = values.map((own, number) => [number, ...own.map(({ value }) => places.get(value))]);
    orders[key] = rows.filter(row => row.length > 1);
  }
  return orders;
}

/** As the database compares texts. */
const compareBytes = (one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other));

async function record(random) {
  const { repositories, roots } = makeCatalog(random);
  const files = new Map(
    Object.entries(repositories).flatMap(([repository, texts]) =>
      Object.entries(texts).map(([path, text]) => [urlOf(repository, path), text]),
    ),
  );
  const server = await startServer({
    files,
    catalog: { rules: [{ allow: KINDS }], locations: roots.map(target => ({ type: 'url', target })) },
    backend: { auth: { dangerouslyDisableDefaultAuthPolicy: true } },
  });
  await server.settled();
  const entities = await readEntities(server.base);
  const refs = entities.map(refOf);
  const terms = await readTerms(server.database);
  const known = refs.map(ref => ({ ref, terms: terms.get(ref).map(({ key, written }) => [key, written ?? '']) }));
  const numbers = new Map(refs.map((ref, number) => [ref, number]));
  const texts = entities.map(entity => JSON.stringify(entity));
  const numberOf = entity => {
    const number = numbers.get(refOf(entity));
    if (JSON.stringify(entity) !== texts[number]) throw new Error(`another ${refOf(entity)} than before`);
    return number;
  };
  const answer = makeAsker(server.base, numberOf);
  const rows = [];
  const orders = collectOrders(refs, terms);
  for (const question of makeQuestions(random, known)) {
    rows.push([question, makeCanonical(orders, question, await answer(question))]);
    if (rows.length % PROGRESS_EVERY === 0) console.log(`${rows.length} questions`);
  }
  await server.stop();
  return {
    repositories,
    roots,
    entities: entities.map(entity => [withoutUnknown(entity)]),
    orders,
    rows,
  };
}

module.exports = { record };
