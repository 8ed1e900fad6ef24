/**
 * The program with a full catalog: `camtrail demo --events N` in a scratch folder that goes with it. A release build
 * fills it ten times as fast as a debug build (it draws the pictures). `keptData` is the data dir of an earlier one, to
 * be served again instead.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Login } from './app';

const HERE = dirname(fileURLToPath(import.meta.url));
const BINARY = process.env['CAMTRAIL_BINARY'] ?? resolve(HERE, '../../../target/release/camtrail');
export const DEMO_ADMIN: Login = { username: 'admin', password: 'demo-admin-password' };
const SEED = '7';
/** A million events on a busy machine. */
const FILLED_WITHIN_MS = 60 * 60_000;
const STOP_WITHIN_MS = 10 * 60_000;

export interface Wanted {
  events: number;
  /** Where the events end; now, if it isn't given. */
  until?: string;
  keptData?: string | undefined;
}

export class Demo {
  private constructor(
    private readonly process: ChildProcess,
    readonly url: string,
    /** How long the filling and the start took. */
    readonly startedMs: number,
  ) {}

  static async start({ events, until, keptData }: Wanted): Promise<Demo> {
    if (!existsSync(BINARY)) {
      throw new Error(`${BINARY} is missing: run \`cargo build --release -p camtrail\``);
    }
    const filled = ['demo', '--events', String(events), '--seed', SEED, '--no-uploads'];
    const words =
      keptData === undefined
        ? [...filled, ...(until === undefined ? [] : ['--until', until])]
        : ['serve', '--data-dir', keptData];
    const began = Date.now();
    const child = spawn(BINARY, words, {
      env: {
        ...process.env,
        CAMTRAIL_ADMIN_PASSWORD: DEMO_ADMIN.password,
        CAMTRAIL_FTP_PASSWORD: 'demo-ftp-password',
        CAMTRAIL__TIME_ZONE: 'America/Los_Angeles',
        CAMTRAIL__HTTP__LISTEN: '127.0.0.1:0',
        CAMTRAIL__FTP__LISTEN: '127.0.0.1:0',
        CAMTRAIL__FTP__PASSIVE_PORTS: '0',
        CAMTRAIL__RETENTION__DAYS: '0', // all of it stays, whenever it was
        RUST_LOG: 'warn',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    const listen = (text: Buffer) => (said = (said + text.toString()).slice(-20_000));
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    while (Date.now() - began < FILLED_WITHIN_MS && child.exitCode === null) {
      const url =
        keptData === undefined
          ? /Open\s+(http:\S+)\//.exec(said)?.[1]
          : await served(keptData, child.pid);
      if (url !== undefined) return new Demo(child, url, Date.now() - began);
      await new Promise((done) => setTimeout(done, 100));
    }
    child.kill('SIGTERM');
    throw new Error(`camtrail did not start:\n${said}`);
  }

  /** Stops it; its scratch folder goes. */
  async stop(): Promise<void> {
    if (this.process.exitCode !== null) return;
    const ended = new Promise((done) => this.process.once('exit', done));
    this.process.kill('SIGTERM');
    await Promise.race([ended, new Promise((done) => setTimeout(done, STOP_WITHIN_MS).unref())]);
  }
}

async function served(dataDir: string, pid: number | undefined): Promise<string | undefined> {
  const file = join(dataDir, 'run/addresses.json');
  if (!existsSync(file) || pid === undefined) return undefined;
  const { http } = JSON.parse(await readFile(file, 'utf8')) as { http: string };
  const answer = await fetch(`http://${http}/readyz`).catch(() => null);
  return answer?.ok === true ? `http://${http}` : undefined;
}
