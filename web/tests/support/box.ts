/** A real Camtrail in a scratch folder, and cameras that upload to it with curl. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { vanishingUpload } from './vanishing';

const HERE = dirname(fileURLToPath(import.meta.url));
const BINARY = process.env['CAMTRAIL_BINARY'] ?? resolve(HERE, '../../../target/debug/camtrail');
/** Real uploads of a Foscam camera, 2016 (tests/data/README.md). */
const SAMPLES = resolve(HERE, '../../../tests/data');
export const CLIP = join(SAMPLES, 'MDalarm_20160830_152954.mkv');
export const STILL = join(SAMPLES, 'MDAlarm_20160830-155137.jpg');

const ZONE = 'America/Los_Angeles';
/** What a camera would call a still that it takes now: of what is old nobody is told. */
export function stillOfNow(): string {
  const wall = new Date().toLocaleString('sv-SE', { timeZone: ZONE });
  return `MDAlarm_${wall.replaceAll(/[-:]/g, '').replace(' ', '-')}.jpg`;
}

const START_WITHIN_MS = 20_000;
const STOP_WITHIN_MS = 20_000;
const FTP_PASSWORD = 'browser-test-ftp';
export const ADMIN = { username: 'admin', password: 'browser-test-admin' };

const run = promisify(execFile);
const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

export class Box {
  private constructor(
    private readonly folder: string,
    private readonly extra: Record<string, string>,
    private process: ChildProcess | undefined,
    private addresses: { http: string; ftp: string },
  ) {}

  /** Starts one; `extra` is environment beside the usual. */
  static async start(extra: Record<string, string> = {}): Promise<Box> {
    if (!existsSync(BINARY)) {
      throw new Error(`${BINARY} is missing: run \`cargo build -p camtrail\` (make test does)`);
    }
    const folder = await mkdtemp(join(tmpdir(), 'camtrail-browser-'));
    const box = new Box(folder, extra, undefined, { http: '127.0.0.1:0', ftp: '127.0.0.1:0' });
    await box.resume();
    return box;
  }

  get url(): string {
    return `http://${this.addresses.http}${this.extra['CAMTRAIL__HTTP__BASE_PATH'] ?? ''}`;
  }

  /** Starts it (again) on the same data dir and ports. */
  async resume(): Promise<void> {
    const process_ = spawn(BINARY, ['serve', '--data-dir', join(this.folder, 'data')], {
      env: {
        ...process.env,
        CAMTRAIL_ADMIN_PASSWORD: ADMIN.password,
        CAMTRAIL_FTP_PASSWORD: FTP_PASSWORD,
        CAMTRAIL__TIME_ZONE: ZONE,
        CAMTRAIL__HTTP__LISTEN: this.addresses.http,
        CAMTRAIL__FTP__LISTEN: this.addresses.ftp,
        CAMTRAIL__FTP__PASSIVE_PORTS: '0',
        ...this.extra,
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let log = '';
    process_.stderr?.on('data', (text: Buffer) => (log += text.toString()));
    this.process = process_;
    const file = join(this.folder, 'data/run/addresses.json');
    const deadline = Date.now() + START_WITHIN_MS;
    while (!existsSync(file)) {
      if (process_.exitCode !== null || Date.now() > deadline) {
        throw new Error(`camtrail did not start:\n${log}`);
      }
      await pause(20);
    }
    this.addresses = JSON.parse(await readFile(file, 'utf8')) as { http: string; ftp: string };
  }

  /** Stops the process and waits for its end. */
  async pause(): Promise<void> {
    const process_ = this.process;
    this.process = undefined;
    if (process_ === undefined || process_.exitCode !== null) return;
    const ended = new Promise((done) => process_.once('exit', done));
    process_.kill('SIGTERM');
    await Promise.race([ended, pause(STOP_WITHIN_MS)]);
    if (process_.exitCode === null && process_.signalCode === null) {
      process_.kill('SIGKILL');
      throw new Error('camtrail did not stop');
    }
  }

  async stop(): Promise<void> {
    await this.pause();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** A camera sends `file` to `path`, by FTP in passive mode. */
  async upload(file: string, path: string, password = FTP_PASSWORD): Promise<void> {
    await run('curl', [
      ...['--silent', '--show-error', '--fail', '--max-time', '30', '--ftp-create-dirs'],
      ...['--user', `camera:${password}`, '--upload-file', file],
      `ftp://${this.addresses.ftp}/${encodeURI(path)}`,
    ]);
  }

  /** A camera sends `bytes` and is gone before it is told that they arrived. */
  async uploadCut(bytes: Uint8Array, path: string): Promise<void> {
    const [host = '', port = ''] = this.addresses.ftp.split(':');
    await vanishingUpload(host, Number(port), FTP_PASSWORD, bytes, path);
  }

  /** A maker's test file. */
  async uploadText(text: string, path: string): Promise<void> {
    const file = join(this.folder, 'upload.txt');
    await writeFile(file, text);
    await this.upload(file, path);
  }
}
