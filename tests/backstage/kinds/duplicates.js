'use strict';

// Who holds a ref that several documents, files or Locations declare, while files come, change and go. Every case has
// a folder and a namespace of its own, so that many of them live in one catalog and none meets another.

const { startCatalog } = require('../catalog');

const CASES = 1100;
const CASES_OF_REPOSITORY = 50;
const PLAIN_FILES = ['a.yaml', 'b.yaml', 'c.yaml', 'd.yaml'];
const LISTING_FILES = ['all.yaml', 'more.yaml'];
// What was read is in the catalog after the first look; what is lost for good is gone after the second.
const PASSES = 2;
const ORIGIN = 'backstage.io/managed-by-location';

const folderOf = number => `https://github.com/acme/cases-${Math.floor(number / CASES_OF_REPOSITORY)}/blob/main/${number}/`;
const namespaceOf = number => `n${number}`;

/** [kind, name, version], [kind, name, version, false] with a mistake, ['Location', name, [target, ...]]. */
function makeText(documents, namespace) {
  return documents
    .map(([kind, name, content, isValid]) => {
      const metadata = { name, namespace };
      let spec = { targets: content };
      if (kind !== 'Location') {
        metadata.title = content;
        spec = { type: 'x', lifecycle: 'x', owner: isValid === false ? 5 : 'x' };
      }
      return `---\n${JSON.stringify({ apiVersion: 'backstage.io/v1alpha1', kind, metadata, spec })}\n`;
    })
    .join('');
}

class Case {
  constructor(random) {
    this.random = random;
    this.version = 0;
    const shape = random.below(10);
    this.plain = PLAIN_FILES.slice(0, 2 + random.below(3));
    this.files = {};
    for (const file of this.plain) if (random.chance(0.95)) this.files[file] = this.documents();
    if (shape < 3) {
      // Each file is registered.
      this.roots = random.chance(0.5) ? [...this.plain] : [...this.plain].reverse();
    } else {
      const listings = shape < 7 ? 1 : 2;
      this.roots = LISTING_FILES.slice(0, listings);
      for (const file of this.roots) this.files[file] = [this.listing(file)];
      // Some files are registered besides.
      if (random.chance(0.2)) this.roots.splice(random.below(2), 0, random.pick(this.plain));
    }
  }

  document() {
    const { random } = this;
    this.version += 1;
    const kind = random.pick(['Component', 'Component', 'Component', 'System']);
    const name = random.pick(['a', 'a', 'a', 'b', 'A']);
    const document = [kind, name, String(this.version)];
    if (random.chance(0.12)) document.push(false);
    return document;
  }

  documents() {
    const { random } = this;
    const documents = Array.from({ length: random.pick([1, 1, 1, 2, 2, 3]) }, () => this.document());
    if (random.chance(0.06)) {
      documents.push(['Location', 'inner', random.chance(0.5) ? ['./c.yaml'] : ['./d.yaml', './c.yaml']]);
    }
    return documents;
  }

  listing(file) {
    const { random } = this;
    // One that is missing keeps all the others of its Location from Backstage, which is soon seen often enough.
    const named = this.plain.filter(name => random.chance(this.files[name] ? 0.75 : 0.1));
    let targets = (named.length > 0 ? named : [this.plain[0]]).map(name => `./${name}`);
    if (random.chance(0.3)) targets.reverse();
    // Now and then both listings declare the same Location.
    return ['Location', random.chance(0.85) ? file.replace('.yaml', '') : 'all', targets];
  }

  change() {
    const { random, files } = this;
    const file = random.pick(this.plain);
    const other = random.pick(this.plain);
    const held = files[file] ?? [];
    const listings = LISTING_FILES.filter(name => files[name]);
    const turn = random.below(listings.length > 0 ? 9 : 8);
    if (turn === 0 && random.chance(0.5)) delete files[file];
    else if (turn === 1) files[file] = this.documents();
    else if (turn === 2) files[file] = [...held, this.document()];
    else if (turn === 3) files[file] = held.slice(1);
    else if (turn === 4 && held.length > 0 && other !== file) {
      // It moves.
      files[other] = [...(files[other] ?? []), held[0]];
      files[file] = held.slice(1);
    } else if (turn === 5 && held.length > 0) {
      const [kind, name, content, isValid] = held[0];
      this.version += 1;
      files[file] = [kind === 'Location' ? held[0] : [kind, name, String(this.version), ...(isValid === false ? [false] : [])], ...held.slice(1)];
    } else if (turn === 6 && held.length > 0 && held[0][0] !== 'Location') {
      const [kind, name, content, isValid] = held[0];
      files[file] = [isValid === false ? [kind, name, content] : [kind, name, content, false], ...held.slice(1)];
    } else if (turn === 7) files[file] = [...held].reverse();
    else if (turn === 8) {
      const name = random.pick(listings);
      files[name] = [this.listing(name)];
    }
    for (const [name, documents] of Object.entries(files)) if (documents.length === 0) delete files[name];
  }
}

/** The files that differ from one moment to the next; null for one that goes. */
function diff(before, after) {
  const changes = {};
  for (const name of [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()) {
    if (JSON.stringify(before[name]) !== JSON.stringify(after[name])) changes[name] = after[name] ?? null;
  }
  return changes;
}

function generate(random) {
  const built = new Case(random);
  const moments = [];
  let before = {};
  for (let left = 2 + random.below(3); left > 0; left -= 1) {
    let changes = {};
    while (Object.keys(changes).length === 0) {
      if (moments.length > 0) built.change();
      changes = diff(before, built.files);
    }
    moments.push(changes);
    before = { ...built.files };
  }
  return { roots: built.roots, moments };
}

/** [ref, file, title, error, ...] for each entity that is served; the Location of a root has no ref. */
function describe(entity, folder) {
  const { kind, metadata, status } = entity;
  const isRoot = metadata.name.startsWith('generated-');
  const errors = (status?.items ?? []).map(item => item.error.name).sort();
  const file = metadata.annotations[ORIGIN].replace('url:', '').replace('/tree/', '/blob/').replace(folder, '');
  return [isRoot ? '' : `${kind}:${metadata.name}`, file, metadata.title ?? '', ...errors];
}

/** What is served of each case at each of its moments. */
async function recordRepository(cases, first) {
  const files = new Map();
  const locations = cases.flatMap(({ roots }, index) => roots.map(root => folderOf(first + index) + root));
  const catalog = await startCatalog(files, locations);
  const rows = cases.map(({ roots }) => [roots]);
  for (let moment = 0; cases.some(({ moments }) => moment < moments.length); moment += 1) {
    cases.forEach(({ moments }, index) => {
      for (const [name, documents] of Object.entries(moments[moment] ?? {})) {
        const url = folderOf(first + index) + name;
        if (documents === null) files.delete(url);
        else files.set(url, makeText(documents, namespaceOf(first + index)));
      }
    });
    await catalog.settle(PASSES);
    const answers = cases.map(() => []);
    for (const entity of await catalog.read()) {
      const number = Number(entity.metadata.annotations[ORIGIN].match(/\/main\/(\d+)\//)[1]);
      answers[number - first].push(describe(entity, folderOf(number)));
    }
    cases.forEach(({ moments }, index) => {
      if (moment < moments.length) rows[index].push(moments[moment], answers[index].sort());
    });
  }
  await catalog.stop();
  return rows;
}

async function record(random) {
  const rows = [];
  // A catalog for each repository: one with all of them takes many times as long.
  while (rows.length < CASES) {
    const cases = Array.from({ length: CASES_OF_REPOSITORY }, () => generate(random));
    rows.push(...(await recordRepository(cases, rows.length)));
  }
  return { casesOfRepository: CASES_OF_REPOSITORY, rows };
}

module.exports = { record };
