'use strict';

// Checks with ids: written down group by group, run one after the other, each told of on its own.

const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');

/** How long lies between two looks at something that is waited for. */
const LOOK_AGAIN_MS = 100;
/** Most lines of a failure that a person is shown. */
const LINES_SHOWN = 12;

/** The checks that the files of `folder` write down about `subject`, in the order of `groups`. */
function collectChecks(folder, groups, subject) {
  const written = fs.readdirSync(folder).map(file => path.basename(file, '.js'));
  const forgotten = written.filter(group => !groups.includes(group));
  if (forgotten.length > 0) throw new Error(`nobody runs ${forgotten.join(', ')}`);
  const checks = [];
  const check = (id, says, run) => {
    if (checks.some(other => other.id === id)) throw new Error(`there are two checks ${id}`);
    checks.push({ id, says, run });
  };
  for (const group of groups) require(path.join(folder, group))(check, subject);
  return checks;
}

/** Nothing, or why a check failed. */
async function runCheck({ id, says, run }) {
  try {
    await run();
    return { id, says, failure: null };
  } catch (error) {
    return { id, says, failure: String(error.message ?? error) };
  }
}

function print({ id, says, failure }) {
  if (failure === null) console.log(`ok    ${id} ${says}`);
  else console.log(`FAIL  ${id} ${says}\n      ${failure.split('\n').slice(0, LINES_SHOWN).join('\n      ')}`);
}

/** Runs them, for a person or as JSON; whether all passed. */
async function runChecks(checks, { json }) {
  const results = [];
  for (const check of checks) {
    const result = await runCheck(check);
    if (!json) print(result);
    results.push(result);
  }
  const failed = results.filter(({ failure }) => failure !== null).length;
  console.log(json ? JSON.stringify(results) : `${results.length - failed} passed, ${failed} failed`);
  return failed === 0;
}

/** Lets a catalog read the files of a folder at `listen`, until this process ends. */
async function serveFiles(folder, listen) {
  const files = new Map(fs.readdirSync(folder).map(name => [`/${name}`, fs.readFileSync(path.join(folder, name))]));
  const server = http.createServer((request, answer) => {
    const file = files.get(request.url);
    answer.writeHead(file ? 200 : 404, { 'content-type': 'text/plain' }).end(file);
  });
  const [host, port] = listen.split(':');
  await new Promise((resolve, reject) => server.once('error', reject).listen(Number(port), host, resolve));
  return `http://${listen}/`;
}

/** Looks again and again until there is something, or no patience left; what was seen last. */
async function waitUntil(look, patienceMs) {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const seen = await look();
    if (seen || Date.now() > deadline) return seen;
    await new Promise(resolve => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

module.exports = { collectChecks, runChecks, serveFiles, waitUntil };
