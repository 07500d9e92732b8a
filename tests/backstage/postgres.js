'use strict';

// A private PostgreSQL server in a folder of its own, with the order of bytes, as Backstage was measured with. The
// server refuses to run as root, so then it runs as the account `postgres`.

const { execFileSync, spawn } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');

const BIN = process.env.FRESHET_POSTGRES_BIN ?? '/usr/lib/postgresql/15/bin';
const ACCOUNT = 'postgres';
const READY_WITHIN_MS = 60_000;
const LOOK_AGAIN_MS = 100;

/** A loopback port that nobody listens on. */
async function findFreePort() {
  const server = net.createServer();
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise(resolve => server.close(resolve));
  return port;
}

/** User and group of the account, if this process is root. */
function findAccount() {
  if (process.getuid() !== 0) return {};
  const [, , uid, gid] = fs
    .readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map(line => line.split(':'))
    .find(([name]) => name === ACCOUNT);
  return { uid: Number(uid), gid: Number(gid) };
}

/** A running server; `connection` is how a client reaches it, `stop` ends it and removes its data. */
async function startPostgres() {
  const account = findAccount();
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'freshet-postgres-'));
  if (account.uid !== undefined) fs.chownSync(folder, account.uid, account.gid);
  const options = { ...account, cwd: '/', stdio: 'ignore' };
  const data = path.join(folder, 'data');
  const cluster = ['-D', data, '-U', ACCOUNT, '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
  execFileSync(path.join(BIN, 'initdb'), cluster, options);
  const port = await findFreePort();
  const server = spawn(
    path.join(BIN, 'postgres'),
    ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', folder, '-c', 'fsync=off', '-c', 'max_connections=200'],
    options,
  );
  const ended = new Promise(resolve => server.once('exit', resolve));
  // Whoever started it may end by an error, and nobody would stop it then.
  const abandon = () => {
    execFileSync(path.join(BIN, 'pg_ctl'), ['-D', data, '-m', 'immediate', '-w', 'stop'], options);
    fs.rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', abandon);
  await isReady(port, options);
  const stop = async () => {
    process.off('exit', abandon);
    server.kill('SIGINT');
    await ended;
    fs.rmSync(folder, { recursive: true, force: true });
  };
  return { connection: { host: '127.0.0.1', port, user: ACCOUNT, password: '' }, stop };
}

async function isReady(port, options) {
  const deadline = Date.now() + READY_WITHIN_MS;
  for (;;) {
    try {
      const asked = ['-q', '-h', '127.0.0.1', '-p', String(port), '-U', ACCOUNT];
      execFileSync(path.join(BIN, 'pg_isready'), asked, options);
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise(resolve => setTimeout(resolve, LOOK_AGAIN_MS));
    }
  }
}

module.exports = { findFreePort, startPostgres };
