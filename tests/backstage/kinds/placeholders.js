'use strict';

// What placeholders become: by what they read, by how they name it, and by where in an entity they stand.

const { Readable } = require('node:stream');
const { NotFoundError } = require('@backstage/errors');
const { integrations, makeGithubReader, requireInternal } = require('../backstage');

const Placeholders = requireInternal('@backstage/plugin-catalog-backend', 'processors/PlaceholderProcessor.cjs.js');

const BASE = 'https://github.com/o/r/blob/main/svc/c.yaml';

// By their path in the repository.
const NAMED = [
  'svc/a.txt', 'a.txt', 'svc/sub/a.txt', 'other/a.txt', 'svc/a b.txt', 'svc/a#b.txt', 'svc/é.txt', 'svc/a+b.txt', 'svc/a&b.txt',
  'svc/[a].txt', 'svc/{a}.txt', 'svc/(a).txt', 'svc/*.txt', 'svc/a?b.txt', 'svc/a%20b.txt', 'svc/.hidden', 'svc/a@b.txt',
  'svc/a:b.txt', "svc/a'b.txt", 'svc/~a.txt', 'svc/$a.txt', 'svc/100%.txt', 'svc/c.yaml', 'svc/a=b.txt', 'svc/a;b.txt', 'svc/-/a.txt',
];

const VALUES = [
  './a.txt', 'a.txt', '../a.txt', '/a.txt', '../other/a.txt', './sub/a.txt', './sub/../a.txt', './/a.txt', '/svc/a.txt',
  '/svc/../a.txt', '../../a.txt', '/../a.txt', './a b.txt', './a%20b.txt', './a%2520b.txt', './a#b.txt', './a%23b.txt', './é.txt',
  './%C3%A9.txt', './a+b.txt', './a%2Bb.txt', './a&b.txt', './[a].txt', './%5Ba%5D.txt', './{a}.txt', './%7Ba%7D.txt', './(a).txt',
  './*.txt', './a?b.txt', './a%3Fb.txt', './.hidden', './a@b.txt', './a:b.txt', "./a'b.txt", './~a.txt', './$a.txt', './100%.txt',
  './100%25.txt', './a=b.txt', './a;b.txt', './-/a.txt', './a.txt?x=1', './a.txt#L1', './a.txt?', './a.txt#', ' ./a.txt', './a.txt ',
  './a.txt\n', './a\n.txt', '\ta.txt', '', '.', './', '..', '/', '#', '?', '#a', '?a', './missing.txt', './sub', './sub/', '.\\a.txt',
  'sub\\a.txt', '..\\a.txt', './a\\b.txt', '//a.txt', '///a.txt', './%2e%2e/a.txt', './%2E/a.txt', './sub%2Fa.txt', './sub%5Ca.txt',
  'https://github.com/o/r/blob/main/a.txt', 'https://github.com/o/r/tree/main/a.txt', 'https://github.com/o/r/raw/main/a.txt',
  'https://github.com/o/r/edit/main/a.txt', 'https://github.com/o/r/blob/main/svc/a%20b.txt', 'https://github.com/O/R/blob/main/a.txt',
  'https://github.com/o/r/blob/main/svc/../a.txt', 'https://github.com/o/r/blob/main/a.txt?x=1', 'https://GitHub.com/o/r/blob/main/a.txt',
  'https://github.com/o/r2/blob/main/a.txt', 'https://github.com/o/r', 'https://github.com/o/r/blob/main', 'https://github.com/o/r/blob/main/',
  'https://github.com/o/r/blob/dev/a.txt', 'http://github.com/o/r/blob/main/a.txt', 'https://user@github.com/o/r/blob/main/a.txt',
  'https://raw.githubusercontent.com/o/r/main/a.txt', 'https://files.example/a.txt', 'file:///etc/passwd', 'a:b.txt', 'C:\\a.txt',
  'javascript:1', 'HTTPS://github.com/o/r/blob/main/a.txt', 'https:/github.com/o/r/blob/main/a.txt', 'https://', 'https://github.com/o/r.git/blob/main/a.txt',
];

// The contents of ./0, ./1, ...
const CONTENTS = [
  '', ' ', '\n', 'a', 'a\n', 'a: 1', 'a: 1\n', '{"a": 1}', '{"a": 1,}', '[1, 2]', '[1, 2,]', '[]', '{}', 'null', '~', 'true', 'True', 'yes', '1',
  '-1', '1.0', '1.50', '1e3', '1E400', '-1e400', '-0', '-0.0', '0x10', '0o7', '010', '1_000', '.5', '5.', '+1', '.inf', '.nan', 'NaN', 'Infinity',
  '9007199254740993', '12345678901234567890', '1e21', '1e-7', '0.1', '123456789.123456789', '1.7976931348623157e308', '5e-324', '"a"', "'a'",
  '"\\u00e9"', '"\\ud83d\\ude00"', '"\\ud83d"', '"\\ude00\\ud83d"', '"\\x41"', '"\\a"', '"\\u0000"', '"a\nb"', '"a\tb"', '"\\/"', '// c\n1', '/* c */ 1',
  '# c\n1', '1 # c', '\ufeff1', '\ufeff{"a": 1}', '\ufeffa: 1', '{"a": 1, "a": 2}', 'a: 1\na: 2', '{"__proto__": 1}', '__proto__: 1', '{"": 1}', '{1: 2}',
  '1: 2', 'true: 1', 'null: 1', '[a]: 1', '? a\n: b', '---\na: 1', '---\na: 1\n---\nb: 2', 'a: 1\n---\n', '---\n---\n', '--- a', '...', 'a: 1\n...', 'a: 1\n...\nb: 2',
  '%YAML 1.1\n---\na: yes', '%YAML 1.2\n---\na: yes', 'a: &x 1\nb: *x', 'a: *x', 'a: &x [*x]', '<<: {a: 1}', 'b: &b {a: 1}\nc:\n  <<: *b', '!!str 1', '!!int "1"', '!foo a', '!!binary aGk=',
  '!!set {a, b}', '!!omap [a: 1]', '2001-01-01', '!!timestamp 2001-01-01', 'a: |\n  b\n  c\n', 'a: >\n  b\n  c\n', 'a: |-\n  b\n', 'a: |+\n  b\n\n', 'a: "b', 'a: [b', 'a: b: c', '\ta: 1', 'a:\n\tb: 1', 'a:\n - b\n - c',
  '- a\n- b', '-', '- ', '-a', ':', ': a', '?', '{a, b}', '{a: }', '[a, , b]', '[,]', '{,}', '@a', '`a', '%a', '*a', '&a', '!', '|', '>', 'a: @b', 'a: `b', 'a #b', 'a: #b', "a: 'it''s'", 'a: "\\\n  b"',
  '{"$text": "./5"}', '$text: ./5', '{"$json": "./7"}', '[{"$text": "./3"}]', 'a: {$text: ./3}', 'openapi: 3.0.0\npaths:\n  /a:\n    $ref: "#/b"\n', '{"a": {"b": [1, {"c": null}]}}', 'a\r\nb\r\n', 'a: 1\r\nb: 2\r\n', 'a: 1\rb: 2',
  '{"a": 1} {"b": 2}', '{"a": 1}\n{"b": 2}', '{"a": 1} x', '  {"a": 1}  ', '\u00a0{"a": 1}', '\u2028', 'a: \u2028b', '\u0000', 'a\u0000b', '\u0007', '"\u007f"', '😀', '"\u2028"', '[1 2]', '{"a" 1}', '{"a": undefined}', "{'a': 1}", '{a: 1}', '01', '[01]', '-01', '1.', '[1.]', '[.1]', '[+1]', '[1e]', '[-]', '[--1]',
];

const KEYS = ['a', 'b', 'c d', '$a', '$ref', 'x$', '$', '$text', '$json', '$yaml', '$TEXT', '$openapi', '$env', '$include'];
const GOOD = ['./3', './7', './9', '/a.txt', './5', './13'];
const GENERATED = 700;

function generateShape(random, depth) {
  const kind = random.below(depth > 2 ? 4 : 9);
  if (kind === 0) return random.pick([null, true, 1, 'a', '$text', './3', '']);
  if (kind < 4) {
    const form = random.pick(['$text', '$json', '$yaml', '$text', '$json', '$yaml', '$foo', '$']);
    return { [form]: random.chance(0.85) ? random.pick(GOOD) : random.pick([null, 1, true, [], ['./3'], {}, { $text: './3' }, './missing', '']) };
  }
  const count = random.below(4);
  if (kind < 6) return Array.from({ length: count }, () => generateShape(random, depth + 1));
  const members = {};
  for (let left = count; left > 0; left -= 1) {
    const key = random.chance(0.75) ? random.pick(KEYS.slice(0, 3)) : random.pick(KEYS);
    members[key] = generateShape(random, depth + 1);
  }
  return members;
}

function generate(random) {
  const shapes = [];
  const known = new Set();
  for (let index = 0; index < CONTENTS.length; index += 1) {
    for (const form of ['$text', '$json', '$yaml']) {
      // A text is its bytes; some will do.
      if (form !== '$text' || index % 8 === 0) shapes.push({ [form]: `./${index}` });
    }
  }
  for (const value of VALUES) {
    shapes.push({ $text: value });
    if (random.chance(0.3)) shapes.push({ $json: value }, { $yaml: value });
  }
  while (known.size < GENERATED) {
    const shape = random.chance(0.5) ? { m: generateShape(random, 0) } : generateShape(random, 1);
    const text = JSON.stringify(shape);
    if (!known.has(text)) shapes.push(shape);
    known.add(text);
  }
  return shapes;
}

// What is sent is UTF-8, which has no half characters.
const asSent = value =>
  JSON.parse(JSON.stringify(value, (_, member) => (typeof member === 'string' ? member.toWellFormed() : member)));

async function record(random) {
  const files = Object.fromEntries(NAMED.map(name => [name, name]));
  CONTENTS.forEach((content, index) => (files[`svc/${index}`] = content));
  const reader = makeGithubReader(request => {
    const [, repository, path, ref] = request.match(/^\/repos\/([^/]*\/[^/]*)\/contents\/(.*)\?ref=(.*)$/s) ?? [];
    // Two slashes in a row are one to GitHub.
    const name = path === undefined ? undefined : decodeURI(new URL(path, 'https://x/').pathname.slice(1)).replace(/\/+/g, '/');
    if (repository?.toLowerCase() !== 'o/r' || ref !== 'main' || !Object.hasOwn(files, name)) throw new NotFoundError(request);
    return { body: Readable.from([Buffer.from(files[name])]), headers: { get: () => null } };
  });
  // Nothing but github.com may be read, which is the default.
  const readUrl = url => {
    if (new URL(url).host !== 'github.com') throw new Error('not allowed');
    return reader.readUrl(url);
  };
  const resolvers = {
    text: Placeholders.textPlaceholderResolver,
    json: Placeholders.jsonPlaceholderResolver,
    yaml: Placeholders.yamlPlaceholderResolver,
  };
  const processor = new Placeholders.PlaceholderProcessor({ resolvers, reader: { readUrl }, integrations });
  const rows = [];
  for (const shape of generate(random)) {
    const entity = { kind: 'Component', spec: { x: shape } };
    const location = { type: 'url', target: BASE };
    // What has itself in it cannot be stored, which is as good as an error.
    const answer = await processor
      .preProcessEntity(entity, location, () => {})
      .then(filled => [asSent(filled.spec).x])
      .catch(() => []);
    rows.push([shape, ...answer]);
  }
  return { base: BASE, files, rows };
}

module.exports = { record };
