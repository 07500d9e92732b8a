'use strict';

// C: registered locations. Each check goes on from what the one before it registered.

const assert = require('node:assert/strict');
const { createHash } = require('node:crypto');
const { isRefused, namesOf } = require('../catalog');
const { UUID } = require('../shapes');

const NOBODYS = '00000000-0000-0000-0000-000000000000';
const ORIGIN = 'backstage.io/managed-by-origin-location';
const OWN_LOCATION = 'backstage.io/managed-by-location';
/** What the chain of files declares: the first one a Component and a Location, which leads to the second one. */
const DECLARED = ['extra-loc', 'extra-one', 'extra-two'];
const LAST = 'component:default/extra-two';

const generatedRef = target => `location:default/generated-${createHash('sha1').update(`url:${target}`).digest('hex')}`;
const isGenerated = name => name.startsWith('generated-');

module.exports = (check, { client, credentials, eventually, lastSent, served }) => {
  const first = `${served}extra-1.yaml`;
  const second = `${served}extra-2.yaml`;
  const register = asked => client.addLocation(asked, credentials);
  const list = async () => (await client.getLocations({}, credentials)).items;
  const query = asked => client.queryLocations(asked, credentials);
  const entity = ref => client.getEntityByRef(ref, credentials);
  let registered;

  check('C01', 'a dry run says what a file would bring, and keeps nothing', async () => {
    const before = (await list()).length;
    const { exists, location, entities } = await register({ target: first, dryRun: true });
    assert.equal(exists, false);
    assert.equal(location.id, `url:${first}`);
    const names = entities.map(({ metadata }) => metadata.name);
    for (const name of DECLARED) assert.ok(names.includes(name), name);
    assert.ok(names.some(isGenerated));
    assert.equal((await list()).length, before);
  });

  check('C02', 'a registered location has an id and the ref of its Location entity', async () => {
    const { location, entities } = await register({ target: first });
    registered = location;
    assert.deepEqual(entities, []);
    assert.match(location.id, UUID);
    assert.equal(location.entityRef, generatedRef(first));
    assert.equal(location.type, 'url');
  });

  check('C03', 'a location is registered once', async () => {
    await isRefused(register({ target: first }), 409, 'ConflictError');
  });

  check('C04', 'whoever asks for it gets the one that is there', async () => {
    const { location } = await register({ target: first, onConflict: 'refresh' });
    assert.equal(location.id, registered.id);
  });

  check('C05', 'a dry run says that the location is there', async () => {
    assert.equal((await register({ target: first, dryRun: true })).exists, true);
  });

  check('C06', 'a dry run of a missing or broken file is refused', async () => {
    for (const file of ['missing.yaml', 'bad.yaml']) {
      await isRefused(register({ target: served + file, dryRun: true }), 400, 'InputError');
    }
  });

  check('C07', 'a location is a URL', async () => {
    await isRefused(register({ type: 'file', target: '/x' }), 400, 'InputError');
  });

  check('C08', 'a location is found by id, by its target and in the list', async () => {
    assert.deepEqual(await client.getLocationById(registered.id, credentials), registered);
    assert.deepEqual(await client.getLocationByRef(`url:${first}`, credentials), registered);
    assert.ok((await list()).some(({ id }) => id === registered.id));
  });

  check('C09', 'the id of no location leads to nothing', async () => {
    assert.equal(await client.getLocationById(NOBODYS, credentials), undefined);
  });

  check('C10', 'locations are queried by predicates', async () => {
    const found = await query({ query: { target: { $hasPrefix: served.toUpperCase() } } });
    assert.ok(found.items.some(({ id }) => id === registered.id));
    assert.equal(found.totalItems, found.items.length);
    assert.deepEqual((await query({ query: { id: registered.id } })).items, [registered]);
    for (const bad of [{ query: { foo: 'x' } }, { limit: 0 }, { cursor: 'x' }]) {
      await isRefused(query(bad), 400, 'InputError');
    }
    assert.equal((await query({ query: { $all: [] } })).totalItems, 0);
  });

  check('C11', 'a stream of locations has it', async () => {
    const seen = [];
    for await (const page of client.streamLocations({ limit: 1 }, credentials)) seen.push(...page);
    assert.ok(seen.some(({ id }) => id === registered.id));
  });

  check('C12', 'what the file leads to says where it is from, up to the generated Location', async () => {
    const found = await eventually(() => entity(LAST));
    assert.ok(found, `${LAST} is there`);
    const { annotations } = found.metadata;
    assert.equal(annotations[OWN_LOCATION], `url:${second}`);
    assert.equal(annotations[ORIGIN], `url:${first}`);
    const { items } = await client.getEntityAncestors({ entityRef: LAST }, credentials);
    const parents = items.map(({ parentEntityRefs }) => parentEntityRefs);
    assert.deepEqual(parents, [['location:default/extra-loc'], [registered.entityRef], []]);
  });

  check('C13', 'an entity leads to the location that it is from', async () => {
    assert.deepEqual(await client.getLocationByEntity(LAST, credentials), registered);
    assert.equal(await client.getLocationByEntity('component:default/nope', credentials), undefined);
  });

  check('C14', 'everything that a location brought is found by its annotation', async () => {
    const filter = { [`metadata.annotations.${ORIGIN}`]: `url:${first}` };
    const fields = ['kind', 'metadata.uid', 'metadata.name', 'metadata.namespace'];
    const names = namesOf(await client.getEntities({ filter, fields }, credentials));
    assert.deepEqual(names.filter(name => !isGenerated(name)).sort(), DECLARED);
  });

  check('C15', 'a location that gets another target keeps its id and its ref', async () => {
    const update = (id, asked) => client.updateLocation(id, asked, credentials);
    assert.deepEqual(await update(registered.id, { target: second }), { ...registered, target: second });
    await isRefused(update(NOBODYS, { target: `${served}q` }), 404, 'NotFoundError');
    await isRefused(update(registered.id, { type: 'file', target: '/x' }), 400, 'InputError');
  });

  check('C16', 'a location goes once, and what it brought goes with it', async () => {
    const remove = () => client.removeLocationById(registered.id, credentials);
    await remove();
    assert.equal(lastSent().status, 204);
    await isRefused(remove(), 404, 'NotFoundError');
    assert.ok(await eventually(async () => !(await entity(LAST))), `${LAST} is gone`);
  });
};
