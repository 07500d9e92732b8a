'use strict';

// A random catalog: the files of two repositories, and which of them are registered.

const {
  ANNOTATIONS,
  EXTRA_KEYS,
  LABELS,
  LABEL_VALUES,
  LIFECYCLES,
  NAMESPACES,
  NUMBERS,
  TAGS,
  TEXTS,
  TYPES,
} = require('./words');

const COUNTS = { Group: 16, User: 36, Domain: 6, System: 20, Component: 156, API: 44, Resource: 40 };
const COMPONENT_FILES = 5;
const EXTRAS_MAX = 7;
/** What something may be called: something. */
const NAMES = TEXTS.filter(text => text.trim() !== '');
const DEPTH_MAX = 3;

/** A number as YAML writes it: JSON would write another one. */
class WrittenNumber {
  constructor(text) {
    this.text = text;
  }

  toJSON() {
    return `<number ${this.text}>`;
  }
}

const writeDocument = entity => JSON.stringify(entity).replace(/"<number ([^>]*)>"/g, '$1');
const writeFile = entities => `${entities.map(writeDocument).join('\n---\n')}\n`;
const urlOf = (repository, path) => `https://github.com/acme/${repository}/blob/main/${path}`;

/** Everything that is chosen, from one source of chance. */
function makeEntities(random) {
  const { below, chance, pick } = random;
  const some = (items, max) => [...Array(below(max + 1)).keys()].map(() => pick(items));
  const distinct = (items, max) => [...new Set(some(items, max))];

  const makeValue = depth => {
    const kind = below(depth < DEPTH_MAX ? 12 : 7);
    if (kind < 3) return pick(TEXTS);
    if (kind < 5) return new WrittenNumber(pick(NUMBERS));
    if (kind === 5) return chance(0.5);
    if (kind === 6) return null;
    if (kind < 10) return some([0, 1, 2, 3, 4], 4).map(() => (chance(0.6) ? pick(TEXTS) : makeValue(depth + 1)));
    return Object.fromEntries(['b', 'd', 'e'].filter(() => chance(0.5)).map(key => [key, makeValue(depth + 1)]));
  };
  const makeExtras = () =>
    Object.fromEntries(distinct(EXTRA_KEYS, EXTRAS_MAX).map(key => [key, key === 'rank' ? makeRank() : makeValue(0)]));
  // Few values, so that many entities have the same one to be ordered by.
  const makeRank = () => (chance(0.5) ? pick(['1', '2', '10', 'A', 'a']) : new WrittenNumber(pick(NUMBERS)));
  const makeLink = () => ({
    url: pick(['https://a.example', 'https://b.example/x?y=1', 'https://Ü.example/']),
    ...(chance(0.5) && { title: pick(NAMES.slice(0, 5)) }),
  });
  const makeMetadata = name => ({
    name,
    ...(chance(0.6) && { namespace: pick(NAMESPACES) }),
    ...(chance(0.5) && { title: pick(NAMES) }),
    ...(chance(0.4) && { description: pick(TEXTS) }),
    ...(chance(0.4) && { tags: distinct(TAGS, 4) }),
    ...(chance(0.4) && { labels: Object.fromEntries(distinct(LABELS, 3).map(key => [key, pick(LABEL_VALUES)])) }),
    ...(chance(0.4) && { annotations: Object.fromEntries(distinct(ANNOTATIONS, 3).map(key => [key, pick(TEXTS)])) }),
    ...(chance(0.3) && { links: some([0], 3).map(makeLink) }),
  });
  const makeEntity = (kind, name, spec) => ({
    apiVersion: 'backstage.io/v1alpha1',
    kind,
    metadata: makeMetadata(name),
    spec: { ...spec, ...makeExtras() },
  });

  // Names in every letter case; the number keeps them apart.
  const nameOf = (kind, number) => pick([kind.toLowerCase(), kind, kind.slice(0, 3), 'x_y', 'A.b-c']) + `-${number}`;
  const names = {};
  for (const [kind, count] of Object.entries(COUNTS)) {
    names[kind] = [...Array(count).keys()].map(number => nameOf(kind, number));
  }
  const owner = () =>
    chance(0.2)
      ? `user:${pick(['default/', ''])}${pick(names.User)}`
      : pick(['', 'Group:', 'group:Default/']) + pick(names.Group);
  const optional = (key, probability, make) => (chance(probability) ? { [key]: make() } : {});
  const refs = (kind, max) => some(names[kind], max).map(name => pick(['', '', 'default/', 'other/']) + name);

  const specs = {
    Group: () => ({
      type: pick(['team', 'unit']),
      children: [],
      ...optional('parent', 0.5, () => pick(names.Group)),
      ...optional('profile', 0.4, () => ({ displayName: pick(NAMES), email: 'Team@Example.com' })),
    }),
    User: () => ({
      memberOf: some(names.Group, 3),
      ...optional('profile', 0.6, () => ({ displayName: pick(NAMES), email: `U${below(20)}@Example.com` })),
    }),
    Domain: () => ({ owner: owner(), ...optional('subdomainOf', 0.3, () => pick(names.Domain)) }),
    System: () => ({ owner: owner(), ...optional('domain', 0.6, () => pick(names.Domain)) }),
    Component: () => ({
      type: pick(TYPES),
      lifecycle: pick(LIFECYCLES),
      owner: owner(),
      ...optional('system', 0.5, () => pick(names.System)),
      ...optional('subcomponentOf', 0.2, () => pick(names.Component)),
      ...optional('providesApis', 0.3, () => refs('API', 3)),
      ...optional('consumesApis', 0.3, () => refs('API', 3)),
      ...optional('dependsOn', 0.3, () => refs('Resource', 2).map(ref => `resource:${ref}`)),
    }),
    API: () => ({
      type: pick(['openapi', 'grpc']),
      lifecycle: pick(LIFECYCLES),
      owner: owner(),
      definition: pick(['openapi: 3.0.0', 'syntax = "proto3";']),
    }),
    Resource: () => ({
      type: pick(['database', 'Topic']),
      owner: owner(),
      ...optional('system', 0.4, () => pick(names.System)),
    }),
  };
  const entities = {};
  for (const [kind, all] of Object.entries(names)) {
    entities[kind] = all.map(name => makeEntity(kind, name, specs[kind]()));
  }
  return entities;
}

const makeLocation = (name, spec) => ({
  apiVersion: 'backstage.io/v1alpha1',
  kind: 'Location',
  metadata: { name },
  spec,
});

/** Files by repository and path, and the URLs that are registered. */
function makeCatalog(random) {
  const { Group, User, Domain, System, Component, API, Resource } = makeEntities(random);
  const parts = [...Array(COMPONENT_FILES).keys()].map(number => [
    `parts/components-${number}.yaml`,
    Component.filter((_, at) => at % COMPONENT_FILES === number),
  ]);
  const leads = { targets: [...parts.map(([path]) => `./${path}`), './parts/apis.yaml'] };
  const shared = { target: urlOf('shop', 'shared/resources.yaml') };
  const repositories = {
    people: {
      'all.yaml': writeFile([makeLocation('people', { targets: ['./groups.yaml', 'users.yaml'] })]),
      'groups.yaml': writeFile(Group),
      'users.yaml': writeFile([...User, makeLocation('shared', shared)]),
    },
    shop: {
      'catalog-info.yaml': writeFile([...Domain, ...System, makeLocation('Parts', leads)]),
      'parts/apis.yaml': writeFile(API),
      'shared/resources.yaml': writeFile(Resource),
      ...Object.fromEntries(parts.map(([path, entities]) => [path, writeFile(entities)])),
    },
  };
  return { repositories, roots: [urlOf('people', 'all.yaml'), urlOf('shop', 'catalog-info.yaml')] };
}

module.exports = { makeCatalog, urlOf };
