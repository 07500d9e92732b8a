'use strict';

// The documents of odd catalog files.

const { parseEntityYaml } = require('@backstage/plugin-catalog-node');

const ENTITY = 'apiVersion: v1\nkind: Component\nmetadata:\n  name: a\n  tags: [x, y]\n  annotations:\n    k: "v"\nspec:\n  owner: &o team\n  dependsOn:\n    - a\n    - b: c\n';
const TEMPLATES = [
  ENTITY,
  'a: 1\nb:\n  - c\n  - d: e\n    f: g\n',
  'a: |\n  b\n   c\n\n  d\ne: >-\n  f\n  g\n\n  h\n',
  'a: {b: c, d: [e, f], "g": \'h\'}\n',
  'a: "b\n  c"\nd: \'e\n  f\'\n',
  '---\na: 1\n---\nb: 2\n...\n---\nc: 3\n',
  'a: &x {b: 1}\nc: *x\nd:\n  <<: *x\n  e: 2\n',
  '? a\n: b\n? [c, d]\n: e\n',
  '- a\n- - b\n  - c\n-\n  d: e\n',
  '# c\na: 1 # d\n\n# e\nb: 2\n',
  'a: b\n c\n  d\ne: f\n',
  '{\n  "a": [1, 2,\n    3],\n  "b": null\n}\n',
];
const PIECES = [
  ' ', '  ', '\n', '\n  ', '\n\n', ':', ': ', ' :', '- ', '-', '\n- ', '\n  - ', ',', '[', ']', '{', '}', '"', "'", '#', ' #', '&a ', '*a', '*x', '!', '!!str ', '!!int ',
  '!t ', '|', '>', '|-', '>+', '|2', '\t', '\r', '\r\n', '---', '\n---\n', '\n...\n', '%', '%YAML 1.1\n', '@', '`', '~', 'null', 'true', 'yes', '0x1F', '0o17', '1e3', '.5', '.inf',
  '1_0', '2001-01-01', '<<', '<<: *x', '\\', '\\n', '\\x41', '\\u00e9', '\\q', '? ', '?', '=', '\u00a0', '\u2028', '\u0085', '\ufeff', 'é', '😀', '\u0000', '\u0007', '\u007f', '__proto__', '$',
  '- - ', '{{ a }}', '${{ b }}', '<a>', '"a": ', "'b': ", 'a: ', 'a: b: c', 'k:', '""', "''", '[]', '{}', '[,]', '"\\\n"', '?a', '-a', ':a', '!<tag:yaml.org,2002:str> ',
];
const GENERATED = 1100;

function mutate(random) {
  let text = random.pick(TEMPLATES);
  for (let left = 1 + random.below(3); left > 0; left -= 1) {
    const at = random.below(text.length + 1);
    const cut = random.chance(0.4) ? 1 + random.below(3) : 0;
    text = text.slice(0, at) + (random.chance(0.8) ? random.pick(PIECES) : '') + text.slice(at + cut);
  }
  return text.toWellFormed();
}

function assemble(random) {
  let text = '';
  for (let left = 2 + random.below(6); left > 0; left -= 1) text += random.pick(PIECES);
  return text;
}

const asSent = value =>
  JSON.parse(JSON.stringify(value, (_, member) => (typeof member === 'string' ? member.toWellFormed() : member)));

/** Of each document its value, or 0 for an error; no document, no member. `throws` if the file cannot be read at all. */
function read(text) {
  const answers = [];
  try {
    for (const result of parseEntityYaml(text, { type: 'url', target: 'https://x' })) {
      answers.push(result.type === 'entity' ? asSent(result.entity) : 0);
    }
  } catch {
    return ['throws'];
  }
  return answers;
}

async function record(random) {
  const texts = new Set();
  while (texts.size < GENERATED) texts.add(random.chance(0.75) ? mutate(random) : assemble(random));
  return { rows: [...texts].map(text => [text, ...read(text)]) };
}

module.exports = { record };
