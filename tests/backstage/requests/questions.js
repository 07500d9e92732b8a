'use strict';

// Random questions about the random catalog: what is asked, by which way, and how its pages are walked.

const { LIST_KEYS, SINGLE_KEYS, makeConditions } = require('./conditions');
const { ODD } = require('./odd');
const { pathOf, walkByGet, walkByPost } = require('./paths');
const { EXTRA_KEYS } = require('./words');

const COUNTS = {
  filtered: 340,
  predicated: 340,
  searched: 260,
  listed: 220,
  linked: 200,
  named: 220,
  counted: 280,
  looked: 140,
};

const isList = ({ field }) => LIST_KEYS.some(key => key.toLowerCase() === field.toLowerCase());

/** Questions about these entities: of each its ref, and its keys with their values. */
function makeQuestions(random, entities) {
  const { below, chance, pick } = random;
  const refs = entities.map(({ ref }) => ref);
  const times = (count, make) => [...Array(count).keys()].map(make);
  const maybe = (key, probability, make) => (chance(probability) ? { [key]: make() } : {});
  const conditions = makeConditions(random, entities);
  const { broad, makeFields, makeFilters, makeFullText, makeLargeFields, makeOrder, makePredicate } = conditions;
  const { recase, some } = conditions;

  const walkLimit = () => pick([7, 20, 40, 60, 100, 250]);
  // Neither a part nor some fields of what may come several times: nobody could tell which time it is.
  const unlessList = (order, probability) => (order && isList(order) ? 0 : probability);
  const walked = ({ order }) => ({
    ...(order && { order }),
    limit: walkLimit(),
    ...maybe('offset', unlessList(order, 0.1), () => 1 + below(9)),
    follow: pick(['GET', 'POST']),
    ...maybe('fields', unlessList(order, 0.04), makeFields),
  });
  const ordered = probability => maybe('order', probability, makeOrder);

  const makers = {
    filtered: () => walkByGet({ filters: chance(0.3) ? broad() : makeFilters(), ...walked(ordered(0.7)) }),
    predicated: () =>
      walkByPost({
        query: makePredicate(2),
        ...walked(ordered(0.7)),
        ...maybe('total', 0.1, () => pick(['include', 'exclude'])),
      }),
    searched: () => {
      const asked = { text: makeFullText(), ...walked(ordered(0.7)) };
      if (asked.order && chance(0.3)) delete asked.text.fields;
      if (chance(0.5)) return walkByGet({ ...asked, ...maybe('filters', 0.4, broad) });
      return walkByPost({ ...asked, ...maybe('query', 0.4, () => makePredicate(1)) });
    },
    listed: () => {
      const order = ordered(0.4).order;
      const path = pathOf('/entities', [
        ...makeFilters().map(filter => ['filter', filter]),
        ...(order ? [['order', `${order.order}:${order.field}`]] : []),
        ...(chance(unlessList(order, 0.06)) ? [['fields', makeFields().join(',')]] : []),
      ]);
      return { ask: path, ...(order && { order }) };
    },
    linked: () => {
      // Here Backstage knows a key only as it is in the index, in small letters.
      const key = () => (chance(0.9) ? pick(SINGLE_KEYS).toLowerCase() : recase(pick(SINGLE_KEYS)));
      const orders = chance(0.7) ? some([0], 2).map(() => ({ ...makeOrder(), field: key() })) : [];
      if (orders.length === 1 && chance(0.2)) orders[0].field = pick(LIST_KEYS).toLowerCase();
      const path = pathOf('/entities', [
        ...(chance(0.7) ? broad() : makeFilters()).map(filter => ['filter', filter]),
        ...orders.map(({ field, order }) => ['order', `${order}:${field}`]),
        ['limit', walkLimit()],
        ...(!orders.some(isList) && chance(0.15) ? [['offset', 1 + below(9)]] : []),
      ]);
      return { links: path, orders };
    },
    named: () => {
      const fields = maybe('fields', 0.4, makeLargeFields);
      const entityRefs = some(refs, fields.fields ? 4 : 12).map(ref => (chance(0.1) ? `${ref}x` : recase(ref)));
      if (chance(0.2)) entityRefs.push(pick(['component:a', 'group', ' group:default/x', ':/', entityRefs[0]]));
      const filters = chance(0.3) ? makeFilters() : [];
      return {
        ask: pathOf(
          '/entities/by-refs',
          filters.map(filter => ['filter', filter]),
        ),
        body: { entityRefs, ...maybe('query', 0.3, () => makePredicate(1)), ...fields },
      };
    },
    counted: () => {
      const keys = [
        ...SINGLE_KEYS.filter(key => key !== 'metadata.name'),
        ...LIST_KEYS,
        ...EXTRA_KEYS.map(key => `spec.${key}`),
        'metadata.tags.java',
        'nosuch',
      ];
      const facets = [...new Set(some(keys, 3).map(recase))];
      if (chance(0.5))
        return { ask: '/entity-facets', body: { facets, ...maybe('query', 0.7, () => makePredicate(2)) } };
      const filters = chance(0.7) ? makeFilters() : [];
      return {
        ask: pathOf('/entity-facets', [
          ...facets.map(facet => ['facet', facet]),
          ...filters.map(filter => ['filter', filter]),
        ]),
      };
    },
    looked: () => {
      const [kind, rest] = recase(chance(0.95) ? pick(refs) : 'component:default/nobody').split(':');
      const path = `/entities/by-name/${kind}/${rest}`;
      return { ask: chance(0.5) ? path : `${path}/ancestry` };
    },
  };
  return [...Object.entries(COUNTS).flatMap(([kind, count]) => times(count, makers[kind])), ...ODD];
}

module.exports = { makeQuestions };
