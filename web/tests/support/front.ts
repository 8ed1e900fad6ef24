/**
 * A proxy in front of a real Camtrail, as at many a home. It can hand out "another build" (the same files under
 * other names, as after an update), and be without its server.
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

export class Front {
  /** The names of the entry script and the worker's build get this behind them. */
  build = '';
  /** Answered instead of the server: 502, as proxies do. */
  lost = false;
  /** What was asked for, by path. */
  readonly asked: string[] = [];

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async before(box: Box): Promise<Front> {
    const { host } = new URL(box.url);
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as AddressInfo;
    const front = new Front(server, `http://127.0.0.1:${port}`);
    server.on('request', (from: IncomingMessage, to: ServerResponse) =>
      front.#pass(host, from, to),
    );
    return front;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  #pass(host: string, from: IncomingMessage, to: ServerResponse): void {
    const path = from.url ?? '/';
    this.asked.push(path);
    if (this.lost) {
      to.writeHead(502, { 'Content-Type': 'text/html' }).end('<h1>502 Bad Gateway</h1>');
      return;
    }
    const [name = '', port = ''] = host.split(':');
    const headers = { ...from.headers, host: from.headers.host ?? host };
    // Compared as it comes: no encoding, no "not modified".
    delete headers['accept-encoding'];
    delete headers['if-none-match'];
    const renamed = this.build === '' ? path : path.replace(`-${this.build}.js`, '.js');
    const up = request(
      { host: name, port, method: from.method, path: renamed, headers },
      (answer) => {
        const type = answer.headers['content-type'] ?? '';
        if (this.build === '' || !/^text\/(html|javascript)/.test(type)) {
          to.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(to);
          return;
        }
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (part: string) => (text += part));
        answer.on('end', () => {
          const other = text.replace(/((?:assets|\.)\/index-[\w-]+)\.js/g, `$1-${this.build}.js`);
          const rest = { ...answer.headers };
          delete rest['content-length'];
          delete rest.etag;
          const named = other.replace(/(["'`]?id["'`]?:\s*["'`])/, `$1${this.build}`);
          to.writeHead(answer.statusCode ?? 502, rest).end(path.endsWith('/sw.js') ? named : other);
        });
      },
    );
    up.on('error', () => to.destroy());
    from.pipe(up);
    to.on('close', () => up.destroy());
  }
}
