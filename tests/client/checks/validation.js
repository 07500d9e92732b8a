'use strict';

// V: what an entity or a URL would be worth, without keeping anything.

const assert = require('node:assert/strict');
const { isRefused } = require('../catalog');

const GOOD = {
  apiVersion: 'backstage.io/v1alpha1',
  kind: 'Component',
  metadata: { name: 'v' },
  spec: { type: 'service', lifecycle: 'x', owner: 'o' },
};
const SOMEWHERE = 'url:https://x.example/a.yaml';
const VALID = { valid: true };

const annotated = (name, value) => ({ name: 'v', annotations: { [`backstage.io/${name}`]: value } });

module.exports = (check, { client, credentials, served }) => {
  const validate = (entity, location) => client.validateEntity(entity, location, credentials);
  const analyze = target => client.analyzeLocation({ location: { type: 'url', target } }, credentials);
  const readText = ($text, location) =>
    validate({ ...GOOD, kind: 'API', spec: { ...GOOD.spec, definition: { $text } } }, `url:${location}`);

  check('V01', 'a good entity is valid', async () => {
    assert.deepEqual(await validate(GOOD, SOMEWHERE), VALID);
  });

  check('V02', 'what is wrong with an entity is said by name and message', async () => {
    const { valid, errors } = await validate({ ...GOOD, spec: { type: 'service' } }, SOMEWHERE);
    assert.equal(valid, false);
    assert.ok(errors[0].name && errors[0].message.includes('lifecycle'));
  });

  check('V03', 'unknown kinds, members, names and places are not valid', async () => {
    const bad = [
      [{ ...GOOD, kind: 'Foo' }, 'url:https://x/a'],
      [{ ...GOOD, foo: 1 }, 'url:https://x/a'],
      [{ ...GOOD, metadata: { name: 'a b' } }, 'url:https://x/a'],
      [GOOD, 'file:/x'],
      [GOOD, 'bogus'],
    ];
    for (const [entity, location] of bad) {
      const { valid, errors } = await validate(entity, location);
      assert.equal(valid, false);
      assert.ok(errors.length);
    }
  });

  check('V04', 'for the page of a repository a component is proposed', async () => {
    const { existingEntityFiles, generateEntities } = await analyze('https://example.org/acme/thing');
    assert.deepEqual(existingEntityFiles, []);
    assert.equal(generateEntities[0].entity.kind, 'Component');
    assert.deepEqual(generateEntities[0].fields, []);
  });

  check('V05', 'what is no URL is not analyzed', async () => {
    await isRefused(analyze('not a url'), 400, 'InputError');
  });

  check('V06', 'an entity does not say itself where it is from', async () => {
    for (const name of ['managed-by-location', 'managed-by-origin-location']) {
      assert.deepEqual(await validate({ ...GOOD, metadata: annotated(name, 'nocolon') }, SOMEWHERE), VALID);
    }
  });

  check('V07', 'targets of a Location are looked for beside the place of the request', async () => {
    const location = {
      apiVersion: 'backstage.io/v1alpha1',
      kind: 'Location',
      metadata: annotated('managed-by-location', 'url:http://127.0.0.1:9/none/x.yaml'),
      spec: { targets: ['./extra-2.yaml'] },
    };
    assert.deepEqual(await validate(location, `url:${served}extra-1.yaml`), VALID);
  });

  check('V08', 'a placeholder reads its own repository and no other', async () => {
    assert.deepEqual(await readText('./extra-2.yaml', `${served}a.yaml`), VALID);
    const own = 'https://github.com/acme/thing/blob/main/catalog-info.yaml';
    const outside = [
      ['https://github.com/acme/other/blob/main/x.txt', own],
      ['https://github.com/acme/other', own],
      ['../../../../other/blob/main/x.txt', own],
      ['https://github.com/acme%2Fother/blob/main/x.txt', own],
      ['https://github.com/acme/thing/blob/main/x.txt', `${served}a.yaml`],
    ];
    for (const [text, location] of outside) {
      const { valid, errors } = await readText(text, location);
      assert.equal(valid, false, text);
      assert.match(JSON.stringify(errors), /same repository/i, text);
    }
  });
};
