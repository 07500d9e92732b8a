'use strict';

// P: what the permission plugin decides holds in the catalog.

const assert = require('node:assert/strict');
const { USER } = require('../backend');

const HIDDEN = ['component:default/their-secret', 'domain:default/hidden-domain'];
const NOBODYS = '00000000-0000-0000-0000-000000000000';

const refOf = ({ kind, metadata }) => `${kind}:${metadata.namespace}/${metadata.name}`.toLowerCase();

module.exports = (check, { askCatalog, catalog, tokens, userToken }) => {
  const list = async (path, token) => {
    const answer = await catalog(path, token);
    return (answer.items ?? answer).filter(Boolean).map(refOf);
  };
  const seesNothingHidden = async (path, token) => {
    const all = await list(path, await tokens.plugin());
    for (const ref of HIDDEN) assert.ok(all.includes(ref), `a plugin sees ${ref}`);
    const seen = await list(path, token);
    assert.deepEqual(seen.sort(), all.filter(ref => !HIDDEN.includes(ref)).sort());
  };

  check('P01', 'a user does not list what is not theirs to see', async () =>
    seesNothingHidden('/entities', await userToken()),
  );

  check('P02', 'nor does a plugin on behalf of the user', async () => {
    const obo = await tokens.limited({ sub: USER });
    await seesNothingHidden('/entities', await tokens.plugin({ sub: 'scaffolder', obo }));
  });

  check('P03', 'pages hold and count what may be seen', async () => {
    const token = await userToken();
    const { totalItems, items } = await catalog('/entities/by-query?limit=100&orderField=metadata.name,asc', token);
    assert.equal(totalItems, items.length);
    await seesNothingHidden('/entities/by-query?limit=100', token);
  });

  check('P04', 'what may not be seen is not there', async () => {
    const token = await userToken();
    for (const ref of HIDDEN) {
      const path = `/entities/by-name/${ref.replace(':', '/')}`;
      assert.equal((await askCatalog(path, { token })).status, 404, ref);
    }
    const own = await askCatalog('/entities/by-name/component/default/own-secret', { token });
    assert.equal(own.status, 200);
  });

  check('P05', 'what may not be seen is a hole among refs', async () => {
    const body = { entityRefs: [...HIDDEN, USER] };
    const { json } = await askCatalog('/entities/by-refs', { token: await userToken(), method: 'POST', body });
    assert.deepEqual(
      json.items.map(entity => entity?.metadata.name),
      [undefined, undefined, 'jane'],
    );
  });

  check('P06', 'what may not be seen is not counted', async () => {
    const kinds = async token => {
      const { facets } = await catalog('/entity-facets?facet=kind', token);
      return Object.fromEntries(facets.kind.map(({ value, count }) => [value, count]));
    };
    const all = await kinds(await tokens.plugin());
    const { Domain, ...rest } = all;
    assert.equal(Domain, 1);
    assert.deepEqual(await kinds(await userToken()), { ...rest, Component: rest.Component - 1 });
  });

  check('P07', 'what may not be done is refused', async () => {
    const path = `/entities/by-uid/${NOBODYS}`;
    const { status, json } = await askCatalog(path, { token: await userToken(), method: 'DELETE' });
    assert.equal(status, 403);
    assert.equal(json.error.name, 'NotAllowedError');
  });

  check('P08', 'the catalog says which permissions and rules it has', async () => {
    const { permissions, rules } = await catalog('/.well-known/backstage/permissions/metadata', await tokens.plugin());
    const names = permissions.map(({ name }) => name);
    for (const name of ['catalog.entity.read', 'catalog.entity.delete', 'catalog.location.create']) {
      assert.ok(names.includes(name), name);
    }
    const expected = ['HAS_ANNOTATION', 'HAS_LABEL', 'HAS_METADATA', 'HAS_SPEC', 'IS_ENTITY_KIND', 'IS_ENTITY_OWNER'];
    assert.deepEqual(rules.map(({ name }) => name).sort(), expected);
  });

  check('P09', 'a decision about one entity is made of the conditions', async () => {
    const conditions = { rule: 'IS_ENTITY_KIND', resourceType: 'catalog-entity', params: { kinds: ['Domain'] } };
    const items = [HIDDEN[1], USER, 'component:default/nope'].map((resourceRef, at) => ({
      id: String(at),
      resourceRef,
      resourceType: 'catalog-entity',
      conditions,
    }));
    const { json } = await askCatalog('/.well-known/backstage/permissions/apply-conditions', {
      token: await tokens.plugin({ sub: 'permission' }),
      method: 'POST',
      body: { items },
    });
    assert.deepEqual(json.items, [
      { id: '0', result: 'ALLOW' },
      { id: '1', result: 'DENY' },
      { id: '2', result: 'DENY' },
    ]);
  });
};
