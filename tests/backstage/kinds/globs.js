'use strict';

// Which files of a repository, and of a folder of this machine, the patterns of Location entities match.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { glob } = require('glob');
const { integrations, makeGithubReader, processor, toAbsoluteUrl } = require('../backstage');

const NAMES = [
  'catalog-info.yaml', 'catalog-info.yml', 'Catalog-info.yaml', 'a.yaml', 'b.yaml', 'ab.yaml', 'abc.yaml', '.a.yaml',
  '1.yaml', '2.yaml', '01.yaml', '10.yaml', 'é.yaml', '😀.yaml', 'a b.yaml', 'a#b.yaml', 'a%20b.yaml', 'a+b.yaml',
  'a,b.yaml', '{a,b}.yaml', '{a}.yaml', '[ab].yaml', '[a].yaml', '(a).yaml', '!a.yaml', '!(a).yaml', '@(a).yaml',
  'a|b.yaml', '$a.yaml', 'a-b_c.yaml', 'x', 'yaml', 'svc/catalog-info.yaml', 'svc/a/catalog-info.yaml',
  'svc/b/catalog-info.yaml', 'svc/.h/catalog-info.yaml', 'svc/a/b/catalog-info.yaml', 'svc/[slug]/more.yaml',
  'svc/s/more.yaml', 'svc/skeleton/catalog-info.yaml', 'people/a/team.yaml', 'people/team.yaml', 'd/a/b/c/d.yaml',
  '.hidden/a.yaml', 'c#-lib/x.yaml', 'what!/x.yaml', 'a.test.yaml', 'test.yaml',
];

const WRITTEN = [
  '*', '**', '?', '??.yaml', '*.yaml', '?.yaml', '**/*.yaml', '**/catalog-info.yaml', '*/catalog-info.yaml',
  'catalog-info.{yml,yaml}', 'catalog-info.y{a,}ml', '[Cc]atalog-info.yaml', 'catalog-info.y?(a)ml', '[é].yaml',
  '[a-é].yaml', '[!a].yaml', '[^a].yaml', '[[:alpha:]].yaml', '[[:digit:]].yaml', '[![:alpha:]].yaml',
  '[[:alpha:][:digit:]].yaml', '[[:upper:]]*', '[[:punct:]]*.yaml', '[[:foo:]]', '[a-[:alpha:]].yaml', '[]a].yaml',
  '[].yaml', '[!]a].yaml', '[a.yaml', 'a].yaml', '[z-a].yaml', '[z-ab].yaml', '[a-].yaml', '[-a].yaml', '[a-c].yaml',
  '[*].yaml', '[?].yaml', '!(a).yaml', '!(a|b).yaml', '!(*.yaml)', 'svc/!(skeleton)/catalog-info.yaml',
  'svc/!(skeleton)/**/catalog-info.yaml', 'svc/@(a|b)/catalog-info.yaml', '@(a|b).yaml', '?(a).yaml', '*(a).yaml',
  '+(a).yaml', '+(ab).yaml', '*(a|b).yaml', '+(a|b|c).yaml', 'a@(b|c).yaml', 'a!(b).yaml', '!(a)b.yaml',
  '!(!(a)).yaml', '!(*).yaml', '!().yaml', '?().yaml', '@(a.yaml', '@(a|.yaml', 'a|b.yaml', '(a).yaml', '(a|b).yaml',
  '+(a|!(b)).yaml', '@(a|@(b|c)).yaml', '*.!(test).yaml', '!(*.test).yaml', '*(*(a)b).yaml', '*(?).yaml', '@(*).yaml',
  '@(.a).yaml', '.!(b).yaml', '.*', '.*/a.yaml', '{a,b}.yaml', '{a,svc/a}*', '{a,{b,ab}}.yaml', '{a}.yaml',
  '{a}{b,c}.yaml', '{a,b.yaml', 'a}.yaml', '{a..c}.yaml', '{c..a}.yaml', '{1..3}.yaml', '{1..10..9}.yaml',
  '{01..10}.yaml', '{a..3}.yaml', '{,a}b.yaml', '{}.yaml', '${a,b}.yaml', '\\{a,b\\}.yaml', '{{a,b}}.yaml',
  '{a,b}{c,}.yaml', '**/', 'svc/**', 'svc/**/', 'svc/*', 'svc/*/', '**/**/team.yaml', 'a**b.yaml', 'people/**/team.yaml',
  '/*.yaml', '//*.yaml', './*.yaml', 'svc/../*.yaml', 'svc/./*/catalog-info.yaml', 'svc//*/catalog-info.yaml',
  'svc/[slug]/more.yaml', 'svc/\\[slug\\]/more.yaml', 'svc/[[]slug]/more.yaml', 'svc/%5Bslug%5D/*.yaml',
  'svc/%5Bslug%5D/more.yaml', 'svc/[slug]/*.yaml', 'a%20b.{yaml,yml}', 'a b.y*', 'a#b.*', 'a%23b.*', 'a%2Bb.*', '*%20*.yaml', '\\*.yaml', '%2A.yaml', '*?',
  'a?b.yaml', '?', 'c#-lib/*.yaml', 'c%23-lib/*.yaml', 'what!/*.yaml', '!a*.yaml', '\\!a*.yaml', '**/.*/*.yaml', '**/.h/*',
  '.hidden/*', '**/a/**', 'd/**/d.yaml', 'd/*/*/*/d.yaml', 'd/**/*/d.yaml', '*.y*ml', '*.{yaml,yml}', '[[:alpha:]',
  '[[.a.]]', '@(a)(b).yaml', '!(a)!(b).yaml', '*!(b).yaml', '+().yaml', '{svc/a,people}/*.yaml',
];

const PIECES = [
  'a', 'b', 'ab', 'c', '1', '.', '-', 'é', '*', '?', '*', '**', '[ab]', '[!a]', '[a-c]', '[[:alpha:]]', '{a,b}', '{a,}',
  '{1..3}', '!(a)', '@(a|b)', '?(a)', '*(a|b)', '+(a|b)', '!(a|b)', '(', ')', '[', ']', '{', '}', '|', ',', '!', '+', '\\',
];
const FOLDERS = ['svc/', 'people/', '**/', '*/', 'svc/*/', 'svc/**/', '{svc,people}/', '!(svc)/', 'd/', '.*/', '[sp]*/'];
const ENDINGS = ['.yaml', '.yaml', '.y*', '*.yaml', '.{yml,yaml}', 'catalog-info.yaml', '*', 'more.yaml', '/*.yaml'];
const GENERATED = 900;

function generatePattern(random) {
  let pattern = '';
  while (random.chance(0.35)) pattern += random.pick(FOLDERS);
  for (let left = random.below(4); left > 0; left -= 1) pattern += random.pick(PIECES);
  return pattern + random.pick(ENDINGS);
}

function generate(random) {
  const patterns = new Set(WRITTEN);
  while (patterns.size < WRITTEN.length + GENERATED) patterns.add(generatePattern(random));
  return [...patterns];
}

const indices = paths => paths.map(found => NAMES.indexOf(found)).sort((a, b) => a - b);

/** The files that `./PATTERN` leads to in a Location entity at the root of a repository. */
async function matchInRepository(pattern) {
  const asked = [];
  const reader = makeGithubReader(request => {
    if (request.includes('/contents/')) {
      asked.push(decodeURIComponent(new URL(request, 'https://x').pathname.replace('/repos/o/r/contents/', '')));
      throw new Error('one file');
    }
    if (request.startsWith('blob:')) {
      asked.push(request.slice('blob:'.length));
      return { json: async () => ({ content: '' }) };
    }
    const tree = NAMES.map(name => ({ type: 'blob', path: name, url: `blob:${name}` }));
    const repository = { trees_url: 'https://api.github.com/trees{/sha}', archive_url: '' };
    return { json: async () => ({ sha: 's', repository, tree, truncated: false }) };
  });
  const base = { type: 'url', target: 'https://github.com/o/r/blob/main/all.yaml' };
  try {
    const { files } = await reader.search(toAbsoluteUrl(integrations, base, 'url', `./${pattern}`));
    for (const file of files) await file.content();
  } catch {
    if (asked.length === 0) return 'error';
  }
  return indices(asked.filter(name => NAMES.includes(name)));
}

/** The same for a Location entity in a folder; `{folder}` where it fails because a folder matches as well. */
async function matchInFolder(folder, pattern) {
  // As the orchestrator does before it asks the reader.
  if (pattern.endsWith('/')) return 'error';
  const FileReader = processor('FileReaderProcessor');
  const base = { type: 'file', target: `${folder}/all.yaml` };
  const found = new Set();
  let failed = false;
  const emit = result => {
    if (result.type === 'error' && !result.error.message.includes('does not exist')) failed = true;
  };
  const target = toAbsoluteUrl(integrations, base, 'file', `./${pattern}`);
  await new FileReader().readLocation({ type: 'file', target }, false, emit, async function* parse({ location }) {
    found.add(path.relative(folder, location.target));
  });
  if (!failed) return indices([...found]);
  const files = await glob(target, { windowsPathsNoEscape: true, nodir: true });
  return { folder: indices(files.map(file => path.relative(folder, file))) };
}

async function record(random) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'globs-'));
  try {
    for (const name of NAMES) {
      fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
      fs.writeFileSync(path.join(folder, name), '');
    }
    const rows = [];
    for (const pattern of generate(random)) {
      rows.push([pattern, await matchInRepository(pattern), await matchInFolder(folder, pattern)]);
    }
    return { names: NAMES, rows };
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

module.exports = { record };
