'use strict';

// What the random catalog is written with, and asked by: the same keys and values, so that questions find something.

const long = (text, length) => text.repeat(Math.ceil(length / text.length)).slice(0, length);

/** Texts that are easily taken for each other, or for something else. */
const TEXTS = [
  'gold',
  'Gold',
  'GOLD',
  'silver',
  'Silver',
  'bronze',
  '50%',
  '50 percent',
  'a_b',
  'aXb',
  'a%b',
  'back\\slash',
  "it's",
  '"quoted"',
  'with, comma',
  'x=y',
  ' padded ',
  '',
  'null',
  'true',
  'FALSE',
  '7',
  '7.0',
  '007',
  '1e21',
  'straße',
  'STRASSE',
  'İstanbul',
  'ISTANBUL',
  'ΟΔΟΣ',
  'οδος',
  'é',
  'e\u0301',
  'ﬃ',
  '\u212aelvin',
  '日本語',
  '🦀 crab',
  'Zebra',
  'zebra',
  '_under',
  '~tilde',
  '[bracket]',
  'tab\there',
  'two\nlines',
  long('n', 199),
  long('o', 200),
  long('p', 201),
  long('🦀', 200),
  long('🦀', 202),
  long('İ', 100),
  long('İ', 150),
];

/** Numbers as YAML has them; what they are to JavaScript is for the reader to say. */
const NUMBERS = [
  '0',
  '-0',
  '1',
  '2',
  '7',
  '7.0',
  '-3',
  '10',
  '0.1',
  '100.50',
  '1e21',
  '1e-7',
  '123456789012345680000',
  '9007199254740993',
  '1.5e300',
];

/** Members of `spec` that no kind knows, each but for its letter case another. */
const EXTRA_KEYS = [
  'rank',
  'tier',
  'Level',
  'UPPER',
  'words',
  'nested',
  'with space',
  'dotted.key',
  'a/b',
  'Ünïcode',
  'percent%',
  'under_score',
  '0',
  'x-empty',
  '日本',
  'eq=ual',
  long('k', 190),
  long('K', 195) + 'end',
];

const TAGS = ['java', 'rust', 'go', 'web', 'c++', 'c#', 'data:stream', 'high-load', 'x1'];
const TYPES = ['service', 'Service', 'website', 'library', 'tool', 'Data Set', 'größe'];
const LIFECYCLES = ['production', 'experimental', 'Production', 'deprecated'];
const NAMESPACES = ['default', 'default', 'default', 'other', 'payments', 'a-b'];
const LABELS = ['tier', 'acme.example/zone', 'Region', 'x.y/z'];
const LABEL_VALUES = ['gold', 'Gold', 'eu-west', 'EU-West', 'a_b.c', '1'];
const ANNOTATIONS = ['github.com/project-slug', 'acme.example/cost-center', 'Note', 'backstage.io/techdocs-ref'];

module.exports = {
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
};
