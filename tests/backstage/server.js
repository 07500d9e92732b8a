'use strict';

// The catalog backend as a process of Backstage runs it, with its HTTP router, on PostgreSQL. Only the network that it
// reads files from is replaced, unless it is wanted.

const knex = require('knex');
const { createBackend } = require('@backstage/backend-defaults');
const { coreServices, createServiceFactory } = require('@backstage/backend-plugin-api');
const { ConfigReader } = require('@backstage/config');
const { makeReader } = require('./catalog');
const { findFreePort, startPostgres } = require('./postgres');

const LOOK_AGAIN_MS = 200;
/** Longer than any recording: what is read once is not read again. */
const NEVER = { hours: 100_000 };

const make = (service, instance) => createServiceFactory({ service, deps: {}, factory: () => instance });

const nothing = () => {};
const quiet = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => quiet };
const loud = { ...quiet, warn: console.error, error: console.error, child: () => loud };

/** A running backend: `base` is where its catalog is served, `database` what it has written. `more` is other blocks of its
 * configuration, `modules` what else is installed. */
async function startServer({ files, catalog, backend, more = {}, modules = [] }) {
  const postgres = await startPostgres();
  const port = await findFreePort();
  const config = new ConfigReader({
    app: { baseUrl: `http://127.0.0.1:${port}` },
    backend: {
      baseUrl: `http://127.0.0.1:${port}`,
      listen: { host: '127.0.0.1', port },
      database: { client: 'pg', connection: postgres.connection },
      ...backend,
    },
    integrations: { github: [{ host: 'github.com', token: 'x' }] },
    catalog: { processingInterval: NEVER, ...catalog },
    ...more,
  });
  const running = createBackend();
  running.add(make(coreServices.rootConfig, config));
  running.add(make(coreServices.rootLogger, loud));
  if (files) running.add(make(coreServices.urlReader, makeReader(files)));
  for (const feature of ['@backstage/plugin-catalog-backend', ...modules]) running.add(require(feature));
  await running.start();
  const connection = { ...postgres.connection, database: 'backstage_plugin_catalog' };
  const database = knex({ client: 'pg', connection });
  return {
    base: `http://127.0.0.1:${port}/api/catalog`,
    database,
    settled: () => isSettled(database),
    stop: async () => {
      await database.destroy();
      await running.stop();
      await postgres.stop();
    },
  };
}

/** Waits until everything that was found is processed and stitched, and nothing more is found. */
async function isSettled(database) {
  let before = -1;
  for (;;) {
    const { found, unread } = await database('refresh_state')
      .select(database.raw('count(*)::int as found'))
      .select(database.raw('(count(*) filter (where processed_entity is null))::int as unread'))
      .first();
    const { waiting } = await database('stitch_queue').select(database.raw('count(*)::int as waiting')).first();
    if (unread === 0 && waiting === 0 && found === before) return;
    before = found;
    await new Promise(resolve => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

module.exports = { startServer };
