'use strict';

// What a target means in the file at a base: its absolute URL, and what the reader of github.com asks for; and the
// places where people look at and edit that file.

const { parseLocationRef } = require('@backstage/catalog-model');
const { integrations, makeGithubReader, processor, toAbsoluteUrl } = require('../backstage');

const BASES = [
  'https://github.com/o/r/blob/main/c.yaml',
  'https://github.com/o/r/blob/main/sub/c.yaml',
  'https://github.com/o/r/tree/main/a/b/c/catalog-info.yaml',
  'https://github.com/o/r/blob/v1.0/sub/c.yaml',
  'https://github.com/o/r/raw/main/sub/c.yaml',
  'https://github.com/o/r/blob/main/sub/c.yaml?raw=true',
  'https://github.com/o/r/blob/main/sub/c.yaml#L3',
  'https://github.com/o/r/blob/main/a%20b/c.yaml',
  'https://github.com/o/r/blob/main/%5Bslug%5D/c.yaml',
  'https://github.com/o/r.git/blob/main/sub/c.yaml',
  'https://github.com/o/r.js/blob/main/sub/c.yaml',
  'https://github.com/o/r/blob/0123456789abcdef0123456789abcdef01234567/sub/c.yaml',
  'https://github.com/O/R/blob/Main/Sub/c.yaml',
  'https://github.com/o/r/blob/main//sub/c.yaml',
  'https://github.com/o/r/blob/main/é/c.yaml',
  'https://GitHub.com/o/r/blob/main/sub/c.yaml',
  'https://github.com:443/o/r/blob/main/sub/c.yaml',
  'http://github.com/o/r/blob/main/sub/c.yaml',
  'https://files.example/x/sub/c.yaml',
  'https://files.example/x/sub/c.yaml?v=1',
  'https://files.example/c.yaml',
];

const TARGETS = [
  './a.yaml', 'a.yaml', './sub/a.yaml', 'sub/a.yaml', '../a.yaml', '../x/a.yaml', './../a.yaml', './x/../a.yaml',
  '/a.yaml', '/x/a.yaml', '//a.yaml', '/./a.yaml', '/x/../a.yaml', './/a.yaml', './x//a.yaml', 'x//a.yaml', '././a.yaml',
  './a b.yaml', './a%20b.yaml', './a#b.yaml', './a%23b.yaml', './a.yaml?raw=true', './a.yaml#L3', './a?b.yaml',
  './é.yaml', './%C3%A9.yaml', './a+b.yaml', './a&b=c.yaml', "./a'b.yaml", './a"b.yaml', './a<b>.yaml', './a|b.yaml',
  './a^b.yaml', './a`b.yaml', './a:b.yaml', 'a:b.yaml', './a@b.yaml', './@a/b.yaml', './a;b.yaml', './a,b.yaml', './~a.yaml',
  './$a.yaml', './a\\b.yaml', '.\\a.yaml', '\\a.yaml', './%.yaml', './100%.yaml', './%zz.yaml', './%2e%2e/a.yaml',
  './a%2Fb.yaml', './a%5Cb.yaml', ' ./a.yaml', './a.yaml ', './a.yaml\n', './a\tb.yaml', '', '.', './', '..', '../', '/', 'x/',
  './x/', './[slug]/a.yaml', './{a,b}.yaml', './*.yaml', './**/*.yaml', '/**/catalog-info.yaml', './(a).yaml', './!a.yaml',
  '../../a.yaml', '../../../a.yaml', '../../../../../a.yaml', '/../a.yaml', '/../../a.yaml', './.hidden.yaml', './...yaml',
  './...', './a..b.yaml', './blob/main/a.yaml', './tree/a.yaml', '/blob/main/a.yaml', './o/r/blob/main/a.yaml', './-/a.yaml', './/../a.yaml', './x//../a.yaml', '/x//../a.yaml',
  'https://github.com/o/r/blob/main/a.yaml', 'https://github.com/o/r2/blob/main/a.yaml',
  'https://github.com/o/r2/tree/main/x/a.yaml', 'https://github.com/o/r2/raw/main/x/a.yaml',
  'https://github.com/o/r2/edit/main/x/a.yaml', 'https://github.com/o/r2/blame/main/x/a.yaml',
  'https://github.com/o/r2/blob/main', 'https://github.com/o/r2/blob/main/', 'https://github.com/o/r2/tree/main',
  'https://github.com/o/r2', 'https://github.com/o/r2/', 'https://github.com/o', 'https://github.com/', 'https://github.com',
  'https://github.com/o/r2.git/blob/main/a.yaml', 'https://github.com/o/r2/blob/main/a.yaml?raw=true',
  'https://github.com/o/r2/blob/main/a.yaml#L1-L3', 'https://github.com/o/r2/blob/main/a b.yaml',
  'https://github.com/o/r2/blob/main/a%20b.yaml', 'https://github.com/o/r2/blob/main/*.yaml',
  'https://github.com/o/r2/blob/main/**/a.{yaml,yml}', 'https://github.com/o/r2/blob/main/../a.yaml',
  'https://github.com/o/r2/blob/main/x/../a.yaml', 'https://github.com/o/r2/blob/main//a.yaml',
  'https://github.com//o/r2/blob/main/a.yaml', 'https://github.com/o//r2/blob/main/a.yaml',
  'https://github.com/o/r2/blob/refs/heads/main/a.yaml', 'https://github.com/o/r2/blob/feature%2Fx/a.yaml',
  'https://github.com/o/r2/pull/1/files', 'https://github.com/o/r2/wiki/a.yaml', 'https://github.com/o/r2/releases/a.yaml',
  'HTTPS://github.com/o/r2/blob/main/a.yaml', 'https://GITHUB.com/o/r2/blob/main/a.yaml',
  'http://github.com/o/r2/blob/main/a.yaml', 'https://github.com:8443/o/r2/blob/main/a.yaml',
  'https://user@github.com/o/r2/blob/main/a.yaml', 'https://user:pw@github.com/o/r2/blob/main/a.yaml',
  'https://www.github.com/o/r2/blob/main/a.yaml', 'https://raw.githubusercontent.com/o/r2/main/a.yaml',
  'https://gist.github.com/o/0123/raw/a.yaml', 'https://files.example/a.yaml', 'https://files.example/x/../a.yaml',
  'https://files.example/blob/a/b/tree/c.yaml', '//github.com/o/r2/blob/main/a.yaml', '//files.example/a.yaml',
  'git@github.com:o/r2.git', 'ssh://git@github.com/o/r2.git', 'file:///etc/passwd', 'ftp://files.example/a.yaml',
  'mailto:a@b.c', 'C:\\a.yaml', 'C:/a.yaml', 'javascript:alert(1)', 'https:/github.com/o/r2/blob/main/a.yaml',
  'https:github.com/o/r2/blob/main/a.yaml', 'https://', 'https://[::1]/a.yaml', 'http://127.0.0.1/a.yaml', 'url:./a.yaml',
  'https://github.com/o/r2/blob/main/a.yaml ', ' https://github.com/o/r2/blob/main/a.yaml', '?', '#', '?a=1', '#L3', '/?a', '/#a',
];

const STEPS = ['a', 'sub', '..', '.', '', 'x y', '%20', 'é', '*', 'blob', 'tree', '..', 'c.d', '[s]', '%2e', '~', '@', '+'];
const STARTS = ['', './', '../', '/', './', 'https://github.com/o/r2/blob/main/', 'https://files.example/', '../../'];
const ENDS = ['a.yaml', 'a.yaml', 'catalog-info.yaml', '*.yaml', 'a.yaml?x=1', 'a.yaml#L1', '', 'a.yml '];
const GENERATED = 700;

function generateTarget(random) {
  const steps = [];
  for (let left = 1 + random.below(3); left > 0; left -= 1) steps.push(random.pick(STEPS));
  return `${random.pick(STARTS)}${steps.join('/')}/${random.pick(ENDS)}`;
}

function generate(random) {
  // Every target at an ordinary file, and each base with a share of them.
  const pairs = TARGETS.map(target => [1, TARGETS.indexOf(target)]);
  const targets = [...TARGETS];
  for (let base = 0; base < BASES.length; base += 1) {
    for (let target = 0; target < TARGETS.length; target += 1) {
      if (base !== 1 && random.chance(0.3)) pairs.push([base, target]);
    }
  }
  for (let count = 0; count < GENERATED; count += 1) {
    targets.push(generateTarget(random));
    pairs.push([random.below(BASES.length), targets.length - 1]);
  }
  return { targets, pairs };
}

/** What github.com is asked for: `[REPOSITORY, REF, PATH]`, with `*` in front for a pattern; null if it cannot be. */
async function findRequest(url) {
  let asked = null;
  const reader = makeGithubReader(request => {
    const [, repository, kind, rest] = request.match(/^\/repos\/([^/]*\/[^/]*)\/(contents|commits)\/(.*)$/s) ?? [];
    if (kind === 'contents') {
      const [, path, ref] = rest.match(/^(.*)\?ref=(.*)$/s);
      // Two slashes in a row are one to GitHub.
      asked = [repository, ref, decodeURI(path).replace(/\/+/g, '/').replace(/^\//, '')];
    } else if (kind === 'commits') {
      asked = ['*', repository, rest.replace(/\/status\?per_page=0$/, '')];
    }
    throw new Error('asked');
  });
  await reader.search(url).catch(() => {});
  return asked;
}

const parse = text => {
  try {
    const { type, target } = parseLocationRef(text);
    return [type, target];
  } catch {
    return null;
  }
};

async function annotate(url) {
  const Annotate = processor('AnnotateLocationEntityProcessor');
  const location = { type: 'url', target: url };
  const entity = { kind: 'Component', metadata: { name: 'a' } };
  try {
    const annotated = await new Annotate({ integrations }).preProcessEntity(entity, location, () => {}, location);
    const annotations = annotated.metadata.annotations;
    return ['edit-url', 'source-location'].map(name => annotations[`backstage.io/${name}`] ?? null);
  } catch {
    return null;
  }
}

async function record(random) {
  const { targets, pairs } = generate(random);
  const rows = [];
  for (const [base, target] of pairs) {
    const url = toAbsoluteUrl(integrations, { type: 'url', target: BASES[base] }, 'url', targets[target]);
    const isGithub = integrations.byUrl(url) !== undefined;
    rows.push([base, target, url === targets[target] ? 0 : url, isGithub ? await findRequest(url) : 0]);
  }
  const urls = [...new Set([...BASES, ...rows.map(row => row[2]).filter(Boolean), ...TARGETS.filter(URL.canParse)])];
  const annotations = [];
  for (const url of urls) annotations.push([url, await annotate(url)]);
  const references = ['url:', ':', '', 'url', 'URL:', ' url : ', 'file:', 'http:', 'https:', 'a b:', 'url::'].flatMap(
    front => ['', ' ', ...TARGETS].filter(() => front === 'url:' || random.chance(0.65)).map(target => front + target),
  );
  return { bases: BASES, targets, rows, annotations, references: references.map(text => [text, parse(text)]) };
}

module.exports = { record };
