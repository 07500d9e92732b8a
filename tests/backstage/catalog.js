'use strict';

// The whole catalog backend as its plugin builds it, on SQLite in memory. Only time and the network are replaced: its
// task loops are run by hand, one task after the other and oldest first, so that every run comes to the same.

const knex = require('knex');
const { ConfigReader } = require('@backstage/config');
const { NotFoundError } = require('@backstage/errors');
const { ScmIntegrations } = require('@backstage/integration');
const { requireInternal } = require('./backstage');

const BACKEND = '@backstage/plugin-catalog-backend';
// Looked up by name each time it is called, so that what stands there now is what the engine and the stitcher start.
const pipelines = requireInternal(BACKEND, 'processing/TaskPipeline.cjs.js');
const { CatalogBuilder } = requireInternal(BACKEND, 'service/CatalogBuilder.cjs.js');

// Longer than any recording: an entity is looked at again when the recorder says so.
const REFRESH_HOURS = 100_000;
const LONG_AGO = Date.UTC(2000, 0, 1);

const nothing = () => {};
const logger = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => logger };
const counter = { add: nothing, record: nothing, addCallback: nothing, observe: nothing };
const metrics = { createCounter: () => counter, createHistogram: () => counter, createObservableGauge: () => counter };

/** The files of the world: from URL to text. */
function makeReader(files) {
  return {
    search: async url => {
      // Backstage names what it reached through a Location by another page of the same file.
      const text = files.get(url.replace('/tree/', '/blob/'));
      if (text === undefined) throw new NotFoundError(`${url} does not exist`);
      return { etag: '', files: [{ url, content: async () => Buffer.from(text) }] };
    },
  };
}

async function buildCatalog(files, locations) {
  const database = knex({ client: 'better-sqlite3', connection: ':memory:', useNullAsDefault: true });
  await database.raw('pragma foreign_keys = on');
  const config = new ConfigReader({
    catalog: {
      locations: locations.map(target => ({ type: 'url', target })),
      processingInterval: { hours: REFRESH_HOURS },
      rules: [{ allow: ['Component', 'Location', 'System'] }],
    },
    integrations: { github: [{ host: 'github.com', token: 'x' }] },
  });
  const cleanups = [];
  const builder = CatalogBuilder.create({
    config,
    logger,
    metrics,
    database: { getClient: async () => database },
    reader: makeReader(files),
    scheduler: { scheduleTask: async task => cleanups.push(task.fn) },
    permissions: {},
    permissionsRegistry: { addResourceType: nothing, getPermissionRuleset: () => ({}) },
    auditor: {},
    auth: {},
    httpAuth: {},
    events: { publish: async () => {}, subscribe: async () => {} },
    catalogScmEvents: { subscribe: () => ({ unsubscribe: nothing }) },
  });
  const loops = [];
  pipelines.startTaskPipeline = loop => {
    loops.push(loop);
    return nothing;
  };
  const { processingEngine } = await builder.build();
  await processingEngine.start();
  const [processing, stitching] = loops;
  return { database, processing, stitching, cleanups };
}

async function drain({ loadTasks, processTask }, before) {
  for (;;) {
    await before?.();
    const tasks = await loadTasks(1);
    if (tasks.length === 0) return;
    for (const task of tasks) await processTask(task);
  }
}

/** A running catalog: `settle` looks at everything `passes` times and stitches it, `read` says what is served. */
async function startCatalog(files, locations) {
  const catalog = await buildCatalog(files, locations);
  const { database } = catalog;
  let turn = 0;
  // The clock of SQLite counts in seconds, in which hundreds of entities become due: each gets a moment of its own.
  const queue = async () => {
    const due = await database('refresh_state')
      .select('entity_id')
      .where('next_update_at', '<=', database.fn.now())
      .andWhere('next_update_at', '>', '2010')
      .orderByRaw('rowid');
    for (const { entity_id } of due) {
      turn += 1;
      const moment = new Date(LONG_AGO + turn).toISOString().replace('T', ' ').replace('Z', '');
      await database('refresh_state').where({ entity_id }).update({ next_update_at: moment });
    }
  };
  const settle = async passes => {
    for (let pass = 0; pass < passes; pass += 1) {
      await database('refresh_state').update({ next_update_at: database.fn.now() });
      await drain(catalog.processing, queue);
      for (const clean of catalog.cleanups) await clean();
      await drain(catalog.stitching);
    }
  };
  const read = async () => {
    const rows = await database('final_entities').whereNotNull('final_entity').select('final_entity');
    return rows.map(row => JSON.parse(row.final_entity));
  };
  return { settle, read, stop: () => database.destroy() };
}

module.exports = { makeReader, startCatalog };
