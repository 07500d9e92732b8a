'use strict';

// F: templates of the catalog are run, and ask it for entities and register new ones.

const assert = require('node:assert/strict');

const ENDED = ['completed', 'failed', 'cancelled'];

module.exports = (check, { catalog, eventually, plugin, post, served, tokens, userToken }) => {
  const run = async (template, values) => {
    const token = await userToken();
    const body = { templateRef: `template:default/${template}`, values };
    const { status, json } = await post('scaffolder/v2/tasks', token, body);
    assert.equal(status, 201, JSON.stringify(json));
    let task;
    await eventually(async () => {
      task = await plugin(`scaffolder/v2/tasks/${json.id}`, token);
      return ENDED.includes(task.status);
    });
    const events = await plugin(`scaffolder/v2/tasks/${json.id}/events`, token);
    assert.equal(task.status, 'completed', JSON.stringify(events.slice(-3)));
    return events.find(({ type }) => type === 'completion').body.output;
  };

  check('F01', 'a template is found, and its steps know the user', async () => {
    assert.deepEqual(await run('greet', { name: 'you' }), { user: 'Jane Doe' });
  });

  check('F02', 'a template that is not there is not run', async () => {
    const body = { templateRef: 'template:default/nope', values: {} };
    const { status, json } = await post('scaffolder/v2/tasks', await userToken(), body);
    assert.equal(status, 404);
    assert.equal(json.error.name, 'NotFoundError');
  });

  check('F03', '`catalog:fetch` brings an entity, and several', async () => {
    assert.deepEqual(await run('fetch', {}), { title: 'Web Shop', kinds: 'Group User' });
  });

  check('F04', '`catalog:register` registers a file and says which entity is in it', async () => {
    const output = await run('register', { url: `${served}registered.yaml` });
    assert.deepEqual(output, { ref: 'component:default/registered' });
    const token = await tokens.plugin();
    const registered = await eventually(() =>
      catalog('/entities/by-name/component/default/registered', token).catch(() => undefined),
    );
    assert.equal(registered?.metadata.name, 'registered');
  });
};
