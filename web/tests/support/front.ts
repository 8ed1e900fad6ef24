/**
 * A proxy in front of a real Camtrail, as at many a home, with Camtrail below a path of it if wished. It can hand
 * out "another build" (the same files under other names, as after an update: the old names are gone), and be without
 * its server.
 */
import {
  createServer,
  request,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Box } from './box';

/** What Vite calls its files: `About-DdwdqDlh.js`. */
const HASHED = /([\w.]+-[\w-]{8})\.(js|css)\b/g;

export class Front {
  /** What the names of all hashed files end with. */
  build = '';
  /** Answered instead of the server: 502, as proxies do. */
  lost = false;
  /** What was asked for, by path. */
  readonly asked: string[] = [];

  private constructor(
    private readonly server: Server,
    private readonly home: string,
    private readonly basePath: string,
  ) {}

  /** Where Camtrail is. */
  get url(): string {
    return this.home + this.basePath;
  }

  /** `box` must have its `http.base_path` for `basePath`: the proxy passes paths on as they are. */
  static async before(box: Box, basePath = ''): Promise<Front> {
    const { host } = new URL(box.url);
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as AddressInfo;
    const front = new Front(server, `http://127.0.0.1:${port}`, basePath);
    server.on('request', (from: IncomingMessage, to: ServerResponse) =>
      front.#answer(host, from, to),
    );
    return front;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  #answer(host: string, from: IncomingMessage, to: ServerResponse): void {
    const path = from.url ?? '/';
    this.asked.push(path);
    if (this.lost) {
      to.writeHead(502, { 'Content-Type': 'text/html' }).end('<h1>502 Bad Gateway</h1>');
    } else if (path !== this.basePath && !path.startsWith(`${this.basePath}/`)) {
      to.writeHead(404, { 'Content-Type': 'text/html' }).end('<h1>Another site</h1>');
    } else {
      const name = this.build === '' ? path : this.#nameOfNow(path);
      if (name === null) to.writeHead(404).end();
      else this.#pass(host, name, from, to);
    }
  }

  /** What the server calls the file of this build; `null`: a file of another one. */
  #nameOfNow(path: string): string | null {
    const suffix = new RegExp(`-${this.build}\\.(js|css)$`);
    if (suffix.test(path)) return path.replace(suffix, '.$1');
    return /\/assets\/[^/]+\.(js|css)$/.test(path) ? null : path;
  }

  #pass(host: string, path: string, from: IncomingMessage, to: ServerResponse): void {
    const [name = '', port = ''] = host.split(':');
    const headers = { ...from.headers, host: from.headers.host ?? host };
    // Rewritten as it comes: no encoding, no "not modified".
    if (this.build !== '') {
      delete headers['accept-encoding'];
      delete headers['if-none-match'];
    }
    const up = request({ host: name, port, method: from.method, path, headers }, (answer) => {
      const type = answer.headers['content-type'] ?? '';
      if (this.build === '' || !/^text\/(html|javascript|css)/.test(type)) {
        to.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(to);
        answer.on('error', () => to.destroy());
        return;
      }
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (part: string) => (text += part));
      answer.on('end', () => {
        const rest = { ...answer.headers };
        delete rest['content-length'];
        delete rest.etag;
        to.writeHead(answer.statusCode ?? 502, rest).end(this.#renamed(text, path));
      });
    });
    up.on('error', () => to.destroy());
    from.pipe(up);
    to.on('close', () => up.destroy());
  }

  #renamed(text: string, path: string): string {
    const other = text.replace(HASHED, `$1-${this.build}.$2`);
    // The worker's build has an id: a hash over those names.
    return path.endsWith('/sw.js')
      ? other.replace(/(["'`]?id["'`]?:\s*["'`])/, `$1${this.build}`)
      : other;
  }
}
