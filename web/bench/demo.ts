/**
 * The program with a full catalog: `camtrail demo --events N`, release build, in a scratch folder that goes with it
 * (`TMPDIR` says where; a million events take some 10 GB there). `CAMTRAIL_BENCH_WEB_DATA` names a data dir that was
 * kept from one, to be served again instead.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));
const BINARY = process.env['CAMTRAIL_BINARY'] ?? resolve(HERE, '../../target/release/camtrail');
export const EVENTS = Number(process.env['CAMTRAIL_BENCH_WEB_EVENTS'] ?? 1_000_000);
export const PASSWORD = 'bench-admin-password';
const SEED = '7';
/** A million events on a busy machine. */
const FILLED_WITHIN_MS = 60 * 60_000;
const STOP_WITHIN_MS = 10 * 60_000;

export class Demo {
  private constructor(
    private readonly process: ChildProcess,
    readonly url: string,
    /** How long the filling and the start took. */
    readonly startedMs: number,
  ) {}

  static async start(): Promise<Demo> {
    if (!existsSync(BINARY)) throw new Error(`${BINARY} is missing: run \`make bench-web\``);
    const kept = process.env['CAMTRAIL_BENCH_WEB_DATA'];
    const began = Date.now();
    const words =
      kept === undefined
        ? ['demo', '--events', String(EVENTS), '--seed', SEED, '--no-uploads']
        : ['serve', '--data-dir', kept];
    const child = spawn(BINARY, words, {
      env: {
        ...process.env,
        CAMTRAIL_ADMIN_PASSWORD: PASSWORD,
        CAMTRAIL_FTP_PASSWORD: 'bench-ftp-password',
        CAMTRAIL__TIME_ZONE: 'America/Los_Angeles',
        CAMTRAIL__HTTP__LISTEN: '127.0.0.1:0',
        CAMTRAIL__FTP__LISTEN: '127.0.0.1:0',
        CAMTRAIL__FTP__PASSIVE_PORTS: '0',
        CAMTRAIL__RETENTION__DAYS: '0', // a year of events stays
        RUST_LOG: 'warn',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    const listen = (text: Buffer) => (said = (said + text.toString()).slice(-20_000));
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    while (Date.now() - began < FILLED_WITHIN_MS) {
      const url =
        kept === undefined ? /Open\s+(http:\S+)\//.exec(said)?.[1] : await served(kept, child);
      if (url !== undefined) return new Demo(child, url, Date.now() - began);
      if (child.exitCode !== null) break;
      await new Promise((done) => setTimeout(done, 100));
    }
    child.kill('SIGTERM');
    throw new Error(`camtrail did not start:\n${said}`);
  }

  async stop(): Promise<void> {
    if (this.process.exitCode !== null) return;
    const ended = new Promise((done) => this.process.once('exit', done));
    this.process.kill('SIGTERM');
    await Promise.race([ended, new Promise((done) => setTimeout(done, STOP_WITHIN_MS).unref())]);
  }
}

async function served(dataDir: string, child: ChildProcess): Promise<string | undefined> {
  const file = join(dataDir, 'run/addresses.json');
  if (!existsSync(file) || child.pid === undefined) return undefined;
  const { http } = JSON.parse(await readFile(file, 'utf8')) as { http: string };
  const answer = await fetch(`http://${http}/readyz`).catch(() => null);
  return answer?.ok === true ? `http://${http}` : undefined;
}
